"""A real `stackc compile`, killed at many moments: the old set or the new one is there whole, and the next run cleans up."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from support.cli import UNIVERSE, Desk, index_of, manifest, tree
from support.index_server import IndexServer, serving

TWO = '[components.base]\nversion = "==1.1"\norder = 1\n\n[components.app]\nversion = ">=0"\n'
SPREAD = 22
"""How many moments are spread over a whole run, and as many over its writing."""


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


class Trial:
    """A project that goes back and forth between two manifests, each with a set of its own."""

    def __init__(self, folder: Path, server: IndexServer) -> None:
        self.desk = Desk(folder)
        self.manifests = [manifest(server, TWO), manifest(server, TWO.replace("1.1", "1.0"))]
        self.sets = [self.compiled(0), self.compiled(1)]
        began = time.monotonic()
        self.compiled(0)
        self.seconds = time.monotonic() - began
        self.seconds_of_writing = self.written(1)

    def compiled(self, number: int) -> str:
        """Compile one of the manifests in peace, and return the digest of its set."""
        self.desk.write(self.manifests[number])
        assert self.desk.run("compile").status == 0
        return self.digest()

    def written(self, number: int) -> float:
        """Compile one of the manifests in peace, and return how long it took from when it began to write."""
        self.desk.write(self.manifests[number])
        process = self.desk.start("compile")
        self.writing(0)
        began = time.monotonic()
        process.communicate()
        assert process.returncode == 0
        return time.monotonic() - began

    def kill(self, when: Callable[[], object]) -> int:
        """Kill a compile to the other manifest after `when` returned; return the number of the set that is there now."""
        there = self.standing()
        self.desk.write(self.manifests[1 - there])
        process = self.desk.start("compile")
        when()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return self.standing()

    def standing(self) -> int:
        """Return which set is there, whole: not a byte more, less or else."""
        return self.sets.index(self.digest())

    def digest(self) -> str:
        return hashlib.sha256(repr(tree(self.desk.project / "locks/gpu")).encode()).hexdigest()

    def writing(self, delay: float) -> None:
        """Wait until a run has begun to write beside the set, or must be over, and then for `delay` seconds."""
        folder, deadline = self.desk.project / "locks", time.monotonic() + 3 * self.seconds
        there = set(os.listdir(folder))  # noqa: PTH208 (the quickest way)
        while time.monotonic() < deadline and there.issuperset(os.listdir(folder)):  # noqa: PTH208
            pass
        time.sleep(delay)


def test_a_compile_killed_at_any_moment_leaves_one_set_whole(tmp_path: Path, server: IndexServer) -> None:
    trial = Trial(tmp_path, server)
    for step in range(SPREAD):
        trial.kill(partial(time.sleep, trial.seconds * step / SPREAD))
    longest = 2 * trial.seconds_of_writing
    found = [trial.kill(partial(trial.writing, longest * step / SPREAD)) for step in range(SPREAD)]
    assert set(found) == {0, 1}
    assert trial.standing() == found[-1]

    trial.compiled(1 - found[-1])
    assert trial.standing() == 1 - found[-1]
    assert trial.desk.run("check").stdout == "gpu: proved, nothing drifted\n"
    assert trial.desk.leftovers() == []
