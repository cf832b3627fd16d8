"""The standard streams of a run: all three are open, and what cannot be written is told apart from every other failure.

Loaded before all else, so it imports nothing that the interpreter has not loaded by itself.
"""

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False  # `typing` takes longer to import than a small file to guard
if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["NoReaderError", "UnwritableError", "open_streams"]


class NoReaderError(Exception):
    """Whoever read standard output has gone, as `head` does when it has seen enough."""


class UnwritableError(Exception):
    """Standard output takes no more, such as a file on a full disk; the message is the system's."""


def open_streams() -> None:
    """Open what the caller left closed, on nothing, and have standard output and error fail as this module says.

    A closed stream would else be the next file that is opened, and what a child prints would go into that.
    """
    for number in (0, 1, 2):
        _require_open(number)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
    sys.stdout = _text(_Results(1, "wb", closefd=False), sys.stdout)
    sys.stderr = _text(_Remarks(2, "wb", closefd=False), sys.stderr, every_line=True)


class _Results(io.FileIO):
    """Standard output. Its errors are none of OSError, which click takes for its own business, and others for a file's."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # typeshed has collections.abc.Buffer of 3.12
        try:
            return super().write(data)
        except BrokenPipeError:
            raise NoReaderError from None
        except OSError as error:
            raise UnwritableError(error.strerror or type(error).__name__) from None


class _Remarks(io.FileIO):
    """Standard error. What cannot be written there is lost, and changes neither the outcome of a run nor its exit status."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # typeshed has collections.abc.Buffer of 3.12
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _require_open(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        os.set_inheritable(number, True)


def _text(raw: io.FileIO, before: TextIO | None, *, every_line: bool = False) -> io.TextIOWrapper:
    """Return a stream of text; what its encoding lacks is written as an escape instead of ending the run."""
    encoding, errors = (before.encoding, before.errors) if before is not None else ("utf-8", None)
    lenient = "backslashreplace" if errors in {None, "strict"} else errors
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=lenient, line_buffering=every_line or raw.isatty()
    )
