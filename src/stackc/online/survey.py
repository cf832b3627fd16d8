"""The survey of `stackc outdated`: each target is resolved without its old pins, and its lock held against what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.check import no_lock
from stackc.errors import LockError, NoSolutionError, StackcError, joined
from stackc.landing import scene_of
from stackc.layout import lock_folder
from stackc.lock.model import Engine, Lock, Package
from stackc.lock.stored import load_known_lock
from stackc.lockset import lock_pins
from stackc.matrix.bases import resolve_target
from stackc.obstacles import Obstacle, Scene, obstacle_of_misfit, obstacles
from stackc.online.outlook import Outlook, TargetOutlook, newest_elsewhere, newest_of, outlook_of
from stackc.plan import Plan
from stackc.planning import plan_target
from stackc.project import Project
from stackc.resolve import Conflict, Progress, Resolver, Workshop
from stackc.side_by_side import Outcome, resolve_all
from stackc.upstream.client import IndexClient
from stackc.view.curate import Listed

__all__ = ["survey"]


class _Asked(Struct, frozen=True):
    lock: Lock
    plan: Plan
    resolver: Resolver


def survey(
    names: Sequence[str],
    project: Project,
    *,
    workshop: Workshop,
    progress: Callable[[str], Progress],
    every: bool,
) -> tuple[TargetOutlook, ...]:
    """Return what there is for the components of each target, or for `every` package. Every page is asked for.

    Raises LockError for a target without a lock, NoSolutionError for one that nothing satisfies without its old pins, and
    UpstreamError where an index that nothing stands in for cannot be asked.
    """
    cutoff = project.manifest.policy.exclude_newer
    locks = [_lock(name, project) for name in names]
    with ExitStack() as stack:
        client = stack.enter_context(IndexClient(workshop.cache, workshop.settings, exclude_newer=cutoff, trust="stand-ins"))
        asked = []
        for name, lock in zip(names, locks, strict=True):
            table = project.manifest.targets[name]
            target = resolve_target(table, facts=project.facts, places=project.manifest.places)
            plan, _ = plan_target(project, target, previous=None)
            resolver = stack.enter_context(Resolver(plan, workshop, progress(name), client=client))
            asked.append(_Asked(lock, plan, resolver))
        outcomes = resolve_all([each.resolver for each in asked], client=client)
        newest = _newest_locks(asked, outcomes, project, workshop, progress)
        return tuple(_Survey(each, lock, project).outlook(every=every) for each, lock in zip(asked, newest, strict=True))


def _lock(name: str, project: Project) -> Lock:
    lock = load_known_lock(project.folder / lock_folder(name), name)
    if lock is None:
        raise LockError(no_lock(name, project))
    return lock


def _newest_locks(
    asked: Sequence[_Asked],
    outcomes: Sequence[Outcome],
    project: Project,
    workshop: Workshop,
    progress: Callable[[str], Progress],
) -> list[Lock]:
    """Return the locks that `stackc compile --upgrade` would write. Raises what it would end in."""
    found = [_newest_lock(each, outcome, project, workshop, progress) for each, outcome in zip(asked, outcomes, strict=True)]
    errors = [each for each in found if isinstance(each, StackcError)]
    if errors:
        raise joined(errors)
    return [each for each in found if isinstance(each, Lock)]


def _newest_lock(
    asked: _Asked, outcome: Outcome, project: Project, workshop: Workshop, progress: Callable[[str], Progress]
) -> Lock | StackcError:
    if isinstance(outcome, StackcError):
        return outcome
    if isinstance(outcome, Conflict):
        from stackc.conflict.explain import explain_conflict

        told = progress(asked.plan.target.name)
        return NoSolutionError(
            explain_conflict(outcome, resolver=asked.resolver, project=project, workshop=workshop, progress=told)
        )
    engine = Engine(name=workshop.engine.name, version=workshop.engine.version())
    try:
        return lock_pins(outcome, project, asked.plan, engine=engine, compiled=workshop.compiled_templates).lock
    except StackcError as error:
        return error


class _Survey:
    """One target: its lock, and the one that an upgrade would write."""

    def __init__(self, asked: _Asked, newest: Lock, project: Project) -> None:
        self._lock, self._plan, self._resolver = asked.lock, asked.plan, asked.resolver
        self._scene: Scene = scene_of(newest, project, asked.plan)
        self._places = project.manifest.places
        self._allowed = {package.name: package.version for package in (*newest.tools, *newest.packages)}
        self._roots = [canonicalize_name(root.parsed.name) for root in asked.lock.roots]
        self._tools = {canonicalize_name(Requirement(line).name): Requirement(line) for line in asked.plan.tools}

    def outlook(self, *, every: bool) -> TargetOutlook:
        locked = {package.name: package for package in (*self._lock.tools, *self._lock.packages)}
        shown = [name for name in self._roots if name in locked]
        shown += sorted(locked.keys() - set(shown)) if every else []
        shown = [name for name in shown if locked[name].index is not None]
        self._resolver.wait_for(tuple(shown))
        return TargetOutlook(
            target=self._lock.target.name,
            exclude_newer=self._plan.exclude_newer,
            total=len(locked),
            movable=sum(self._allowed.get(name, package.version) > package.version for name, package in locked.items()),
            lowered=sum(self._allowed.get(name, package.version) < package.version for name, package in locked.items()),
            packages=tuple(self._package(locked[name]) for name in shown),
        )

    def _package(self, package: Package) -> Outlook:
        name, pin = package.name, package.version
        listed = self._resolver.listed(name, above=min(pin, self._allowed.get(name, pin)))
        foreign = newest_elsewhere(pin, listed)
        return outlook_of(
            package,
            listed=listed,
            allowed=self._allowed.get(name),
            obstacles=tuple(self._obstacles(name, newest_of(pin, listed), listed)),
            elsewhere=obstacle_of_misfit(foreign, self._scene) if foreign is not None else None,
            component=name in self._roots,
        )

    def _obstacles(self, name: NormalizedName, newest: Version, listed: Iterable[Listed]) -> Iterator[Obstacle]:
        """Yield what stands in the way of the newest release for the target, if it is not what an upgrade would take."""
        allowed = self._allowed.get(name)
        release = next((each for each in listed if each.version == newest), None)
        if allowed is None or release is None or newest <= allowed:
            return
        if name in self._scene.lock.by_name:
            known = self._resolver.known(name, [newest]).get(newest)
            yield from obstacles(name, release, self._scene, known=known)
        else:
            yield self._of_tool(name)

    def _of_tool(self, name: NormalizedName) -> Obstacle:
        key = "pip" if name == "pip" else "build-tools"
        return Obstacle(f"`[image]` asks for {self._tools[name]}", self._places.at("image", key))
