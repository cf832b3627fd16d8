"""Finishing a merge: the manifests' intent merged, and the locks compiled again, offline, from what both sides locked.

No index is asked and nothing is resolved. What comes out is a lock that proves, with all files rendered from it, or the reason
why there is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from stackc.changeset import is_generated
from stackc.errors import Finding, LockError, ManifestError, Place, StackcError
from stackc.history.manifest_merge import Merged, merge_manifest
from stackc.history.pins_union import other_files, union_of
from stackc.history.repository import Repository
from stackc.history.restore import Restoration
from stackc.history.snapshot import Snapshot
from stackc.history.stages import BASE, OURS, THEIRS, Stages, merge_lines
from stackc.layout import BAKE, LOCK, lock_folder
from stackc.lock.codec import decode
from stackc.lock.model import Lock
from stackc.lockset import LockSet, keep_pins
from stackc.matrix.bases import resolve_target
from stackc.planning import plan_target
from stackc.project import Project
from stackc.render.bake import bake_of

__all__ = [
    "Locks",
    "MergedFiles",
    "TargetMerge",
    "locks_of",
    "merge_target",
    "merged_files",
    "merged_manifest",
    "unsettled",
    "with_manifest",
]

_SIDES = (BASE, OURS, THEIRS)
_MOST_PROVED = 20
_MARKER = re.compile(r"^(<{7}|>{7}|\|{7})( |$)|^={7}$", re.MULTILINE)


class Locks(Struct, frozen=True, kw_only=True):
    """The locks of one target: what both sides began from, and what each made of it. None where there is none."""

    base: Lock | None
    ours: Lock | None
    theirs: Lock | None


class TargetMerge(Struct, frozen=True, kw_only=True):
    """What became of one target: its merged lock and files, or why there are none."""

    made: LockSet | None
    findings: tuple[Finding, ...] = ()


class MergedFiles(Struct, frozen=True, kw_only=True):
    """The files of a finished merge, by name, and the generated ones that it no longer has."""

    wanted: Mapping[str, bytes]
    gone: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all files that the merge decides, sorted."""
        return tuple(sorted((*self.wanted, *self.gone)))

    def beside(self, present: Snapshot) -> Restoration:
        """Return what that changes in the files that lie there."""
        return Restoration(
            written={name: body for name, body in self.wanted.items() if present.files.get(name) != body},
            removed=tuple(name for name in self.gone if name in present.files),
        )


def merged_manifest(stages: Stages, present: Snapshot, *, repository: Repository, scratch: Path) -> Merged:
    """Return the manifest's text: as it lies there where it is in no conflict or was settled by hand, else merged."""
    name = present.manifest
    text = present.files.get(name, b"").decode("utf-8", "replace")
    if name not in stages.unmerged or (text and not _MARKER.search(text)):
        return Merged(text=text)
    sides = [stages.of(name, side) for side in _SIDES]
    base, ours, theirs = ((side or b"").decode("utf-8", "replace") for side in sides)
    if sides[1] is None or sides[2] is None:
        return Merged(text=None, findings=(_deleted(name),))
    try:
        return merge_manifest(base, ours, theirs, by_line=partial(merge_lines, repository, scratch), file=name)
    except ManifestError as error:
        return Merged(text=None, findings=error.findings)


def unsettled(stages: Stages, present: Snapshot) -> tuple[Finding, ...]:
    """Return a finding for each rule pack or template that still has git's marks of a conflict in it."""
    inputs = (name for name in stages.unmerged if name != present.manifest and not name.startswith("locks/"))
    marked = (name for name in inputs if _MARKER.search(present.files.get(name, b"").decode("utf-8", "replace")))
    return tuple(
        Finding(
            code="S478",
            message=f"`{name}` is still in conflict, and the locks are compiled from it",
            places=(Place(file=name),),
            hint="settle it first, then run `stackc merge` again",
        )
        for name in sorted(marked)
    )


def locks_of(target: str, stages: Stages) -> Locks:
    """Return the locks of a target. Raises LockError where one of the two sides' cannot be read."""
    file = f"{lock_folder(target)}/{LOCK}"
    base, ours, theirs = (stages.of(file, side) for side in _SIDES)
    try:
        known = _decoded(base, file)
    except LockError:
        known = None  # it only tells who moved what
    return Locks(base=known, ours=_decoded(ours, f"ours:{file}"), theirs=_decoded(theirs, f"theirs:{file}"))


def _decoded(content: bytes | None, file: str) -> Lock | None:
    return None if content is None else decode(content.decode("utf-8", "replace"), file=file)


def merge_target(name: str, project: Project, locks: Locks) -> TargetMerge:
    """Return a target's lock for the merged inputs, made of what both sides locked."""
    ours, theirs = locks.ours or locks.theirs, locks.theirs or locks.ours
    if ours is None or theirs is None:
        return TargetMerge(made=None, findings=(_unlocked(name, project),))
    differing = other_files(ours, theirs)
    if differing:
        return TargetMerge(made=None, findings=differing)
    try:
        target = resolve_target(project.manifest.targets[name], facts=project.facts, places=project.manifest.places)
        plan, _ = plan_target(project, target, previous=None)
        union = union_of(locks.base, ours, theirs)
        found = islice(union.solutions([root.requirement for root in plan.roots]), _MOST_PROVED)
        made = next((kept for lock in found if (kept := keep_pins(lock, project, plan, compiled=None)) is not None), None)
    except StackcError as error:
        return TargetMerge(made=None, findings=error.findings)
    return TargetMerge(made=made, findings=() if made else (_no_union(name, project),))


def merged_files(project: Project, made: Mapping[str, LockSet], *, present: Snapshot, stages: Stages) -> MergedFiles:
    """Return what to write for the merged targets of an unpacked project, and what is to go."""
    manifest = present.manifest
    wanted = {manifest: present.files[manifest], BAKE: bake_of(project.manifest)}
    for name, lockset in made.items():
        wanted |= {f"{lock_folder(name)}/{file}": body for file, body in lockset.files.items()}
    folders = tuple(f"{lock_folder(name)}/" for name in made)
    known = {name for name in (*present.files, *stages.unmerged) if is_generated(name)}
    gone = {name for name in known - wanted.keys() if name.startswith(folders) or name in stages.unmerged}
    return MergedFiles(wanted=wanted, gone=tuple(sorted(gone)))


def _deleted(name: str) -> Finding:
    return Finding(
        code="S475",
        message=f"one side deleted `{name}`, and the other changed it",
        places=(Place(file=name),),
        hint=f"keep it or take it away: `git add {name}` or `git rm {name}`",
    )


def _unlocked(name: str, project: Project) -> Finding:
    return Finding(
        code="S479",
        message=f"neither side has a lock of target `{name}`",
        places=(project.manifest.places.at("targets", name),),
        hint="run `stackc compile`, then `git add` what it wrote",
    )


def _no_union(name: str, project: Project) -> Finding:
    return Finding(
        code="S479",
        message=f"what both sides locked for target `{name}` is together no solution of the merged manifest",
        places=(project.manifest.places.at("targets", name),),
        notes=("the pins of the one side and of the other do not fit each other, or the merge asks for what neither has",),
        hint="run `stackc compile`, which asks the indexes, then `git add` what it wrote",
    )


def with_manifest(present: Snapshot, text: str) -> Snapshot:
    """Return a snapshot with another manifest."""
    return replace(present, files={**present.files, present.manifest: text.encode()})
