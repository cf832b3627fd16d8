"""Why the operating system did not let a file be written, as errors that a user can act on."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from stackc.errors import Finding, LockError, Place

__all__ = ["refusal", "refused", "require_writable"]


class _Reason(Struct, frozen=True, kw_only=True):
    code: str
    message: str
    hint: str


_NOT_ALLOWED = _Reason(
    code="S441",
    message="`{path}` may not be written",
    hint="give this user the right to write `{path}` and its parent folder, then run the command again",
)
_WRONG_KIND = _Reason(
    code="S442",
    message="`{path}` cannot be written: a file stands where a folder belongs, or a folder where a file belongs",
    hint="move what stands at `{path}` out of the way, then run the command again",
)
_NO_ROOM = _Reason(
    code="S443",
    message="`{path}` cannot be written: there is no room left for it",
    hint="free some space, or raise the quota or file size limit; what was there before is untouched",
)
_BUSY = _Reason(
    code="S444",
    message="`{path}` is being written by another run of stackc",
    hint="wait until the other run has ended, then run the command again",
)
_PINNED_DOWN = _Reason(
    code="S445",
    message="`{path}` cannot be replaced as a whole: it is a mount point, or lies in a lower layer of an overlay file system",
    hint="mount the folder above `{path}` instead, or replace `{path}` once by a copy of itself",
)
_OTHER = _Reason(
    code="S447",
    message="`{path}` cannot be written",
    hint="the operating system gave the reason above; what was there before is untouched",
)

_REASONS: Mapping[int, _Reason] = {
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: _NOT_ALLOWED,
    errno.ENOTDIR: _WRONG_KIND,
    errno.EISDIR: _WRONG_KIND,
    errno.EEXIST: _WRONG_KIND,
    errno.ENOTEMPTY: _WRONG_KIND,
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EFBIG: _NO_ROOM,
    errno.EAGAIN: _BUSY,
    errno.EXDEV: _PINNED_DOWN,
    errno.EBUSY: _PINNED_DOWN,
}


def refusal(error: OSError, path: Path) -> LockError:
    """Return the error that says why `path`, as the user knows it, could not be written."""
    reason = _REASONS.get(error.errno or 0, _OTHER)
    path = _in_the_way(path) if reason is _WRONG_KIND else path
    words = os.strerror(error.errno) if error.errno else str(error)
    return LockError(
        Finding(
            code=reason.code,
            message=reason.message.format(path=path),
            places=(Place(file=str(path)),),
            notes=(f"the operating system says: {words}",),
            hint=reason.hint.format(path=path),
        )
    )


def _in_the_way(path: Path) -> Path:
    """Return the folder of `path` that is none, or `path` itself."""
    return next((parent for parent in reversed(path.parents) if parent.exists() and not parent.is_dir()), path)


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Turn every `OSError` of the block into the `LockError` that names `path`."""
    try:
        yield
    except OSError as error:
        raise refusal(error, path) from error


def require_writable(path: Path) -> None:
    """Raise `PermissionError` where `path` exists and is marked as not to be written, though its folder could be."""
    effective = os.access in os.supports_effective_ids
    if path.exists() and not os.access(path, os.W_OK, effective_ids=effective):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
