"""Files of a project that change together: all of them or none, though the run be killed.

Terminology: a *part* changes in one step: what was compiled for one target, whose folder is swapped, or one other file. Where
more than one part changes, what was there and what is to be there is written down first, in the *journal*, which goes when all
of them have changed. A run that was killed in between is undone by the next one that writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

import msgspec

from stackc.errors import Finding, LockError, Place
from stackc.files import replace_tree, write_file
from stackc.files.refusal import refused
from stackc.files.stage import holds, sync_folder
from stackc.files.turn import take_lock, turn
from stackc.layout import BAKE, JOURNAL, generated, lock_folder, read_outputs

__all__ = ["Contents", "Half", "apply_together", "half_written", "is_generated", "require_no_links", "undo_killed"]

_LOCKS = "locks/"
_TURN = ".stackc.journal.turn"
_WAIT = 30.0

Contents = Mapping[str, bytes | None]
"""Files by name relative to the project; None for one that is not there."""


class Half(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that a killed run had written, and those that it had not, sorted."""

    written: tuple[str, ...]
    missing: tuple[str, ...]


class _Journal(msgspec.Struct, frozen=True):
    """What was there and what is to be there, of the same files: all that are compiled for a target, or none of it."""

    before: dict[str, bytes | None]
    after: dict[str, bytes | None]


def apply_together(
    folder: Path, after: Contents, *, whole: bool = False, checkpoint: Callable[[str], None] = lambda _: None
) -> frozenset[str]:
    """Give files of a project these contents, all or none, and return the parts that changed.

    With `whole` a target of which any file is named keeps no compiled file but those. `checkpoint` is told of each step after
    it is done; what a test uses to die there. Raises LockError with everything as it was. Where a link leads to a part there is
    no journal: what fails is undone there too, what is killed is not.
    """
    with refused(folder / _LOCKS):
        if not _moving(folder, _change(folder, after, whole=whole).after):
            return frozenset()
        (folder / _LOCKS).mkdir(parents=True, exist_ok=True)
        with turn(folder / _LOCKS, wait=_WAIT, name=_TURN):
            return _apply(folder, _change(folder, after, whole=whole), checkpoint)


def _change(folder: Path, after: Contents, *, whole: bool) -> _Journal:
    before = _present(folder, after)
    return _Journal(before, {**(dict.fromkeys(before) if whole else before), **after})


def _apply(folder: Path, change: _Journal, checkpoint: Callable[[str], None]) -> frozenset[str]:
    moving, journal = _moving(folder, change.after), folder / JOURNAL
    if len(moving) > 1 and not _links(folder, change.after) and all(map(_stays_inside, change.after)):
        write_file(journal, msgspec.msgpack.encode(change))
        checkpoint("journal written")
    try:
        _put_all(folder, change.after, checkpoint)
    except BaseException:
        _put_all(folder, change.before, checkpoint)
        _close(journal)
        raise
    _close(journal)
    return frozenset(moving)


def half_written(folder: Path) -> Half | None:
    """Return what a killed run left half done, None where there is nothing or a living run is at it. Writes nothing."""
    journal = folder / JOURNAL
    with refused(journal):
        found = None if not journal.is_file() or _is_held(folder / _LOCKS / _TURN) else _read(journal)
        return None if found is None else _half(folder, found)


def undo_killed(folder: Path) -> bool:
    """Put back what a killed run has left half done, and return whether there was any; what was edited since is left alone."""
    locks = folder / _LOCKS
    if not (folder / JOURNAL).is_file() and not (locks / _TURN).is_file():
        return False
    with refused(folder / JOURNAL), turn(locks, wait=_WAIT, name=_TURN):
        found = _read(folder / JOURNAL)
        half = None if found is None else _half(folder, found)
        if found is not None and half is not None:
            require_no_links(folder, found.before)
            _put_all(folder, found.before, lambda _: None)
        _close(folder / JOURNAL)
        return half is not None


def _read(journal: Path) -> _Journal | None:
    """Return what a journal says, None where there is none: the run was alive, and has ended meanwhile."""
    try:
        found = msgspec.msgpack.decode(journal.read_bytes(), type=_Journal)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return found if found.before.keys() == found.after.keys() and all(map(_stays_inside, found.before)) else None


