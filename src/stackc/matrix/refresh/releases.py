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
_USUAL = "3.11"


class ListingError(Exception):
    """A page that does not say what the tables need."""


class Wheel(Struct, frozen=True):
    """One wheel that Linux on x86_64 can install, the minor versions of CPython that it serves, and its build number."""

    file: FileRow
    pythons: tuple[str, ...]
    build: int = 0


class _File(Struct, frozen=True):
    """A listed file, and what its name says; an sdist has no tags."""

    row: FileRow
    project: NormalizedName
    version: Version
    tags: frozenset[Tag] = frozenset()
    build: int = 0


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
    releases: dict[Version, list[_File]] = {}
    for file in filter(None, map(_named, rows)):
        if file.project == project and not file.version.is_prerelease:
            releases.setdefault(file.version, []).append(file)
    return [_release(project, version, releases[version], known) for version in sorted(releases)]


def minors_of(rows: Iterable[FileRow]) -> frozenset[str]:
    """Return the minor versions of CPython 3 that a page has wheels for, by their tags."""
    found = {_minor(tag.interpreter) for file in filter(None, map(_named, rows)) for tag in file.tags}
    return frozenset(minor for minor in found if minor is not None and minor.startswith("3."))


def _named(row: FileRow) -> _File | None:
    """Return a file with what its name says; None for what is neither a wheel nor an sdist."""
    try:
        if row.filename.endswith(".whl"):
            project, version, build, tags = parse_wheel_filename(row.filename)
            return _File(row, project, version, tags, build[0] if build else 0)
        return _File(row, *parse_sdist_filename(row.filename))
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def _release(project: NormalizedName, version: Version, files: list[_File], known: list[str]) -> Release:
    moments = [file.row.upload_time for file in files if file.row.upload_time is not None]
    if not moments:
        raise ListingError(f"the index does not say when {project} {version} was uploaded")
    good = [file for file in files if file.row.yanked is False]
    wheels = [Wheel(file.row, pythons, file.build) for file in good if (pythons := _served(file, known))]
    return Release(
        project=project,
        version=version,
        released=dt.date.fromisoformat(min(moments)[:10]),
        yanked=not good,
        wheels=tuple(sorted(wheels, key=_reading_order)),
    )


def _reading_order(wheel: Wheel) -> tuple[bool, Version, int, str]:
    """Put the wheel for a usual Python first: those for all Pythons mostly say the same, and one has to be chosen.

    Of several builds of it, the last goes first, as installers have it.
    """
    return _USUAL not in wheel.pythons, Version(wheel.pythons[0]), -wheel.build, wheel.file.filename


def _served(file: _File, known: list[str]) -> tuple[str, ...]:
    fitting = [tag for tag in file.tags if tag.platform == "any" or _LINUX.fullmatch(tag.platform)]
    return tuple(sorted({minor for tag in fitting for minor in _minors(tag, file.row, known)}, key=Version))


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
