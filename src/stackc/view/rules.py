"""Rules in the view: how a clause of the matrix becomes metadata that any engine understands.

A clause forbids that its k conditions hold together. Where one project is left (the others are virtual and known), the
releases that it covers are hidden. Where k >= 2 are left, a *guard* stands for the clause: a project that only the view has,
with the releases 0 to k-1. Each release that meets condition i requires `guard != i`; only when all k hold is no guard left.
Nothing is thereby added to a solution that would not be in it: a rule constrains, it never requires. A condition on what a
build of torch carries (`torch-cuda`) is one on torch's releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.matrix.builds import TORCH_CUDA, Builds
from stackc.matrix.model import Clause, Condition, is_virtual
from stackc.view.metadata import Need

__all__ = ["GUARD_PREFIX", "Covered", "Guard", "ViewRules", "acting", "is_guard", "real_names", "view_rules"]

GUARD_PREFIX = "stackc-rule-"
_TORCH = canonicalize_name("torch")


class Covered(Struct, frozen=True):
    """The releases of one real project that meet a clause's conditions on it, and on what its builds carry."""

    name: NormalizedName
    conditions: tuple[Condition, ...]
    builds: Builds
    machine: str

    def holds(self, version: Version) -> bool:
        """Say whether a release is covered."""
        return all(self._holds(condition, version) for condition in self.conditions)

    def others(self) -> str | None:
        """Return a specifier for all releases that are not covered, None where none can say it."""
        if len(self.conditions) != 1 or self.conditions[0].name == TORCH_CUDA:
            return None
        allowed = self.conditions[0].range.complement().to_specifier_set()
        return None if allowed is None else str(allowed)

    def _holds(self, condition: Condition, version: Version) -> bool:
        if condition.name != TORCH_CUDA:
            return condition.holds(version)
        cuda = self.builds.cuda(version, machine=self.machine)
        return cuda is not None and condition.holds(cuda)


class Guard(Struct, frozen=True):
    """One clause over two or more projects, and the name of the project that stands for it in the view."""

    name: NormalizedName
    clause: Clause
    conditions: tuple[Covered, ...]

    @property
    def rule(self) -> str:
        """Return the id of the clause's rule."""
        return self.clause.rule


class ViewRules(Struct, frozen=True):
    """What the matrix asks of the view for one target.

    `hidden` gives, per project, which releases are not shown, with the rule's id. `guards` gives, per project, the guards that
    its releases may have to name, with the number of the condition that is theirs.
    """

    hidden: Mapping[str, tuple[tuple[Covered, str], ...]]
    guards: Mapping[str, tuple[tuple[Guard, int], ...]]
    by_name: Mapping[str, Guard]

    def hiding_rule(self, project: str, version: Version) -> str | None:
        """Return the id of a rule that bars the release on this target, if there is one."""
        return next((rule for covered, rule in self.hidden.get(project, ()) if covered.holds(version)), None)

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


def acting(clauses: Iterable[Clause], virtual: Mapping[str, tuple[Version, ...]]) -> list[Clause]:
    """Return the clauses that ask something of the view of a target whose virtual projects have the versions `virtual`."""
    return [clause for clause in clauses if _real_conditions(clause, virtual)]


def real_names(clause: Clause) -> list[NormalizedName]:
    """Return the projects that indexes have of those that a clause speaks of, directly or of what their builds carry."""
    names = (_TORCH if condition.name == TORCH_CUDA else condition.name for condition in clause.conditions)
    return list(dict.fromkeys(NormalizedName(name) for name in names if not is_virtual(name)))


def view_rules(
    clauses: Iterable[Clause], virtual: Mapping[str, tuple[Version, ...]], *, builds: Builds, machine: str
) -> ViewRules:
    """Return what `clauses` ask of the view of a target whose virtual projects have the versions `virtual`.

    A clause that names a virtual project of which the target says nothing is left out: its verdict is unknown. `machine` is the
    target's `platform_machine`.
    """
    hidden: dict[str, list[tuple[Covered, str]]] = {}
    guards: dict[str, list[tuple[Guard, int]]] = {}
    by_name: dict[str, Guard] = {}
    for clause in clauses:
        left = _real_conditions(clause, virtual)
        if not left:
            continue
        covered = tuple(Covered(name, tuple(found), builds, machine) for name, found in left.items())
        if len(covered) == 1:
            hidden.setdefault(covered[0].name, []).append((covered[0], clause.rule))
            continue
        guard = Guard(canonicalize_name(f"{GUARD_PREFIX}{clause.rule}-{len(by_name)}"), clause, covered)
        by_name[guard.name] = guard
        for number, condition in enumerate(covered):
            guards.setdefault(condition.name, []).append((guard, number))
    return ViewRules(
        {name: tuple(found) for name, found in hidden.items()},
        {name: tuple(found) for name, found in guards.items()},
        by_name,
    )


def _real_conditions(
    clause: Clause, virtual: Mapping[str, tuple[Version, ...]]
) -> dict[NormalizedName, list[Condition]] | None:
    """Return the conditions over each real project; None if the clause cannot be broken here, or nobody knows."""
    left: dict[NormalizedName, list[Condition]] = {}
    for condition in clause.conditions:
        if condition.name == TORCH_CUDA:
            left.setdefault(_TORCH, []).append(condition)
        elif not is_virtual(condition.name):
            left.setdefault(NormalizedName(condition.name), []).append(condition)
        elif not any(condition.holds(version) for version in virtual.get(condition.name, ())):
            return None
    return left


def _narrowed(guard: Guard, number: int, required: frozenset[NormalizedName]) -> list[Need]:
    if len(guard.conditions) != 2:
        return []
    other = guard.conditions[1 - number]
    allowed = other.others()
    return [Need(other.name, allowed)] if other.name in required and allowed is not None else []
