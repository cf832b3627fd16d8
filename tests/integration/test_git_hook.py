"""`stackc install-hook` in real repositories: where the hook goes, what it refuses, and that it judges what is staged."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import UNIVERSE, index_of, manifest
from support.index_server import serving
from support.repository import Repository, Said, stackc_on_path

TWO = '[components.base]\nversion = "<2"\norder = 1\n\n[components.app]\nversion = ">=0"\n'
HOOK = ".git/hooks/pre-commit"
WROTE = "every commit is checked from now on\n"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with its locks, compiled once for all tests of this file."""
    folder = tmp_path_factory.mktemp("compiled")
    made = Repository(folder / "project", stackc_on_path(folder / "bin")).start()
    with serving(index_of(UNIVERSE)) as server:
        made.write({"stack.toml": manifest(server, TWO)})
        assert made.run("stackc", "compile").status == 0
        yield made.root


def repository(tmp_path: Path, compiled: Path, folder: str = ".") -> Repository:
    """A repository with the project in a folder of it, committed."""
    made = Repository(tmp_path / "project", stackc_on_path(tmp_path / "bin")).start()
    for name in ("stack.toml", "locks"):
        place = made.root / folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (compiled / name).is_dir() else shutil.copy)(compiled / name, place)
    assert made.commit().status == 0
    return made


def test_the_hook_is_written_once_and_can_be_run(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled)
    assert made.run("stackc", "install-hook") == Said(0, f"wrote {HOOK}: {WROTE}")
    assert stat.S_IMODE((made.root / HOOK).stat().st_mode) == 0o755
    assert made.run("stackc", "install-hook") == Said(0, f"{HOOK} is there already\n")


def test_a_commit_that_adds_torch_is_refused_and_a_clean_one_passes(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled)
    made.run("stackc", "install-hook")
    made.write({"requirements/gpu.txt": "torch\n"})
    said = made.commit()
    assert said.status == 1
    assert said.text.startswith("error[S701]: `torch` is kept out\n --> requirements/gpu.txt:1:1: torch\n")
    assert said.text.endswith("gpu: proved, nothing drifted\nguard: 1 error in 4 files\n")
    made.write({"requirements/gpu.txt": "torchmetrics\n"})
    assert made.commit() == Said(0, "gpu: proved, nothing drifted\n")
    assert sorted(path.name for path in (made.root / ".git").glob("stackc.*")) == []


def test_what_is_staged_counts_and_what_lies_in_the_folder_does_not(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled)
    made.run("stackc", "install-hook")
    made.write({"requirements.txt": "torch\n", "notes.txt": "a\n"})
    assert made.commit("notes.txt").status == 0
    made.git("add", "requirements.txt")
    made.write({"requirements.txt": "app\n"})
    assert made.git("commit", "-m", "x").status == 1
    assert made.git("commit", "--quiet", "-m", "x", "requirements.txt").status == 0


def test_a_stale_lock_is_refused_though_a_current_one_lies_there_unstaged(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled)
    made.run("stackc", "install-hook")
    text = (made.root / "stack.toml").read_text(encoding="utf-8")
    made.write({"stack.toml": text.replace('"<2"', '"<1.2"')})
    assert made.run("stackc", "compile", "--offline").status == 0
    said = made.commit("stack.toml")
    assert (said.status, "error[S521]" in said.text) == (1, True)
    assert made.commit("stack.toml", "locks").status == 0


def test_a_project_in_a_folder_of_the_repository_is_checked_there(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled, folder="images/the gpu's")
    assert made.run("stackc", "install-hook", folder="images/the gpu's").text.endswith(WROTE)
    made.write({"images/the gpu's/locks/gpu/STACK.md": "edited\n"})
    said = made.commit()
    assert (said.status, "error[S523]: `locks/gpu/STACK.md` is not what the lock renders to" in said.text) == (1, True)


def test_core_hooks_path_is_respected(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled)
    made.git("config", "core.hooksPath", ".githooks")
    assert made.run("stackc", "install-hook") == Said(0, f"wrote .githooks/pre-commit: {WROTE}")
    assert not (made.root / HOOK).exists()
    made.write({"requirements.txt": "torch\n"})
    assert made.commit("requirements.txt").status == 1


def test_a_worktree_has_the_hook_of_its_repository(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled)
    assert made.git("worktree", "add", "--quiet", "../other").status == 0
    other = Repository(tmp_path / "other", made.path)
    assert other.run("stackc", "install-hook") == Said(0, f"wrote ROOT/project/{HOOK}: {WROTE}")
    other.write({"requirements.txt": "torch\n"})
    assert other.commit().status == 1
    other.write({"requirements.txt": "app\n"})
    assert other.commit().status == 0


@pytest.mark.parametrize("broken", [False, True])
def test_a_hook_of_somebody_else_is_left_alone(tmp_path: Path, compiled: Path, broken: bool) -> None:
    made = repository(tmp_path, compiled)
    path = made.root / HOOK
    path.parent.mkdir(exist_ok=True)
    if broken:
        path.symlink_to("nowhere")
    else:
        path.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    assert made.run("stackc", "install-hook") == Said(
        2,
        f"""\
error[S531]: there is a pre-commit hook already, and stackc did not write it
 --> {HOOK}

hint: call `stackc check` from that hook; where it is the pre-commit framework's, list stackc's hooks in \
`.pre-commit-config.yaml`, as docs/ci.md shows
""",
    )
    assert path.is_symlink() == broken
    assert broken or path.read_text(encoding="utf-8") == "#!/bin/sh\nexit 0\n"


def test_without_a_repository_there_is_nowhere_to_write_it(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled)
    shutil.rmtree(made.root / ".git")
    assert made.run("stackc", "install-hook") == Said(
        2,
        "error[S530]: `.` is in no working tree of git\n\nhint: run it in a repository, or make one by `git init`\n",
    )


def test_without_a_manifest_no_hook_is_written(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled)
    (made.root / "stack.toml").unlink()
    assert made.run("stackc", "install-hook").status == 2
    assert not (made.root / HOOK).exists()


def test_a_commit_that_takes_the_project_away_passes(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled)
    made.run("stackc", "install-hook")
    assert made.git("rm", "-r", "--quiet", "stack.toml", "locks").status == 0
    assert made.git("commit", "--quiet", "--allow-empty", "-m", "away") == Said(0, "")


def test_where_the_interpreter_is_gone_the_stackc_on_the_path_is_taken(tmp_path: Path, compiled: Path) -> None:
    made = repository(tmp_path, compiled)
    made.run("stackc", "install-hook")
    path = made.root / HOOK
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join("python=/nowhere/python" if line.startswith("python=") else line for line in lines), encoding="utf-8"
    )
    made.write({"requirements.txt": "torch\n"})
    assert made.commit().status == 1
