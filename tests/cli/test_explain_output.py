"""What `stackc explain` says of a locked package and of a release, whole, over an index of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from support.cli import TOOLS, Desk, Outcome, index_of, manifest
from support.index_server import IndexServer, serving
from support.universe import Release

UNIVERSE = {
    **TOOLS,
    "base": tuple(Release(version=version) for version in ("1.0", "1.1", "1.2", "2.0", "2.1rc1")),
    "middle": (Release(version="1.0", requires=("base<2",)), Release(version="2.0", requires=("base>=1",))),
    "app": (Release(version="0.1", requires=("middle>=1",)),),
}
STACK = '[components.app]\nversion = ">=0"\n\n[components.base]\nversion = "<=1.1"\n\n[matrix]\npacks = ["rules.toml"]\n'
RULES = """\
[[rule]]
id = "app-base"
when = "app<1"
requires = ["base<2", "middle<2"]
because = "the reason"
source = "the source"
date = 2026-11-23
"""


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: IndexServer) -> Desk:
    desk = Desk(tmp_path)
    desk.write(manifest(server, STACK))
    desk.write(RULES, "rules.toml")
    assert desk.run("compile").status == 0
    return desk


def test_a_locked_package_is_explained_with_what_each_bound_keeps_out(desk: Desk) -> None:
    page = """\
        base 1.1 in target `gpu`
          file    base-1.1-py3-none-any.whl, from index pypi, step 1
          needed  stack.toml -> base

        bounded by
          stack.toml     <=1.1  keeps out 1.2
          middle 1.0     <2     keeps out 2.0
          rule app-base  <2     keeps out 2.0
         --> stack.toml:16: components.base.version = "<=1.1"
        rule app-base: the reason (the source)

        newer for the target: 1.2 to 2.0
        kept out by stack.toml
        """
    assert desk.run("explain", "Base") == Outcome(0, dedent(page), "")


def test_the_newest_release_has_nothing_above_it(desk: Desk) -> None:
    page = """\
        app 0.1 in target `gpu`
          file    app-0.1-py3-none-any.whl, from index pypi, step 1
          needed  stack.toml -> app

        bounded by
          stack.toml  >=0
         --> stack.toml:13: components.app.version = ">=0"

        no newer release of app can be installed on the target
        """
    assert desk.run("explain", "app", "--target", "gpu") == Outcome(0, dedent(page), "")


def test_where_the_index_cannot_be_asked_the_bounds_are_told_alone(desk: Desk) -> None:
    found = desk.run("explain", "middle", "--offline", STACKC_CACHE=str(desk.root / "empty"))

    assert found.status == 0
    assert found.stderr.startswith("gpu: newer releases are not known: ")
    assert found.stdout == dedent(
        """\
        middle 1.0 in target `gpu`
          file    middle-1.0-py3-none-any.whl, from index pypi, step 1
          needed  stack.toml -> app -> middle

        bounded by
          app 0.1        >=1
          rule app-base  <2
        rule app-base: the reason (the source)
        """
    )


def test_a_release_that_fits_is_told_with_what_would_move(desk: Desk) -> None:
    page = """\
        nothing speaks against base==1.0 in target `gpu`: base 1.0 would be chosen
        against the lock:
          base 1.1 -> 1.0

        hint: to have it, give `base` that version in stack.toml and run `stackc compile`
        """
    assert desk.run("explain", "base==1.0") == Outcome(0, dedent(page), "")


def test_the_locked_release_is_told_to_be_the_one(desk: Desk) -> None:
    page = "base 1.1 is what the lock of target `gpu` has; see `stackc explain base`\n"
    assert desk.run("explain", "base==1.1") == Outcome(0, page, "")


def test_a_release_that_does_not_fit_is_told_with_what_is_in_its_way(desk: Desk) -> None:
    found = desk.run("explain", "middle==2.0")

    assert (found.status, found.stderr) == (0, "")
    assert found.stdout.startswith("why not middle==2.0:\n\nerror[S305]: ")
    assert "rule app-base: app<1 needs middle<2 (the reason) the source\n" in found.stdout


NO_PACKAGE = (
    "error[S004]: the lock of target `gpu` has no package `{}`, and no rule has that name\n\nhint: did you mean `{}`?\n"
)
NO_RELEASE = "error[S005]: `{}` is no release to explain\n\nhint: ask for a project and a version, such as `numpy==2.0.0`\n"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("bsae", NO_PACKAGE.format("bsae", "base")),
        ("app-bas", NO_PACKAGE.format("app-bas", "app-base")),
        ("base=1", NO_RELEASE.format("base=1")),
        ("base; python_version<'3'", NO_RELEASE.format("base; python_version<'3'")),
    ],
)
def test_a_word_that_names_nothing_is_refused(desk: Desk, word: str, expected: str) -> None:
    assert desk.run("explain", word) == Outcome(2, "", expected)


def test_without_a_manifest_a_name_can_only_be_a_rule_s(tmp_path: Path) -> None:
    expected = (
        "error[S006]: `numpie` is no code and no rule, and there is no stack.toml whose lock could have a package of that name"
        "\n\nhint: `stackc matrix list` lists the rules\n"
    )
    assert Desk(tmp_path).run("explain", "numpie") == Outcome(2, "", expected)


def test_a_package_cannot_be_explained_before_it_is_locked(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, '[components.app]\nversion = ">=0"\n'))

    assert desk.run("explain", "app") == Outcome(
        1, "", "error[S520]: target `gpu` has no lock\n --> stack.toml:7: targets.gpu\n\nhint: run `stackc compile`\n"
    )
