"""Which files the matrix of one project is made of.

This module and `digest` are on the path of a compile with nothing to do: they import next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

__all__ = ["BUILTIN", "PackFile", "builtin_facts", "builtin_rules", "matched_rules", "outside"]

BUILTIN = "builtin"
"""The pack that ships with stackc."""

_DATA = Path(__file__).parents[1] / "data"


class PackFile(NamedTuple):
    """One file of rules or facts. `name` is how people are told of it: relative to the manifest, or `builtin/…`."""

    name: str
    path: Path


def builtin_rules() -> list[PackFile]:
    """Return the built-in rule files, sorted by name."""
    return [PackFile(f"{BUILTIN}/{path.name}", path) for path in sorted((_DATA / "rules").glob("*.toml"))]


def builtin_facts() -> list[PackFile]:
    """Return the built-in fact files, sorted by name."""
    return [PackFile(f"{BUILTIN}/facts/{path.name}", path) for path in sorted((_DATA / "facts").glob("*.toml"))]


def matched_rules(pattern: str, *, folder: Path) -> list[PackFile]:
    """Return the files in `folder` that a pattern matches, sorted by name; none for one that leads outside of it."""
    if _names_outside(pattern):
        return []
    paths = [path for path in _glob(pattern, folder) if path.is_file() and not _escapes(path, folder)]
    return sorted(PackFile(path.relative_to(folder).as_posix(), path) for path in paths)


def outside(pattern: str, *, folder: Path) -> bool:
    """Say whether a pattern names, or a link that it matches leads to, something outside the manifest's folder."""
    return _names_outside(pattern) or any(_escapes(path, folder) for path in _glob(pattern, folder))


def _names_outside(pattern: str) -> bool:
    path = PurePosixPath(pattern)
    return path.is_absolute() or ".." in path.parts or Path(pattern).is_absolute()


def _glob(pattern: str, folder: Path) -> Iterator[Path]:
    try:
        yield from folder.glob(pattern)
    except ValueError:  # what pathlib says of an empty or malformed pattern: it matches nothing
        return


def _escapes(path: Path, folder: Path) -> bool:
    return not path.resolve().is_relative_to(folder.resolve())
