"""Files of a project that change together: all of them or none, though the run be killed.

What is generated below locks/ is exchanged in one step, the others one by one. So that a kill in between can be undone, what
was there and what is to be there is written down first, in git's own folder; the next run puts back what was there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import msgspec

from stackc.errors import Finding, LockError, Place
from stackc.files import replace_tree, write_file
from stackc.files.refusal import refused
from stackc.files.turn import turn
from stackc.history.repository import Repository
from stackc.history.snapshot import read_folder
from stackc.layout import BAKE, generated

__all__ = ["apply_together", "is_generated", "journal_of", "undo_killed"]

_LOCKS = "locks/"
_JOURNAL = "stackc-journal"
_WAIT = 30.0

Contents = Mapping[str, bytes | None]
"""Files by name relative to the project; None for one that is not there."""


class _Journal(msgspec.Struct, frozen=True):
    folder: str
    before: dict[str, bytes | None]
    after: dict[str, bytes | None]


def journal_of(repository: Repository) -> Path:
    """Return where a change is written down while it is made."""
    return repository.folder / repository.ask("rev-parse", "--git-path", _JOURNAL).text


def apply_together(folder: Path, after: Contents, *, journal: Path, checkpoint: Callable[[str], None] = lambda _: None) -> None:
    """Give files of a project these contents, all or none. Raises LockError with everything as it was.

    `checkpoint` is told of each step after it is done; what a test uses to die there.
    """
    _require_no_links(folder, after)
    with refused(journal), turn(journal.parent, wait=_WAIT):
        before = {name: _bytes(folder / name) for name in after}
        write_file(journal, msgspec.msgpack.encode(_Journal(str(folder.absolute()), before, dict(after))))
        checkpoint("journal written")
        try:
            _apply(folder, after, checkpoint)
        except BaseException:
            _apply(folder, before, checkpoint)
            journal.unlink()
            raise
        journal.unlink()


def undo_killed(folder: Path, *, journal: Path) -> bool:
    """Put back what a killed run has left half done, and return whether there was any; what was edited since is left alone."""
    if not journal.is_file():
        return False
    with refused(journal), turn(journal.parent, wait=_WAIT):
        return _undo(folder, journal)


def _undo(folder: Path, journal: Path) -> bool:
    try:
        found = msgspec.msgpack.decode(journal.read_bytes(), type=_Journal)
    except (FileNotFoundError, msgspec.DecodeError):
        return False  # the run was alive, and has ended meanwhile
    if found.folder != str(folder.absolute()):
        return False
    present = {name: _bytes(folder / name) for name in found.before}
    untouched = all(present[name] in {found.before[name], found.after.get(name)} for name in present)
    half = untouched and present != found.after and present != found.before  # noqa: PLR1714 (mappings have no hash)
    if half:
        _require_no_links(folder, found.before)
        _apply(folder, found.before, lambda _: None)
    journal.unlink()
    return half


def _apply(folder: Path, contents: Contents, checkpoint: Callable[[str], None]) -> None:
    for name, content in contents.items():
        if not is_generated(name):
            _put(folder / name, content)
            checkpoint(f"put {name}")
    inside = {name.removeprefix(_LOCKS): body for name, body in contents.items() if is_generated(name)}
    if inside:
        wanted = {name: body for name, body in {**_generated_files(folder), **inside}.items() if body is not None}
        replace_tree(folder / _LOCKS, wanted, ours=lambda name: is_generated(f"{_LOCKS}{name}"))
        checkpoint("locks exchanged")


def _generated_files(folder: Path) -> dict[str, bytes]:
    """Return what was compiled, by name relative to locks/."""
    files = read_folder(folder).files
    return {name.removeprefix(_LOCKS): body for name, body in files.items() if is_generated(name)}


def _put(path: Path, content: bytes | None) -> None:
    if content is not None:
        write_file(path, content)
    elif path.is_file():
        path.unlink()


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def is_generated(name: str) -> bool:
    """Say whether a name, seen from the project's folder, is that of a file that compiling writes."""
    target, _, file = name.removeprefix(_LOCKS).partition("/")
    return name == BAKE or (name.startswith(_LOCKS) and generated(file) and not target.startswith("."))


def _require_no_links(folder: Path, contents: Contents) -> None:
    """Raise LockError where a link would lead a file out of the project."""
    places = {folder / part for name in contents for part in (PurePosixPath(name), *PurePosixPath(name).parents)}
    links = sorted(place for place in places - {folder} if place.is_symlink())
    if links:
        raise LockError(_link(place) for place in links)


def _link(place: Path) -> Finding:
    return Finding(
        code="S472",
        message=f"`{place}` is a link, and what is brought back would be written to where it leads",
        places=(Place(file=str(place)),),
        hint="replace the link by what belongs there, then run the command again",
    )
