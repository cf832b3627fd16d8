"""Whether components, or pins, are compatible by the matrix: exact set algebra, no index asked.

Terminology: a condition is *forced* when it holds whatever is chosen: all versions that a component admits lie in its range, or
the target's own version of a virtual project does. A clause whose every condition is forced is broken, and the verdict on it is
*incompatible*; where only versions that the target does not know stand in the way, the verdict is *unknown*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.ranges import VersionRange
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.manifest.model import Component, MatrixVersion, Places, Policy
from stackc.matrix.facts import Facts
from stackc.matrix.model import VIRTUAL, Clause, Condition, Matrix, ProjectName, Rule, pre_release_range
from stackc.matrix.partners import check_torch
from stackc.matrix.places import place_of_version, place_of_virtual
from stackc.matrix.verdict import Verdict, under_policy
from stackc.matrix.wording import joined, rule_note, spelled
from stackc.target import Target

__all__ = ["check_pins", "check_stack"]


def check_stack(
    components: Sequence[Component], *, target: Target, matrix: Matrix, facts: Facts, policy: Policy, places: Places
) -> tuple[Finding, ...]:
    """Return why the components of one target cannot work together, whatever versions are chosen within what they admit."""
    stack = _Stack(components, target, places)
    findings = [stack.unsatisfiable(component) for component in stack.empty]
    for rule in matrix.rules.values():
        findings += _check_rule(rule, stack, policy)
    findings += check_torch(components, target=target, facts=facts, policy=policy, places=places)
    return tuple(findings)


def check_pins(pins: Mapping[str, Version], *, target: Target, matrix: Matrix) -> tuple[Finding, ...]:
    """Return every rule that a complete set of pins breaks on the target; rules that only warn give warnings."""
    known: dict[str, tuple[Version, ...]] = {name: (version,) for name, version in pins.items() if name not in VIRTUAL}
    known |= target.virtual_versions()
    return tuple(
        _broken_by_pins(rule, clause, known)
        for rule in matrix.rules.values()
        for clause in rule.clauses()
        if all(_holds(condition, known) for condition in clause.conditions)
    )


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
        hint="compile again; if the rule does not apply to this project, waive it under `[matrix] waive`",
        severity=rule.severity,
    )


def _check_rule(rule: Rule, stack: _Stack, policy: Policy) -> list[Finding]:
    findings: list[Finding] = []
    for clause in rule.clauses():
        match stack.verdict(clause):
            case Verdict.INCOMPATIBLE:
                findings.append(_broken(rule, clause, stack))
            case Verdict.UNKNOWN if rule.severity == "error":
                findings += under_policy(_not_known(rule, clause, stack), policy)
            case _:
                pass
    return findings


def _broken(rule: Rule, clause: Clause, stack: _Stack) -> Finding:
    return Finding(
        code="S201",
        message=f"{joined(stack.said(condition) for condition in clause.conditions)} do not work together",
        places=stack.places_of(clause.conditions),
        notes=(rule_note(rule, clause),),
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
        hint=f"state {joined(unknown)} under `[targets.{stack.target.name}]`",
    )


class _Stack:
    """What the manifest fixes for one target: a range per component, and versions of virtual projects."""

    def __init__(self, components: Sequence[Component], target: Target, places: Places) -> None:
        self.target = target
        self.places = places
        self.components = {ProjectName(component.name): component for component in components}
        ranges = {component.name: _admitted(component) for component in components}
        self.empty = [component for component in components if ranges[component.name].is_empty]
        self.ranges = {ProjectName(name): admitted for name, admitted in ranges.items() if not admitted.is_empty}
        self.virtual = target.virtual_versions()

    def verdict(self, clause: Clause) -> Verdict:
        """Return whether the clause is broken, cannot be broken by the manifest alone, or depends on what is not known."""
        forced = [self._forced(condition) for condition in clause.conditions]
        if False in forced or True not in forced:
            return Verdict.COMPATIBLE
        return Verdict.UNKNOWN if None in forced else Verdict.INCOMPATIBLE

    def _forced(self, condition: Condition) -> bool | None:
        """Say whether a condition is forced, None where the target does not know the virtual project."""
        if condition.name not in VIRTUAL:
            admitted = self.ranges.get(condition.name)
            return admitted is not None and admitted.is_subset(condition.range)
        return _holds(condition, self.virtual) if condition.name in self.virtual else None

    def unknown(self, clause: Clause) -> list[str]:
        """Return the virtual projects of a clause that the target does not know."""
        return sorted(c.name for c in clause.conditions if c.name in VIRTUAL and c.name not in self.virtual)

    def unsatisfiable(self, component: Component) -> Finding:
        return Finding(
            code="S207",
            message=f"no version of `{component.spelled}` satisfies `{_version(component)}`",
            places=(place_of_version(component, places=self.places, target=self.target.name),),
            hint="widen the version so that some version is in all of its parts",
        )

    def said(self, condition: Condition) -> str:
        """Return in the manifest's words what makes a condition hold."""
        if condition.name in VIRTUAL:
            versions = [str(version) for version in self.virtual[condition.name] if condition.holds(version)]
            return f"`{condition.name} {', '.join(versions)}`"
        component = self.components[condition.name]
        return f"`{component.spelled}{_version(component)}`"

    def places_of(self, conditions: Iterable[Condition]) -> tuple[Place, ...]:
        """Return the lines of the manifest that make the conditions hold, in the order of the file."""
        found = [self._place(condition) for condition in conditions]
        return tuple(sorted(found, key=lambda place: place.line or 0))

    def _place(self, condition: Condition) -> Place:
        if condition.name in VIRTUAL:
            return place_of_virtual(condition.name, target=self.target, places=self.places)
        return place_of_version(self.components[condition.name], places=self.places, target=self.target.name)


def _version(component: Component) -> str:
    return "" if isinstance(component.version, MatrixVersion) else spelled(component.version)


def _admitted(component: Component) -> VersionRange:
    """Return every version that a component admits, pre-releases included, so that a verdict holds for whatever is chosen."""
    if isinstance(component.version, MatrixVersion):
        return VersionRange.full(prereleases=True)
    return pre_release_range(component.version)
