"""Names of distribution files, taken apart for curation: quicker than `packaging`, which checks them too, and more lenient."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.upstream.simple import FileRow

__all__ = ["NO_BUILD", "Build", "parse_version", "split_sdist", "split_wheel", "version_of", "versions_of"]

Build = tuple[int, str]
"""A wheel's build tag as PEP 427 orders it: the number in front, then the rest."""

NO_BUILD: Build = (-1, "")


@cache
def parse_version(text: str) -> Version:
    """Return a version; `1.0.0` and its like stand on page after page. Raises InvalidVersion."""
    return Version(text)


def version_of(project: NormalizedName, filename: str) -> Version | None:
    """Return the version that a distribution file's name names, None where it is none of the project's."""
    parsed = split_wheel(filename) or split_sdist(project, filename)
    if parsed is None or canonicalize_name(parsed[0]) != project:
        return None
    try:
        return parse_version(parsed[1])
    except InvalidVersion:
        return None


def versions_of(project: NormalizedName, files: Iterable[FileRow]) -> list[Version]:
    """Return the versions of all releases that an index lists, ascending."""
    found = {version for file in files if (version := version_of(project, file.filename)) is not None}
    return sorted(found)


def split_wheel(filename: str) -> tuple[str, str, Build, str] | None:
    """Return name, version, build tag and compressed tags of a wheel's file name (PEP 427), or None."""
    if not filename.endswith(".whl"):
        return None
    parts = filename[:-4].split("-")
    if len(parts) == 5:
        return parts[0], parts[1], NO_BUILD, filename[len(parts[0]) + len(parts[1]) + 2 : -4]
    if len(parts) == 6 and "0" <= parts[2][:1] <= "9":
        rest = parts[2].lstrip("0123456789")
        return parts[0], parts[1], (int(parts[2].removesuffix(rest)), rest), filename[sum(map(len, parts[:3])) + 3 : -4]
    return None


def split_sdist(project: NormalizedName, filename: str) -> tuple[str, str] | None:
    """Return name and version of an sdist's file name, old ones whose names hold hyphens included."""
    for suffix in (".tar.gz", ".zip"):
        stem = filename.removesuffix(suffix)
        if stem == filename:
            continue
        for cut in (position for position, letter in enumerate(stem) if letter == "-"):
            if canonicalize_name(stem[:cut]) == project:
                return stem[:cut], stem[cut + 1 :]
    return None
