"""Components that their index does not have, or has no release of that the target can install."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Finding
from stackc.manifest.model import Component, Places
from stackc.matrix.partners import exact_version
from stackc.matrix.places import place_of_version
from stackc.matrix.wording import spelled
from stackc.plan import Plan
from stackc.resolve import Conflict, Resolver
from stackc.upstream.pages import Absent, Found
from stackc.view.curate import TOO_NEW
from stackc.view.session import ViewSession
from stackc.view.shown import ShownProject

__all__ = ["absent_lines", "around", "component_findings", "left_out_lines"]

_SHOWN_VERSIONS = 3
_SHOWN_REASONS = 3


def component_findings(conflict: Conflict, *, resolver: Resolver, places: Places) -> list[tuple[Component, Finding]]:
    """Return each component that cannot be had by itself, with the reason; one that only rules of the matrix bar can."""
    components = conflict.session.plan.components
    resolver.wait_for(tuple(component.name for component in components))
    found = (
        (component, _diagnose_component(component, conflict=conflict, resolver=resolver, places=places))
        for component in components
    )
    return [(component, finding) for component, finding in found if finding is not None]


def _diagnose_component(component: Component, *, conflict: Conflict, resolver: Resolver, places: Places) -> Finding | None:
    project = conflict.session.projects[component.name]
    if isinstance(project.outcome, Absent):
        return _absent(component, project, resolver=resolver, places=places)
    if not isinstance(component.version, SpecifierSet) or component.direct is not None:
        return None  # a component's own file is there, or it was told why not
    admitted = [version for version in project.releases if component.version.contains(version, prereleases=True)]
    problems = [problem for version in admitted if (problem := project.releases[version].problem) is not None]
    if len(problems) < len(admitted):
        return None
    if not problems and _ruled_out(conflict.session, component.name, component.version):
        return None
    if not problems:
        return _no_release(component, component.version, conflict=conflict, places=places)
    place = place_of_version(component, places=places, target=conflict.session.plan.target.name)
    return replace(problems[0], places=(place,))


def _absent(component: Component, project: ShownProject, *, resolver: Resolver, places: Places) -> Finding:
    if component.name in resolver.session.plan.unsourced:
        return _unsourced(component.name, resolver.session.plan)
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


def _unsourced(name: NormalizedName, plan: Plan) -> Finding:
    return Finding(
        code="S302",
        message=f"no index is asked for `{name}`: {_why_unsourced(plan)}",
        places=(plan.left_out[name],),
        hint=f"name `{name}` in the `serves` of the index that has it; or leave it in, and name its file for this target",
    )


def _why_unsourced(plan: Plan) -> str:
    return f"stack.toml has a file for it, and target `{plan.target.name}` leaves it out"


def _no_release(component: Component, specifier: SpecifierSet, *, conflict: Conflict, places: Places) -> Finding:
    session, target = conflict.session, conflict.session.plan.target
    project = session.projects[component.name]
    barred = [
        (version, reason) for version, reason in _barred(session, project) if specifier.contains(version, prereleases=True)
    ]
    asked = f"`{component.name}{spelled(specifier)}`"
    direct = session.plan.directs.get(component.name)
    if direct is not None:
        return Finding(
            code="S303",
            message=f"{asked} is not looked for: stack.toml names `{direct.file}`, and no other release",
            places=(session.plan.direct_places[component.name],),
            hint=f"name another file; or remove `{direct.kind}`, and let an index have the project",
        )
    offer = ", ".join(str(version) for version in _nearest(specifier, list(project.releases)))
    return Finding(
        code="S303",
        message=f"{asked} exists, but not for target `{target.name}`" if barred else f"{_asked_of(project)} has no {asked}",
        places=(place_of_version(component, places=places, target=target.name),),
        notes=tuple(f"{component.name} {version}: {reason}" for version, reason in barred[:_SHOWN_REASONS]),
        hint=_no_release_hint(offer, too_new=any(reason.startswith(TOO_NEW) for _, reason in barred)),
    )


def _asked_of(project: ShownProject) -> str:
    """Return what told the project's releases: its index, or the catalog where that was not reached and may have more."""
    known = project.outcome.catalog if isinstance(project.outcome, Found) else None
    if known is None:
        return f"index `{project.index}`"
    return f"the embedded catalog of {known.date}, all that is known here of index `{project.index}`,"


