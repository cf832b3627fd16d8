from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import pytest

DRIVER = Path(__file__).with_name("swap_driver.py")
MODES = ["exchange", "two-renames"]


class Result(TypedDict, total=False):
    step: str
    before: str
    left: bool
    after: str
    names: list[str]


def drive(mode: str, kind: str, folder: Path) -> list[Result]:
    run = subprocess.run([sys.executable, str(DRIVER), mode, kind, str(folder)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    results: list[Result] = json.loads(run.stdout)
    return results


def sets_after_each_step(mode: str) -> list[tuple[str, str, str]]:
    """The step at which a run is killed, the set that is there then, and the one after the next run's recovery."""
    staging = ["turn taken", "swept", "stage made", "carried notes/mine.md", "carried steps/README"]
    writing = ["wrote lock.toml", "wrote requirements.txt", "wrote steps/01-torch.cu124.txt", "synced"]
    aside = [("set aside", "none", "A")] if mode == "two-renames" else []
    swapped = [(step, "B", "B") for step in ("swapped", "swap synced", "cleaned up", "never")]
    return [*((step, "A", "A") for step in staging + writing), *aside, *swapped]


@pytest.mark.parametrize("mode", MODES)
def test_a_run_killed_after_any_step_leaves_one_set_whole(tmp_path: Path, mode: str) -> None:
    results = drive(mode, "steps", tmp_path)
    assert [(result["step"], result["before"], result["after"]) for result in results] == sets_after_each_step(mode)
    assert [result["names"] for result in results] == [["gpu"]] * len(results)


@pytest.mark.parametrize("mode", MODES)
def test_a_run_killed_at_any_moment_leaves_one_set_whole(tmp_path: Path, mode: str) -> None:
    results = drive(mode, "moments", tmp_path)
    assert len(results) == 60
    assert {result["before"] for result in results} <= ({"A", "B"} if mode == "exchange" else {"A", "B", "none"})
    assert {result["after"] for result in results} <= {"A", "B"}
    assert [result["names"] for result in results] == [["gpu"]] * 60
    assert any(result["left"] for result in results)
