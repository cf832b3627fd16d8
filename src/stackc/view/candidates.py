"""Candidates: of each release of a page the best file for a target, shared by the targets for which they are the same."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import msgspec
from packaging.version import Version

from stackc.upstream.simple import FileRow
from stackc.view.filenames import parse_version

__all__ = ["Candidate", "CandidateLists", "Candidates"]


class Candidate(msgspec.Struct, frozen=True, array_like=True):
    """The best file of one release, as it is kept in the cache. `version` is normalized."""

    version: str
    file: FileRow


class Candidates(list[Candidate]):
    """The candidates of one page, the newest first. Targets that make the same of a page share one such list."""

    @cached_property
    def by_version(self) -> Mapping[Version, Candidate]:
        """Return the candidates by their versions, the newest first."""
        return {parse_version(candidate.version): candidate for candidate in self}

    @cached_property
    def spelled(self) -> tuple[str, ...]:
        """Return the versions as text, the newest first."""
        return tuple(candidate.version for candidate in self)

    @cached_property
    def yanked(self) -> tuple[Version, ...]:
        """Return the versions of which a yanked file is the best."""
        return tuple(version for version, candidate in self.by_version.items() if candidate.file.yanked)

    def without(self, barred: frozenset[Version]) -> Candidates:
        """Return the candidates but some; for all who leave out the same it is one list."""
        if not barred:
            return self
        if barred not in self._left:
            self._left[barred] = Candidates(one for version, one in self.by_version.items() if version not in barred)
        return self._left[barred]

    @cached_property
    def _left(self) -> dict[frozenset[Version], Candidates]:
        return {}

    @cached_property
    def stable(self) -> Candidates:
        """Return the candidates that are no pre-releases."""
        return self.without(self.pre_releases)

    @cached_property
    def pre_releases(self) -> frozenset[Version]:
        """Return the versions that are pre-releases."""
        return frozenset(version for version in self.by_version if version.is_prerelease)


class CandidateLists:
    """One list of candidates for each curation; as long as those of several are the same, they are one."""

    def __init__(self, number: int) -> None:
        self._shared: list[tuple[tuple[int, ...], Candidates]] = [(tuple(range(number)), Candidates())]

    def append_to_all(self, candidate: Candidate) -> None:
        """Append one candidate to each list."""
        for _, made in self._shared:
            made.append(candidate)

    def append(self, chosen: Mapping[int, Candidate]) -> None:
        """Append to each list what was chosen for it, if anything was."""
        shared: list[tuple[tuple[int, ...], Candidates]] = []
        for numbers, made in self._shared:
            parts: dict[int, list[int]] = {}
            for number in numbers:
                parts.setdefault(id(chosen.get(number)), []).append(number)
            for part in parts.values():
                own = made if len(parts) == 1 else Candidates(made)
                candidate = chosen.get(part[0])
                if candidate is not None:
                    own.append(candidate)
                shared.append((tuple(part), own))
        self._shared = shared

    def all(self) -> list[Candidates]:
        """Return the lists by their numbers."""
        found = {number: made for numbers, made in self._shared for number in numbers}
        return [found[number] for number in sorted(found)]
