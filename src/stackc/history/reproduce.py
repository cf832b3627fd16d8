"""Compiling a project's locks again, offline, to show that nobody edited what was generated.

Two ways, and each is told for itself. *Rendered*: from the lock's own pins, which have to prove, all else is worked out anew:
steps, reasons, every file, and the lock's text. *Resolved*: as if there were no lock, from what the cache holds. The first
shows any edit but another choice of pins; the second shows that too, as far as the cache reaches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Literal

import tomli
from msgspec import Struct
from msgspec.structs import replace

from stackc.errors import Finding, LockError, Place, StackcError
from stackc.layout import BAKE, LOCK, lock_folder
from stackc.lock.codec import decode, decode_leniently, encode
from stackc.lock.model import Lock, Package
from stackc.lock.proof import prove
from stackc.lockset import LockSet, keep_pins
from stackc.matrix.bases import resolve_target
from stackc.planning import plan_target
from stackc.project import Project
from stackc.render.bake import bake_of

__all__ = ["Rendered", "Resolved", "Verdict", "against_resolved", "bake_findings", "compare_resolved", "render_again"]

Verdict = Literal["identical", "edited", "unproved", "other"]
"""Whether the files are those that compiling gives: the same bytes; edited; of pins that do not prove, so that nothing follows
from them; or, by right, others, as the notes tell."""

_LONGEST_DIFF = 12


class Rendered(Struct, frozen=True, kw_only=True):
    """What rendering a lock's own pins again came to; `files` is how many were compared."""

    verdict: Verdict
    files: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


class Resolved(Struct, frozen=True, kw_only=True):
    """What resolving from nothing came to.

    `reason` tells why it could not be done, or how it differs by right; `findings` what the lock says of a file and its index
    does not.
    """

    verdict: Verdict | None
    reason: str | None = None
    findings: tuple[Finding, ...] = ()


def render_again(name: str, project: Project, found: Mapping[str, bytes]) -> Rendered:
    """Return whether the generated files of a target are those that its lock's own pins give; `found` holds them by name."""
    text = found[LOCK].decode("utf-8", "replace")
    file = f"{lock_folder(name)}/{LOCK}"
    try:
        lock, broken = _read(text, file)
    except LockError as error:
        return Rendered(verdict="other", files=len(found), notes=(error.findings[0].message,))
    if lock.inputs.manifest != project.digests.manifest:
        return Rendered(verdict="edited", files=len(found), findings=(*broken, _stale(name)))
    try:
        made = _from_pins(name, project, lock)
    except StackcError as error:
        return Rendered(verdict="edited", files=len(found), findings=error.findings)
    if made is None:
        proved = (finding for finding in prove(lock, matrix=project.matrix) if finding.severity == "error")
        placed = tuple(_with_line(finding, text) for finding in proved)
        return Rendered(verdict="unproved", files=len(found), findings=(*broken, *placed))
    moved = _moved(lock, project)
    expected = {file: body for file, body in _expected(made, lock).items() if not moved or file == LOCK}
    edits = tuple(_edits(lock_folder(name), expected, {file: found[file] for file in found if not moved or file == LOCK}))
    verdict: Verdict = "edited" if edits else "other" if moved else "identical"
    return Rendered(verdict=verdict, files=len(expected), findings=edits, notes=moved)


def _from_pins(name: str, project: Project, lock: Lock) -> LockSet | None:
    """Return what a lock's own pins give, None where they do not prove. Raises StackcError."""
    target = resolve_target(project.manifest.targets[name], facts=project.facts, places=project.manifest.places)
    plan, _ = plan_target(project, target, previous=None)
    return keep_pins(lock, project, plan, compiled=None)


