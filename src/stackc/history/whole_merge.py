"""The merge of two revisions of a project as a whole, while git merges it file by file.

git calls a driver for a file that both sides changed, and takes any other file as the one side has it. So the merge of all
generated files stands only if what git takes by itself is what belongs there; otherwise none of them is merged.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from stackc.changeset import is_generated
from stackc.errors import CheckError, Finding, Place
from stackc.history.commits import Commits
from stackc.history.manifest_merge import merge_manifest
from stackc.history.merging import Locks, merge_target
from stackc.history.repository import Repository
from stackc.history.snapshot import Snapshot, read_snapshot
from stackc.history.stages import merge_lines
from stackc.history.unpacked import of_the_project, open_snapshot
from stackc.layout import BAKE, LOCK, lock_folder
from stackc.lock.codec import decode
from stackc.lock.model import Lock
from stackc.manifest.digest import digest
from stackc.render.bake import bake_of

__all__ = ["merged_project"]

Sides = tuple[Snapshot, Snapshot, Snapshot]


def merged_project(
    repository: Repository, commits: Commits, *, home: Path, scratch: Path, today: dt.date
) -> Mapping[str, bytes]:
    """Return every generated file of the merge of two commits, by name. Raises StackcError where there is no such merge."""
    base, ours, theirs = (
        of_the_project(read_snapshot(repository, commit, with_installed=True), home=home)
        for commit in (commits.base, commits.ours, commits.theirs)
    )
    sides = (base, ours, theirs)
    refused = [finding for side in sides for finding in (*side.refused, *_stale(side))]
    if refused:
        raise CheckError(refused)
    inputs = _inputs(sides, repository, scratch)
    merged = Snapshot(revision=None, manifest=ours.manifest, files=inputs)
    project = open_snapshot(merged, folder=scratch / "project", today=today)
    wanted = {BAKE: bake_of(project.manifest)}
    for name in project.manifest.targets:
        done = merge_target(name, project, Locks(**{key: _lock(side, name) for key, side in zip(_KEYS, sides, strict=True)}))
        if done.made is None:
            raise CheckError(done.findings)
        wanted |= {f"{lock_folder(name)}/{file}": body for file, body in done.made.files.items()}
    astray = sorted(_astray(sides, wanted))
    if astray:
        raise CheckError(_taken_otherwise(astray[0]))
    return wanted


_KEYS = ("base", "ours", "theirs")


def _inputs(sides: Sides, repository: Repository, scratch: Path) -> dict[str, bytes]:
    """Return the merged manifest, rule packs, templates and files to install. Raises CheckError where one has no merge."""
    names = {name for side in sides for name in side.files if not is_generated(name)}
    merged = {name: _input(name, sides, repository, scratch) for name in sorted(names)}
    return {name: body for name, body in merged.items() if body is not None}


def _input(name: str, sides: Sides, repository: Repository, scratch: Path) -> bytes | None:
    base, ours, theirs = (side.files.get(name) for side in sides)
    if theirs in {ours, base}:
        return ours
    if ours == base:
        return theirs
    if ours is None or theirs is None:
        raise CheckError(_conflict(name))
    texts = [(body or b"").decode("utf-8", "surrogateescape") for body in (base, ours, theirs)]
    by_line = partial(merge_lines, repository, scratch)
    if name != sides[1].manifest:
        text = by_line(*texts)
        if text is None:
            raise CheckError(_conflict(name))
        return text.encode("utf-8", "surrogateescape")
    merged = merge_manifest(*texts, by_line=by_line, file=name)
    if merged.text is None:
        raise CheckError(merged.findings)
    return merged.text.encode("utf-8", "surrogateescape")


def _stale(side: Snapshot) -> Iterator[Finding]:
    """Yield the locks of a side that are not those of its manifest: what was meant there, nobody can tell."""
    meant = digest(side.files.get(side.manifest, b"").decode("utf-8", "replace"))
    for name in side.targets:
        lock = _lock(side, name)
        if lock is not None and lock.inputs.manifest != meant:
            place = Place(file=side.called(f"{lock_folder(name)}/{LOCK}"), path=("inputs", "manifest"))
            message = f"the lock of target `{name}` is not that of the manifest beside it"
            yield Finding(code="S471", message=message, places=(place,), hint="run `stackc compile` on that branch")


def _lock(side: Snapshot, target: str) -> Lock | None:
    content = side.lock(target)
    return None if content is None else decode(content.decode("utf-8", "replace"), file=f"{lock_folder(target)}/{LOCK}")


def _astray(sides: Sides, wanted: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the generated files of which git, without asking a driver, would take what does not belong there."""
    for name in {name for side in sides for name in side.files if is_generated(name)} | wanted.keys():
        base, ours, theirs = (side.files.get(name) for side in sides)
        both_changed = ours not in {base, theirs} and theirs != base
        if both_changed:
            astray = ours is None or theirs is None or name not in wanted
        else:
            astray = (theirs if ours == base else ours) != wanted.get(name)
        if astray:
            yield name


def _conflict(name: str) -> Finding:
    return Finding(
        code="S478",
        message=f"`{name}` is in conflict, and the locks are compiled from it",
        places=(Place(file=name),),
        hint="settle it first, then run `stackc merge`",
    )


def _taken_otherwise(name: str) -> Finding:
    return Finding(
        code="S817",
        message=f"git takes `{name}` from one side alone, and the merge has another",
        places=(Place(file=name),),
        hint="run `stackc merge`",
    )
