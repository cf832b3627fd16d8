"""Compiling one target: from the loaded project to a proved lock and the files rendered from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.errors import Finding, IncompatibleError, LockError, NoSolutionError
from stackc.layout import LOCK, lock_folder
from stackc.lock.model import Engine, Lock, Package
from stackc.lock.routing import index_of
from stackc.manifest.model import Component, Manifest
from stackc.matrix.bases import check_base, resolve_target
from stackc.matrix.builds import label_of_index
from stackc.matrix.check import check_pins, check_stack
from stackc.matrix.partners import fill_partners
from stackc.plan import Plan, make_plan, routes_of
from stackc.project import Project
from stackc.resolve import Conflict, Progress, Resolver, Workshop
from stackc.target import Target
from stackc.uptodate import is_current

if TYPE_CHECKING:
    from stackc.fallback import Listings
    from stackc.lockset import LockSet

__all__ = ["Compiled", "Options", "compile_target", "plan_target"]

How = Literal["current", "rendered", "resolved"]


class Compiled(Struct, frozen=True, kw_only=True):
    """What compiling one target came to.

    `how` tells which way was enough: nothing to do, the old pins proved anew and rendered, or an engine. `previous` is the
    lock that was there before, `written` whether any file changed, `warnings` what the matrix has to say of a stack that works.
    """

    target: str
    lock: Lock
    previous: Lock | None
    how: How
    written: bool
    warnings: tuple[Finding, ...]


class Options(Struct, frozen=True, kw_only=True):
    """How to compile: `upgrade` forgets the old pins, `dry_run` writes nothing."""

    upgrade: bool = False
    dry_run: bool = False


def compile_target(name: str, project: Project, *, workshop: Workshop, progress: Progress, options: Options) -> Compiled:
    """Compile one target by the shortest way that proves. Raises StackcError; then no file has changed."""
    folder = project.folder / lock_folder(name)
    previous = _previous(folder, name, progress)
    target = resolve_target(project.manifest.targets[name], facts=project.facts, places=project.manifest.places)
    try:
        plan, warnings = plan_target(project, target, previous=None if options.upgrade else previous)
    except IncompatibleError as error:
        from stackc.conflict.explain import with_repairs

        pins = _pins(None if options.upgrade else previous)
        found = with_repairs(error.findings, project, target, workshop=workshop, progress=progress, preferences=pins)
        raise IncompatibleError(found) from None
    if previous is not None and not options.upgrade and is_current(folder, project.digests):
        told = _warnings(previous, warnings, plan, project)
        return Compiled(target=name, lock=previous, previous=previous, how="current", written=False, warnings=told)
    kept = _kept(previous, project, plan, workshop) if previous is not None and not options.upgrade else None
    made, fallen = (
        (kept, _fallen_before(kept.lock, project, plan, workshop))
        if kept is not None
        else _resolved(project, plan, workshop=workshop, progress=progress)
    )
    _refuse(fallen)
    return Compiled(
        target=name,
        lock=made.lock,
        previous=previous,
        how="resolved" if kept is None else "rendered",
        written=made.differs_from(folder) if options.dry_run else made.write(folder),
        warnings=(*_warnings(made.lock, warnings, plan, project), *fallen),
    )


def _warnings(lock: Lock, planned: tuple[Finding, ...], plan: Plan, project: Project) -> tuple[Finding, ...]:
    """Return the warnings about the manifest, and those about the pins that are not the same rule's again."""
    told = {finding.notes[:1] for finding in planned}
    pins = {str(package.name): package.version for package in lock.packages}
    found = check_pins(pins, target=plan.target, matrix=project.matrix)
    return (*planned, *(finding for finding in found if finding.notes[:1] not in told))


def _kept(previous: Lock, project: Project, plan: Plan, workshop: Workshop) -> LockSet | None:
    from stackc.lockset import keep_pins

    return keep_pins(previous, project, plan, compiled=workshop.compiled_templates)


def _previous(folder: Path, target: str, progress: Progress) -> Lock | None:
    """Return the lock that is there; one that cannot be trusted gives no pins, and one of a newer stackc ends the run."""
    if not (folder / LOCK).exists():
        return None
    from stackc.lock.stored import load_known_lock

    try:
        return load_known_lock(folder, target)
    except LockError as error:
        if any(finding.code in _NEWER for finding in error.findings):
            raise
        progress.note(f"the previous lock is not used: {error.findings[0].message}")
        return None


_NEWER = {"S403", "S525"}


