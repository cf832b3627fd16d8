"""Bringing a project back to what it was at a revision: the manifest, its rule packs, the templates and what was compiled.

What comes back was checked and proved before anything is written, and either all of it comes or none: whatever ends the run
after the first file was written is answered by writing back what was there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct

from stackc.check import check_target
from stackc.errors import CheckError, Finding, LockError, Place
from stackc.files import replace_tree, write_file
from stackc.history.repository import Repository, working_tree
from stackc.history.snapshot import Snapshot, read_folder
from stackc.history.unpacked import called_as, of_the_project
from stackc.layout import BAKE, LOCK, generated, lock_folder
from stackc.lock.model import Lock
from stackc.lock.stored import load_known_lock
from stackc.project import Project

__all__ = ["Restoration", "is_generated", "plan_restoration", "proved_locks", "require_committed", "restore"]

_LOCKS = "locks/"
_INPUTS_MOVED = "S521"


class Restoration(Struct, frozen=True, kw_only=True):
    """What bringing a snapshot back comes to: the files that are to be written, and those that are to go, by name."""

    written: Mapping[str, bytes]
    removed: tuple[str, ...]

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


def restore(folder: Path, restoration: Restoration) -> None:
    """Write and remove the files of a restoration in a project's folder, all or none. Raises LockError."""
    _require_no_links(folder, restoration)
    outside = {name: _bytes(folder / name) for name in restoration.names if not is_generated(name)}
    inside = _generated_files(folder)
    try:
        for name in outside:
            _put(folder / name, restoration.written.get(name))
        _swap(folder, _with(inside, restoration))
    except BaseException:
        _swap(folder, inside)
        for name, content in outside.items():
            _put(folder / name, content)
        raise


def _generated_files(folder: Path) -> dict[str, bytes]:
    """Return what was compiled, by name relative to locks/."""
    files = read_folder(folder).files
    return {name.removeprefix(_LOCKS): body for name, body in files.items() if is_generated(name)}


def _with(inside: Mapping[str, bytes], restoration: Restoration) -> dict[str, bytes]:
    """Return what is to be in locks/."""
    written = {name.removeprefix(_LOCKS): body for name, body in restoration.written.items() if is_generated(name)}
    removed = {name.removeprefix(_LOCKS) for name in restoration.removed}
    return {name: body for name, body in {**inside, **written}.items() if name not in removed}


def _swap(folder: Path, files: Mapping[str, bytes]) -> None:
    """Exchange all that is generated below locks/ in one step."""
    replace_tree(folder / _LOCKS, files, ours=lambda name: is_generated(f"{_LOCKS}{name}"))


def _put(path: Path, content: bytes | None) -> None:
    if content is not None:
        write_file(path, content)
    else:
        path.unlink(missing_ok=True)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def is_generated(name: str) -> bool:
    """Say whether a name, seen from the project's folder, is that of a file that compiling writes."""
    target, _, file = name.removeprefix(_LOCKS).partition("/")
    return name == BAKE or (name.startswith(_LOCKS) and generated(file) and not target.startswith("."))


def _require_no_links(folder: Path, restoration: Restoration) -> None:
    """Raise LockError where a link would lead a file out of the project."""
    places = {folder / part for name in restoration.names for part in (PurePosixPath(name), *PurePosixPath(name).parents)}
    links = sorted(place for place in places - {folder} if place.is_symlink())
    if links:
        raise LockError(_link(place) for place in links)


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


def _link(place: Path) -> Finding:
    return Finding(
        code="S472",
        message=f"`{place}` is a link, and what is brought back would be written to where it leads",
        places=(Place(file=str(place)),),
        hint="replace the link by what belongs there, then run the command again",
    )


def _revision(snapshot: Snapshot) -> str:
    return "the working tree" if snapshot.revision is None else snapshot.revision.name
