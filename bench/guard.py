"""Measure `stackc guard`: one small file beside `python -c pass`, and a thousand files of a hundred lines.

    python bench/guard.py [--runs N]

Whole processes, from start to end, in turn, so that a slow moment of the machine strikes all alike. Figures are shown beside
the aims, and asserted nowhere. The files are made of a fixed seed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
STACKC = str(Path(sys.executable).with_name("stackc"))
FILES, LINES = 1000, 100
PASS, SMALL, BESIDE, MANY, FOLDER = (
    "python -c pass",
    "guard, one small file",
    "guard, one small file beside a stack.toml and its lock",
    f"guard, {FILES} files of {LINES} lines",
    f"guard, their folder ({FILES} files and the project's own)",
)
AIMS = {SMALL: "aim: under 3 x pass", BESIDE: "aim: under 3 x pass", MANY: "aim: under 2 s", FOLDER: "aim: under 2 s"}


def main() -> None:
    """Make the files, run the cases, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        cases = _cases(Path(folder))
        many = {name: command for name, command in cases.items() if name in {MANY, FOLDER}}
        few = {name: command for name, command in cases.items() if name not in many}
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(folder, "pycache"))}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed stackc has its bytecode
        seconds = {**_measured(few, runs, environment), **_measured(many, max(3, runs // 4), environment)}
    _print(seconds)


def _cases(folder: Path) -> Mapping[str, tuple[Path, Sequence[str]]]:
    """Make a bare folder and a project, each with a small file, and the many files; return the commands and where they run."""
    bare, project = folder / "bare", folder / "project"
    for place in (bare, project):
        place.mkdir()
        (place / "requirements.txt").write_text("".join(_lines(random.Random(0), 10)), encoding="utf-8")
        (place / ".git").mkdir()
    shutil.copy(ROOT / "stack.toml", project)
    shutil.copytree(ROOT / "locks", project / "locks")
    names = [f"services/{number % 20}/requirements-{number}.txt" for number in range(FILES)]
    for number, name in enumerate(names):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(_lines(random.Random(number), LINES)), encoding="utf-8")
    return {
        PASS: (bare, [sys.executable, "-c", "pass"]),
        SMALL: (bare, [STACKC, "guard", "requirements.txt"]),
        BESIDE: (project, [STACKC, "guard", "requirements.txt"]),
        MANY: (project, [STACKC, "guard", *names]),
        FOLDER: (project, [STACKC, "guard", "."]),
    }


def _lines(dice: random.Random, count: int) -> list[str]:
    """Return lines of a requirements file: names, pins, ranges with markers, hashes, comments; nothing that is kept out."""
    names = [
        f"{first}-{second}" for first in ("alpha", "torchmetrics", "open-clip", "pytorch-lightning") for second in range(60)
    ]
    forms = (
        "{}\n",
        "{}==1.2.3\n",
        "{}[extra]>=1.2,<3 ; python_version >= '3.8'\n",
        "{}~=2.0  # torch is in the image\n",
        "# {} needs torch\n",
        f"{{}}==1.0 --hash=sha256:{'a' * 64}\n",
    )
    return [dice.choice(forms).format(dice.choice(names)) for _ in range(count)]


def _measured(
    cases: Mapping[str, tuple[Path, Sequence[str]]], runs: int, environment: Mapping[str, str]
) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(runs + 1):  # the first round only warms up
        for name, (folder, command) in cases.items():
            began = perf_counter()
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
            if done.returncode != 0:
                sys.exit(f"{name} ended with {done.returncode}:\n{done.stderr.decode(errors='replace')}")
            if number:
                seconds[name].append(perf_counter() - began)
    return seconds


def _print(seconds: Mapping[str, Sequence[float]]) -> None:
    floor = statistics.median(seconds[PASS])
    print(f"{'':62}{'median':>9}{'min':>9}{'x pass':>8}")
    for name, runs in seconds.items():
        median = statistics.median(runs)
        print(f"{name:62}{median * 1000:6.0f} ms{min(runs) * 1000:6.0f} ms{median / floor:8.1f}  {AIMS.get(name, '')}".rstrip())


if __name__ == "__main__":
    main()
