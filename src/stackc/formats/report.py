"""What one run of a command found, as every format starts from it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from msgspec import Struct

from stackc.errors import Finding, Place, Repair
from stackc.manifest.shown import escaped

__all__ = ["Explained", "Report", "body", "counted"]


class Explained(Struct, frozen=True):
    """What a code means: its title, and the page that `stackc explain` prints."""

    title: str
    page: str


class Report(Struct, frozen=True, kw_only=True):
    """What one run of a command found.

    Places of findings are relative to the working folder. `folder` is that folder as seen from the repository's root, empty
    where it is the root; `files` are the files of places that lie in the repository, since a finding may also point to a rule
    that ships with stackc. A finding with no place in the repository is told of `anchor`. `summary` are whole lines.
    """

    command: str
    version: str
    findings: tuple[Finding, ...]
    summary: tuple[str, ...]
    anchor: str
    files: frozenset[str]
    folder: str = ""
    explained: Mapping[str, Explained] = {}

    @property
    def ordered(self) -> tuple[Finding, ...]:
        """Return the findings, the errors first: what a forge cuts off is the end."""
        return (*self.of("error"), *self.of("warning"))

    def of(self, severity: str) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    @property
    def total(self) -> str:
        """Return how much was found, in words."""
        found = ((len(self.of(severity)), severity) for severity in ("error", "warning"))
        told = ", ".join(counted(number, noun) for number, noun in found if number)
        return told or _NOTHING.get(self.command, "nothing found")

    def place(self, finding: Finding) -> Place:
        """Return the first place of a finding that lies in the repository, else the anchor."""
        return next(self._inside(finding), Place(file=self.anchor))

    def others(self, finding: Finding) -> tuple[Place, ...]:
        """Return the further places of a finding that lie in the repository."""
        return tuple(self._inside(finding))[1:]

    def path(self, place: Place) -> str:
        """Return a place's file as seen from the repository's root, `/` between its parts."""
        return posixpath.normpath(posixpath.join(self.folder, place.file))

    def title(self, code: str) -> str:
        """Return a code with what it means."""
        known = self.explained.get(code)
        return f"{code}: {known.title}" if known is not None else code

    def _inside(self, finding: Finding) -> Iterator[Place]:
        return (place for place in finding.places if place.file in self.files)


_NOTHING = {"diff": "no risk found"}  # of a comparison, which may well have found differences


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as `2 errors`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def body(finding: Finding) -> tuple[str, ...]:
    """Return all that a finding says but its places, a line each, without control characters."""
    said = [finding.message]
    said += [
        f"{label}: {value}" for label, value in (("wanted", finding.wanted), ("found", finding.found)) if value is not None
    ]
    said += finding.notes
    said += [f"hint: {finding.hint}"] if finding.hint is not None else []
    said += [_repair(repair) for repair in finding.repairs]
    return tuple(escaped(line) for part in said for line in part.split("\n"))


def _repair(repair: Repair) -> str:
    gives = f", gives {repair.gives}" if repair.gives else ""
    return f"{repair.what}: {repair.old} → {repair.new}{gives}"
