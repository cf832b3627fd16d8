"""The two ends that `stackc diff` was asked for: revisions of git, the working tree, folders or files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from stackc.diff.model import End, Reading
from stackc.diff.reading import read_lock
from stackc.errors import Finding, ManifestError, Place, UsageError
from stackc.history.repository import Repository, find_repository
from stackc.history.revision import Revision, common_ancestor, find_revision, is_revision, merge_base
from stackc.history.snapshot import Snapshot, read_folder, read_snapshot
from stackc.layout import LOCK, lock_folder
from stackc.manifest.syntax import parse

__all__ = ["Asked", "both_ends"]

WORKING_TREE = "working tree"


class Asked(Struct, frozen=True, kw_only=True):
    """What the command line says: the ends as they were named, the manifest, and the targets, all of them if none is named."""

    base: str | None
    head: str | None
    manifest: Path
    targets: tuple[str, ...] = ()


def both_ends(asked: Asked, *, environment: Mapping[str, str]) -> tuple[End, End]:
    """Return base and head; without a name they are the point where the branch left the default one, and the working tree.

    A name that is both a revision and a path is taken for the revision; `./NAME` is always the path. Raises UsageError.
    """
    reader = _Reader(asked.manifest, environment)
    span = _range(asked.base) if asked.base is not None and asked.head is None else None
    ends = reader.span(span) if span is not None else reader.ends(asked.base, asked.head)
    paired = _paired(*ends)
    _require(asked.targets, paired)
    return paired


class _Range(Struct, frozen=True):
    """`BASE..HEAD`, or `BASE...HEAD`: from where HEAD left BASE."""

    base: str
    head: str
    from_ancestor: bool


_DOTS = re.compile(r"(?P<base>.*?[^.]|)(?P<dots>\.{2,3})(?P<head>[^./].*|)", re.DOTALL)


def _range(name: str) -> _Range | None:
    """Return what a name says if it is a range as git takes one, the side that is left out being HEAD."""
    found = _DOTS.fullmatch(name)
    if found is None or not (found["base"] or found["head"]) or _is_there(Path(name)):
        return None
    return _Range(found["base"] or "HEAD", found["head"] or "HEAD", found["dots"] == "...")


def _is_there(path: Path) -> bool:
    """Say whether there is a file or a folder; of a name that can be none, there is not."""
    try:
        return path.exists()
    except OSError:
        return False


class _Reader:
    """Reads ends of one project; git is asked when an end is first looked for in it."""

    def __init__(self, manifest: Path, environment: Mapping[str, str]) -> None:
        self._manifest = manifest
        self._environment = environment
        self._found: Repository | None = None

    def ends(self, base: str | None, head: str | None) -> tuple[End, End]:
        began = self._at(merge_base(self._repository())) if base is None else self.end(base)
        return began, self._working() if head is None else self.end(head)

    def span(self, span: _Range) -> tuple[End, End]:
        if not span.from_ancestor:
            return self.ends(span.base, span.head)
        repository = self._repository()
        return self._at(common_ancestor(repository, span.base, span.head)), self._at(find_revision(repository, span.head))

    def _working(self) -> End:
        return _of_snapshot(self._read(self._manifest.parent), WORKING_TREE, folder=self._manifest.parent)

    def end(self, name: str) -> End:
        path = Path(name)
        if _is_there(path) and not self._is_revision(name):
            return self._path(path)
        try:
            self._repository()
        except UsageError as error:
            if not any("not a git repository" in note for finding in error.findings for note in finding.notes):
                raise  # there may well be one: git cannot be run, or does not read what is another user's
            raise UsageError(_neither(name, error)) from error
        return self._at(find_revision(self._repository(), name))

    def _repository(self) -> Repository:
        self._found = self._found or find_repository(self._manifest.parent, environment=self._environment)
        return self._found

    def _is_revision(self, name: str) -> bool:
        try:
            return is_revision(self._repository(), name)
        except UsageError:
            return False  # outside a repository all names are paths

    def _at(self, revision: Revision) -> End:
        snapshot = read_snapshot(self._repository(), revision, manifest=self._manifest.name)
        label = revision.name if revision.commit.startswith(revision.name) else f"{revision.name} ({revision.short})"
        return _of_snapshot(snapshot, label, folder=self._manifest.parent)

    def _path(self, path: Path) -> End:
        if path.is_file() or not path.is_dir():
            return _of_file(path, label=str(path))
        if (path / LOCK).is_file():
            return _of_file(path / LOCK, label=str(path))
        inner = sorted(path.glob(f"*/{LOCK}"))
        if inner and not (path / self._manifest.name).exists():
            return End(label=str(path), locks={file.parent.name: _read_file(file) for file in inner})
        end = _of_snapshot(self._read(path), str(path), folder=path)
        if not end.locks and end.manifest is None:
            raise UsageError(_nothing_there(path))
        return end

    def _read(self, folder: Path) -> Snapshot:
        try:
            return read_folder(folder, manifest=self._manifest.name)
        except OSError as error:
            raise UsageError(_unreadable(Path(error.filename or folder), error)) from error


def _of_snapshot(snapshot: Snapshot, label: str, *, folder: Path) -> End:
    locks = {}
    for name in snapshot.targets:
        reading = _reading(snapshot.lock(name) or b"", file=snapshot.called(_lock_path(name)))
        rendered = {file: body for file, body in snapshot.generated(name).items() if file != LOCK}
        locks[name] = replace(reading, path=(folder / _lock_path(name)).as_posix(), rendered=rendered or None)
    body = snapshot.files.get(snapshot.manifest)
    return End(
        label=label,
        locks=locks,
        manifest=None if body is None else body.decode("utf-8", "replace"),
        file=(folder / snapshot.manifest).as_posix(),
        declared=_declared(body),
        bare=body is None and bool(locks),
        refused=snapshot.refused,
    )


def _declared(manifest: bytes | None) -> tuple[str, ...]:
    """Return the targets that a manifest names, none where it cannot be read."""
    try:
        targets = parse((manifest or b"").decode("utf-8"), file="").get("targets")
    except (ManifestError, UnicodeDecodeError):
        return ()
    return tuple(targets) if isinstance(targets, dict) else ()


def _lock_path(target: str) -> str:
    return f"{lock_folder(target)}/{LOCK}"


def _of_file(path: Path, *, label: str) -> End:
    reading = _read_file(path)
    name = reading.lock.target.name if reading.lock is not None else ""
    return End(label=label, locks={name or path.absolute().parent.name: reading})


def _read_file(path: Path) -> Reading:
    try:
        return _reading(path.read_bytes(), file=str(path))
    except OSError as error:
        raise UsageError(_unreadable(path, error)) from error


def _reading(body: bytes, *, file: str) -> Reading:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        finding = Finding(code="S450", message="the lock cannot be read: it is not UTF-8", places=(Place(file=file),))
        return Reading(lock=None, findings=(finding,), text=body.decode("utf-8", "backslashreplace"))
    return read_lock(text, file=file)


def _paired(base: End, head: End) -> tuple[End, End]:
    """Return ends of which two that are single files are of one target, that of the head."""
    if len(base.locks) == len(head.locks) == 1 and base.manifest is head.manifest is None:
        (old,), (new,) = base.locks.values(), head.locks.values()
        locks = [reading.lock for reading in (new, old) if reading.lock is not None and reading.lock.target.name]
        name = locks[0].target.name if locks else next(iter(head.locks))
        base, head = (End(label=end.label, locks={name: reading}) for end, reading in ((base, old), (head, new)))
    return base, head


def _require(targets: tuple[str, ...], ends: tuple[End, End]) -> None:
    """Raise UsageError for a target that neither end has."""
    known = {name for end in ends for name in (*end.locks, *end.declared)}
    unknown = [name for name in targets if name not in known]
    if unknown:
        there = ", ".join(f"`{name}`" for name in sorted(known)) or "none"
        raise UsageError(
            Finding(code="S002", message=f"there is no target `{name}`", hint=f"the locks that are compared: {there}")
            for name in unknown
        )


def _neither(name: str, error: UsageError) -> Finding:
    return Finding(
        code="S813",
        message=f"`{name}` is no file, and there is no repository to look for a revision in",
        notes=tuple(finding.message for finding in error.findings),
        hint=_TAKEN,
    )


def _nothing_there(path: Path) -> Finding:
    return Finding(code="S813", message=f"`{path}` holds neither a lock nor a manifest", hint=_TAKEN)


_TAKEN = "name a revision of git, a lock, or a folder that holds one"


def _unreadable(path: Path, error: OSError) -> Finding:
    reason = (error.strerror or type(error).__name__).lower()
    return Finding(
        code="S813",
        message=f"`{path}` cannot be read: {reason}",
        hint=_TAKEN,
    )
