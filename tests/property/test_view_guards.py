"""What the view's guards admit is what the matrix's clauses admit: no more, and no less."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.matrix.builds import Builds
from stackc.matrix.model import VIRTUAL, Clause, Condition, ProjectName
from stackc.view.rules import ViewRules, is_guard, view_rules
from support.workbench import name_of

VERSIONS = tuple(map(Version, ("1.0", "2.0rc1", "2.0", "2.0+cu124", "2.0.post1", "3.0")))
SPECIFIERS = ("<2", ">=2", "==2.0", "!=2.0", "==2.*", "~=1.0", ">2.0", "<=2.0", ">1,<3", "===2.0", "", "<0", "<2.0.post1")
PROJECTS = ("numpy", "scipy", "torch", "pandas")
VIRTUALS = ("python", "cuda", "sm")
VIRTUAL_VERSIONS = {"python": (Version("2.0"),), "sm": (Version("1.0"), Version("3.0"))}

Pins = Mapping[NormalizedName, Version]
Requires = Mapping[NormalizedName, frozenset[NormalizedName]]


@st.composite
def clauses(draw: st.DrawFn) -> Clause:
    """Draw one that names a real project at least; the others are refused before there is a view."""
    number = draw(st.integers(1, 3))
    some = st.lists(st.sampled_from(PROJECTS + VIRTUALS), min_size=number, max_size=number, unique=True)
    names = draw(some.filter(lambda names: not VIRTUAL.issuperset(names)))
    conditions = [Condition.of(ProjectName(name), SpecifierSet(draw(st.sampled_from(SPECIFIERS)))) for name in names]
    negated = draw(st.booleans())
    return Clause("some-rule", (*conditions[:-1], conditions[-1].negated() if negated else conditions[-1]))


names = st.sampled_from(PROJECTS).map(name_of)
pin_sets = st.dictionaries(names, st.sampled_from(VERSIONS))
requirement_sets = st.dictionaries(st.sampled_from(PROJECTS).map(name_of), st.frozensets(names))


def admitted_by_clauses(found: list[Clause], pins: Pins) -> bool:
    for virtual in product(*([(name, version) for version in found] for name, found in VIRTUAL_VERSIONS.items())):
        everything = {ProjectName(name): version for name, version in (*pins.items(), *virtual)}
        if any(clause.holds_in(everything) for clause in found):
            return False
    return True


def admitted_by_view(rules: ViewRules, pins: Pins, requires: Requires) -> bool:
    """Say whether the releases are shown, and guards can be chosen so that all that the rules add is met."""
    left = {name: set(range(len(guard.conditions))) for name, guard in rules.by_name.items()}
    for name, version in pins.items():
        if rules.hiding_rule(name, version) is not None:
            return False
        for need in rules.needs(name, version, requires.get(name, ())):
            specifiers = SpecifierSet(need.specifier)
            if is_guard(need.name):
                left[need.name] = {number for number in left[need.name] if specifiers.contains(str(number))}
            elif not specifiers.contains(pins[need.name], prereleases=True):
                return False
    return all(left.values())


def closed(requires: Requires, pins: Pins) -> Requires:
    """Return the requirements among the pins: what a release requires is pinned in any solution."""
    return {name: needed & pins.keys() for name, needed in requires.items() if name in pins}


@given(found=st.lists(clauses(), max_size=4), pins=pin_sets, requires=requirement_sets)
def test_the_view_admits_exactly_the_pins_that_break_no_clause(found: list[Clause], pins: Pins, requires: Requires) -> None:
    rules = view_rules(found, VIRTUAL_VERSIONS, builds=Builds(), machine="x86_64")

    assert admitted_by_view(rules, pins, closed(requires, pins)) is admitted_by_clauses(found, pins)


@given(
    found=st.lists(clauses(), max_size=4),
    project=st.sampled_from(PROJECTS),
    version=st.sampled_from(VERSIONS),
    own=st.frozensets(names),
)
def test_a_rule_never_adds_a_project(
    found: list[Clause], project: str, version: Version, own: frozenset[NormalizedName]
) -> None:
    rules = view_rules(found, VIRTUAL_VERSIONS, builds=Builds(), machine="x86_64")

    for need in rules.needs(project, version, own):
        assert need.extra is None
        assert need.extras == ()
        assert need.name in rules.by_name or need.name in own


@given(found=st.lists(clauses(), max_size=4))
def test_each_clause_of_two_projects_or_more_has_a_guard_of_its_own(found: list[Clause]) -> None:
    rules = view_rules(found, VIRTUAL_VERSIONS, builds=Builds(), machine="x86_64")

    assert all(len(guard.conditions) >= 2 for guard in rules.by_name.values())
    assert all(is_guard(name) for name in rules.by_name)
    assert len(rules.by_name) <= len(found)
    for name, guard in rules.by_name.items():
        assert [(guard, number) for number in range(len(guard.conditions))] == [
            (found_guard, number)
            for condition in guard.conditions
            for found_guard, number in rules.guards[condition.name]
            if found_guard.name == name
        ]
