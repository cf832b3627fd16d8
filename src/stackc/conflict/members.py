"""What an engine's conflict may be made of: the components, their lines, and the clauses of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from stackc.conflict.core import Core, minimal_core
from stackc.conflict.lines import ComponentLine, ExtrasLine, VersionLine
from stackc.manifest.model import Component
from stackc.matrix.builds import Builds
from stackc.matrix.model import Clause
from stackc.plan import Plan, root_of
from stackc.view.rules import view_rules

__all__ = ["InForce", "Member", "Stack", "find_core"]


class InForce(Struct, frozen=True, tag=True):
    """That a clause of the matrix is in force, by its number in the stack."""

    clause: int


Member = ComponentLine | VersionLine | ExtrasLine | InForce


class Stack(Struct, frozen=True, kw_only=True):
    """A plan whose members can be taken away.

    `asked` are components that always stay: what a question is about. `gone` are members that were taken away for good. A
    component that is gone still stands for the file that it names, lest the lack of that file look like one more conflict.
    """

    plan: Plan
    clauses: tuple[Clause, ...]
    builds: Builds
    asked: tuple[Component, ...] = ()
    gone: frozenset[Member] = frozenset()

    def without(self, members: Iterable[Member]) -> Stack:
        """Return the stack without some members."""
        return replace(self, gone=self.gone.union(members))

    def lines(self, component: Component) -> list[Member]:
        """Return the lines of a component that can be taken away from it."""
        bounded = str(component.version) and component.direct is None  # a file has the one version that it has
        found: list[Member] = [VersionLine(component.name)] if bounded else []
        if component.extras:
            found.append(ExtrasLine(component.name))
        return [line for line in found if line not in self.gone]

    def units(self) -> list[Member]:
        """Return the components as wholes, and the clauses."""
        found: list[Member] = [ComponentLine(component.name) for component in self.plan.components]
        found += map(InForce, range(len(self.clauses)))
        return [unit for unit in found if unit not in self.gone]

    def whole(self, units: Iterable[Member]) -> frozenset[Member]:
        """Return units, each component with all of its lines."""
        kept = frozenset(units)
        present = [component for component in self.plan.components if ComponentLine(component.name) in kept]
        return kept.union(*map(self.lines, present))

    def only(self, kept: frozenset[Member]) -> Plan:
        """Return the plan of some members alone."""
        present = [component for component in self.plan.components if ComponentLine(component.name) in kept]
        components = (*(_relaxed(component, kept) for component in present), *self.asked)
        clauses = (clause for number, clause in enumerate(self.clauses) if InForce(number) in kept)
        target = self.plan.target
        return replace(
            self.plan,
            components=components,
            directs={name: file for name, file in self.plan.directs.items() if self._names_file(name, kept)},
            roots=tuple(map(root_of, components)),
            rules=view_rules(clauses, target.virtual_versions(), builds=self.builds, machine=target.machine),
        )

    def _names_file(self, name: NormalizedName, kept: frozenset[Member]) -> bool:
        """Say whether a project comes from its component's file."""
        return ComponentLine(name) in kept or ComponentLine(name) in self.gone

    def is_file(self, member: ComponentLine | VersionLine | ExtrasLine) -> bool:
        """Say whether a member is a component by the file that it names: without it, others have nowhere to get the project."""
        return isinstance(member, ComponentLine) and member.name in self.plan.directs


def _relaxed(component: Component, kept: frozenset[Member]) -> Component:
    bounded = VersionLine(component.name) in kept or component.direct is not None
    extras = component.extras if ExtrasLine(component.name) in kept else ()
    return replace(component, version=component.version if bounded else SpecifierSet(), extras=extras)


def find_core(stack: Stack, solvable: Callable[[Plan], bool], *, suspects: Iterable[frozenset[Member]] = ()) -> Core[Member]:
    """Return a minimal core of a stack that is not solvable: components or lines of them, and clauses.

    First the components and clauses without which there is no conflict, then which of those components' lines it takes. A
    component of which no line is needed is there as itself: whatever its version, it does not go together with the rest.
    """

    def consistent(kept: frozenset[Member]) -> bool:
        plan = stack.only(kept)
        return not plan.roots or solvable(plan)

    units = minimal_core(stack.units(), lambda kept: consistent(stack.whole(kept)), suspects=suspects)
    lines = sorted(stack.whole(units.members) - frozenset(units.members), key=_order(stack))
    found = _lines_needed(frozenset(units.members), lines, consistent) if units.minimal else Core(tuple(lines), minimal=False)
    bounded = {line.name for line in found.members if not isinstance(line, InForce)}
    rest = [member for member in units.members if isinstance(member, InForce) or member.name not in bounded]
    return Core((*found.members, *rest), minimal=found.minimal)


def _lines_needed(
    units: frozenset[Member], lines: list[Member], consistent: Callable[[frozenset[Member]], bool]
) -> Core[Member]:
    """Return the lines that units need to be inconsistent; they are, with all of them."""
    return minimal_core(lines, lambda kept: consistent(units | kept))


def _order(stack: Stack) -> Callable[[Member], int]:
    """Return the key that sorts lines as the components stand in the stack."""
    order = [line for component in stack.plan.components for line in stack.lines(component)]
    return order.index
