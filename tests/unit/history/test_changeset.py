"""Files that change together: all of them or none, wherever the run is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stackc.errors import LockError
from stackc.history.changeset import apply_together, undo_killed
from support.cli import tree

BEFORE = {
    "stack.toml": b"old\n",
    "templates/gone.j2": b"old\n",
    "locks/gpu/lock.toml": b"old\n",
    "locks/gpu/steps/01-a.txt": b"old\n",
    "locks/gpu/notes.txt": b"mine\n",
}
CHANGE: dict[str, bytes | None] = {
    "locks/gpu/lock.toml": b"new\n",
    "locks/gpu/steps/01-a.txt": None,
    "rules/new.toml": b"new\n",
    "stack.toml": b"new\n",
    "templates/gone.j2": None,
}
AFTER = {
    "locks/gpu/lock.toml": b"new\n",
    "locks/gpu/notes.txt": b"mine\n",
    "rules/new.toml": b"new\n",
    "stack.toml": b"new\n",
}
STEPS = ("journal written", "put rules/new.toml", "put stack.toml", "put templates/gone.j2", "locks exchanged")

KILLED = """
import os, sys
from pathlib import Path
from stackc.history.changeset import apply_together
from unit.history.test_changeset import CHANGE
folder, journal, last = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
apply_together(folder, CHANGE, journal=journal, checkpoint=lambda step: step == last and os._exit(9))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, content in BEFORE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def kill_at(project: Path, journal: Path, step: str) -> None:
    """Change the project's files in another process, which dies after a step."""
    command = [sys.executable, "-c", KILLED, str(project), str(journal), step]
    assert subprocess.run(command, env={"PYTHONPATH": "tests"}, check=False).returncode == 9


def test_all_files_change_and_nothing_is_left_of_the_run(project: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    apply_together(project, CHANGE, journal=tmp_path / "journal", checkpoint=steps.append)
    assert (tree(project), tuple(steps)) == (AFTER, STEPS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project"]
    assert undo_killed(project, journal=tmp_path / "journal") is False


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_run_is_undone_or_was_whole(project: Path, tmp_path: Path, step: str) -> None:
    journal = tmp_path / "journal"
    kill_at(project, journal, step)
    assert undo_killed(project, journal=journal) is (step not in {STEPS[0], STEPS[-1]})
    assert tree(project) == (AFTER if step == STEPS[-1] else BEFORE)
    assert not journal.exists()


def test_what_was_edited_after_the_kill_is_left_alone(project: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    kill_at(project, journal, "put stack.toml")
    (project / "templates/gone.j2").write_bytes(b"edited\n")
    there = tree(project)
    assert undo_killed(project, journal=journal) is False
    assert (tree(project), journal.exists()) == (there, False)


def test_the_journal_of_another_project_is_left_to_it(project: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    kill_at(project, journal, "put stack.toml")
    (tmp_path / "other").mkdir()
    assert undo_killed(tmp_path / "other", journal=journal) is False
    assert undo_killed(project, journal=journal) is True


def test_where_a_file_cannot_be_written_all_are_as_they_were(project: Path, tmp_path: Path) -> None:
    (project / "locks/gpu/steps/01-a.txt").unlink()
    (project / "locks/gpu/verify.py").mkdir()
    there = tree(project)
    with pytest.raises(LockError, match="S442"):
        apply_together(project, {**CHANGE, "locks/gpu/verify.py": b"new\n"}, journal=tmp_path / "journal")
    assert (tree(project), (tmp_path / "journal").exists()) == (there, False)
