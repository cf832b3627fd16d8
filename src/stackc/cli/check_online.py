"""The part of `stackc check --online` that asks: what is locked is held against what its indexes have now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from stackc.check import beside
from stackc.cli.terminal import TerminalProgress
from stackc.cli.workshop import open_workshop
from stackc.errors import Finding, LockError, StackcError, told_once
from stackc.landing import fallen_before
from stackc.layout import lock_folder
from stackc.lock.model import Lock
from stackc.lock.stored import load_known_lock
from stackc.matrix.bases import resolve_target
from stackc.online.answers import NotAsked
from stackc.online.asking import ask
from stackc.online.standing import Locked, findings_of, locked_in, subject_of
from stackc.planning import plan_target
from stackc.project import Project
from stackc.resolve import Workshop

__all__ = ["NOT_ASKED", "check_online"]

NOT_ASKED = "S827"
"""The code of an index that could not be asked."""


def check_online(names: Sequence[str], project: Project, *, environment: Mapping[str, str]) -> tuple[tuple[Finding, ...], str]:
    """Return what moved since the targets were locked, and a line that says how much was looked at.

    A lock that cannot be read is for the other checks to tell. Raises StackcError where no index can be asked at all.
    """
    locks = [lock for name in names if (lock := _lock(name, project)) is not None]
    known = [each for each in locked_in(locks, project.manifest) if each.package.index in project.manifest.indexes]
    progress = TerminalProgress("online")
    with open_workshop(project.manifest, engine="uv", offline=False, environment=environment) as workshop:
        answers = ask(
            [subject_of(each) for each in known],
            addresses={index: workshop.addresses(index) for index in {subject_of(each).index for each in known}},
            cache=workshop.cache,
            settings=workshop.settings,
            progress=lambda came, waiting: progress.counts(pages=came, releases=0, waiting=waiting),
        )
        fallen = told_once(finding for lock in locks for finding in _fallen(lock, project, workshop))
    progress.clear()
    unasked = [each for each in known if isinstance(answers[subject_of(each)], NotAsked)]
    found = (*(beside(project, each) for each in findings_of(known, answers, project.manifest)), *fallen)
    return found, _summary(found, known, unasked)


def _lock(name: str, project: Project) -> Lock | None:
    try:
        return load_known_lock(project.folder / lock_folder(name), name)
    except LockError:
        return None


def _fallen(lock: Lock, project: Project, workshop: Workshop) -> tuple[Finding, ...]:
    """Return which components a lock has far below their newest; nothing where its manifest plans no target any more."""
    table = project.manifest.targets[lock.target.name]
    try:
        target = resolve_target(table, facts=project.facts, places=project.manifest.places)
        plan, _ = plan_target(project, target, previous=lock)
    except StackcError:
        return ()
    return fallen_before(lock, project, plan, workshop)


def _summary(found: Sequence[Finding], known: Sequence[Locked], unasked: Sequence[Locked]) -> str:
    asked = len(known) - len(unasked)
    counts = [(sum(_told(found, severity)), severity) for severity in ("error", "warning")]
    told = [f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counts if number]
    missed = [f"{len(unasked)} could not be asked for"] if unasked else []
    told = told or (["nothing moved"] if asked else [])
    return f"online: {', '.join((f'{asked} locked file{_s(asked)} looked up', *missed, *told))}"


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def _told(found: Iterable[Finding], severity: str) -> Iterable[bool]:
    return (finding.severity == severity and finding.code != NOT_ASKED for finding in found)
