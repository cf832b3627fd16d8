"""Measuring commands as whole processes, in turn, and a replay of a recorded index for them to ask."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PASS", "ROOT", "Case", "Figures", "Table", "measure", "print_table", "remove", "replaying", "run", "slug"]

ROOT = Path(__file__).resolve().parents[1]
PASS = "python -c pass"


@dataclass(frozen=True)
class Case:
    """One command with what has to be so before it."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    prepare: Callable[[], None] = field(default=lambda: None)


@dataclass
class Figures:
    """The runs of one case: wall seconds, and the peak of the largest of its processes in MB."""

    seconds: list[float] = field(default_factory=list)
    peak: float = 0.0

    @property
    def median(self) -> float:
        """Return the median of the wall seconds."""
        return statistics.median(self.seconds)


Table = dict[str, Figures]


def run(case: Case) -> tuple[float, float]:
    """Run a case once; return wall seconds and peak MB. Ends the program where the command fails."""
    case.prepare()
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            case.command, cwd=case.folder, env=case.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            sys.exit(f"{case.name} ended with {process.returncode}:\n{log.read().decode(errors='replace')}")
    return seconds, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def measure(cases: Sequence[Case], *, runs: int) -> Table:
    """Run all cases in turn, `runs` times over, so that a slow moment of the machine strikes all alike."""
    table = {case.name: Figures() for case in cases}
    for _ in range(runs):
        for case in cases:
            seconds, peak = run(case)
            table[case.name].seconds.append(seconds)
            table[case.name].peak = max(table[case.name].peak, peak)
    return table


def slug(name: str) -> str:
    """Return a name as one of a file."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def remove(path: Path) -> None:
    """Remove a folder, if it is there."""
    if path.exists():
        shutil.rmtree(path)


@contextmanager
def replaying(folder: Path, latencies: Sequence[int]) -> Iterator[Mapping[str, str]]:
    """Start a replay of what a folder holds in a process of its own; yield `LATENCY:MAX_AGE` → the site's root address."""
    pairs = [f"{latency}:{age}" for latency in latencies for age in (600, 0)]
    command = [sys.executable, str(ROOT / "bench" / "replay.py"), str(folder), *pairs]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as process:
        if process.stdin is None or process.stdout is None:
            sys.exit("the replay has no pipes")
        ports: dict[str, int] = json.loads(process.stdout.readline() or "{}")
        if not ports:
            sys.exit("the replay did not start")
        try:
            yield {pair: f"http://127.0.0.1:{port}" for pair, port in ports.items()}
        finally:
            process.stdin.close()


def print_table(title: str, table: Table, *, compared: Mapping[str, str]) -> None:
    """Print the figures of a table; `compared` names the case that another is held against, if the table has it."""
    floor = table[PASS].median if PASS in table else None
    print(f"\n{title}\n{'':38}{'median ms':>10}{'min':>7}{'max':>7}{'x pass' if floor else '':>8}{'beside':>8}{'peak MB':>9}")
    for name, figures in table.items():
        beside = table.get(compared.get(name, ""))
        ratio = f"{figures.median / beside.median:8.2f}" if beside is not None else " " * 8
        span = f"{figures.median * 1000:10.0f}{min(figures.seconds) * 1000:7.0f}{max(figures.seconds) * 1000:7.0f}"
        times = f"{figures.median / floor:8.1f}" if floor else " " * 8
        print(f"{name:38}{span}{times}{ratio}{figures.peak:9.0f}")
