"""Write one file whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from stackc.files.leftover import Leftover, find_leftovers, remove_draft
from stackc.files.refusal import refused, require_writable
from stackc.files.stage import sync_folder
from stackc.files.turn import take_lock

__all__ = ["write_file"]


def write_file(path: Path, data: bytes) -> None:
    """Replace the file by `data` in one step, its mode kept; a link is followed, a device or pipe is written to as it is.

    The folder is made where it is missing.
    """
    real = Path(os.path.realpath(path))
    with refused(path):
        if real.exists() and not real.is_file() and not real.is_dir():
            path.write_bytes(data)
            return
        require_writable(real)
        real.parent.mkdir(parents=True, exist_ok=True)
        _replace(real, data)


def _replace(real: Path, data: bytes) -> None:
    for left in find_leftovers(real.parent):
        if left.target == real:
            remove_draft(left.draft)
    draft = Leftover.new(real).draft
    try:
        _write_draft(draft, data, like=real)
        draft.replace(real)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(real.parent)


def _write_draft(draft: Path, data: bytes, *, like: Path) -> None:
    with draft.open("xb") as file:
        take_lock(file.fileno())
        if like.is_file():
            os.fchmod(file.fileno(), stat.S_IMODE(like.stat().st_mode))
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
