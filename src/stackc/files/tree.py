"""Replace a folder's generated files all at once, and clean up after runs that were killed while they did."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct

from stackc.errors import BugError, Finding, LockError, Place
from stackc.files.exchange import UNSUPPORTED, Exchange, exchange_names
from stackc.files.leftover import Leftover, find_leftovers, sweep
from stackc.files.refusal import refused, require_writable
from stackc.files.stage import Checkpoint, Ours, build_stage, holds, is_folder, misplaced, sync_folder
from stackc.files.turn import TURN_FILE, turn

__all__ = ["Swap", "recover", "replace_tree"]


class Swap(Struct, frozen=True, kw_only=True):
    """How a set is swapped in.

    Without an `exchange`, or where the system has none, two renames do it; between them the folder is not there, and
    `recover` undoes such a half swap. `wait` is in seconds: how long another run that writes beside it is waited for.
    """

    exchange: Exchange | None = exchange_names
    wait: float = 30.0
    checkpoint: Checkpoint = lambda _: None


_SWAP = Swap()

_A_FOLDER = "a folder where a file belongs"
_NO_FOLDER = "no folder, and a folder belongs there"


def replace_tree(folder: Path, files: Mapping[str, bytes], *, ours: Ours, swap: Swap = _SWAP) -> bool:
    """Make `folder` hold exactly these generated files; return False, having touched nothing, where it does already.

    Names are relative and POSIX. A file that is not among `files` goes if `ours` claims its name, and stays otherwise.
    Links are followed: what they name is replaced in its place. Raises `LockError` with the old set untouched.
    """
    _require_relative(files)
    real = Path(os.path.realpath(folder))
    with refused(folder):
        if holds(real, files, ours):
            return False
        real.parent.mkdir(parents=True, exist_ok=True)
        with turn(real.parent, wait=swap.wait):
            swap.checkpoint("turn taken")
            sweep(real.parent)
            swap.checkpoint("swept")
            if holds(real, files, ours):
                return False
            _require_kinds(folder, real, files)
            require_writable(real)
            _replace(real, files, ours=ours, swap=swap)
    return True


def recover(parent: Path) -> None:
    """Finish or undo what killed runs began in `parent`; leave alone what a living run is at."""
    real = Path(os.path.realpath(parent))
    with refused(parent):
        if not real.is_dir() or not (find_leftovers(real) or (real / TURN_FILE).exists()):
            return
        try:
            with turn(real, wait=0):
                sweep(real)
        except BlockingIOError:
            return


def _replace(real: Path, files: Mapping[str, bytes], *, ours: Ours, swap: Swap) -> None:
    beside = Leftover.new(real)
    try:
        build_stage(beside.stage, real, files, ours=ours, checkpoint=swap.checkpoint)
        _swap_in(beside, swap)
        sync_folder(real.parent)
        swap.checkpoint("swap synced")
    finally:
        sweep(real.parent)
    swap.checkpoint("cleaned up")


def _swap_in(beside: Leftover, swap: Swap) -> None:
    if not os.path.lexists(beside.target):
        beside.stage.rename(beside.target)
    elif swap.exchange is None or not _exchanged(beside, swap.exchange):
        beside.target.rename(beside.aside)
        swap.checkpoint("set aside")
        beside.stage.rename(beside.target)
    swap.checkpoint("swapped")


def _exchanged(beside: Leftover, exchange: Exchange) -> bool:
    try:
        exchange(beside.stage, beside.target)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return False
    return True


def _require_relative(files: Mapping[str, bytes]) -> None:
    bad = [name for name in files if not _is_plain(name)]
    if bad:
        raise BugError(
            Finding(code="S901", message=f"a generated file has the name `{name}`, which is not relative and plain")
            for name in bad
        )


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    return name != "." and str(path) == name and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _require_kinds(folder: Path, real: Path, files: Mapping[str, bytes]) -> None:
    wrong = {folder / path.relative_to(real): is_folder(path) for path in misplaced(real, files)}
    if wrong:
        raise LockError(
            Finding(
                code="S442",
                message=f"`{path}` is {_A_FOLDER if folder_there else _NO_FOLDER}",
                places=(Place(file=str(path)),),
                hint=f"move `{path}` out of the way, then run the command again",
            )
            for path, folder_there in wrong.items()
        )
