"""What compiling again says where an index no longer has what is locked, or has another file in its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import TOOLS, Desk, Outcome, index_of, manifest, tree
from support.index_server import IndexServer, serving
from support.universe import Release, publish

BASE = (Release(version="1.0"), Release(version="1.1"))
COMPONENTS = '[components.base]\nversion = "<2"\n\n[components.app]\nversion = "==1.0"\n'
EDITED = COMPONENTS.replace("==1.0", ">=2")
APP = (Release(version="1.0", requires=("base",)), Release(version="2.0", requires=("base",)))


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of({**TOOLS, "base": BASE, "app": APP})) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: IndexServer) -> Desk:
    """A project that was compiled once, and whose manifest was edited since so that an engine is needed."""
    desk = Desk(tmp_path)
    desk.write(manifest(server, COMPONENTS))
    assert desk.run("compile").status == 0
    desk.write(manifest(server, EDITED))
    return desk


def compile_anew(desk: Desk, *arguments: str) -> Outcome:
    """Compile with a cache that knows nothing of the index's earlier days."""
    return desk.run("compile", *arguments, STACKC_CACHE=str(desk.root / "another-cache"))


def moved(outcome: Outcome) -> list[str]:
    return [line.strip() for line in outcome.stdout.splitlines() if " -> " in line]


def test_a_file_that_was_replaced_ends_the_run_until_somebody_says_that_it_is_right(desk: Desk, server: IndexServer) -> None:
    publish(server.site, {"base": (BASE[0], Release(version="1.1", sha256="b" * 64))})
    before = tree(desk.project)

    refused = compile_anew(desk)

    assert (refused.status, refused.stdout, tree(desk.project)) == (4, "", before)
    (head, wanted, found, _, hint) = refused.stderr.splitlines()
    assert head == ("error[S340]: index `pypi` has another file than the locked one under the name `base-1.1-py3-none-any.whl`")
    assert (wanted.startswith("wanted: sha256 "), found) == (True, f" found: sha256 {'b' * 64}")
    assert (
        hint == "hint: a file that was published never changes by right: ask who changed it; `--upgrade base` locks the new one"
    )
    for wish in (("--upgrade", "--dry-run"), ("--upgrade", "base")):
        taken = compile_anew(desk, *wish)
        assert (taken.status, taken.stderr.splitlines()[:3]) == (
            0,
            [head.replace("error", "warning"), wanted, found],
        ), wish
    assert "b" * 64 in (desk.project / "locks/gpu/requirements.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("now", "what"),
    [
        ((BASE[0],), "is no longer on index `pypi`"),
        ((BASE[0], Release(version="1.1", yanked=True)), "was yanked"),
    ],
    ids=["gone", "yanked"],
)
def test_a_release_that_can_no_longer_be_had_moves_and_that_is_said(
    desk: Desk, server: IndexServer, now: tuple[Release, ...], what: str
) -> None:
    publish(server.site, {"base": now})

    outcome = compile_anew(desk)

    assert (outcome.status, moved(outcome)) == (0, ["app 1.0 -> 2.0", "base 1.1 -> 1.0"])
    assert outcome.stderr == (
        f"warning[S341]: `base` 1.1 is locked, and {what}: another release takes its place\n\n"
        "hint: images that install it from the old lock may fail; look at what moved, and commit the new lock\n\n"
    )


def test_a_release_that_stays_by_another_file_is_told(desk: Desk, server: IndexServer) -> None:
    publish(server.site, {"base": (BASE[0], Release(version="1.1", tags="cp311-cp311-manylinux_2_17_x86_64"))})

    outcome = compile_anew(desk)

    assert (outcome.status, moved(outcome)) == (0, ["app 1.0 -> 2.0"])
    assert outcome.stderr == (
        "warning[S342]: `base` 1.1 stays, and comes as another file\n"
        "wanted: base-1.1-py3-none-any.whl\n"
        " found: base-1.1-cp311-cp311-manylinux_2_17_x86_64.whl\n\n"
        "hint: the locked file has left index `pypi`, or one came that fits the target better\n\n"
    )


def test_a_release_that_comes_from_another_index_is_told_with_both(desk: Desk, server: IndexServer) -> None:
    publish(server.site, {"base": (Release(version="1.1", sha256="c" * 64),)}, root="/own")
    own = f'[indexes.own]\nurl = "{server.url}/own"\nserves = ["base"]\n\n'
    desk.write(manifest(server, own + COMPONENTS))

    outcome = compile_anew(desk)

    assert (outcome.status, moved(outcome)) == (0, [])
    assert outcome.stderr == (
        "warning[S342]: `base` 1.1 stays, and comes from another index, as another file\n"
        "wanted: base-1.1-py3-none-any.whl of index `pypi`\n"
        " found: base-1.1-py3-none-any.whl of index `own`\n\n"
        "hint: both call themselves the same release; see that the other index is the one that you mean\n\n"
    )


def test_tools_stay_as_they_are(desk: Desk, server: IndexServer) -> None:
    publish(server.site, {name: (*releases, Release(version="99.0")) for name, releases in TOOLS.items()})
    tools = desk.project / "locks/gpu/steps/00-tools.txt"
    before = tools.read_bytes()

    assert moved(compile_anew(desk)) == ["app 1.0 -> 2.0"]
    assert tools.read_bytes() == before
