"""Choosing among the pins of two locks: what one side moved is kept, and a solution is found wherever there is one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.utils import NormalizedName

from stackc.history.pins_union import Union, other_files, union_of
from stackc.lock.model import Lock, Package
from stackc.lock.requirements import parse_needs
from unit.lock.lock_samples import LOCK, package

NAMES = "abcd"
Pins = Mapping[str, Package]


def lock_of(*packages: Package) -> Lock:
    """A lock of these packages alone."""
    return replace(LOCK, packages=tuple(sorted(packages, key=lambda each: each.name)), tools=())


def pin(name: str, version: str, *requires: str, extras: tuple[str, ...] = (), digit: str = "a") -> Package:
    made = package(name, version, step=1)
    file = replace(made.file, sha256=digit * 64)
    return replace(made, requires=tuple(sorted(requires)), extras=tuple(map(NormalizedName, extras)), file=file)


def chosen(union: Union, *roots: str) -> dict[str, str] | None:
    """The versions of the first solution that the roots reach, None where there is none."""
    lock = next(union.solutions(roots), None)
    return None if lock is None else reached({str(each.name): each for each in lock.packages}, roots)


def reached(pins: Pins, roots: tuple[str, ...]) -> dict[str, str] | None:
    """The versions that the roots reach if all that is required is met, else None."""
    found: dict[str, str] = {}
    extras: dict[str, set[str]] = {}
    waiting = list(parse_needs(roots))
    while waiting:
        need = waiting.pop()
        known = pins.get(need.project)
        if known is None or not need.admits(known.version):
            return None
        if need.project not in found:
            found[need.project] = str(known.version)
            waiting += parse_needs(known.requires)
        extras.setdefault(need.project, set()).update(need.extras)
    return found if all(extras[name] == set(pins[name].extras) for name in found) else None


def test_what_one_side_moved_is_taken_from_it_and_of_what_both_moved_the_newer() -> None:
    base = lock_of(pin("a", "1.0"), pin("b", "1.0"), pin("c", "1.0"))
    ours = lock_of(pin("a", "2.0"), pin("b", "1.0"), pin("c", "2.0"))
    theirs = lock_of(pin("a", "1.0"), pin("b", "0.9"), pin("c", "3.0"))
    assert chosen(union_of(base, ours, theirs), "a", "b", "c") == {"a": "2.0", "b": "0.9", "c": "3.0"}


def test_only_what_is_in_the_way_is_taken_from_the_other_side() -> None:
    base = lock_of(pin("a", "1.0"), pin("b", "1.0", "a"), pin("c", "1.0"))
    ours = lock_of(pin("a", "2.0"), pin("b", "1.0", "a"), pin("c", "2.0"))
    theirs = lock_of(pin("a", "1.0"), pin("b", "2.0", "a<2"), pin("c", "1.0"))
    assert chosen(union_of(base, ours, theirs), "b==2.0", "c") == {"a": "1.0", "b": "2.0", "c": "2.0"}


def test_a_project_whose_requirer_is_the_way_out_is_not_asked_for() -> None:
    base = lock_of(pin("a", "1.0"))
    ours = lock_of(pin("a", "2.0", "b"), pin("b", "1.0", "c>=2"), pin("c", "2.0"))
    theirs = lock_of(pin("a", "1.0"), pin("c", "1.0"))
    assert chosen(union_of(base, ours, theirs), "a", "c<2") == {"a": "1.0", "c": "1.0"}


def test_extras_of_both_sides_add_up() -> None:
    ours = lock_of(pin("a", "1.0", "b", extras=("x",)), pin("b", "1.0"))
    theirs = lock_of(pin("a", "1.0", "c", extras=("y",)), pin("c", "1.0"))
    union = union_of(None, ours, theirs)
    assert chosen(union, "a[x]", "a[y]") == {"a": "1.0", "b": "1.0", "c": "1.0"}
    assert chosen(union, "a[x]") == {"a": "1.0", "b": "1.0"}
    assert chosen(union, "a[x,z]") is None


def test_another_file_of_one_version_is_told() -> None:
    ours, theirs = lock_of(pin("a", "1.0"), pin("b", "1.0")), lock_of(pin("a", "1.0", digit="b"), pin("b", "2.0", digit="b"))
    assert [finding.message for finding in other_files(ours, theirs)] == [
        "both sides locked `a` 1.0, but not the same file of it"
    ]


NEEDS = st.lists(st.builds("{}{}".format, st.sampled_from(NAMES), st.sampled_from(["", "<2", ">=2", "<3", ">=3"])), max_size=2)


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    """A lock of some projects, whose requirements need not be met."""
    names = draw(st.sets(st.sampled_from(NAMES), min_size=1))
    return lock_of(*(pin(name, draw(st.sampled_from(["1", "2", "3"])), *draw(NEEDS)) for name in names))


@given(st.none() | locks(), locks(), locks(), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
def test_there_is_a_solution_exactly_where_some_choice_is_one(
    base: Lock | None, ours: Lock, theirs: Lock, roots: list[str]
) -> None:
    union = union_of(base, ours, theirs)
    names = sorted(union.candidates)
    every = (dict(zip(names, pins, strict=True)) for pins in product(*(union.candidates[name] for name in names)))
    possible = [found for pins in every if (found := reached({str(n): p for n, p in pins.items()}, tuple(roots))) is not None]
    found = chosen(union, *roots)
    assert (found is not None) == bool(possible)
    assert found is None or found in possible