def plan_target(project: Project, target: Target, *, previous: Lock | None) -> tuple[Plan, tuple[Finding, ...]]:
    """Return the plan for a target and the matrix's warnings. Raises ManifestError and IncompatibleError."""
    manifest = project.manifest
    components = fill_partners(manifest.components_for(target.name), facts=project.facts, places=manifest.places)
    facts, policy, places = project.facts, manifest.policy, manifest.places
    findings = (
        *check_base(manifest.targets[target.name], facts=facts, policy=policy, places=places),
        *check_stack(
            components,
            target=target,
            matrix=project.matrix,
            facts=facts,
            policy=policy,
            places=places,
            torch_label=_torch_label(manifest, components),
        ),
    )
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise IncompatibleError(errors)
    preferences = _pins(previous)
    plan = make_plan(manifest, target=target, components=components, matrix=project.matrix, preferences=preferences)
    return plan, findings


def _pins(previous: Lock | None) -> dict[NormalizedName, Version]:
    locked: tuple[Package, ...] = (*previous.tools, *previous.packages) if previous else ()
    return {package.name: package.version for package in locked}


def _torch_label(manifest: Manifest, components: Sequence[Component]) -> str | None:
    """Return the label that all builds of torch have on the index that it comes from, None where they have no one."""
    own = {component.name: component.index for component in components if component.index is not None}
    index = index_of(_TORCH, own=own, routes=routes_of(manifest))
    found = manifest.indexes.get(index) if index is not None else None
    return label_of_index(found.url) if found is not None and found.url is not None else None


_TORCH = canonicalize_name("torch")


def _refuse(fallen: tuple[Finding, ...]) -> None:
    """Raise NoSolutionError where the policy forbids that a component falls back."""
    errors = [finding for finding in fallen if finding.severity == "error"]
    if errors:
        raise NoSolutionError(errors)


def _fallen_before(lock: Lock, project: Project, plan: Plan, workshop: Workshop) -> tuple[Finding, ...]:
    """Return which components a lock has far below their newest, by the pages that lie in the cache; no index is asked."""
    if not workshop.cache.has_pages():
        return ()
    from stackc.upstream.shelf import KeptListings, PageShelf
    from stackc.view.curate import Curation

    curation = Curation(plan.target, exclude_newer=plan.exclude_newer, sdists=plan.sdists)
    addresses = partial(_address_of, plan=plan, workshop=workshop)
    return _fallen(lock, project, plan, KeptListings(PageShelf(workshop.cache, curation), addresses))


def _address_of(name: NormalizedName, *, plan: Plan, workshop: Workshop) -> str:
    return workshop.addresses(plan.index_of(name))


def _fallen(lock: Lock, project: Project, plan: Plan, listings: Listings) -> tuple[Finding, ...]:
    from stackc.fallback import fall_backs
    from stackc.obstacles import Scene

    places, policy = project.manifest.places, project.manifest.policy
    scene = Scene(lock=lock, components=plan.components, matrix=project.matrix, rules=plan.rules, places=places)
    return fall_backs(scene, listings, policy=policy, preferences=plan.preferences)


def _resolved(project: Project, plan: Plan, *, workshop: Workshop, progress: Progress) -> tuple[LockSet, tuple[Finding, ...]]:
    with Resolver(plan, workshop, progress) as resolver:
        found = resolver.resolve(meanwhile=_meanwhile(project, workshop))
        if isinstance(found, Conflict):
            from stackc.conflict.explain import explain_conflict

            told = explain_conflict(found, resolver=resolver, project=project, workshop=workshop, progress=progress)
            raise NoSolutionError(told)
        workshop.cache.flush()
        from stackc.lockset import lock_pins

        engine = Engine(name=workshop.engine.name, version=workshop.engine.version())
        made = lock_pins(found, project, plan, engine=engine, compiled=workshop.compiled_templates)
        return made, _fallen(made.lock, project, plan, resolver)


def _meanwhile(project: Project, workshop: Workshop) -> Iterator[Callable[[], object]]:
    """Yield, in small parts, what the end of the run needs: loading it costs nothing while index and engine are waited for."""
    yield workshop.engine.version
    for module in ("stackc.lock.proof", "stackc.lock.codec", "stackc.lock.assemble", "jinja2.sandbox", "stackc.render.outputs"):
        yield partial(import_module, module)
    from stackc.lockset import preparations

    yield from preparations(project, compiled=workshop.compiled_templates)
