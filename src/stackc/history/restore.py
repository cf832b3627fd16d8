"""Bringing a project back to what it was at a revision: the manifest, its rule packs, the templates and what was compiled.

What comes back was checked and proved before anything is written, and either all of it comes or none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from stackc.check import check_target
from stackc.errors import CheckError, Finding, Place
from stackc.history.repository import Repository, working_tree
from stackc.history.snapshot import Snapshot, read_folder
from stackc.history.unpacked import called_as, of_the_project
from stackc.layout import LOCK, lock_folder
from stackc.lock.model import Lock
from stackc.lock.stored import load_known_lock
from stackc.project import Project

__all__ = ["Restoration", "plan_restoration", "proved_locks", "require_committed"]

_LOCKS = "locks/"
_INPUTS_MOVED = "S521"


class Restoration(Struct, frozen=True, kw_only=True):
    """What bringing a snapshot back comes to: the files that are to be written, and those that are to go, by name."""

    written: Mapping[str, bytes]
    removed: tuple[str, ...]

    @property
    def contents(self) -> Mapping[str, bytes | None]:
        """Return what each file that changes is to hold, None for one that is to go."""
        return {**self.written, **dict.fromkeys(self.removed)}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all files that change, sorted."""
        return tuple(sorted((*self.written, *self.removed)))


def proved_locks(project: Project, snapshot: Snapshot) -> tuple[Mapping[str, Lock], tuple[Finding, ...]]:
    """Return the locks of an unpacked snapshot by target, and warnings. Raises CheckError unless all of them prove.

    Each has to be the lock of its manifest, and its files those that it renders to. stackc's own rules and templates may be
    others by now: that is only told.
    """
    found = [finding for name in project.manifest.targets for finding in check_target(name, project)]
    errors = [finding for finding in found if finding.severity == "error"]
    refused = [finding for finding in errors if finding.code != _INPUTS_MOVED]
    if refused:
        raise CheckError(called_as((_refused(snapshot), *refused), folder=project.folder, snapshot=snapshot))
    loaded = {name: load_known_lock(project.folder / lock_folder(name), name) for name in project.manifest.targets}
    locks = {name: lock for name, lock in loaded.items() if lock is not None}
    stale = [name for name, lock in locks.items() if lock.inputs.manifest != project.digests.manifest]
    if stale:
        raise CheckError((_refused(snapshot), *(_stale(name, snapshot) for name in stale)))
    return locks, (_moved_on(snapshot),) if errors else ()


def plan_restoration(snapshot: Snapshot, *, folder: Path) -> Restoration:
    """Return what has to change in a project's folder for its files to be those of a snapshot; what is not stackc's stays."""
    read = read_folder(folder, manifest=snapshot.manifest, named_by=snapshot.files[snapshot.manifest], with_installed=True)
    there = of_the_project(read, home=folder).files
    return Restoration(
        written={name: body for name, body in snapshot.files.items() if there.get(name) != body},
        removed=tuple(name for name in there if name not in snapshot.files),
    )


def require_committed(repository: Repository, restoration: Restoration) -> None:
    """Raise CheckError where a file that would change has changes that no commit holds."""
    paths = [repository.path_of(name) for name in restoration.names]
    words = ("status", "--porcelain", "-z", "--no-renames", "--ignored=matching", "--untracked-files=all")
    answer = repository.ask("-C", str(working_tree(repository)), *words, "--", *paths) if paths else None
    said = [line for line in os.fsdecode(answer.output).split("\0") if line] if answer else []
    if said:
        raise CheckError(_uncommitted(repository, said))


_SHOWN = 10


def _uncommitted(repository: Repository, said: Sequence[str]) -> Finding:
    project = f"{repository.project}/" if repository.project.parts else ""
    names = sorted(line[3:].removeprefix(project) for line in said)
    more = len(names) - _SHOWN
    return Finding(
        code="S469",
        message=f"{len(names)} file{' has' if len(names) == 1 else 's have'} changes that no commit holds, and would lose them",
        notes=(*names[:_SHOWN], *((f"and {more} more",) if more > 0 else ())),
        hint="commit them, or put them aside by `git stash --include-untracked`; --force writes over them",
    )


def _refused(snapshot: Snapshot) -> Finding:
    return Finding(
        code="S470",
        message=f"the project of `{_revision(snapshot)}` is not brought back: it does not hold together",
        notes=("nothing was written; what is wrong with it stands below",),
        hint=f"name another revision: `git log --oneline -- {snapshot.manifest} locks` lists them",
    )


def _stale(name: str, snapshot: Snapshot) -> Finding:
    return Finding(
        code="S471",
        message=f"the lock of target `{name}` is not that of the manifest beside it",
        places=(Place(file=snapshot.called(f"{lock_folder(name)}/{LOCK}"), path=("inputs", "manifest")),),
        hint="the manifest was edited in that revision, and not compiled",
    )


def _moved_on(snapshot: Snapshot) -> Finding:
    return Finding(
        code="S473",
        message=f"stackc's own rules, facts or templates are others than when `{_revision(snapshot)}` was compiled",
        hint="the locks prove by those of today; `stackc compile` renders them anew, and moves no version that still fits",
        severity="warning",
    )


def _revision(snapshot: Snapshot) -> str:
    return "the working tree" if snapshot.revision is None else snapshot.revision.name
