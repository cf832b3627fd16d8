"""What a run leaves beside the files that it writes, while it runs or after it was killed.

Terminology: a *stage* is the new set before the swap, and the old one after an exchange. A folder is *set aside* between the
two renames of the swap that needs no exchange. A *draft* is a single file before its replacement.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from pathlib import Path

from msgspec import Struct

from stackc.errors import Finding, LockError, Place
from stackc.files.turn import take_lock

__all__ = ["Leftover", "find_leftovers", "remove_draft", "remove_tree", "sweep"]

_NAME = re.compile(r"\.(?P<name>.+)\.(?P<role>stage|aside|draft)-(?P<token>[0-9]+-[0-9a-f]{8})", re.DOTALL)


class Leftover(Struct, frozen=True):
    """The hidden neighbours of one file or folder in one run: `token` is the run's process id and a random part."""

    target: Path
    token: str

    @classmethod
    def new(cls, target: Path) -> Leftover:
        """Return neighbours of `target` that nobody else has."""
        return cls(target, f"{os.getpid()}-{secrets.token_hex(4)}")

    @property
    def stage(self) -> Path:
        """Return the stage's path."""
        return self._path("stage")

    @property
    def aside(self) -> Path:
        """Return the path of the folder that was set aside."""
        return self._path("aside")

    @property
    def draft(self) -> Path:
        """Return the draft's path."""
        return self._path("draft")

    def _path(self, role: str) -> Path:
        return self.target.parent / f".{self.target.name}.{role}-{self.token}"


def find_leftovers(parent: Path) -> tuple[Leftover, ...]:
    """Return what runs have left in `parent`, sorted."""
    found = {_NAME.fullmatch(path.name) for path in parent.iterdir()}
    left = {(match["name"], match["token"]) for match in found if match}
    return tuple(Leftover(parent / name, token) for name, token in sorted(left))


def sweep(parent: Path) -> None:
    """Finish or undo what killed runs began in `parent`. The caller holds the turn."""
    for left in find_leftovers(parent):
        if left.aside.is_dir():
            _settle(left)
        remove_tree(left.stage)
        remove_draft(left.draft)


def _settle(left: Leftover) -> None:
    if not os.path.lexists(left.target):
        left.aside.rename(left.target)
    elif not left.stage.is_dir():
        remove_tree(left.aside)
    else:
        raise LockError(_two_sets(left))


def _two_sets(left: Leftover) -> Finding:
    return Finding(
        code="S446",
        message=f"a killed run set `{left.target.name}` aside, and another `{left.target.name}` stands in its place",
        places=(Place(file=str(left.target)), Place(file=str(left.aside))),
        hint=f"keep what you need of `{left.aside.name}`, remove it, then run the command again",
    )


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, folders that forbid it included; do nothing where it is not there."""
    if not folder.is_dir() or folder.is_symlink():
        return
    for inner in (Path(name) for name, _, _ in os.walk(folder)):
        inner.chmod(stat.S_IMODE(inner.stat().st_mode) | stat.S_IRWXU)
    shutil.rmtree(folder)


def remove_draft(draft: Path) -> None:
    """Remove a draft unless a living process still holds it."""
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        if take_lock(descriptor):
            draft.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
