"""What `stackc compile` says of a component that fell back, whole, over an index of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import TOOLS, Desk, Outcome, index_of, manifest
from support.index_server import IndexServer, serving
from support.universe import Release, publish

UNIVERSE = {
    **TOOLS,
    "base": tuple(Release(version=f"1.{number}") for number in range(8)),
    "app": (Release(version="0.1", requires=("middle",)),),
    "middle": (Release(version="3.0", requires=("base<1.3",)),),
    "py": tuple(Release(version=f"2.{number}", requires_python=">=3.12" if number else None) for number in range(6)),
    "own": tuple(Release(version=f"3.{number}", requires=("base>=1.5",) if number else ()) for number in range(6)),
    "torch": (
        Release(version="1.13.1", uploaded="2022-12-08T00:00:00Z"),
        Release(version="2.8.0", uploaded="2024-08-06T00:00:00Z"),
    ),
}
COMPONENTS = "".join(f'[components.{name}]\nversion = ">=0.1"\n\n' for name in ("app", "base", "py", "own", "torch"))
POLICY = "\n[policy]\nexclude-newer = 2024-03-01T00:00:00Z\n"
HINT = "\n\nhint: change what holds it back, or end the range of `{}` where it landed, which says that it is meant\n\n"
FELL = (
    "{kind}[S370]: `base` is locked at 1.2, 5 minor releases below 1.7, the newest that `>=0.1` admits\n"
    ' --> stack.toml:16: components.base.version = ">=0.1"\n'
    ' --> stack.toml:13: components.app.version = ">=0.1"\n'
    "base 1.3 to 1.7: middle 3.0 (needed by app) requires base<1.3" + HINT.format("base"),
    "{kind}[S370]: `py` is locked at 2.0, 5 minor releases below 2.5, the newest that `>=0.1` admits\n"
    ' --> stack.toml:19: components.py.version = ">=0.1"\n'
    ' --> stack.toml:8: targets.gpu.python = "3.11"\n'
    "py 2.1 to 2.5: it needs Python >=3.12" + HINT.format("py"),
    "{kind}[S370]: `own` is locked at 3.0, 5 minor releases below 3.5, the newest that `>=0.1` admits\n"
    ' --> stack.toml:22: components.own.version = ">=0.1"\n'
    ' --> stack.toml:13: components.app.version = ">=0.1"\n'
    "own 3.1 to 3.5: it requires base>=1.5, and middle 3.0 (needed by app) requires base<1.3" + HINT.format("own"),
    "{kind}[S370]: `torch` is locked at 1.13.1, at least 8 minor releases below 2.8.0, which its index lists now\n"
    ' --> stack.toml:25: components.torch.version = ">=0.1"\n'
    " --> stack.toml:29: policy.exclude-newer = 2024-03-01T00:00:00Z\n"
    "torch 1.13.1 to 2.8.0: the index lists nothing between them, and 2.8.0 was uploaded after the cut-off of 2024-03-01: it "
    "keeps only its newest files" + HINT.format("torch"),
)


def told(*numbers: int, kind: str = "warning") -> str:
    return "".join(FELL[number].format(kind=kind) for number in numbers)


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_each_component_that_fell_back_is_told_with_what_held_it_back(desk: Desk, server: IndexServer) -> None:
    desk.write(manifest(server, COMPONENTS, rest=POLICY))

    found = desk.run("compile")

    assert (found.status, found.stderr) == (0, told(0, 1, 2, 3))
    assert desk.run("compile") == Outcome(0, "gpu: nothing to do, its lock is that of stack.toml\n", "")


def test_the_policy_refuses_a_lock_that_fell_back_and_nothing_is_written(desk: Desk, server: IndexServer) -> None:
    desk.write(manifest(server, COMPONENTS, rest=f'{POLICY}fall-back = "error"\n'))

    assert desk.fail("compile") == Outcome(3, "", told(0, 1, 2, 3, kind="error").removesuffix("\n"))


@pytest.mark.parametrize("line", ['fall-back = "allow"', "fall-back-minors = 8"])
def test_the_policy_can_say_that_it_is_meant(desk: Desk, server: IndexServer, line: str) -> None:
    desk.write(manifest(server, COMPONENTS, rest=f"{POLICY}{line}\n"))

    assert (desk.run("compile").status, desk.run("compile").stderr) == (0, "")


def test_locked_versions_that_still_prove_are_judged_by_the_cache_without_asking(desk: Desk, server: IndexServer) -> None:
    desk.write(manifest(server, COMPONENTS, rest=f'{POLICY}fall-back = "allow"\n'))
    assert desk.run("compile").status == 0
    desk.write(manifest(server, COMPONENTS, rest=f'{POLICY}fall-back = "error"\n'))
    asked = len(server.requests)

    found = desk.run("compile")

    assert (found.status, found.stdout) == (3, "")
    assert found.stderr == told(0, 1, 3, kind="error").removesuffix("\n")
    assert len(server.requests) == asked
    elsewhere = desk.run("compile", STACKC_CACHE=str(desk.root / "another"))
    assert (elsewhere.status, elsewhere.stderr) == (0, "")


def test_what_offline_nobody_can_read_holds_nothing_back(desk: Desk) -> None:
    releases = tuple(Release(version=f"1.{number}") for number in range(8))
    universe = {**TOOLS, "base": releases[:1], "app": (Release(version="0.1"), Release(version="0.2"))}
    with serving(index_of(universe)) as server:
        stack = '[components.base]\nversion = ">=1"\n\n[components.app]\nversion = "=={}"\n'
        for version in ("0.2", "0.1"):
            desk.write(manifest(server, stack.format(version)))
            assert desk.run("compile").status == 0
        publish(server.site, {"base": releases})
        assert desk.run("check", "--online").status == 0  # which brings the page, and no metadata
        desk.write(manifest(server, stack.format("0.2")))

        found = desk.run("compile", "--offline")

    assert (found.status, found.stderr) == (0, "")
    assert found.stdout.startswith("gpu: resolved by uv VERSION, and proved")
