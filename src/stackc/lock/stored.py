"""The lock of one target as it lies in its folder."""

from __future__ import annotations

from pathlib import Path

from packaging.version import InvalidVersion, Version

from stackc import __version__
from stackc.errors import Finding, LockError, Place
from stackc.layout import LOCK, lock_folder
from stackc.lock.codec import decode
from stackc.lock.model import Lock

__all__ = ["load_known_lock", "load_lock"]


def load_lock(folder: Path, target: str) -> Lock | None:
    """Return the lock in a target's folder, None where there is none. Raises LockError."""
    name = f"{lock_folder(target)}/{LOCK}"
    try:
        text = (folder / LOCK).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        finding = Finding(
            code="S450",
            message=f"the lock cannot be read: {str(reason).lower()}",
            places=(Place(file=name),),
            hint="restore the file from version control, or delete it and run `stackc compile`",
        )
        raise LockError(finding) from error
    return decode(text, file=name)


def load_known_lock(folder: Path, target: str) -> Lock | None:
    """Return the lock in a target's folder, to be judged or replaced: not one that a newer stackc wrote. Raises LockError."""
    lock = load_lock(folder, target)
    if lock is not None and _is_newer(lock.stackc):
        raise LockError(_newer(lock, target))
    return lock


def _newer(lock: Lock, target: str) -> Finding:
    return Finding(
        code="S525",
        message=f"the lock of target `{target}` was written by a newer stackc, and this one leaves it as it is",
        places=(Place(file=f"{lock_folder(target)}/{LOCK}", path=("stackc",)),),
        wanted=f"stackc {__version__} or older",
        found=f"stackc {lock.stackc}",
        hint="upgrade stackc; or remove the lock, and run `stackc compile` to lock anew",
    )


def _is_newer(written: str) -> bool:
    try:
        return Version(written) > Version(__version__)
    except InvalidVersion:
        return False
