"""The lines of a log, however it was written down: bounded in length, decoded, and without what terminals and CI add.

A line that was drawn over (a progress bar, by carriage returns) gives its parts one by one, under one number. The prefixes are
those of GitHub Actions (a moment; from `gh run view --log` two columns more) and of GitLab's runners (a moment and a stream).
"""

from __future__ import annotations

import codecs
import datetime as dt
import re
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

__all__ = ["LONGEST", "LogLine", "read_lines"]

LONGEST = 65_536
"""How many characters of one line are looked at; a longer one is cut there."""

_CHUNK = 1 << 16
_ENCODINGS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ENDS = re.compile(r"([\r\n])")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_COLUMNS = re.compile(r"[^\t]{1,200}\t[^\t]{1,200}\t\ufeff?(?=\d{4}-)")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00) (?:[0-9a-f]{2}[OE][+ ]?)?")


class LogLine(Struct, frozen=True):
    """One line, or a part of one that was drawn over: its number, counted from 1, what it says, and when it was written."""

    number: int
    text: str
    moment: float | None = None


def read_lines(stream: BinaryIO) -> Iterator[LogLine]:
    """Yield the lines of a log in UTF-8 or, by its byte order mark, UTF-16; a chunk and a line are all that is kept of it."""
    number = 1
    for piece, ends in _pieces(stream):
        if piece:
            yield _clean(number, piece)
        number += ends


def _pieces(stream: BinaryIO) -> Iterator[tuple[str, bool]]:
    """Yield what stands between carriage returns and newlines, and whether a newline ends it."""
    kept = ""
    for text in _decoded(stream):
        parts = _ENDS.split(text)
        for piece, end in zip(parts[::2], (*parts[1::2], ""), strict=True):
            kept += piece[: LONGEST - len(kept)]
            if end:
                yield kept, end == "\n"
                kept = ""
    yield kept, False


def _decoded(stream: BinaryIO) -> Iterator[str]:
    chunk = stream.read(_CHUNK)
    encoding = next((name for mark, name in _ENCODINGS if chunk.startswith(mark)), "utf-8")
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    while chunk:
        yield decoder.decode(chunk)
        chunk = stream.read(_CHUNK)


def _clean(number: int, text: str) -> LogLine:
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "\t" in text:
        text = _COLUMNS.sub("", text, count=1)
    text = text.lstrip("\ufeff")
    found = _MOMENT.match(text) if text[:2] == "20" else None
    if found is None:
        return LogLine(number, text)
    return LogLine(number, text[found.end() :], _seconds(found))


def _seconds(found: re.Match[str]) -> float | None:
    """Return the seconds since the epoch of a moment in UTC, None for digits that are none."""
    try:
        whole = dt.datetime.fromisoformat(f"{found[1]}+00:00").timestamp()
    except ValueError:
        return None
    return whole + float(f"0.{found[2] or 0}")
