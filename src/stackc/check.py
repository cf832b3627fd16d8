"""Checking a project, offline: its locks are those of these inputs, they prove, and its files are those rendered from them.

Nothing is resolved again: whether inputs changed is told by the digests in a lock, and what its files should be by the lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff

from msgspec.structs import replace

from stackc.direct_files import changed_files
from stackc.errors import Finding, LockError, Place, StackcError
from stackc.layout import BAKE, LOCK, lock_folder, outputs_digest, read_outputs, templates_folder
from stackc.lock.model import Lock
from stackc.lock.proof import prove, target_of
from stackc.lock.stored import load_known_lock
from stackc.matrix.bases import resolve_target
from stackc.matrix.check import check_pins
from stackc.mixed_builds import mixed_builds
from stackc.project import Project
from stackc.render.bake import bake_of
from stackc.render.outputs import render

__all__ = ["beside", "check_bake", "check_strays", "check_target", "no_lock"]

_LOCKS = "locks/"

_LONGEST_DIFF = 12
_INVISIBLE = "only the ends of its lines differ: git may have converted them, which .gitattributes can forbid"


def check_target(name: str, project: Project) -> tuple[Finding, ...]:
    """Return what is wrong with the lock of one target and its files; nothing means that it proves and nothing drifted."""
    return tuple(beside(project, finding) for finding in _check_target(name, project))


def _check_target(name: str, project: Project) -> tuple[Finding, ...]:
    try:
        lock = load_known_lock(project.folder / lock_folder(name), name)
    except LockError as error:
        return error.findings
    if lock is None:
        return (no_lock(name, project),)
    moved = tuple(_moved_inputs(lock, project, name))
    drift = _drift(lock, project, name, moved=bool(moved))
    changed = changed_files(lock, project.manifest, folder=project.folder)
    return (*moved, *changed, *prove(lock, matrix=project.matrix), *drift, *_warnings(lock, project))


def _warnings(lock: Lock, project: Project) -> Iterator[Finding]:
    """Yield what there is to say of pins that prove: a rule that only warns, and a mix of builds, break no proof."""
    try:
        target = target_of(lock)
    except LockError:
        return  # the proof has told it
    pins = {str(package.name): package.version for package in lock.packages}
    yield from (told for told in check_pins(pins, target=target, matrix=project.matrix) if told.severity == "warning")
    yield from mixed_builds(lock, project.manifest)


def beside(project: Project, finding: Finding) -> Finding:
    """Return a finding whose places in locks/ are as seen from the working folder, like those in the manifest."""
    places = (
        replace(place, file=(project.folder / place.file).as_posix()) if place.file.startswith(_LOCKS) else place
        for place in finding.places
    )
    return replace(finding, places=tuple(places))


def check_bake(project: Project) -> tuple[Finding, ...]:
    """Return what is wrong with the bake file of all targets, which lies beside their locks; nothing before there are any."""
    path, expected = project.folder / BAKE, bake_of(project.manifest)
    if not path.is_file() and not any(
        (project.folder / lock_folder(name) / LOCK).exists() for name in project.manifest.targets
    ):
        return ()
    if not path.is_file():
        return (Finding(code="S522", message=f"`{BAKE}` is missing", hint="run `stackc compile`"),)
    found = path.read_bytes()
    if found == expected:
        return ()
    return (beside(project, _edited(BAKE, expected=expected, found=found, source="stack.toml")),)


def check_strays(project: Project) -> tuple[Finding, ...]:
    """Return a warning for each lock that belongs to no target of the manifest: its Dockerfile would still build."""
    found = sorted(path.parent.name for path in (project.folder / _LOCKS).glob(f"*/{LOCK}"))
    return tuple(
        beside(
            project,
            Finding(
                code="S449",
                message=f"`{lock_folder(name)}` is the lock of no target that the manifest has",
                places=(Place(file=f"{lock_folder(name)}/{LOCK}"),),
                hint=f"remove the folder, as by `git rm -r {lock_folder(name)}`, or name the target again",
                severity="warning",
            ),
        )
        for name in found
        if name not in project.manifest.targets and not name.startswith(".")
    )


def no_lock(name: str, project: Project) -> Finding:
    """Return the finding that a target was never compiled."""
    return Finding(
        code="S520",
        message=f"target `{name}` has no lock",
        places=(project.manifest.places.at("targets", name),),
        hint="run `stackc compile`",
    )


def _moved_inputs(lock: Lock, project: Project, name: str) -> Iterator[Finding]:
    now, then = project.digests, lock.inputs
    moved = [
        label
        for label, new, old in (
            ("the manifest", now.manifest, then.manifest),
            ("the matrix", now.matrix, then.matrix),
            ("the templates", now.templates, then.templates),
        )
        if new != old
    ]
    if moved:
        yield Finding(
            code="S521",
            message=f"{' and '.join(moved)} changed after the lock of target `{name}` was compiled",
            places=(Place(file=f"{lock_folder(name)}/{LOCK}"),),
            hint="run `stackc compile`, and commit what it writes",
        )


def _drift(lock: Lock, project: Project, name: str, *, moved: bool) -> Iterator[Finding]:
    """Yield a finding per generated file that is not what the lock renders to.

    Where inputs moved, every file may differ by right: then it is told which are missing, else whether any is not the one that
    the lock was written with.
    """
    folder = lock_folder(name)
    found = read_outputs(project.folder / folder)
    try:
        expected = _render(lock, project, name)
    except StackcError as error:
        yield from error.findings
        return
    missing, foreign = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys() - {LOCK})
    for file in missing:
        yield Finding(code="S522", message=f"`{folder}/{file}` is missing", hint="run `stackc compile`")
    if not moved:
        for file in sorted(expected.keys() & found.keys()):
            if found[file] != expected[file]:
                yield _edited(f"{folder}/{file}", expected=expected[file], found=found[file])
    elif not missing and not foreign and outputs_digest(found) != lock.inputs.outputs:
        yield _edited_before(folder)
    for file in foreign:
        message = f"`{folder}/{file}` belongs to no step of the lock"
        yield Finding(code="S524", message=message, places=(Place(file=f"{folder}/{file}"),), hint="run `stackc compile`")


def _render(lock: Lock, project: Project, name: str) -> Mapping[str, bytes]:
    target = resolve_target(project.manifest.targets[name], facts=project.facts, places=project.manifest.places)
    templates = templates_folder(project.folder)
    return render(lock, manifest=project.manifest, target=target, folder=lock_folder(name), project_templates=templates)


def _edited_before(folder: str) -> Finding:
    """Return the finding that a file was edited, where what it should be can no longer be rendered."""
    return Finding(
        code="S526",
        message=f"a generated file in `{folder}` is not the one that the lock was written with",
        places=(Place(file=f"{folder}/{LOCK}"),),
        hint="run `stackc compile`, which writes over it, and look at what its diff takes back",
    )


def _edited(file: str, *, expected: bytes, found: bytes, source: str = "the lock") -> Finding:
    wanted, there = (content.decode("utf-8", "replace").splitlines() for content in (expected, found))
    diff = list(unified_diff(wanted, there, "as compiled", "as found", lineterm="", n=0))[2:] or [_INVISIBLE]
    line = next((_line_of(row) for row in diff if row.startswith("@@")), None)
    more = len(diff) - _LONGEST_DIFF
    return Finding(
        code="S523",
        message=f"`{file}` is not what {source} renders to",
        places=(Place(file=file, line=line),),
        notes=(*diff[:_LONGEST_DIFF], *((f"... and {more} lines more",) if more > 0 else ())),
        hint="change stack.toml or a template instead, and run `stackc compile`; generated files are written over",
    )


def _line_of(hunk: str) -> int:
    """Return where a hunk begins in what was found; one that only lost lines may begin before the first."""
    return max(1, int(hunk.split(" ")[2].lstrip("+").partition(",")[0]))
