"""Exchange two names of one file system in a single step, where the operating system can."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["UNSUPPORTED", "Exchange", "exchange_names"]

Exchange = Callable[[Path, Path], None]
"""Swaps what two names stand for, atomically; raises OSError with a number of `UNSUPPORTED` where it cannot."""

UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV})
"""What kernels, sandboxes and file systems without an exchange answer. EPERM is what a seccomp filter says."""

_AT_FDCWD = -100
_EXCHANGE = 2  # RENAME_EXCHANGE of linux/fs.h, and RENAME_SWAP of Darwin's stdio.h


def exchange_names(first: Path, second: Path) -> None:
    """Swap two names: `renameat2(2)` on Linux, `renamex_np(2)` on macOS."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    old, new, flags = os.fsencode(first), os.fsencode(second), ctypes.c_uint(_EXCHANGE)
    if hasattr(libc, "renameat2"):
        answer = libc.renameat2(_AT_FDCWD, old, _AT_FDCWD, new, flags)
    elif hasattr(libc, "renamex_np"):
        answer = libc.renamex_np(old, new, flags)
    else:
        raise OSError(errno.ENOSYS, f"the C library of {sys.platform} has no exchange", str(first), None, str(second))
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(first), None, str(second))
