"""Why nothing fits, in the manifest's words: from an engine's refusal and the view that it saw to findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.manifest.model import Component, Places
from stackc.matrix.model import Matrix
from stackc.matrix.places import place_of_version
from stackc.resolve import Conflict, Resolver
from stackc.upstream.pages import Absent
from stackc.view.rules import GUARD_PREFIX
from stackc.view.session import ShownProject

__all__ = ["diagnose"]

_SHOWN_VERSIONS = 3
_SHOWN_REASONS = 3


def diagnose(conflict: Conflict, *, resolver: Resolver, matrix: Matrix, places: Places) -> tuple[Finding, ...]:
    """Return what stands in the way: components that their index does not have or cannot serve, else the whole conflict."""
    plan = conflict.session.plan
    resolver.wait_for(tuple(component.name for component in plan.components))
    found = [
        finding
        for component in plan.components
        if (finding := _diagnose_component(component, conflict=conflict, resolver=resolver, places=places)) is not None
    ]
    return tuple(found) or (_whole_conflict(conflict, matrix=matrix, places=places),)


def _diagnose_component(component: Component, *, conflict: Conflict, resolver: Resolver, places: Places) -> Finding | None:
    project = conflict.session.projects[component.name]
    if isinstance(project.outcome, Absent):
        return _absent(component, project, resolver=resolver, places=places)
    if not isinstance(component.version, SpecifierSet):
        return None
    admitted = [version for version in project.releases if component.version.contains(version, prereleases=True)]
    usable = [version for version in admitted if project.releases[version].problem is None]
    if usable:
        return None
    if admitted:
        return project.releases[admitted[0]].problem
    return _no_release(component, component.version, conflict=conflict, places=places)


def _absent(component: Component, project: ShownProject, *, resolver: Resolver, places: Places) -> Finding:
    elsewhere = resolver.indexes_with(component.name, but=project.index)
    if elsewhere:
        hint = f'index `{elsewhere[0]}` has it: set `index = "{elsewhere[0]}"`, or add it to that index\'s `serves`'
    else:
        hint = "check the spelling; no other index of the manifest has it either"
    return Finding(
        code="S302",
        message=f"index `{project.index}` has no project `{component.name}`",
        places=(places.at("components", component.spelled),),
        hint=hint,
    )


def _no_release(component: Component, specifier: SpecifierSet, *, conflict: Conflict, places: Places) -> Finding:
    session, target = conflict.session, conflict.session.plan.target
    shown = list(session.projects[component.name].releases)
    rejected = [(Version(version), reason) for version, reason in session.rejections(component.name)]
    barred = [(version, reason) for version, reason in rejected if specifier.contains(version, prereleases=True)]
    if barred:
        message = f"`{component.name}` {specifier} exists, but not for target `{target.name}`"
        notes = tuple(f"{component.name} {version}: {reason}" for version, reason in barred[:_SHOWN_REASONS])
    else:
        message = f"`{component.name}` {specifier} does not exist on index `{session.projects[component.name].index}`"
        notes = ()
    nearest = _nearest(specifier, shown)
    offer = ", ".join(str(version) for version in nearest)
    return Finding(
        code="S303",
        message=message,
        places=(place_of_version(component, places=places, target=target.name),),
        notes=notes,
        hint=f"the nearest that can be installed on the target: {offer}"
        if nearest
        else "no release can be installed on the target",
    )


def _nearest(specifier: SpecifierSet, versions: Sequence[Version]) -> list[Version]:
    """Return up to three versions, ascending: those around the first version that the specifier names."""
    named = sorted(Version(spec.version.removesuffix(".*")) for spec in specifier)
    stable = sorted(version for version in versions if not version.is_prerelease) or sorted(versions)
    if not named or not stable:
        return stable[-_SHOWN_VERSIONS:]
    below = [version for version in stable if version < named[0]][-2:]
    above = [version for version in stable if version >= named[0]]
    return [*below, *above[: _SHOWN_VERSIONS - len(below)]]


def _whole_conflict(conflict: Conflict, *, matrix: Matrix, places: Places) -> Finding:
    plan = conflict.session.plan
    words = set(re.findall(r"[a-z0-9][a-z0-9._-]*", conflict.text.lower()))
    rules = sorted({guard.rule for name, guard in plan.rules.by_name.items() if name in words})
    named = [component for component in plan.components if component.name in words]
    return Finding(
        code="S301",
        message=f"no versions satisfy target `{plan.target.name}`",
        places=tuple(_places(named, plan.target.name, places)),
        notes=(*_rule_lines(rules, matrix), *_engine_lines(conflict), *_unusable_lines(conflict)),
        hint="widen one of these, or set a rule aside with `[matrix] waive`" if rules else "widen one of these",
    )


def _places(components: Iterable[Component], target: str, places: Places) -> Iterable[Place]:
    return (place_of_version(component, places=places, target=target) for component in components)


def _rule_lines(rules: Iterable[str], matrix: Matrix) -> Iterable[str]:
    for name in rules:
        rule = matrix.rules[name]
        when = ", ".join(f"{condition.name}{condition.text}" for condition in rule.when)
        requires = ", ".join(f"{condition.name}{condition.text}" for condition in rule.requires)
        yield f"rule {name}: {when} needs {requires} ({rule.because}) {rule.source}"


def _engine_lines(conflict: Conflict) -> Iterable[str]:
    """Yield the engine's explanation, the view's guards named as the rules that they stand for."""
    text = conflict.text
    for name, guard in conflict.session.plan.rules.by_name.items():
        text = re.sub(rf"\b{re.escape(name)}(?![\w-])[^\s,]*", f"rule `{guard.rule}`", text)
    text = re.sub(rf"\b{re.escape(GUARD_PREFIX)}[\w-]+", "a rule", text)
    return (line.strip() for line in text.strip().splitlines() if line.strip())


def _unusable_lines(conflict: Conflict) -> Iterable[str]:
    for name in sorted(conflict.session.projects):
        for release in conflict.session.projects[name].releases.values():
            if release.problem is not None:
                yield f"left out: {release.problem.message} ({'; '.join(release.problem.notes)})"
