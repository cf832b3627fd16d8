"""A folder for the temporary files of one run, and the end of those that killed runs left."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stackc.files.turn import take_lock

__all__ = ["scratch_folder", "scratch_parent"]

_PREFIX = "stackc-run-"
_NEW = "stackc-new-"
_MEMORY = Path("/dev/shm")  # noqa: S108 (only mkdtemp creates in it)


def scratch_parent(wanted: str | None) -> Path:
    """Return the wanted folder (TMPDIR), else one held in memory, where there is one: nothing in it outlives the run."""
    if wanted and os.access(wanted, os.W_OK | os.X_OK):
        return Path(wanted)
    return _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Make a folder in `parent`, remove it at the end, and before it all that killed runs of this user left there."""
    _sweep(parent)
    made = Path(tempfile.mkdtemp(prefix=_NEW, dir=parent))
    held = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        take_lock(held)
        # The name that a sweep looks for is given only once the lock is held.
        folder = made.rename(parent / f"{_PREFIX}{secrets.token_hex(8)}")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # another user's, or gone meanwhile
            continue
        try:
            if os.fstat(held).st_uid == os.geteuid() and take_lock(held):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(held)
