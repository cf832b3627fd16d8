"""Files that change together: all of them or none, wherever the run is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from stackc.changeset import Half, apply_together, half_written, undo_killed
from stackc.errors import LockError
from stackc.files.turn import turn
from support.cli import tree

BEFORE = {
    "stack.toml": b"old\n",
    "templates/gone.j2": b"old\n",
    "locks/docker-bake.hcl": b"old\n",
    "locks/cpu/lock.toml": b"old\n",
    "locks/gpu/lock.toml": b"old\n",
    "locks/gpu/notes.txt": b"mine\n",
    "locks/gpu/steps/01-a.txt": b"old\n",
}
CHANGE: dict[str, bytes | None] = {
    "locks/cpu/lock.toml": None,
    "locks/docker-bake.hcl": b"new\n",
    "locks/gpu/lock.toml": b"new\n",
    "locks/gpu/steps/01-a.txt": None,
    "locks/new/lock.toml": b"new\n",
    "rules/new.toml": b"new\n",
    "stack.toml": b"new\n",
    "templates/gone.j2": None,
}
AFTER = {
    "stack.toml": b"new\n",
    "rules/new.toml": b"new\n",
    "locks/docker-bake.hcl": b"new\n",
    "locks/gpu/lock.toml": b"new\n",
    "locks/gpu/notes.txt": b"mine\n",
    "locks/new/lock.toml": b"new\n",
}
PARTS = (
    "rules/new.toml",
    "stack.toml",
    "templates/gone.j2",
    "locks/cpu",
    "locks/gpu",
    "locks/new",
    "locks/docker-bake.hcl",
)
STEPS = ("journal written", *(f"put {part}" for part in PARTS))
JOURNAL = "locks/.stackc.journal"

KILLED = """
import os, sys
from pathlib import Path
from stackc.changeset import apply_together
from unit.test_changeset import CHANGE
apply_together(Path(sys.argv[1]), CHANGE, checkpoint=lambda step: step == sys.argv[2] and os._exit(9))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, content in BEFORE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def kill_at(project: Path, step: str) -> None:
    """Change the project's files in another process, which dies after a step."""
    command = [sys.executable, "-c", KILLED, str(project), step]
    assert subprocess.run(command, env={"PYTHONPATH": "tests"}, check=False).returncode == 9


def test_all_files_change_and_nothing_is_left_of_the_run(project: Path) -> None:
    steps: list[str] = []
    assert apply_together(project, CHANGE, checkpoint=steps.append) == frozenset(PARTS)
    assert (tree(project), tuple(steps)) == (AFTER, STEPS)
    assert sorted(path.name for path in (project / "locks").iterdir()) == ["docker-bake.hcl", "gpu", "new"]
    assert (half_written(project), undo_killed(project)) == (None, False)


def test_a_part_that_is_as_it_should_be_is_not_touched_and_one_alone_needs_no_journal(project: Path) -> None:
    steps: list[str] = []
    assert apply_together(project, dict(BEFORE), checkpoint=steps.append) == frozenset()
    assert apply_together(project, {**BEFORE, "stack.toml": b"new\n"}, checkpoint=steps.append) == {"stack.toml"}
    assert (tree(project), steps) == ({**BEFORE, "stack.toml": b"new\n"}, ["put stack.toml"])


def test_what_is_whole_keeps_no_other_compiled_file(project: Path) -> None:
    assert apply_together(project, {"locks/gpu/lock.toml": b"old\n"}, whole=True) == {"locks/gpu"}
    assert tree(project) == {name: body for name, body in BEFORE.items() if name != "locks/gpu/steps/01-a.txt"}


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_run_is_told_and_undone_or_was_whole(project: Path, step: str) -> None:
    kill_at(project, step)
    there, done = tree(project), STEPS.index(step)
    half = Half(written=tuple(sorted(PARTS[:done])), missing=tuple(sorted(PARTS[done:]))) if 0 < done < len(PARTS) else None
    assert half_written(project) == half
    assert tree(project) == there
    assert undo_killed(project) is (half is not None)
    assert tree(project) == (AFTER if step == STEPS[-1] else BEFORE)


