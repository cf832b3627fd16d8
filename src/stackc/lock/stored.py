"""The lock of one target as it lies in its folder."""

from __future__ import annotations

from pathlib import Path

from stackc.errors import Finding, LockError, Place
from stackc.layout import LOCK, lock_folder
from stackc.lock.codec import decode
from stackc.lock.model import Lock

__all__ = ["load_lock"]


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
