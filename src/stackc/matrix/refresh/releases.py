"""The releases of a project as the page of an index lists them, and the Pythons that their wheels for Linux x86_64 serve."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from stackc.upstream.simple import FileRow

__all__ = ["ListingError", "Release", "Wheel", "listed", "minors_of"]

_INTERPRETER = re.compile(r"(cp|py)(\d)(\d*)")
_LINUX = re.compile(r"(many)?linux(_\d+_\d+|\d+)?_x86_64")
_USUAL = Version("3.11")


class ListingError(Exception):
    """A page that does not say what the tables need."""


class Wheel(Struct, frozen=True):
    """One wheel that Linux on x86_64 can install, and the minor versions of CPython that it serves."""

    file: FileRow
    pythons: tuple[str, ...]


class Release(Struct, frozen=True, kw_only=True):
    """One final release: when its first file came, whether all of it is yanked, and its wheels, in the order to read them."""

    project: NormalizedName
    version: Version
    released: dt.date
    yanked: bool
    wheels: tuple[Wheel, ...]

    @property
    def pythons(self) -> tuple[str, ...]:
        """Return the minor versions of CPython that have a wheel, the oldest first."""
        return tuple(sorted({python for wheel in self.wheels for python in wheel.pythons}, key=Version))


def listed(project: NormalizedName, rows: Iterable[FileRow], *, minors: Iterable[str]) -> list[Release]:
    """Return the final releases that a page lists, the oldest first.

    `minors` are the Pythons that a wheel for any Python 3 is taken to serve, as far as its Requires-Python admits them. Raises
    ListingError where the page gives no moment of upload (PEP 700).
    """
    known = sorted(minors, key=Version)
    files: dict[Version, list[tuple[FileRow, frozenset[Tag]]]] = {}
    for row in rows:
        named = _named(row.filename)
        if named is not None and named[0] == project and not named[1].is_prerelease:
            files.setdefault(named[1], []).append((row, named[2]))
    return [_release(project, version, files[version], known) for version in sorted(files)]


def minors_of(rows: Iterable[FileRow]) -> frozenset[str]:
    """Return the minor versions of CPython 3 that a page has wheels for, by their tags."""
    found = {_minor(tag.interpreter) for row in rows if (named := _named(row.filename)) for tag in named[2]}
    return frozenset(minor for minor in found if minor is not None and minor.startswith("3."))


def _named(filename: str) -> tuple[NormalizedName, Version, frozenset[Tag]] | None:
    """Return what a file name says, without tags that of an sdist; None for what is neither."""
    try:
        if filename.endswith(".whl"):
            project, version, _, tags = parse_wheel_filename(filename)
            return project, version, tags
        return (*parse_sdist_filename(filename), frozenset())
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def _release(
    project: NormalizedName, version: Version, files: list[tuple[FileRow, frozenset[Tag]]], known: list[str]
) -> Release:
    moments = [row.upload_time for row, _ in files if row.upload_time is not None]
    if not moments:
        raise ListingError(f"the index does not say when {project} {version} was uploaded")
    good = [(row, tags) for row, tags in files if row.yanked is False]
    wheels = [Wheel(row, pythons) for row, tags in good if (pythons := _served(row, tags, known))]
    return Release(
        project=project,
        version=version,
        released=dt.date.fromisoformat(min(moments)[:10]),
        yanked=not good,
        wheels=tuple(sorted(wheels, key=_reading_order)),
    )


def _reading_order(wheel: Wheel) -> tuple[bool, Version, str]:
    """Put the wheel for a usual Python first: those for all Pythons mostly say the same, and one has to be chosen."""
    return str(_USUAL) not in wheel.pythons, Version(wheel.pythons[0]), wheel.file.filename


def _served(row: FileRow, tags: frozenset[Tag], known: list[str]) -> tuple[str, ...]:
    fitting = [tag for tag in tags if tag.platform == "any" or _LINUX.fullmatch(tag.platform)]
    return tuple(sorted({minor for tag in fitting for minor in _minors(tag, row, known)}, key=Version))


def _minors(tag: Tag, row: FileRow, known: list[str]) -> Iterator[str]:
    """Yield the minor versions that one tag stands for; a free-threaded Python is another one."""
    minor = _minor(tag.interpreter)
    if tag.abi in {tag.interpreter, f"{tag.interpreter}m"} and minor is not None:
        yield minor
    elif tag.abi == "abi3" or (tag.abi == "none" and tag.interpreter.startswith("py3")):
        oldest = Version(minor or "3")
        yield from (other for other in known if Version(other) >= oldest and _admits(row.requires_python, other))
    elif tag.abi == "none" and minor is not None:
        yield minor


def _minor(interpreter: str) -> str | None:
    """Return 3.11 for `cp311`, and None for `py3` and for other implementations."""
    found = _INTERPRETER.fullmatch(interpreter)
    return f"{found[2]}.{found[3]}" if found and found[3] else None


def _admits(requires_python: str | None, minor: str) -> bool:
    """Say whether some patch release of a Python is admitted; a Requires-Python that cannot be read forbids nothing."""
    try:
        specifiers = SpecifierSet(requires_python or "")
    except InvalidSpecifier:
        return True
    return any(specifiers.contains(f"{minor}.{patch}") for patch in (0, 99))
