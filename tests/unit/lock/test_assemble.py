"""From an engine's pins to packages: what is needed, with which extras, in which step, and why."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from packaging.version import Version

from stackc.lock.assemble import ChosenRelease, activate, assemble
from stackc.lock.model import LockedFile, Package, Root
from stackc.matrix.model import Matrix
from stackc.view.metadata import Need, Neutral
from support.workbench import make_target, matrix_of, name_of, rule_of


def need(text: str, *, extra: str | None = None) -> Need:
    name, _, extras = text.partition("[")
    listed, _, specifier = extras.partition("]") if extras else ("", "", "")
    if not extras:
        cut = next((at for at, letter in enumerate(name) if letter in "<>=!~"), len(name))
        name, specifier = name[:cut], name[cut:]
    return Need(
        name_of(name), specifier, tuple(name_of(one) for one in listed.split(",") if one), name_of(extra) if extra else None
    )


def chosen(version: str, *needs: Need, index: str = "pypi", python: str | None = None) -> ChosenRelease:
    return ChosenRelease(
        version=Version(version),
        index=index,
        file=LockedFile(name=f"x-{version}-py3-none-any.whl", sha256="a" * 64),
        requires_python=python,
        neutral=Neutral(needs, frozenset(need.extra for need in needs if need.extra), python),
    )


def assembled(roots: Sequence[Root], *, matrix: Matrix | None = None, **releases: ChosenRelease) -> tuple[Package, ...]:
    named = {name_of(name): release for name, release in releases.items()}
    return assemble(roots, named, target=make_target(), matrix=matrix or matrix_of())


def test_packages_are_assembled_whole_and_sorted() -> None:
    found = assembled(
        [Root(requirement="torch==2.5.1", order=3, index="cu124"), Root(requirement="app[fast]<2")],
        torch=chosen("2.5.1+cu124", need("numpy>=1"), index="cu124", python=">=3.8"),
        app=chosen("1.0", need("torch"), need("speed<2", extra="fast"), need("never", extra="slow")),
        speed=chosen("1.5", need("numpy<3")),
        numpy=chosen("1.26"),
    )

    def package(name: str, version: str, step: int, *, why: tuple[str, ...], requires: tuple[str, ...] = ()) -> Package:
        index, python = ("cu124", ">=3.8") if name == "torch" else ("pypi", None)
        return Package(
            name=name_of(name),
            version=Version(version),
            index=index,
            step=step,
            file=LockedFile(name=f"x-{version}-py3-none-any.whl", sha256="a" * 64),
            extras=(name_of("fast"),) if name == "app" else (),
            requires_python=python,
            requires=requires,
            why=why,
        )

    assert found == (
        package("app", "1.0", 4, why=("stack.toml <2",), requires=("speed<2", "torch")),
        package("numpy", "1.26", 3, why=("speed <3", "torch >=1")),
        package("speed", "1.5", 4, why=("app <2",), requires=("numpy<3",)),
        package("torch", "2.5.1+cu124", 3, why=("app", "stack.toml ==2.5.1"), requires=("numpy>=1",)),
    )


def test_a_pin_that_nothing_needs_is_left_out() -> None:
    found = assembled([Root(requirement="app")], app=chosen("1.0"), orphan=chosen("1.0", need("app")))

    assert [package.name for package in found] == ["app"]


def test_the_order_of_roots_needs_and_pins_never_matters() -> None:
    roots = [Root(requirement="a[x]"), Root(requirement="b[y]>=1")]
    a = chosen("1.0", need("c[x]", extra="x"), need("d"), need("c"))
    b = chosen("1.0", need("a"), need("c[y]", extra="y"))
    c = chosen("1.0", need("d>=1", extra="x"), need("d<9", extra="y"))
    d = chosen("2.0")

    one = assembled(roots, a=a, b=b, c=c, d=d)
    other = assembled(roots[::-1], d=d, c=c, b=chosen("1.0", *b.neutral.needs[::-1]), a=chosen("1.0", *a.neutral.needs[::-1]))

    assert [(package.name, package.extras, package.requires, package.why) for package in one] == [
        (package.name, package.extras, package.requires, package.why) for package in other
    ]
    assert one[2].extras == ("x", "y")


def test_projects_that_need_each_other_are_assembled_once() -> None:
    found = assembled(
        [Root(requirement="a", order=1)],
        a=chosen("1.0", need("b[more]")),
        b=chosen("1.0", need("a"), need("a[self]", extra="more")),
    )

    assert [(package.name, package.extras, package.step, package.requires) for package in found] == [
        ("a", ("self",), 1, ("b[more]",)),
        ("b", ("more",), 1, ("a", "a[self]")),
    ]


def test_a_requirement_that_two_extras_ask_for_stands_once() -> None:
    found = assembled(
        [Root(requirement="a[x,y]")], a=chosen("1.0", need("b>=1", extra="x"), need("b>=1", extra="y")), b=chosen("1.0")
    )

    assert found[0].requires == ("b>=1",)


def test_a_rule_that_bounds_a_pin_is_among_its_reasons() -> None:
    matrix = matrix_of(rule_of("scipy-numpy1", {"scipy": "<1.13"}, {"numpy": "<2"}))
    found = assembled(
        [Root(requirement="scipy"), Root(requirement="numpy")], scipy=chosen("1.12"), numpy=chosen("1.26"), matrix=matrix
    )

    assert [(package.name, package.why) for package in found] == [
        ("numpy", ("rule scipy-numpy1 <2", "stack.toml")),
        ("scipy", ("stack.toml",)),
    ]


def test_extras_reach_through_projects_that_were_met_without_them() -> None:
    releases = {"a": chosen("1.0", need("b")), "b": chosen("1.0", need("c", extra="x")), "c": chosen("1.0")}
    active = {name_of(name): release.neutral.active for name, release in releases.items()}

    for roots in (["a", "b[x]"], ["b[x]", "a"]):
        found = activate([Root(requirement=root) for root in roots], active)
        assert found == {"a": set(), "b": {"x"}, "c": set()}


def test_a_project_that_was_not_pinned_is_no_silent_gap() -> None:
    with pytest.raises(KeyError, match="missing"):
        assembled([Root(requirement="a")], a=chosen("1.0", need("missing")))
