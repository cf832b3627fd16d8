"""Rules in the view: how a clause of the matrix becomes metadata that any engine understands.

A clause forbids that its k conditions hold together. Where one project is left (the others are virtual and known), the
releases that it covers are hidden. Where k >= 2 are left, a *guard* stands for the clause: a project that only the view has,
with the releases 0 to k-1. Each release that meets condition i requires `guard != i`; only when all k hold is no guard left.
Nothing is thereby added to a solution that would not be in it: a rule constrains, it never requires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.matrix.model import VIRTUAL, Clause, Condition
from stackc.view.metadata import Need

__all__ = ["GUARD_PREFIX", "Guard", "ViewRules", "is_guard", "view_rules"]

GUARD_PREFIX = "stackc-rule-"


class Guard(Struct, frozen=True):
    """One clause over two or more projects, and the name of the project that stands for it in the view."""

    name: NormalizedName
    rule: str
    conditions: tuple[Condition, ...]


class ViewRules(Struct, frozen=True):
    """What the matrix asks of the view for one target.

    `hidden` gives, per project, the conditions under which a release is not shown, with the rule's id. `guards` gives, per
    project, the guards that its releases may have to name, with the number of the condition that is theirs.
    """

    hidden: Mapping[str, tuple[tuple[Condition, str], ...]]
    guards: Mapping[str, tuple[tuple[Guard, int], ...]]
    by_name: Mapping[str, Guard]

    def hiding_rule(self, project: str, version: Version) -> str | None:
        """Return the id of a rule that bars the release on this target, if there is one."""
        return next((rule for condition, rule in self.hidden.get(project, ()) if condition.holds(version)), None)

    def needs(self, project: str, version: Version, own: Iterable[NormalizedName]) -> list[Need]:
        """Return what the rules add to the requirements of one release; `own` names what it requires of itself.

        Where the release requires the other project of a clause over two anyway, that requirement is narrowed as well: the
        engine then chooses right at once, and can explain itself in the project's own name.
        """
        required = frozenset(own)
        added: list[Need] = []
        for guard, number in self.guards.get(project, ()):
            if not guard.conditions[number].holds(version):
                continue
            added.append(Need(guard.name, f"!={number}"))
            added.extend(_narrowed(guard, number, required))
        return added


def is_guard(name: str) -> bool:
    """Say whether a name is a guard's."""
    return name.startswith(GUARD_PREFIX)


def view_rules(clauses: Iterable[Clause], virtual: Mapping[str, tuple[Version, ...]]) -> ViewRules:
    """Return what `clauses` ask of the view of a target whose virtual projects have the versions `virtual`.

    A clause that names a virtual project of which the target says nothing is left out: its verdict is unknown.
    """
    hidden: dict[str, list[tuple[Condition, str]]] = {}
    guards: dict[str, list[tuple[Guard, int]]] = {}
    by_name: dict[str, Guard] = {}
    for clause in clauses:
        left = _real_conditions(clause, virtual)
        if left is None or not left:
            continue
        if len(left) == 1:
            hidden.setdefault(left[0].name, []).append((left[0], clause.rule))
            continue
        guard = Guard(canonicalize_name(f"{GUARD_PREFIX}{clause.rule}-{len(by_name)}"), clause.rule, left)
        by_name[guard.name] = guard
        for number, condition in enumerate(left):
            guards.setdefault(condition.name, []).append((guard, number))
    return ViewRules(
        {name: tuple(found) for name, found in hidden.items()},
        {name: tuple(found) for name, found in guards.items()},
        by_name,
    )


def _real_conditions(clause: Clause, virtual: Mapping[str, tuple[Version, ...]]) -> tuple[Condition, ...] | None:
    """Return the conditions over real projects; None if the clause cannot be broken here, or nobody knows."""
    for condition in clause.conditions:
        if condition.name in VIRTUAL and not any(condition.holds(version) for version in virtual.get(condition.name, ())):
            return None
    return tuple(condition for condition in clause.conditions if condition.name not in VIRTUAL)


def _narrowed(guard: Guard, number: int, required: frozenset[NormalizedName]) -> list[Need]:
    if len(guard.conditions) != 2:
        return []
    other = guard.conditions[1 - number]
    allowed = other.range.complement().to_specifier_set()
    name = canonicalize_name(other.name)
    return [Need(name, str(allowed))] if name in required and allowed is not None else []
