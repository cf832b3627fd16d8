"""What a lock costs: the bytes that it downloads, and which of an image's steps a change builds again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from msgspec import Struct

from stackc.errors import RenderError
from stackc.lock.model import Lock, LockedFile
from stackc.render.layout import InstallFile, install_files

__all__ = ["Lost", "Size", "download", "lost_cache", "spelled_size"]

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


class Size(Struct, frozen=True):
    """The bytes of files together, and of how many files nobody knows them."""

    known: int
    unknown: int

    def __str__(self) -> str:
        """Return the size as people write it, with how many files it leaves out."""
        rest = f" and {self.unknown} of unknown size" if self.unknown else ""
        return f"{spelled_size(self.known)}{rest}"


class Lost(Struct, frozen=True):
    """The install files that a build no longer takes from its cache, in their order: all from the first that differs on."""

    first: str
    count: int
    total: int
    size: Size
    why: str | None = None


def download(lock: Lock) -> Size:
    """Return what the files of a lock weigh, its tools included."""
    return _size(package.file for package in (*lock.tools, *lock.packages))


def lost_cache(before: Lock, after: Lock) -> Lost | None:
    """Return what is built again, None where nothing is, or where a lock's files cannot be told."""
    try:
        old, new = install_files(before), install_files(after)
    except RenderError:
        return None
    why = _below(before, after)
    kept = 0 if why else sum(1 for _ in takewhile(_same, zip(old, new, strict=False)))
    rebuilt = new[kept:]
    if not rebuilt and len(old) == len(new):
        return None
    first = rebuilt[0].name if rebuilt else old[kept].name
    return Lost(first, len(rebuilt), len(new), _size(package.file for file in rebuilt for package in file.packages), why)


def spelled_size(number: int) -> str:
    """Return bytes in the largest unit of which there is one, such as `2.9 GB`."""
    value, unit = float(abs(number)), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    digits = f"{value:.0f}" if unit < 2 or value >= 100 else f"{value:.1f}"
    return f"{'-' if number < 0 else ''}{digits} {_UNITS[unit]}"


def _below(before: Lock, after: Lock) -> str | None:
    """Return what moved below the first step, so that all of them are built again."""
    old, new = before.target, after.target
    base, python = ("the base image", old.base, new.base), ("Python", old.python, new.python)
    moved = [what for what, was, now in (base, python, ("the platform", old.platform, new.platform)) if was != now]
    return " and ".join(moved) or None


def _same(pair: Sequence[InstallFile]) -> bool:
    old, new = pair
    return (old.name, old.pins) == (new.name, new.pins)


def _size(files: Iterable[LockedFile]) -> Size:
    sizes = [file.size for file in files]
    return Size(sum(size for size in sizes if size is not None), sizes.count(None))
