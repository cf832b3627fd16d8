"""Which files of a folder are guarded."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stackc.guard.search import files_below
from support.guard import write

FILES = {
    "requirements.txt": "",
    "src/setup.py": "",
    "notes.txt": "",
    "docs/reqs/a.in": "",
    "build/requirements.txt": "",
    "venv/pyvenv.cfg": "",
    "venv/lib/site-packages/x/requirements.txt": "",
    "node_modules/x/requirements.txt": "",
}


def below(folder: Path, **environment: str) -> list[str]:
    found = files_below(str(folder), environment={"PATH": os.defpath, **environment})
    return [os.path.relpath(path, folder) for path in found]


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., None]:
    """Run git in the folder, with nobody's configuration."""
    environment = {"PATH": os.defpath, "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, env=environment, check=True, capture_output=True)

    return run


def test_without_git_the_usual_files_are_found_outside_of_environments(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    assert below(tmp_path, PATH="") == ["build/requirements.txt", "docs/reqs/a.in", "requirements.txt", "src/setup.py"]
    assert below(tmp_path) == below(tmp_path, PATH="")


@pytest.mark.parametrize("tracked", [True, False])
def test_what_git_ignores_is_left_out_and_what_it_does_not_know_is_not(
    tmp_path: Path, git: Callable[..., None], tracked: bool
) -> None:
    assert shutil.which("git")
    write(tmp_path, FILES | {".gitignore": "build/\nvenv/\nnode_modules/\n"})
    git("init", "--quiet")
    if tracked:
        git("add", ".")
    assert below(tmp_path) == ["docs/reqs/a.in", "requirements.txt", "src/setup.py"]
    assert below(tmp_path / "docs") == ["reqs/a.in"]


def test_a_file_that_git_tracks_and_that_is_gone_is_left_out(tmp_path: Path, git: Callable[..., None]) -> None:
    write(tmp_path, {"requirements.txt": "", "setup.py": ""})
    git("init", "--quiet")
    git("add", ".")
    (tmp_path / "setup.py").unlink()
    assert below(tmp_path) == ["requirements.txt"]


def test_the_variables_that_a_hook_sets_do_not_lead_elsewhere(tmp_path: Path, git: Callable[..., None]) -> None:
    write(tmp_path, {"requirements.txt": ""})
    git("init", "--quiet")
    assert below(tmp_path, GIT_DIR="/nowhere", GIT_INDEX_FILE="/nowhere/index") == ["requirements.txt"]


def test_no_link_leads_out_of_the_folder(tmp_path: Path) -> None:
    write(tmp_path, {"a/requirements.txt": "", "b/setup.py": "", "b/reqs/x.txt": ""})
    (tmp_path / "a/setup.py").symlink_to(tmp_path / "b/setup.py")
    (tmp_path / "a/reqs").symlink_to(tmp_path / "b/reqs")
    (tmp_path / "a/requirements-2.txt").symlink_to("requirements.txt")
    (tmp_path / "a/requirements-3.txt").symlink_to("gone.txt")
    assert below(tmp_path / "a") == ["requirements-2.txt", "requirements.txt"]
