"""Requirements as locks hold them: of one project, without marker or address, parsed once per distinct text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

__all__ = ["Need", "admits", "parse_need", "parse_needs", "parse_specifiers"]

_SUBJECT = re.compile(r"\s*[A-Za-z0-9._-]+\s*(\[[^]]*\])?\s*")


class Need(Struct, frozen=True):
    """One requirement: `specifiers` is its version part as the text spells it, without spaces and parentheses.

    `normal` says whether the text is `str(Requirement)` of a normalized name.
    """

    text: str
    project: NormalizedName
    extras: frozenset[NormalizedName]
    specifiers: str
    normal: bool

    def admits(self, version: Version) -> bool:
        """Say whether `version` meets the requirement."""
        return admits(self.specifiers, version)


@lru_cache(maxsize=16384)
def parse_need(text: str) -> Need | None:
    """Return a requirement's text as a value, None where it is none, or has a marker, an address or a control character."""
    if not text.isprintable():
        return None
    try:
        parsed = Requirement(text)
    except InvalidRequirement:
        return None
    if parsed.marker is not None or parsed.url is not None:
        return None
    project = canonicalize_name(parsed.name)
    extras = frozenset(canonicalize_name(extra) for extra in parsed.extras)
    specifiers = re.sub(r"[\s()]", "", _SUBJECT.sub("", text, count=1))
    return Need(text, project, extras, specifiers, normal=parsed.name == project and str(parsed) == text)


def parse_needs(texts: Iterable[str]) -> tuple[Need, ...]:
    """Return the requirements of `texts`, those left out that are none."""
    return tuple(need for text in texts if (need := parse_need(text)) is not None)


@lru_cache(maxsize=16384)
def parse_specifiers(text: str) -> SpecifierSet | None:
    """Return a version specifier's text as a value, None where it is none."""
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def admits(specifiers: str, version: Version) -> bool:
    """Say whether `version` lies in `specifiers`; a pre-release that is pinned counts like any other version."""
    parsed = parse_specifiers(specifiers)
    return parsed is not None and parsed.contains(version, prereleases=True)
