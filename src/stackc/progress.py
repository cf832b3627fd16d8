"""What a run tells of itself while it works."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

__all__ = ["Progress", "Quiet"]


class Progress(Protocol):
    """What a run tells while it works. Each method may do nothing."""

    def counts(self, *, pages: int, releases: int, waiting: int) -> None:
        """Tell how many pages and releases are known so far, and how many answers are awaited."""

    def note(self, text: str) -> None:
        """Tell something that the user should know, in one line."""


class Quiet(Struct, frozen=True):
    """Progress of a second look: it tells its counts, but no notes, since the first look had the same."""

    progress: Progress

    def counts(self, *, pages: int, releases: int, waiting: int) -> None:
        """Tell how many pages and releases are known so far."""
        self.progress.counts(pages=pages, releases=releases, waiting=waiting)

    def note(self, text: str) -> None:
        """Tell nothing."""