def test_one_that_is_killed_while_it_undoes_another_is_undone_by_the_next(project: Path) -> None:
    kill_at(project, "put locks/gpu")
    (project / "stack.toml").write_bytes(BEFORE["stack.toml"])
    assert undo_killed(project) is True
    assert (tree(project), undo_killed(project)) == (BEFORE, False)


@pytest.mark.parametrize(("name", "content"), [("templates/gone.j2", b"edited\n"), ("locks/gpu/STACK.md", b"another's\n")])
def test_what_was_edited_after_the_kill_is_left_alone(project: Path, name: str, content: bytes) -> None:
    kill_at(project, "put locks/gpu")
    (project / name).write_bytes(content)
    there = {path: body for path, body in tree(project).items() if not path.startswith(JOURNAL)}
    assert (half_written(project), undo_killed(project)) == (None, False)
    assert tree(project) == there


def test_a_run_that_is_still_at_it_is_not_taken_for_a_killed_one(project: Path) -> None:
    kill_at(project, "put stack.toml")
    with turn(project / "locks", wait=0, name=".stackc.journal.turn"):
        assert half_written(project) is None
    assert half_written(project) is not None


def test_a_journal_that_was_cut_short_began_nothing(project: Path) -> None:
    kill_at(project, "journal written")
    (project / JOURNAL).write_bytes((project / JOURNAL).read_bytes()[:-9])
    assert (half_written(project), undo_killed(project)) == (None, False)
    assert tree(project) == BEFORE


@pytest.mark.parametrize("name", ["../outside.txt", ".git/hooks/pre-commit", "a/.hidden/b", "/etc/motd", "a/../../b", ""])
def test_a_journal_from_elsewhere_reaches_no_file_that_is_hidden_or_outside(project: Path, name: str) -> None:
    said = {"before": {"stack.toml": b"old\n", name: b"theirs\n"}, "after": {"stack.toml": b"x\n", name: None}}
    (project / JOURNAL).write_bytes(msgspec.msgpack.encode(said))
    assert (half_written(project), undo_killed(project)) == (None, False)
    assert (tree(project), sorted(path.name for path in project.parent.iterdir())) == (BEFORE, ["project"])


def test_a_journal_with_plain_names_alone_is_taken(project: Path) -> None:
    said = {"before": {"stack.toml": b"old\n", "a/b": b"was\n"}, "after": {"stack.toml": b"x\n", "a/b": None}}
    (project / JOURNAL).write_bytes(msgspec.msgpack.encode(said))
    assert half_written(project) == Half(written=("a/b",), missing=("stack.toml",))
    assert (undo_killed(project), tree(project)) == (True, {**BEFORE, "a/b": b"was\n"})


def test_a_journal_from_elsewhere_is_not_followed_through_a_link(project: Path, tmp_path: Path) -> None:
    kill_at(project, "put stack.toml")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/new.toml").write_bytes(b"new\n")
    (project / "rules/new.toml").unlink()
    (project / "rules").rmdir()
    (project / "rules").symlink_to(tmp_path / "rules")
    with pytest.raises(LockError, match="S472"):
        undo_killed(project)
    assert (tmp_path / "rules/new.toml").read_bytes() == b"new\n"


def test_where_a_file_cannot_be_written_all_are_as_they_were(project: Path) -> None:
    (project / "locks/gpu/verify.py").mkdir()
    there = tree(project)
    with pytest.raises(LockError, match="S442"):
        apply_together(project, {**CHANGE, "locks/gpu/verify.py": b"new\n"})
    assert (tree(project), sorted(path.name for path in (project / "locks").iterdir())) == (
        there,
        ["cpu", "docker-bake.hcl", "gpu"],
    )


def test_a_folder_that_is_a_link_is_written_where_it_leads(project: Path, tmp_path: Path) -> None:
    (project / "locks/gpu").rename(tmp_path / "elsewhere")
    (project / "locks/gpu").symlink_to(tmp_path / "elsewhere")
    steps: list[str] = []
    apply_together(project, CHANGE, checkpoint=steps.append)
    assert tuple(steps) == STEPS[1:]
    assert tree(tmp_path / "elsewhere") == {"lock.toml": b"new\n", "notes.txt": b"mine\n"}
