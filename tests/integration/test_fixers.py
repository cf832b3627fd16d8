"""Generated files are left as they are by the common fixers of pre-commit, which are run on them for real."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from stackc.layout import BAKE, generated
from support.cli import tree
from support.repository import Repository, stackc_on_path

PROJECT = Path(__file__).parents[2]
FIXERS = {
    "end_of_file_fixer": "",
    "trailing_whitespace_fixer": "",
    "mixed_line_ending": "",
    "requirements_txt_fixer": ".txt",
    "check_toml": ".toml",
    "check_ast": ".py",
    "check_merge_conflict": "",
}


@pytest.fixture
def locks(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "project", stackc_on_path(tmp_path / "bin")).start()
    shutil.copytree(PROJECT / "locks", repository.root / "locks")
    return repository


@pytest.mark.parametrize(("fixer", "ending"), FIXERS.items())
def test_a_generated_file_is_a_fixed_point_of(locks: Repository, fixer: str, ending: str) -> None:
    before = tree(locks.root / "locks")
    names = [f"locks/{name}" for name in before if name.endswith(ending)]
    assert names
    assert all(name == BAKE or generated(name.split("/", 2)[2]) for name in names)
    said = locks.run(sys.executable, "-m", f"pre_commit_hooks.{fixer}", *names)
    assert (said.status, said.text) == (0, "")
    assert tree(locks.root / "locks") == before


def test_the_fixers_do_change_what_is_not_as_they_want_it(locks: Repository) -> None:
    locks.write({"requirements.txt": "b\na  \n\n\n"})
    changing = ("end_of_file_fixer", "trailing_whitespace_fixer", "requirements_txt_fixer")
    assert [locks.run(sys.executable, "-m", f"pre_commit_hooks.{name}", "requirements.txt").status for name in changing] == [
        1
    ] * 3
