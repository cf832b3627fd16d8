"""What a lock costs: the bytes that it downloads, and which of an image's steps a change builds again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from msgspec import Struct

from stackc.errors import RenderError
from stackc.lock.model import Lock, Package
from stackc.manifest.shown import cut
from stackc.render.layout import InstallFile, install_files

__all__ = ["Lost", "Size", "download", "lost_cache", "spelled_size"]

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000
_MOST_NAMED = 3


class Size(Struct, frozen=True):
    """The bytes of files together, and the projects of those whose size nobody knows."""

    known: int
    unknown: tuple[str, ...] = ()

    @property
    def rest(self) -> str:
        """Return what the sum leaves out, in words; nothing where it is whole."""
        if not self.unknown:
            return ""
        names = ", ".join(map(cut, self.unknown)) if len(self.unknown) <= _MOST_NAMED else f"{len(self.unknown)} files"
        return f"not counting {names} of unknown size"


class Lost(Struct, frozen=True, kw_only=True):
    """The install files that a build no longer takes from its cache, in their order: all from the first that differs on.

    `comment` says that the first differs in its comments alone. `why` says what moved below all of them.
    """

    first: str
    count: int
    total: int
    size: Size
    comment: bool = False
    why: str | None = None


def download(lock: Lock) -> Size:
    """Return what the files of a lock weigh, its tools included."""
    return _size((*lock.tools, *lock.packages))


def lost_cache(before: Lock, after: Lock) -> Lost | None:
    """Return what is built again, None where nothing is, or where a lock's files cannot be told."""
    try:
        old, new = install_files(before), install_files(after)
    except RenderError:
        return None
    why = _below(before, after)
    kept = 0 if why else sum(1 for _ in takewhile(_same, zip(old, new, strict=False)))
    if kept == len(old) == len(new):
        return None
    rebuilt = new[kept:]
    comment = not why and kept < min(len(old), len(new)) and _installed(old[kept]) == _installed(new[kept])
    first = (rebuilt or old[kept:])[0].name
    size = _size(package for file in rebuilt for package in file.packages)
    return Lost(first=first, count=len(rebuilt), total=len(new), size=size, comment=comment, why=why)


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


def _installed(file: InstallFile) -> tuple[str, list[tuple[str, str]]]:
    return file.name, [(pin.requirement, pin.sha256) for pin in file.pins]


def _size(packages: Iterable[Package]) -> Size:
    weighed = [(package.name, package.file.size) for package in packages]
    return Size(sum(size or 0 for _name, size in weighed), tuple(name for name, size in weighed if size is None))
