"""What an engine is asked and what it answers: the one seam between stackc and the resolvers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

__all__ = ["Answer", "Engine", "Failed", "Question", "Running", "Solved", "Unsolvable"]


class Question(Struct, frozen=True, kw_only=True):
    """What to resolve against the view.

    `index_url` ends in `/simple/`. `requirements` are requirement lines without markers. `preferences` are kept where they
    fit. `folder` is empty and the engine's own; `cache` is a folder that stackc owns and that outlives the run.
    """

    index_url: str
    requirements: tuple[str, ...]
    preferences: Mapping[NormalizedName, Version]
    folder: Path
    cache: Path


class Solved(Struct, frozen=True):
    """The pins that the engine found, the view's guards included."""

    pins: Mapping[NormalizedName, Version]


class Unsolvable(Struct, frozen=True):
    """Nothing fits, or the view did not answer: only the view knows which. `text` is the engine's own words."""

    text: str


How = Literal["otherwise", "unusable", "unread", "gave up"]


class Failed(Struct, frozen=True):
    """The engine ended in another way; `text` is its own words.

    `how` is `unusable` where it could not begin, `unread` where a requirement line is none to it, `gave up` where its search
    took more steps than it allows itself.
    """

    status: int
    text: str
    how: How = "otherwise"


Answer = Solved | Unsolvable | Failed


class Running(Protocol):
    """An engine at work. Its process writes to files, never to a pipe that somebody must empty."""

    def fileno(self) -> int:
        """Return a file descriptor that becomes readable when the engine has ended."""

    def poll(self) -> Answer | None:
        """Return the answer, or None while there is none."""

    def stop(self) -> None:
        """End the engine, if it still runs."""


class Engine(Protocol):
    """An external resolver. It reads no configuration and no environment of the user's."""

    @property
    def name(self) -> str:
        """Return the name that `--engine` and the lock use."""

    def version(self) -> str:
        """Return the engine's version. Raises EngineError (S390) where the engine is not installed."""

    def start(self, question: Question) -> Running:
        """Begin to resolve. Raises EngineError (S390) where the engine is not installed."""

    def close(self) -> None:
        """Let go of all that is kept for the next question; one that comes all the same is answered."""
