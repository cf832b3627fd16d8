"""Whether components, or pins, are compatible by the matrix: exact set algebra, no index asked.

Terminology: a condition is *forced* when it holds whatever is chosen: all versions that a component admits lie in its range, or
the target's own version of a virtual project does. A clause whose every condition is forced is broken, and the verdict on it is
*incompatible*; where only versions that the target does not know stand in the way, the verdict is *unknown*. So is it where a
table of facts has no row for what is forced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from packaging.ranges import VersionRange
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.manifest.model import Component, MatrixVersion, Places, Policy
from stackc.matrix.builds import TORCH_CUDA, cuda_of_label
from stackc.matrix.facts import Facts
from stackc.matrix.model import Clause, Condition, Matrix, ProjectName, Rule, is_virtual, pre_release_range
from stackc.matrix.partners import check_torch, exact_version
from stackc.matrix.places import place_of_build, place_of_version, place_of_virtual
from stackc.matrix.verdict import Verdict, under_policy
from stackc.matrix.wording import joined, named, rule_note, spelled
from stackc.target import Target

__all__ = ["check_pins", "check_stack", "known_versions"]

_Name = TypeVar("_Name", bound=str)


def check_stack(
    components: Sequence[Component],
    *,
    target: Target,
    matrix: Matrix,
    facts: Facts,
    policy: Policy,
    places: Places,
    torch_label: str | None = None,
) -> tuple[Finding, ...]:
    """Return why the components of one target cannot work together, whatever versions are chosen within what they admit.

    `torch_label` is the label of all builds on the index that torch comes from, such as `cu124`; None where they have no one.
    """
    stack = _Stack(components, target, places, matrix, torch_label)
    findings = [stack.unsatisfiable(component) for component in stack.empty]
    for rule in matrix.rules.values():
        findings += _check_rule(rule, stack, policy)
    findings += check_torch(components, target=target, facts=facts, policy=policy, places=places)
    return tuple(findings)


def check_pins(pins: Mapping[str, Version], *, target: Target, matrix: Matrix) -> tuple[Finding, ...]:
    """Return every rule that a complete set of pins breaks on the target; rules that only warn give warnings."""
    known = known_versions(pins, target=target, matrix=matrix)
    return tuple(
        _broken_by_pins(rule, clause, known)
        for rule in matrix.rules.values()
        for clause in rule.clauses()
        if all(_holds(condition, known) for condition in clause.conditions)
    )


def known_versions(pins: Mapping[_Name, Version], *, target: Target, matrix: Matrix) -> Mapping[str, tuple[Version, ...]]:
    """Return the versions of every project that a rule may name: the pins, what they carry, and what the target fixes."""
    known: dict[str, tuple[Version, ...]] = {name: (version,) for name, version in pins.items() if not is_virtual(name)}
    torch = next((version for name, version in pins.items() if name == "torch"), None)
    cuda = None if torch is None else matrix.builds.cuda(torch, machine=target.machine)
    if cuda is not None:
        known[TORCH_CUDA] = (cuda,)
    return known | target.virtual_versions()


def _holds(condition: Condition, known: Mapping[str, Iterable[Version]]) -> bool:
    """Say whether a condition holds; of several versions, such as those of `sm`, one is enough."""
    return any(condition.holds(version) for version in known.get(condition.name, ()))


def _broken_by_pins(rule: Rule, clause: Clause, known: Mapping[str, Iterable[Version]]) -> Finding:
    pins = [f"`{condition.name} {version}`" for condition in clause.conditions for version in known[condition.name]]
    return Finding(
        code="S203",
        message=f"the pins {joined(pins)} break rule `{rule.id}`",
        places=(rule.place,),
        notes=(rule_note(rule, clause),),
        hint=_HINTS[rule.severity],
        severity=rule.severity,
    )


_WAIVE = "if the rule does not apply to this project, waive it under `[matrix] waive`"
_HINTS = {
    "error": f"compile again; {_WAIVE}",
    "warning": f"bound one of them in stack.toml; {_WAIVE}",
}


def _check_rule(rule: Rule, stack: _Stack, policy: Policy) -> list[Finding]:
    findings: list[Finding] = []
    for clause in rule.clauses():
        match stack.verdict(clause):
            case Verdict.INCOMPATIBLE:
                findings.append(_broken(rule, clause, stack))
            case Verdict.UNKNOWN if rule.severity == "error":
                findings += _unknown(rule, clause, stack, policy)
            case _:
                pass
    if rule.complete and (forced := stack.uncovered(rule)):
        findings += under_policy(_no_row(rule, forced, stack), policy)
    return findings


_OPTIONAL = frozenset({"driver", "sm"})
_MOST_FITTING = 3


def _unknown(rule: Rule, clause: Clause, stack: _Stack, policy: Policy) -> tuple[Finding, ...]:
    """Return what to say of a clause that hangs on what the target leaves open.

    A manifest need not state a driver or GPUs: that it does not is worth a word only where nothing may be unknown.
    """
    optional = _OPTIONAL.issuperset(stack.unknown(clause))
    return () if optional and policy.unknown == "warn" else under_policy(_not_known(rule, clause, stack), policy)


def _broken(rule: Rule, clause: Clause, stack: _Stack) -> Finding:
    return Finding(
        code="S201",
        message=f"{joined(stack.said(condition) for condition in clause.conditions)} do not work together",
        places=stack.places_of(clause.conditions),
        notes=(rule_note(rule, clause), *stack.fitting(rule)),
        hint="change one of the lines; if the rule does not apply to this project, waive it under `[matrix] waive`",
        severity=rule.severity,
    )


def _not_known(rule: Rule, clause: Clause, stack: _Stack) -> Finding:
    unknown = [f"`{name}`" for name in stack.unknown(clause)]
    forced = [condition for condition in clause.conditions if f"`{condition.name}`" not in unknown]
    return Finding(
        code="S208",
        message=f"whether {joined(stack.said(condition) for condition in forced)} can work depends on {joined(unknown)}, "
        f"which target `{stack.target.name}` does not state",
        places=stack.places_of(forced),
        notes=(rule_note(rule, clause),),
        hint="name a base image whose tag says its distribution"
        if any(name.startswith("`base-") for name in unknown)
        else f"state {joined(unknown)} under `[targets.{stack.target.name}]`",
    )


def _no_row(rule: Rule, forced: Sequence[Condition], stack: _Stack) -> Finding:
    return Finding(
        code="S209",
        message=f"the matrix does not know {joined(stack.said(condition) for condition in forced)}",
        places=stack.places_of(forced),
        notes=(f"rule {rule.id}: {rule.because}",),
        hint="try it before you rely on it; `[policy] unknown` decides whether this is an error",
    )


class _Stack:
    """What the manifest fixes for one target: a range per component, and versions of virtual projects."""

    def __init__(
        self, components: Sequence[Component], target: Target, places: Places, matrix: Matrix, torch_label: str | None
    ) -> None:
        self.target = target
        self.places = places
        self.components = {ProjectName(component.name): component for component in components}
        ranges = {component.name: _admitted(component) for component in components}
        self.empty = [component for component in components if ranges[component.name].is_empty]
        self.ranges = {ProjectName(name): admitted for name, admitted in ranges.items() if not admitted.is_empty}
        self.virtual = target.virtual_versions()
        torch = self.components.get(_TORCH)
        cuda = None if torch is None else _cuda(torch, torch_label, matrix, target)
        if cuda is not None:
            self.virtual[TORCH_CUDA] = (cuda,)

    def verdict(self, clause: Clause) -> Verdict:
        """Return whether the clause is broken, cannot be broken by the manifest alone, or depends on what is not known."""
        if any(self._is_absent(condition.name) for condition in clause.conditions):
            return Verdict.COMPATIBLE
        known = unknown = False
        for condition in clause.conditions:
            forced = self._forced(condition)
            if forced is False:
                return Verdict.COMPATIBLE
            known, unknown = known or forced is True, unknown or forced is None
        if not known:
            return Verdict.COMPATIBLE
        return Verdict.UNKNOWN if unknown else Verdict.INCOMPATIBLE

    def _is_absent(self, name: ProjectName) -> bool:
        """Say at once whether no condition on a project can be forced: most rules are about others than those of a stack."""
        return name not in self.virtual and not self._open(name) if is_virtual(name) else name not in self.ranges

    def uncovered(self, rule: Rule) -> list[Condition]:
        """Return what is forced and none of a table's rows speaks of, as conditions; nothing where a row does, or may."""
        names = [condition.name for condition in rule.arms[0].when] if rule.arms else []
        if not all(self._single(name) for name in names) or not self._asked(rule):
            return []
        for arm in rule.arms:
            if all(self._forced(condition) for condition in arm.when):
                return []
        return [Condition.of(name, SpecifierSet()) for name in names]

    def fitting(self, rule: Rule) -> list[str]:
        """Return the line that says which rows of a table would fit, the first ones of many; nothing for other rules."""
        fits = [named(arm.when) for arm in rule.arms if all(self._meets(condition) for condition in arm.requires)]
        if not rule.complete or not fits:
            return []
        more = f"; and {len(fits) - _MOST_FITTING} more" if len(fits) > _MOST_FITTING else ""
        return [f"what would fit: {'; '.join(fits[:_MOST_FITTING])}{more}"]

    def _meets(self, condition: Condition) -> bool:
        """Say whether all that the target has of a virtual project, or all that a component admits, is in a range."""
        if is_virtual(condition.name):
            return all(condition.holds(version) for version in self.virtual.get(condition.name, ()))
        admitted = self.ranges.get(condition.name)
        return admitted is not None and admitted.is_subset(condition.range)

    def _asked(self, rule: Rule) -> bool:
        """Say whether the manifest has anything that a rule's rows would bound."""
        bounded = {condition.name for arm in rule.arms for condition in arm.requires}
        return any(name in self.virtual or name in self.ranges for name in bounded)

    def _single(self, name: ProjectName) -> bool:
        """Say whether a project is pinned exactly, or a virtual project known."""
        if is_virtual(name):
            return name in self.virtual
        return name in self.ranges and exact_version(self.components[name]) is not None

    def _forced(self, condition: Condition) -> bool | None:
        """Say whether a condition is forced, None where the target does not know the virtual project."""
        if not is_virtual(condition.name):
            admitted = self.ranges.get(condition.name)
            return admitted is not None and admitted.is_subset(condition.range)
        if condition.name in self.virtual:
            return _holds(condition, self.virtual)
        return None if self._open(condition.name) else False

    def _open(self, name: str) -> bool:
        """Say whether a virtual project may have any version, since nobody states it: no `cuda` means that there is none."""
        if name in {TORCH_CUDA, "cuda"}:
            return False
        return not name.startswith("base-") or self.target.distribution is None

    def unknown(self, clause: Clause) -> list[str]:
        """Return the virtual projects of a clause that the target does not know."""
        return sorted(c.name for c in clause.conditions if is_virtual(c.name) and c.name not in self.virtual)

    def unsatisfiable(self, component: Component) -> Finding:
        return Finding(
            code="S207",
            message=f"no version of `{component.spelled}` satisfies `{_version(component)}`",
            places=(place_of_version(component, places=self.places, target=self.target.name),),
            hint="widen the version so that some version is in all of its parts",
        )

    def said(self, condition: Condition) -> str:
        """Return in the manifest's words what makes a condition hold."""
        if condition.name == TORCH_CUDA:
            (cuda,) = self.virtual[TORCH_CUDA]
            return f"`{self.components[_TORCH].spelled}` built for CUDA {cuda}"
        if is_virtual(condition.name):
            versions = [str(version) for version in self.virtual[condition.name] if condition.holds(version)]
            return f"`{condition.name} {', '.join(versions)}`"
        component = self.components[condition.name]
        return f"`{component.spelled}{_version(component)}`"

    def places_of(self, conditions: Iterable[Condition]) -> tuple[Place, ...]:
        """Return the lines of the manifest that make the conditions hold, in the order of the file."""
        found = [self._place(condition) for condition in conditions]
        return tuple(sorted(set(found), key=lambda place: place.line or 0))

    def _place(self, condition: Condition) -> Place:
        if condition.name == TORCH_CUDA:
            return place_of_build(self.components[_TORCH], places=self.places, target=self.target.name)
        if is_virtual(condition.name):
            return place_of_virtual(condition.name, target=self.target, places=self.places)
        return place_of_version(self.components[condition.name], places=self.places, target=self.target.name)


_TORCH = ProjectName("torch")


def _cuda(torch: Component, label: str | None, matrix: Matrix, target: Target) -> Version | None:
    """Return the CUDA that the manifest's torch is built for, where its version or its index alone says so."""
    version = exact_version(torch)
    if label is not None and (version is None or version.local is None):
        return cuda_of_label(label)
    return None if version is None else matrix.builds.cuda(version, machine=target.machine)


def _version(component: Component) -> str:
    return "" if isinstance(component.version, MatrixVersion) else spelled(component.version)


def _admitted(component: Component) -> VersionRange:
    """Return every version that a component admits, pre-releases included, so that a verdict holds for whatever is chosen."""
    if isinstance(component.version, MatrixVersion):
        return VersionRange.full(prereleases=True)
    return pre_release_range(component.version)
