"""The line of progress on a real terminal of few columns."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from contextlib import suppress

import pytest

from stackc.cli.terminal import ProgressLine

CLEARED = "\r\x1b[K"


def all_of(terminal: int) -> str:
    """Return what came out of a terminal whose other end is closed, in whatever parts it comes."""
    seen = b""
    with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as stream:
        while part := stream.read(1000):
            seen += part
    return seen.decode()


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (80, "gpu: 100 projects, 40 releases read, 3 answers awaited"),
        (40, "gpu: 100 projects, 40 releases read, 3 "),
        (0, "gpu: 100 projects, 40 releases read, 3 answers awaited"),
    ],
    ids=["wide", "narrow", "unknown"],
)
def test_the_line_of_progress_stays_in_its_row_so_that_all_of_it_is_taken_away(columns: int, shown: str) -> None:
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(inner, "w", encoding="utf-8") as stream:
        line = ProgressLine(stream=stream)
        line.draw("gpu", pages=100, releases=40, waiting=3)
        line.clear()
    assert all_of(outer) == f"{CLEARED}{shown}{CLEARED}"
