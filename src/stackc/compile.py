"""Compiling targets: from the loaded project to proved locks and the files rendered from them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from msgspec import Struct

from stackc.errors import BugError, Finding, IncompatibleError, LockError, NoSolutionError, StackcError, UpstreamError, joined
from stackc.guard.policy import blocked_family
from stackc.landing import fallen_before, fallen_now, refuse
from stackc.layout import BAKE, LOCK, lock_folder
from stackc.least_change import Freed, freed_from, least_change, moved_from, opening
from stackc.left_out import brought_in
from stackc.lock.model import Engine, Lock
from stackc.lock.yanked import warn_of_yanked
from stackc.matrix.bases import resolve_target
from stackc.matrix.check import check_pins
from stackc.mixed_builds import mixed_builds
from stackc.plan import Plan
from stackc.planning import Upgrade, plan_target
from stackc.project import Project
from stackc.render.bake import bake_of
from stackc.resolve import Conflict, Progress, Resolver, Workshop
from stackc.side_by_side import Outcome, resolve_all
from stackc.stowaways import stowaways
from stackc.target import Target
from stackc.upstream.client import IndexClient
from stackc.uptodate import is_current

if TYPE_CHECKING:
    from stackc.conflict.trials import Settled
    from stackc.lockset import LockSet

__all__ = ["Compiled", "Options", "compile_targets", "previous_lock"]

How = Literal["current", "rendered", "resolved"]
Part = TypeVar("Part")


class Compiled(Struct, frozen=True, kw_only=True):
    """What compiling one target came to.

    `how` tells which way was enough: nothing to do, the old pins proved anew and rendered, or an engine. `previous` is the
    lock that was there before, `written` whether any file changed, or would, and `changes` are the names of the files that
    would. `warnings` are what the matrix has to say of a stack that works. `lockset` is None where there was nothing to do.
    """

    target: str
    lock: Lock
    previous: Lock | None
    how: How
    written: bool
    warnings: tuple[Finding, ...]
    lockset: LockSet | None = None
    changes: tuple[str, ...] = ()


class Options(Struct, frozen=True, kw_only=True):
    """How to compile; `dry_run` writes nothing, and at places of the manifest that are `settled` no repair is looked for."""

    upgrade: Upgrade = Upgrade()
    dry_run: bool = False
    settled: Settled | None = None


class _Prepared(Struct, frozen=True, kw_only=True):
    """One target before any index is asked.

    `current` is its lock, if there is nothing to do, and `kept` is one made of the old pins, if these are enough. `freed` is
    what is to move to its newest version.
    """

    name: str
    folder: Path
    previous: Lock | None
    plan: Plan
    warnings: tuple[Finding, ...]
    current: Lock | None
    kept: LockSet | None
    freed: Freed


class _Made(Struct, frozen=True, kw_only=True):
    """What one target is to be written as, by which way, and what is told of its files and of components that fell back."""

    lockset: LockSet
    how: How
    told: tuple[Finding, ...]


def compile_targets(
    names: Sequence[str],
    project: Project,
    *,
    workshop: Workshop,
    progress: Callable[[str], Progress],
    options: Options,
) -> tuple[Compiled, ...]:
    """Compile targets, each by the shortest way that proves; those that need an engine are resolved side by side.

    `progress` gives what is told of each target, by its name. Raises StackcError with what is wrong with any of them; then no
    file has changed.
    """
    return _Run(project, workshop, progress, options).compile(names)


class _Run:
    """One run over some targets. `_errors` is what keeps any of them from being compiled."""

    def __init__(self, project: Project, workshop: Workshop, progress: Callable[[str], Progress], options: Options) -> None:
        self._project = project
        self._workshop = workshop
        self._progress = progress
        self._options = options
        self._errors: list[StackcError] = []
        self._refused: dict[tuple[Finding, ...], tuple[Finding, ...]] = {}

    def compile(self, names: Sequence[str]) -> tuple[Compiled, ...]:
        prepared = [each for name in names if (each := self._collected(partial(self._prepare, name))) is not None]
        kept = [each for each in prepared if each.kept is not None]
        made = {each.name: found for each in kept if (found := self._collected(partial(self._made_of_old, each))) is not None}
        made |= self._resolved([each for each in prepared if each.kept is None and each.current is None])
        if self._errors:
            self._tell_unwritten(name for name in names if name in made)
            raise joined(self._errors)
        written = self._written([each for each in prepared if each.name in made], made)
        return tuple(self._finished(each, made.get(each.name), written=written) for each in prepared)

    def _collected(self, part: Callable[[], Part]) -> Part | None:
        """Return what a part of the run comes to; the error in which it ends is kept, so that the others go on."""
        try:
            return part()
        except StackcError as error:
            self._errors.append(error)
            return None

    def _prepare(self, name: str) -> _Prepared:
        project, workshop, progress = self._project, self._workshop, self._progress(name)
        folder = project.folder / lock_folder(name)
        previous = previous_lock(folder, name, progress)
        upgrade = self._options.upgrade
        used = None if previous is None or upgrade.concerns(previous) else previous
        target = resolve_target(project.manifest.targets[name], facts=project.facts, places=project.manifest.places)
        try:
            plan, warnings = plan_target(project, target, previous=previous, upgrade=upgrade)
        except IncompatibleError as error:
            raise IncompatibleError(self._repaired(error.findings, target, previous, progress)) from None
        same = used is not None and used.roots == plan.roots  # a file that lies in the project may be another one by now
        current = used if same and is_current(folder, project.digests) else None
        return _Prepared(
            name=name,
            folder=folder,
            previous=previous,
            plan=plan,
            warnings=warnings,
            current=current,
            kept=None if used is None or current is not None else _kept(used, project, plan, workshop),
            freed=freed_from(previous, upgrade.names),
        )

    def _repaired(
        self, found: tuple[Finding, ...], target: Target, previous: Lock | None, progress: Progress
    ) -> tuple[Finding, ...]:
        """Return what the matrix refuses, with the changes that would help; they are sought once where targets are alike."""
        from stackc.conflict.explain import with_repairs

        if found not in self._refused:
            self._refused[found] = with_repairs(
                found,
                self._project,
                target,
                workshop=self._workshop,
                progress=progress,
                preferences=self._options.upgrade.pins(previous),
                settled=self._options.settled,
            )
        return self._refused[found]

    def _made_of_old(self, each: _Prepared) -> _Made | None:
        """Return what the old pins give. Raises NoSolutionError where the policy forbids that a component falls back."""
        if each.kept is None:
            return None
        fallen = fallen_before(each.kept.lock, self._project, each.plan, self._workshop)
        refuse(fallen)
        return _Made(lockset=each.kept, how="rendered", told=(*warn_of_yanked(each.kept.lock), *fallen))

    def _resolved(self, prepared: Sequence[_Prepared]) -> dict[str, _Made]:
        """Return what an engine finds for those targets for which it finds a solution."""
        made: dict[str, _Made] = {}
        if not prepared:
            return made
        project, workshop = self._project, self._workshop
        cutoff = project.manifest.policy.exclude_newer
        with ExitStack() as stack:
            client = stack.enter_context(IndexClient(workshop.cache, workshop.settings, exclude_newer=cutoff))
            resolvers = [
                stack.enter_context(
                    Resolver(opening(each.plan, each.freed), workshop, self._progress(each.name), client=client)
                )
                for each in prepared
            ]
            outcomes = resolve_all(resolvers, client=client, meanwhile=_meanwhile(project, workshop))
            workshop.cache.flush()
            for each, resolver, outcome in zip(prepared, resolvers, outcomes, strict=True):
                locked = self._collected(partial(self._lock, each, resolver, outcome))
                if locked is not None:
                    made[each.name] = locked
        return made

    def _lock(self, prepared: _Prepared, resolver: Resolver, outcome: Outcome) -> _Made:
        """Return the lock of an outcome that is a solution. Raises NoSolutionError with the reasons where it is none."""
        if isinstance(outcome, StackcError):
            raise outcome
        progress = self._progress(prepared.name)
        outcome = least_change(outcome, prepared.plan, resolver=resolver, freed=prepared.freed, progress=progress)
        if isinstance(outcome, Conflict):
            from stackc.conflict.explain import explain_conflict

            told = explain_conflict(
                outcome,
                resolver=resolver,
                project=self._project,
                workshop=self._workshop,
                progress=progress,
                settled=self._options.settled,
            )
            raise NoSolutionError(told)
        from stackc.lockset import lock_pins

        engine = Engine(name=self._workshop.engine.name, version=self._workshop.engine.version())
        plan, compiled = prepared.plan, self._workshop.compiled_templates
        made = lock_pins(outcome, self._project, plan, engine=engine, compiled=compiled)
        seen = self._seen(prepared, made.lock, resolver)
        fallen = fallen_now(made.lock, self._project, plan, resolver)
        refuse(fallen)
        return _Made(lockset=made, how="resolved", told=(*seen, *warn_of_yanked(made.lock), *fallen))

    def _seen(self, prepared: _Prepared, lock: Lock, resolver: Resolver) -> tuple[Finding, ...]:
        """Return what became of the locked files on their indexes. Raises UpstreamError where one of them was replaced."""
        from stackc.lock.keeping import check_files, check_gone

        if prepared.previous is None:
            return ()
        upgrade = self._options.upgrade
        found = list(check_files(prepared.previous, lock, freed=None if upgrade.everything else upgrade.names))
        errors = [finding for finding in found if finding.severity == "error"]
        if errors:
            raise UpstreamError(errors)
        for name in moved_from(prepared.plan.preferences, lock):
            old = prepared.previous.by_name.get(name)
            if old is not None and old.index == prepared.plan.index_of(name):
                listed = old.version in resolver.versions(name)
                found += check_gone(old, listed=listed, yanked=resolver.yanked(name, old.version))
        return tuple(found)

    def _tell_unwritten(self, names: Iterable[str]) -> None:
        """Tell of targets that would have been written that they were not, since another one fails."""
        for name in names:
            self._progress(name).note(f"it compiles, but nothing is written; `stackc compile {name}` compiles it alone")

    def _written(self, prepared: Sequence[_Prepared], made: Mapping[str, _Made]) -> frozenset[str]:
        """Write the files of all targets, or of none, unless nothing is to be; return the targets of which any changed."""
        if self._options.dry_run or not prepared:
            return frozenset()
        from stackc.lockset import write_all

        sets = {each.name: made[each.name].lockset for each in prepared}
        return write_all(self._project.folder, sets, beside={BAKE: bake_of(self._project.manifest)})

    def _finished(self, each: _Prepared, made: _Made | None, *, written: Collection[str]) -> Compiled:
        """Return what came of one target, whose files are written by now."""
        lock = made.lockset.lock if made is not None else each.current
        if lock is None:
            raise BugError(Finding(code="S906", message=f"nothing came of target `{each.name}`"))
        lockset = made.lockset if made is not None else None
        changes = lockset.changes(each.folder) if self._options.dry_run and lockset is not None else ()
        return Compiled(
            target=each.name,
            lock=lock,
            previous=each.previous,
            how=made.how if made is not None else "current",
            written=bool(changes) or each.name in written,
            warnings=(*_warnings(lock, each.warnings, each.plan, self._project), *(made.told if made is not None else ())),
            lockset=lockset,
            changes=changes,
        )


def _warnings(lock: Lock, planned: tuple[Finding, ...], plan: Plan, project: Project) -> tuple[Finding, ...]:
    """Return the warnings about the manifest, and those about the pins that are not the same rule's again."""
    told = {finding.notes[:1] for finding in planned}
    pins = {str(package.name): package.version for package in lock.packages}
    found = check_pins(pins, target=plan.target, matrix=project.matrix)
    by_rules = (finding for finding in found if finding.notes[:1] not in told)
    family, places = blocked_family(), project.manifest.places
    alone = stowaways(lock, plan, family=family, places=places)
    return (*planned, *by_rules, *brought_in(lock, plan.left_out), *alone, *mixed_builds(lock, project.manifest))


def _kept(previous: Lock, project: Project, plan: Plan, workshop: Workshop) -> LockSet | None:
    from stackc.lockset import keep_pins

    return keep_pins(previous, project, plan, compiled=workshop.compiled_templates)


def previous_lock(folder: Path, target: str, progress: Progress) -> Lock | None:
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


def _meanwhile(project: Project, workshop: Workshop) -> Iterator[Callable[[], object]]:
    """Yield, in small parts, what the end of the run needs: loading it costs nothing while index and engine are waited for."""
    yield workshop.engine.version
    for module in ("stackc.lock.proof", "stackc.lock.codec", "stackc.lock.assemble", "jinja2.sandbox", "stackc.render.outputs"):
        yield partial(import_module, module)
    from stackc.lockset import preparations

    yield from preparations(project, compiled=workshop.compiled_templates)
