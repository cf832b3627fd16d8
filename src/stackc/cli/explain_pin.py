"""`stackc explain NAME`: why a locked version is the one that it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.check import no_lock
from stackc.cli.chosen import chosen_targets
from stackc.cli.report import format_place, safe
from stackc.cli.terminal import TerminalProgress
from stackc.cli.workshop import open_workshop
from stackc.errors import Finding, LockError, UpstreamError, UsageError
from stackc.explain import Bound, Explanation, explain_pin
from stackc.layout import lock_folder
from stackc.lock.model import Lock
from stackc.lock.stored import load_lock
from stackc.lock.why import MANIFEST
from stackc.matrix.bases import resolve_target
from stackc.matrix.packs import did_you_mean
from stackc.matrix.places import place_of_version
from stackc.matrix.wording import joined, spelled
from stackc.planning import plan_target
from stackc.project import Project, load_project
from stackc.resolve import Resolver

__all__ = ["explain_name"]

_SHOWN_BOUNDS = 12


def explain_name(
    name: NormalizedName,
    *,
    target: str | None,
    manifest: Path,
    offline: bool,
    environment: Mapping[str, str],
    rules: Iterable[str] = (),
) -> str:
    """Return the text that says why `name` has its version in the lock of a target (default: the default target).

    `rules` are the words that could have been meant instead. Raises StackcError, such as S004 for a package not in the lock.
    """
    project = load_project(manifest, today=dt.datetime.now(dt.timezone.utc).date())
    (chosen,) = chosen_targets(project.manifest, (target or project.manifest.default_target,))
    lock = load_lock(project.folder / lock_folder(chosen), chosen)
    if lock is None:
        raise LockError(no_lock(chosen, project))
    left_out = project.manifest.left_out(chosen).get(name)
    if name not in lock.by_name and left_out is not None:
        return f"{name} is left out of target `{chosen}`, and nothing there requires it\n --> {format_place(left_out)}\n"
    if name not in lock.by_name:
        raise UsageError(_not_locked(name, lock, rules))
    releases = _releases(name, lock, project, offline=offline, environment=environment)
    return "".join(f"{line}\n" for line in _lines(explain_pin(name, lock, releases=releases), lock, project))


def _not_locked(name: NormalizedName, lock: Lock, rules: Iterable[str]) -> Finding:
    return Finding(
        code="S004",
        message=f"the lock of target `{lock.target.name}` has no package `{name}`, and no rule has that name",
        hint=did_you_mean(name, [*lock.by_name, *rules]) or "nothing that the manifest asks for needs it",
    )


def _releases(
    name: NormalizedName, lock: Lock, project: Project, *, offline: bool, environment: Mapping[str, str]
) -> Sequence[Version] | None:
    """Return the releases of a project that its index has for the target, None where the index cannot be asked."""
    target = resolve_target(project.manifest.targets[lock.target.name], facts=project.facts, places=project.manifest.places)
    plan, _ = plan_target(project, target, previous=lock)
    progress = TerminalProgress(lock.target.name)
    with (
        open_workshop(project.manifest, engine=lock.engine.name, offline=offline, environment=environment) as workshop,
        Resolver(plan, workshop, progress) as resolver,
    ):
        resolver.wait_for((name,))
        failures = resolver.session.failures
    progress.clear()
    if failures:
        progress.note(f"newer releases are not known: {UpstreamError.of(failures).findings[0].message}")
        return None
    return tuple(resolver.session.projects[name].releases)


def _lines(found: Explanation, lock: Lock, project: Project) -> Iterator[str]:
    package = found.package
    yield f"{package.name} {package.version} in target `{lock.target.name}`"
    yield f"  file    {safe(package.file.name)}, from {safe(package.source)}, step {package.step}"
    if package.file.yanked:
        reason = package.file.yanked if isinstance(package.file.yanked, str) else "its index gives no reason"
        yield f"  yanked  {safe(reason)}"
    yield f"  needed  {' -> '.join((MANIFEST, *found.chain))}"
    if package.name in project.manifest.left_out(lock.target.name):
        yield f"  left out of this target as a component: {_in_spite(found)}"
    yield ""
    yield from _bounds(found, lock, project)
    yield from _outlook(found)


def _in_spite(found: Explanation) -> str:
    """Return why a package is locked that the target leaves out."""
    if len(found.chain) == 1:
        return "the lock was compiled before that; `stackc compile` follows"
    return f"{found.chain[-2]} requires it all the same"


def _bounds(found: Explanation, lock: Lock, project: Project) -> Iterator[str]:
    """Yield the bounds as a table, the tight ones first, then those that keep out a later release, then the rest."""
    ranked = sorted(found.bounds, key=lambda bound: (bound.keeps_out is None, bound.keeps_out or 0, not bound.text))
    shown = ranked[:_SHOWN_BOUNDS] if len(ranked) > _SHOWN_BOUNDS + 1 else ranked
    rows = [(safe(_source(bound, lock)), safe(_range(bound)), _effect(bound)) for bound in shown]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)] if rows else [0, 0]
    yield "bounded by"
    for source, text, effect in rows:
        yield f"  {source:<{widths[0]}}  {text:<{widths[1]}}  {effect}".rstrip()
    if len(shown) < len(ranked):
        yield f"  and {len(ranked) - len(shown)} more that refuse no release"
    yield from _details(found, lock, shown, project)


def _source(bound: Bound, lock: Lock) -> str:
    package = lock.by_name.get(canonicalize_name(bound.source))
    return f"{bound.source} {package.version}" if package is not None else bound.source


def _range(bound: Bound) -> str:
    """Return a range as people write it: lower bound first."""
    try:
        return spelled(SpecifierSet(bound.text)) or "any"
    except InvalidSpecifier:
        return bound.text


def _effect(bound: Bound) -> str:
    return f"keeps out {bound.keeps_out}" if bound.keeps_out is not None else ""


def _details(found: Explanation, lock: Lock, shown: Sequence[Bound], project: Project) -> Iterator[str]:
    """Yield where the manifest's bound stands, and what each rule among the bounds says."""
    component = next(
        (each for each in project.manifest.components_for(lock.target.name) if each.name == found.package.name), None
    )
    left_out = project.manifest.left_out(lock.target.name).get(found.package.name)
    if left_out is not None:
        yield f" --> {format_place(left_out)}"
    if component is not None:
        yield f" --> {format_place(place_of_version(component, places=project.manifest.places, target=lock.target.name))}"
    for name in sorted({bound.rule for bound in shown if bound.rule is not None}):
        rule = project.matrix.rules.get(name)
        if rule is not None:
            yield f"rule {name}: {rule.because} ({rule.source})"


def _outlook(found: Explanation) -> Iterator[str]:
    name = found.package.name
    if found.package.direct is not None:
        yield from ("", f"no index was asked for other releases of {name}: stack.toml names its file")
        return
    if found.newer is None:
        return
    yield ""
    if not found.newer:
        yield f"no newer release of {name} can be installed on the target"
        return
    first, last = found.newer[0], found.newer[-1]
    yield f"newer for the target: {first}" + (f" to {last}" if last != first else "")
    tight = found.tight()
    if tight:
        alone = " (each alone is enough)" if len(tight) > 1 else ""
        yield f"kept out by {joined(safe(bound.source) for bound in tight)}{alone}"
    else:
        yield f"none of these keeps out {first}: `stackc explain {name}=={first}` says what does"
