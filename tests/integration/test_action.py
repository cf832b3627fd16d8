"""The action's own script, run by bash as the runner does, on a project with a fault."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from support.repository import stackc_on_path

PROJECT = Path(__file__).parents[2]
CHECK = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"][-1]
MANIFEST = (
    '[stack]\nname = "x"\n[targets.gpu]\npython = "3.11"\nplatform = "linux/amd64"\nbase = "debian:12"\n[components.numpy]\n'
)


def run(folder: Path, **inputs: str) -> tuple[int, str]:
    """Run the step in a folder, with these inputs instead of the action's defaults."""
    given = {"MANIFEST": "stack.toml", "TARGETS": "", "FORMAT": "github", "OUTPUT": "", **inputs}
    assert set(CHECK["env"]) == {*given, "PLACE"}
    path = stackc_on_path(folder / "place" / "bin")
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", CHECK["run"]],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "PLACE": str(folder / "place"), "LC_ALL": "C.UTF-8", **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stack.toml").write_text(f'{MANIFEST}version = ">=1"\n', encoding="utf-8")
    return tmp_path


def test_the_action_annotates_and_ends_with_the_status_of_check(folder: Path) -> None:
    status, said = run(folder)
    assert status == 1
    place = "file=stack.toml,line=3,title=S520%3A a target has no lock"
    assert said.splitlines() == [
        f"::error {place}::target `gpu` has no lock%0Ahint: run `stackc compile`",
        "gpu: 1 error",
        "::notice title=stackc check::1 error",
    ]


def test_the_action_checks_the_targets_that_it_is_given(folder: Path) -> None:
    assert run(folder, TARGETS="gpu gpu")[0] == 1
    status, said = run(folder, TARGETS="gpu cpu; touch here")
    assert (status, "S002" in said, (folder / "here").exists()) == (2, True, False)


def test_the_action_writes_a_file_where_one_is_named(folder: Path) -> None:
    assert run(folder, FORMAT="sarif", OUTPUT="stackc.sarif") == (1, "")
    assert '"version": "2.1.0"' in (folder / "stackc.sarif").read_text(encoding="utf-8")


def test_no_input_of_the_action_stands_in_a_script(folder: Path) -> None:
    text = (PROJECT / "action.yml").read_text(encoding="utf-8")
    scripts = [step["run"] for step in yaml.safe_load(text)["runs"]["steps"]]
    assert [script for script in scripts if "${{" in script] == []
