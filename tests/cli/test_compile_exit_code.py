"""`stackc compile --exit-code`: what a hook is told of what was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import UNIVERSE, Desk, Outcome, index_of, manifest, tree
from support.index_server import IndexServer, serving

TWO = '[components.base]\nversion = "<2"\norder = 1\n\n[components.app]\nversion = ">=0"\n'
NEXT = "next: git add locks\n"


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


def told(outcome: Outcome) -> tuple[int, list[str]]:
    """The exit status, and the files that are said to be written."""
    _, _, listed = outcome.stdout.partition("written, and not part of the commit yet:\n")
    return outcome.status, listed.removesuffix(NEXT).split()


def test_files_that_were_only_created_count_too_and_nothing_to_do_is_fine(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, TWO))
    first = desk.run("compile", "--exit-code")
    written = [name for name in tree(desk.project) if name != "stack.toml"]
    assert (first.status, told(first)[1], first.stdout.endswith(NEXT)) == (1, written, True)
    nothing = Outcome(0, "gpu: nothing to do, its lock is that of stack.toml\n", "")
    assert desk.run("compile", "--exit-code") == nothing
    assert desk.run("compile", "gpu", "--exit-code") == nothing


def test_just_the_files_that_changed_are_told(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, TWO))
    desk.run("compile")
    desk.write("an edit\n", "locks/gpu/STACK.md")
    (desk.project / "locks/docker-bake.hcl").unlink()
    assert told(desk.run("compile", "--exit-code")) == (1, ["locks/docker-bake.hcl", "locks/gpu/STACK.md"])
    desk.write("an edit\n", "locks/gpu/STACK.md")
    assert desk.run("compile").status == 0


def test_a_dry_run_tells_by_its_status_that_files_would_be_written(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, TWO))
    assert desk.run("compile", "--dry-run", "--exit-code").status == 1
    assert list(tree(desk.project)) == ["stack.toml"]
    desk.run("compile")
    assert desk.run("compile", "--dry-run", "--exit-code").status == 0


def test_in_another_folder_paths_are_seen_from_here(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, TWO), "images/stack.toml")
    outcome = desk.run("compile", "--exit-code", "-f", "images/stack.toml")
    assert outcome.stdout.endswith("  images/locks/gpu/verify.py\nnext: git add images/locks\n")
