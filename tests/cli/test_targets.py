"""`stackc targets`, and the bake file that compile writes and check looks at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import UNIVERSE, Desk, Outcome, index_of, manifest
from support.index_server import IndexServer, serving

MANIFEST = """\
[stack]
name = "two"
default-target = "cpu"
[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "nvidia/cuda:12.4.1-devel-ubuntu22.04"
[targets.cpu]
python = "3.12.4"
platform = "linux/arm64"
base = "ubuntu:24.04"
"""
ROWS = [
    {
        "target": "gpu",
        "default": False,
        "python": "3.10",
        "platform": "linux/amd64",
        "base": "nvidia/cuda:12.4.1-devel-ubuntu22.04",
        "lock": "locks/gpu/lock.toml",
        "dockerfile": "locks/gpu/Dockerfile",
    },
    {
        "target": "cpu",
        "default": True,
        "python": "3.12.4",
        "platform": "linux/arm64",
        "base": "ubuntu:24.04",
        "lock": "locks/cpu/lock.toml",
        "dockerfile": "locks/cpu/Dockerfile",
    },
]
COMPONENTS = '[components.base]\nversion = "<2"\norder = 1\n'
MISSING = "error[S522]: `locks/docker-bake.hcl` is missing\n\nhint: run `stackc compile`\n\n"


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: IndexServer) -> Desk:
    """A project that was compiled once."""
    desk = Desk(tmp_path)
    desk.write(manifest(server, COMPONENTS))
    assert desk.run("compile").status == 0
    return desk


def test_the_targets_are_listed_for_people(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(MANIFEST)
    expected = """\
target  python  platform     base
gpu     3.10    linux/amd64  nvidia/cuda:12.4.1-devel-ubuntu22.04
cpu     3.12.4  linux/arm64  ubuntu:24.04 (default)
"""
    assert desk.run("targets") == Outcome(0, expected, "")


def test_the_targets_are_listed_for_programs(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(MANIFEST)
    assert json.loads(desk.run("targets", "--format", "json").stdout) == ROWS


def test_the_targets_are_one_line_for_a_matrix_of_jobs(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(MANIFEST)
    told = desk.run("targets", "--format", "github-matrix").stdout
    assert told.count("\n") == 1
    assert json.loads(told) == {"include": ROWS}


def test_a_bake_file_that_is_missing_is_found_and_written_again(desk: Desk) -> None:
    bake = desk.project / "locks/docker-bake.hcl"
    before = bake.read_bytes()
    bake.unlink()
    told = desk.run("check")
    assert (told.status, told.stderr) == (1, MISSING)
    assert desk.run("compile", "--dry-run").status == 0
    assert not bake.exists()
    assert desk.run("compile").status == 0
    assert bake.read_bytes() == before
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\n", "")


def test_a_bake_file_that_was_edited_is_found_and_written_again(desk: Desk) -> None:
    bake = desk.project / "locks/docker-bake.hcl"
    before = bake.read_text()
    bake.write_text(before.replace("linux/amd64", "linux/arm64"))
    told = desk.run("check")
    assert (told.status, told.stderr.splitlines()[:2]) == (
        1,
        ["error[S523]: `locks/docker-bake.hcl` is not what stack.toml renders to", " --> locks/docker-bake.hcl:19"],
    )
    assert desk.run("compile").status == 0
    assert bake.read_text() == before


def test_a_run_that_fails_leaves_the_bake_file_as_it_was(desk: Desk, server: IndexServer) -> None:
    bake = desk.project / "locks/docker-bake.hcl"
    before = bake.read_bytes()
    desk.write(manifest(server, '[components.base]\nversion = ">=99"\n').replace('name = "', 'name = "other-'))
    assert desk.run("compile").status == 3
    assert bake.read_bytes() == before
