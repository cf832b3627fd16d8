"""In whatever small universe a manifest has no solution, its core has none either, and has one without any of its members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from stackc.conflict.lines import ComponentLine
from stackc.conflict.members import InForce, Member, Stack, find_core
from stackc.matrix.builds import Builds
from stackc.matrix.model import Clause, Condition, ProjectName
from stackc.plan import Plan
from support.workbench import make_plan

PROJECTS = ("app", "base", "deep")
VERSIONS = tuple(map(Version, ("1", "2")))
SPECIFIERS = ("", "<2", ">=2")

Universe = Mapping[str, Mapping[Version, tuple[str, ...]]]

requirements = st.lists(st.tuples(st.sampled_from(PROJECTS), st.sampled_from(SPECIFIERS)).map("".join), max_size=2)
universes = st.fixed_dictionaries(
    {name: st.fixed_dictionaries({version: requirements.map(tuple) for version in VERSIONS}) for name in PROJECTS}
)
conditions = st.builds(
    lambda name, text: Condition.of(ProjectName(name), SpecifierSet(text)),
    st.sampled_from(PROJECTS),
    st.sampled_from(SPECIFIERS),
)
clauses = st.lists(conditions, min_size=1, max_size=2, unique_by=lambda condition: condition.name).map(
    lambda found: Clause("some-rule", tuple(found))
)
manifests = st.dictionaries(st.sampled_from(PROJECTS), st.sampled_from(SPECIFIERS), min_size=1)


def solutions() -> Iterator[dict[str, Version]]:
    """Yield every choice of versions of some projects."""
    for chosen in product((None, *VERSIONS), repeat=len(PROJECTS)):
        yield {name: version for name, version in zip(PROJECTS, chosen, strict=True) if version is not None}


def solvable(plan: Plan, universe: Universe) -> bool:
    guards = plan.rules.by_name.values()
    hidden = [(name, covered) for name, found in plan.rules.hidden.items() for covered, _ in found]

    def allowed(pins: Mapping[str, Version]) -> bool:
        asked = (*plan.requirements(), *(line for name, version in pins.items() for line in universe[name][version]))
        needs = [Requirement(line) for line in asked]
        return (
            all(need.name in pins and need.specifier.contains(pins[need.name]) for need in needs)
            and not any(name in pins and covered.holds(pins[name]) for name, covered in hidden)
            and not any(all(each.name in pins and each.holds(pins[each.name]) for each in guard.conditions) for guard in guards)
        )

    return any(map(allowed, solutions()))


def without(core: frozenset[Member], member: Member) -> frozenset[Member]:
    """Return a core without a member; one without a component's line has still the component."""
    rest = core - {member}
    return rest if isinstance(member, InForce | ComponentLine) else rest | {ComponentLine(member.name)}


def present(core: frozenset[Member]) -> frozenset[Member]:
    """Return a core with the components whose lines are in it."""
    return core | {ComponentLine(member.name) for member in core if not isinstance(member, InForce)}


@given(manifests, st.lists(clauses, max_size=3), universes)
def test_a_core_of_a_manifest_has_no_solution_and_none_of_its_members_can_be_spared(
    wanted: dict[str, str], found: list[Clause], universe: Universe
) -> None:
    plan = make_plan({str(canonicalize_name(name)): text for name, text in wanted.items()})
    stack = Stack(plan=plan, clauses=tuple(found), builds=Builds())
    assume(not solvable(stack.only(stack.whole(stack.units())), universe))

    core = find_core(stack, lambda plan: solvable(plan, universe))

    members = frozenset(core.members)
    assert core.minimal
    assert not solvable(stack.only(present(members)), universe)
    for member in members:
        assert solvable(stack.only(present(without(members, member))), universe), member
