"""Names of distribution files, taken apart once per distinct name."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct
from packaging.tags import Tag
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

__all__ = ["FileName", "parse_filename"]

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!-]*")


class FileName(Struct, frozen=True):
    """What the name of a distribution file says; `tags` is None for an sdist."""

    project: NormalizedName
    version: Version
    tags: frozenset[Tag] | None


@lru_cache(maxsize=4096)
def parse_filename(name: str) -> FileName | None:
    """Return what the name of a wheel or an sdist says, None where it is neither, or not safe to write anywhere."""
    if _PLAIN.fullmatch(name) is None:
        return None
    try:
        if name.endswith(".whl"):
            project, version, _build, tags = parse_wheel_filename(name)
            return FileName(project, version, tags)
        project, version = parse_sdist_filename(name)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return FileName(project, version, None)
