"""One writer at a time: a lock file beside what is written, held by `flock(2)`.

The kernel drops the lock of a process that dies, so whoever holds the turn knows that every stage beside it is a dead run's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["TURN_FILE", "take_lock", "turn"]

TURN_FILE = ".stackc.turn"
"""The lock file's name. It is there only while a run writes, or after one was killed."""

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_PAUSE = 0.02


@contextmanager
def turn(parent: Path, *, wait: float, name: str = TURN_FILE) -> Iterator[None]:
    """Hold the only turn of a name in `parent`, which is that to write there unless it is another's.

    Raises `BlockingIOError` when another run still holds it after `wait` seconds. On a file system without locks the turn is
    everybody's: each swap is still atomic there.
    """
    path = parent / name
    held = _wait_for(path, wait=wait)
    try:
        yield
    finally:
        # Removed while it is held: whoever opened it meanwhile sees that the name has gone, and opens a new one.
        path.unlink(missing_ok=True)
        os.close(held)


def take_lock(descriptor: int) -> bool:
    """Lock an open file for this process; return False where another holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _wait_for(path: Path, *, wait: float) -> int:
    deadline = time.monotonic() + wait
    while (held := _take(path)) is None:
        if time.monotonic() >= deadline:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
        time.sleep(_PAUSE)
    return held


def _take(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        taken = take_lock(descriptor) and _is_named(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    if taken:
        return descriptor
    os.close(descriptor)
    return None


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