def against_resolved(name: str, made: Mapping[str, bytes], found: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """Return how a lock whose pins do not prove differs from the one that was resolved from nothing."""
    return tuple(_edits(lock_folder(name), {LOCK: made[LOCK]}, {LOCK: found[LOCK]}))


def _with_line(finding: Finding, text: str) -> Finding:
    """Return a finding about a pin with the line on which the lock has it."""
    return replace(finding, places=tuple(replace(place, line=_line_of(place, text)) for place in finding.places))


def _line_of(place: Place, text: str) -> int | None:
    kind, name, *keys = (*map(str, place.path), "", "")
    begin = text.find(f'[[{kind}]]\nname = "{name}"\n')
    if begin < 0:
        return place.line
    end = text.find("\n[[", begin + 1)
    at = text.find(f"\n{keys[0]} = ", begin, end if end > 0 else len(text))
    return text.count("\n", 0, at + 1 if at > 0 and keys[0] else begin) + 1


def compare_resolved(name: str, made: Mapping[str, bytes], found: Mapping[str, bytes]) -> Resolved:
    """Return whether what was resolved from nothing is what is there."""
    if dict(made) == dict(found):
        return Resolved(verdict="identical")
    file = f"{lock_folder(name)}/{LOCK}"
    try:
        new, _ = _read(made[LOCK].decode("utf-8"), file)
        old, _ = _read(found[LOCK].decode("utf-8", "replace"), file)
    except LockError as error:
        return Resolved(verdict=None, reason=error.findings[0].message)
    forged = tuple(_forged(old, new, text=found[LOCK].decode("utf-8", "replace"), file=file))
    if forged:
        return Resolved(verdict="edited", reason="the lock says of files what their index does not", findings=forged)
    moved = [str(each) for each in sorted({*new.by_name, *old.by_name}) if _release(new, each) != _release(old, each)]
    if moved:
        listed = ", ".join(moved[:_SHOWN]) + (f" and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else "")
        return Resolved(verdict="other", reason=f"other pins of {listed}: an old pin that still fits stays where it is")
    if new.engine != old.engine:
        engines = f"{new.engine.name} {new.engine.version} here, {old.engine.name} {old.engine.version} then"
        return Resolved(verdict="other", reason=f"the same pins by another engine: {engines}")
    return Resolved(verdict="other", reason="the same pins, in files that are others")


def _forged(old: Lock, new: Lock, *, text: str, file: str) -> Iterator[Finding]:
    """Yield each pin of the same file of one index of which the old lock says something else than the new one."""
    for kind, locked, known in (("package", old.packages, new.packages), ("tool", old.tools, new.tools)):
        there = {(each.name, each.version, each.index, each.file.name): each for each in known if each.direct is None}
        for package in locked:
            fresh = there.get((package.name, package.version, package.index, package.file.name))
            told = [] if fresh is None else list(_contradictions(package, fresh, same_stackc=old.stackc == new.stackc))
            for what, said, truth in told:
                place = Place(file=file, path=(kind, package.name, what))
                finding = Finding(
                    code="S532",
                    message=f"of `{package.file.name}` the lock says what index `{package.index}` does not",
                    places=(place,),
                    wanted=f"{what} {truth}",
                    found=f"{what} {said}",
                    hint=f"ask who edited the lock; `stackc compile --upgrade {package.name}` locks what the index has",
                )
                yield _with_line(finding, text)


def _contradictions(old: Package, new: Package, *, same_stackc: bool) -> Iterator[tuple[str, str, str]]:
    """Yield what two locks say otherwise of one file: the key, the old value and the new. What one does not know is none."""
    facts = [
        ("sha256", old.file.sha256, new.file.sha256),
        ("size", old.file.size, new.file.size),
        ("uploaded", old.file.uploaded, new.file.uploaded),
    ]
    if same_stackc and old.extras == new.extras:
        facts += [("requires", ", ".join(old.requires) or "nothing", ", ".join(new.requires) or "nothing")]
    yield from ((what, str(said), str(truth)) for what, said, truth in facts if None not in (said, truth) and said != truth)


def bake_findings(project: Project, files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """Return what is wrong with the bake file of all targets; `files` are the project's by name."""
    expected, found = bake_of(project.manifest), files.get(BAKE)
    if found is None:
        return (Finding(code="S533", message=f"`{BAKE}` is missing", hint=_HINT),)
    return () if found == expected else (_edited(BAKE, expected=expected, found=found),)


_SHOWN = 5


def _release(lock: Lock, name: str) -> object:
    package = lock.by_name.get(name)  # type: ignore[call-overload]
    return None if package is None else (package.version, package.file.sha256)


def _read(text: str, file: str) -> tuple[Lock, tuple[Finding, ...]]:
    """Return a lock though it was edited by hand, and what is wrong with its text. Raises LockError where it is no lock."""
    try:
        return decode(text, file=file), ()
    except LockError as error:
        try:
            return decode_leniently(tomli.loads(text), file=file), error.findings
        except (ValueError, RecursionError):
            raise error from None


def _stale(name: str) -> Finding:
    return Finding(
        code="S471",
        message=f"the lock of target `{name}` is not that of the manifest beside it",
        places=(Place(file=f"{lock_folder(name)}/{LOCK}", path=("inputs", "manifest")),),
        hint="the manifest was edited and not compiled: run `stackc compile`",
    )


def _moved(lock: Lock, project: Project) -> tuple[str, ...]:
    """Return why a lock's files may differ by right: what it was compiled with is not what is here."""
    now, then = project.digests, lock.inputs
    changed = [
        what
        for what, new, old in (("rules", now.matrix, then.matrix), ("templates", now.templates, then.templates))
        if new != old
    ]
    if not changed:
        return ()
    return (f"compiled by stackc {lock.stackc} with other {' and '.join(changed)}: only the lock itself can be compared",)


def _expected(made: LockSet, lock: Lock) -> Mapping[str, bytes]:
    """Return the files as the stackc that wrote the lock gives them: its own version and digests stand in the lock."""
    known = replace(lock.inputs, manifest=made.lock.inputs.manifest)
    if (known.matrix, known.templates) == (made.lock.inputs.matrix, made.lock.inputs.templates):
        known = replace(known, outputs=made.lock.inputs.outputs)
    return {**made.files, LOCK: encode(replace(made.lock, stackc=lock.stackc, inputs=known)).encode()}


def _edits(folder: str, expected: Mapping[str, bytes], found: Mapping[str, bytes]) -> Iterator[Finding]:
    for file in sorted(expected.keys() | found.keys()):
        path = f"{folder}/{file}"
        if file not in found:
            yield Finding(code="S533", message=f"`{path}` is missing", hint=_HINT)
        elif file not in expected:
            yield Finding(code="S533", message=f"`{path}` is no file of the lock", places=(Place(file=path),), hint=_HINT)
        elif found[file] != expected[file]:
            yield _edited(path, expected=expected[file], found=found[file])


_HINT = "run `stackc compile`, which writes what belongs there, and look at what its diff takes back"


def _edited(path: str, *, expected: bytes, found: bytes) -> Finding:
    wanted, there = (content.decode("utf-8", "replace").splitlines() for content in (expected, found))
    rows = list(unified_diff(wanted, there, lineterm="", n=0))[2:]
    lines = [int(row.split(" ")[2].lstrip("+").partition(",")[0]) for row in rows if row.startswith("@@")]
    more = len(rows) - _LONGEST_DIFF
    return Finding(
        code="S532",
        message=f"`{path}` was edited: it is not what compiling gives",
        places=(Place(file=path, line=max(1, lines[0]) if lines else None),),
        notes=(*(rows[:_LONGEST_DIFF] or [_INVISIBLE]), *((f"... and {more} lines more",) if more > 0 else ())),
        hint=_HINT,
    )


_INVISIBLE = "only the ends of its lines differ: git may have converted them, which .gitattributes can forbid"
