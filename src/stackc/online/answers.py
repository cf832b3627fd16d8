"""What an index answers about a locked project."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from packaging.utils import NormalizedName

from stackc.errors import Finding
from stackc.upstream.simple import FileRow, ProjectStatus

__all__ = ["Answer", "Gone", "Listing", "NotAsked", "Subject"]


class Subject(Struct, frozen=True, order=True):
    """A project, and the one index that it is asked for on."""

    index: str
    project: NormalizedName


class Listing(Struct, frozen=True):
    """The index lists the project: its files by name, and the state that it is in."""

    files: Mapping[str, FileRow]
    status: ProjectStatus = ProjectStatus()


class Gone(Struct, frozen=True):
    """The index answered that it has no such project."""


class NotAsked(Struct, frozen=True):
    """The index gave no answer, or none that can be used: nothing is known of the project."""

    finding: Finding


Answer = Listing | Gone | NotAsked