def _half(folder: Path, found: _Journal) -> Half | None:
    """Return the parts of a change that were made and those that were not, None unless there are both, and nothing else."""
    present = _present(folder, found.before)
    if any(body not in {found.before.get(name), found.after.get(name)} for name, body in present.items()):
        return None
    moved = [part for part, files in _parts(found.after).items() if any(found.before[name] != files[name] for name in files)]
    written = [part for part in moved if all(present[name] == body for name, body in _parts(found.after)[part].items())]
    missing = sorted(set(moved) - set(written))
    return Half(written=tuple(sorted(written)), missing=tuple(missing)) if written and missing else None


def _parts(contents: Contents) -> dict[str, Contents]:
    """Return the files of each part, in the order in which the parts change: inputs, then targets, then what names them."""
    parts: dict[str, dict[str, bytes | None]] = {}
    for name in sorted(contents, key=lambda name: (is_generated(name), name == BAKE, name)):
        part = name if name == BAKE or not is_generated(name) else lock_folder(PurePosixPath(name).parts[1])
        parts.setdefault(part, {})[name] = contents[name]
    return dict(parts)


def _moving(folder: Path, contents: Contents) -> list[str]:
    return [part for part, files in _parts(contents).items() if not _stands(folder, part, files)]


def _stands(folder: Path, part: str, files: Contents) -> bool:
    if part in files:
        return _bytes(folder / part) == files[part]
    return holds(Path(os.path.realpath(folder / part)), _inside(part, files), generated)


def _put_all(folder: Path, contents: Contents, checkpoint: Callable[[str], None]) -> None:
    for part, files in _parts(contents).items():
        if not _stands(folder, part, files):
            _put(folder, part, files)
            checkpoint(f"put {part}")


def _put(folder: Path, part: str, files: Contents) -> None:
    content = files.get(part)
    if part not in files:
        replace_tree(folder / part, _inside(part, files), ours=generated)
        with suppress(OSError):  # it holds something, or is a link
            (folder / part).rmdir()
    elif content is not None:
        write_file(folder / part, content)
    elif (folder / part).is_file():
        (folder / part).unlink()


def _inside(part: str, files: Contents) -> dict[str, bytes]:
    return {name.removeprefix(f"{part}/"): body for name, body in files.items() if body is not None}


def _present(folder: Path, names: Iterable[str]) -> dict[str, bytes | None]:
    """Return what lies under some names, and all that is compiled for the targets of which any is a file."""
    found = {name: _bytes(folder / name) for name in names}
    for part in _parts(found):
        if part not in found:
            found |= {f"{part}/{name}": body for name, body in read_outputs(folder / part).items()}
    return found


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _close(journal: Path) -> None:
    if journal.is_file():
        journal.unlink()
        sync_folder(journal.parent)


def _is_held(path: Path) -> bool:
    """Say whether a living run has its turn."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return not take_lock(descriptor)
    finally:
        os.close(descriptor)


def is_generated(name: str) -> bool:
    """Say whether a name, seen from the project's folder, is that of a file that compiling writes."""
    target, _, file = name.removeprefix(_LOCKS).partition("/")
    return name == BAKE or (name.startswith(_LOCKS) and generated(file) and not target.startswith("."))


def _stays_inside(name: str) -> bool:
    """Say whether a name is a file of the project and not hidden: a journal may be anybody's, and git's folder is near."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") for part in path.parts)
    return name == str(path) and not hidden and not path.is_absolute() and "\0" not in name


def require_no_links(folder: Path, contents: Contents) -> None:
    """Raise LockError where a link would lead a file out of the project."""
    links = _links(folder, contents)
    if links:
        raise LockError(_link(place) for place in links)


def _links(folder: Path, contents: Contents) -> list[Path]:
    places = {folder / part for name in contents for part in (PurePosixPath(name), *PurePosixPath(name).parents)}
    return sorted(place for place in places - {folder} if place.is_symlink())


def _link(place: Path) -> Finding:
    return Finding(
        code="S472",
        message=f"`{place}` is a link, and what is brought back would be written to where it leads",
        places=(Place(file=str(place)),),
        hint="replace the link by what belongs there, then run the command again",
    )
