"""What the terminal is, and the line of progress that it shows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import TextIO

from stackc.cli.report import safe

__all__ = ["ProgressLine", "TerminalProgress", "colored", "columns", "encodable"]

_REDRAW = 0.08


def colored(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Say whether to colour: on a terminal, unless NO_COLOR is set (no-color.org) or the terminal is dumb."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def columns(stream: TextIO) -> int | None:
    """Return how many columns the terminal has, None where the stream is none or nobody knows."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


class ProgressLine:
    """One line on stderr for all targets of a run, redrawn in place on a terminal; elsewhere, notes alone, as plain lines."""

    def __init__(self, *, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._drawn = 0.0
        self._shown = False
        self._targets: dict[str, tuple[int, int]] = {}

    def of(self, target: str) -> TerminalProgress:
        """Return what tells of one target on this line."""
        return TerminalProgress(target, line=self)

    def draw(self, target: str, *, pages: int, releases: int, waiting: int) -> None:
        """Redraw the line, at most a dozen times a second: what all targets have read, by the one that has read most."""
        self._targets[target] = (pages, releases)
        now = time.monotonic()
        if not self._live or now - self._drawn < _REDRAW:
            return
        self._drawn, self._shown = now, True
        named = target if len(self._targets) == 1 else f"{len(self._targets)} targets"
        pages, releases = (max(each[number] for each in self._targets.values()) for number in (0, 1))
        read = f", {releases} releases read" if releases else ""
        waits = f", {waiting} answers awaited" if waiting else ""
        room = (columns(self._stream) or 0) - 1  # what breaks into a second row would not be taken away
        line = f"{safe(named)}: {pages} projects{read}{waits}"
        self._stream.write(f"\r\x1b[K{line[:room] if room > 0 else line}")
        self._stream.flush()

    def note(self, text: str) -> None:
        """Write one line above the line of progress."""
        self.clear()
        self._stream.write(f"{safe(text)}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line of progress away."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False


_PLAIN = str.maketrans({"→": "->", "≥": ">=", "≤": "<=", "↑": "^", "↓": "v", "·": ".", "…": "..."})


def encodable(text: str, stream: TextIO) -> str:
    """Return text that a stream can write: where its encoding lacks an arrow or the like, with what stands for it in ASCII."""
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


class TerminalProgress:
    """What one target tells while it is worked on, on the line of its run, or on one of its own."""

    def __init__(self, target: str, *, line: ProgressLine | None = None) -> None:
        self._target = target
        self._line = line or ProgressLine()

    def counts(self, *, pages: int, releases: int, waiting: int) -> None:
        """Redraw the line."""
        self._line.draw(self._target, pages=pages, releases=releases, waiting=waiting)

    def note(self, text: str) -> None:
        """Write one line, which begins with the target, above the line of progress."""
        self._line.note(f"{self._target}: {text}")

    def clear(self) -> None:
        """Take the line of progress away."""
        self._line.clear()
