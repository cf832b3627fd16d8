"""A real `stackc compile`, killed at many moments: the old set or the new one is there whole, and the next run cleans up.

Where manifest and locks of two targets are written together, the next command that writes puts back what is of two runs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from stackc.files.turn import turn
from stackc.layout import JOURNAL
from support.cli import UNIVERSE, Desk, Outcome, index_of, manifest, tree
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


NEW = """
[targets.new]
python = "3.13"
platform = "linux/amd64"
base = "debian:13"
"""
LOOSE = '[components.base]\nversion = "{}"\norder = 1\n\n[components.app]\nversion = ">=0"\n'
BACK = "an earlier run was killed while it wrote: what was there before it is back\n"


def start_of_two(folder: Path, server: IndexServer) -> Desk:
    """Return a project whose two locks have an old release that the manifest no longer asks for."""
    desk = Desk(folder)
    for version in ("==1.0", ">=1"):
        text = manifest(server, LOOSE.format(version), target=NEW).replace("[stack]", '[stack]\ndefault-target = "gpu"')
        desk.write(f"{text}\n[policy]\nexclude-newer = 2024-02-01T00:00:00Z\n")
        assert desk.run("compile").status == 0
    return desk


def kill_when(desk: Desk, condition: Callable[[], bool], *words: str) -> None:
    """Start a command, and kill it when a condition holds or it is over."""
    process = desk.start(*words)
    while process.poll() is None and not condition():
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_manifest_and_locks_of_a_killed_run_are_told_and_put_back(tmp_path: Path, server: IndexServer) -> None:
    desk = start_of_two(tmp_path, server)
    before = tree(desk.project)
    with turn(desk.project / "locks", wait=0):  # so that no lock can be written, and the manifest stands alone
        kill_when(
            desk,
            lambda: (desk.project / "stack.toml").read_bytes() != before["stack.toml"],
            *("compile", "--upgrade-to", "2024-02-02"),
        )
    there = tree(desk.project)
    assert there["stack.toml"] != before["stack.toml"]
    told = """\
error[S448]: a run was killed while it wrote: what it had written does not belong to the rest
written: stack.toml
not yet: locks/gpu, locks/new

hint: run `stackc compile`: before it compiles, it puts back what was there before that run
"""
    checked = desk.run("check")
    assert (checked.status, checked.stderr.startswith(told)) == (1, True)
    assert desk.run("compile", "--dry-run") == Outcome(1, "", told)
    assert tree(desk.project) == there

    assert desk.run("compile").stderr == BACK
    assert (tree(desk.project), desk.leftovers()) == (before, [])
    assert desk.run("check").status == 0


def test_two_locks_of_a_run_killed_at_any_moment_are_of_one_run_after_the_next(tmp_path: Path, server: IndexServer) -> None:
    desk = start_of_two(tmp_path, server)
    old = tree(desk.project)
    kept, lock = tmp_path / "kept", desk.project / "locks/gpu/lock.toml"
    shutil.copytree(desk.project, kept)
    assert desk.run("compile", "--upgrade").status == 0
    new, seen = tree(desk.project), set()
    assert len({old["locks/gpu/lock.toml"], new["locks/gpu/lock.toml"]}) == 2
    for _ in range(SPREAD // 2):
        shutil.rmtree(desk.project)
        shutil.copytree(kept, desk.project)
        kill_when(desk, lambda: lock.read_bytes() != old["locks/gpu/lock.toml"], "compile", "--upgrade")
        half = (desk.project / JOURNAL).exists() and tree(desk.project / "locks/new") == tree(kept / "locks/new")
        seen.add(half)
        assert desk.run("check").status == int(half)
        settled = desk.run("compile")
        assert (settled.status, settled.stderr) == (0, BACK if half else "")
        assert tree(desk.project) == (old if half else new)
        assert desk.leftovers() == []
    assert True in seen