def _no_release_hint(offer: str, *, too_new: bool) -> str:
    """Return what to do about a range that has no release; `too_new` says that the cut-off alone bars some of it."""
    if offer:
        later = "; a later `exclude-newer` lets more in" if too_new else ""
        return f"the nearest that can be installed on the target: {offer}{later}"
    if too_new:
        return "move `exclude-newer` to a later day, below `[policy]` or by `--upgrade-to DATE`: nothing that is older fits"
    return "no release of it can be installed on the target: change the target, or the index that it is looked up on"


def _ruled_out(session: ViewSession, name: NormalizedName, specifier: SpecifierSet) -> bool:
    """Say whether a rule alone keeps the view from showing a release that is asked for."""
    outcome, rules = session.projects[name].outcome, session.plan.rules
    listed = [Version(candidate.version) for candidate in outcome.candidates] if isinstance(outcome, Found) else []
    return any(specifier.contains(each, prereleases=True) and rules.hiding_rule(name, each) is not None for each in listed)


def _barred(session: ViewSession, project: ShownProject) -> list[tuple[Version, str]]:
    """Return the releases that the index lists and the view does not show, the newest first, each with the reason."""
    found = {Version(version): reason for version, reason in session.rejections(project.name)}
    if isinstance(project.outcome, Found):
        yanked = (Version(candidate.version) for candidate in project.outcome.candidates if candidate.file.yanked)
        found |= {version: _YANKED for version in yanked if version not in project.releases}
    return sorted(found.items(), reverse=True)


_YANKED = "it was yanked, and only `==` takes a yanked release (PEP 592)"


def _nearest(specifier: SpecifierSet, versions: Sequence[Version]) -> list[Version]:
    """Return up to three versions, ascending: those around the first version that the specifier names."""
    named = sorted(Version(spec.version.removesuffix(".*")) for spec in specifier)
    stable = sorted(version for version in versions if not version.is_prerelease) or sorted(versions)
    if not named or not stable:
        return stable[-_SHOWN_VERSIONS:]
    below = [version for version in stable if version < named[0]][-2:]
    above = [version for version in stable if version >= named[0]]
    return [*below, *above[: _SHOWN_VERSIONS - len(below)]]


def around(component: Component, project: ShownProject) -> tuple[Version, ...]:
    """Return the releases next to the one that a component is pinned to: the one after it, and the one before it."""
    pinned = exact_version(component)
    if pinned is None:
        return ()
    stable = sorted(version for version in project.releases if not version.is_prerelease)
    after = [version for version in stable if version > pinned][:1]
    return (*after, *[version for version in stable if version < pinned][-1:])


def left_out_lines(named: Sequence[ShownProject], session: ViewSession) -> list[str]:
    """Return why releases that some of these projects ask others of them for cannot be chosen."""
    return [*_unusable_lines(named), *_barred_lines(named, session)]


def _unusable_lines(named: Iterable[ShownProject]) -> Iterable[str]:
    for project in named:
        for release in project.releases.values():
            if release.problem is not None:
                yield f"left out: {release.problem.message} ({'; '.join(release.problem.notes)})"


def absent_lines(named: Iterable[ShownProject], resolver: Resolver) -> Iterable[str]:
    """Yield which of these projects their index does not have, and who does."""
    for project in named:
        plan = resolver.session.plan
        if project.name in plan.unsourced:
            yield f"no index is asked for `{project.name}`: {_why_unsourced(plan)}; an index's `serves` can name it"
        elif isinstance(project.outcome, Absent):
            elsewhere = resolver.indexes_with(project.name, but=project.index)
            where = f"; index `{elsewhere[0]}` has it, and its `serves` could name it" if elsewhere else ""
            yield f"index `{project.index}` has no project `{project.name}`{where}"


def _barred_lines(named: Sequence[ShownProject], session: ViewSession) -> Iterable[str]:
    """Yield why releases that a project asks for, and that its index has, are not there to be chosen."""
    for project in named:
        wanted = [SpecifierSet(text) for text in sorted(_asked(project.name, named))]
        missed = [text for text in wanted if not any(text.contains(version) for version in project.releases)]
        if not missed:
            continue
        barred = [row for row in _barred(session, project) if any(text.contains(row[0]) for text in missed)]
        yield from (f"left out: {project.name} {version}: {reason}" for version, reason in barred[:_SHOWN_REASONS])


def _asked(name: NormalizedName, named: Iterable[ShownProject]) -> set[str]:
    releases = (release for project in named for release in project.releases.values())
    return {need.specifier for release in releases if release.neutral for need in release.neutral.needs if need.name == name}
