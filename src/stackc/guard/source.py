"""A file's text, with what is needed to name a place in it and to give back all of its bytes but some."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterable

from stackc.guard.occurrence import Span

__all__ = ["Joined", "Source", "UndecodableError", "decode"]

# The order is pip's: the mark of UTF-16-LE begins that of UTF-32-LE.
_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
_COOKIE = re.compile(rb"coding[:=]\s*([-\w.]+)")
_LINE_END = re.compile(r"\r\n|\r|\n")


class UndecodableError(Exception):
    """The bytes are no text: the message says why."""


class Source:
    """The text of one file. `name` is how the user knows it."""

    __slots__ = ("_starts", "codec", "data", "mark", "name", "text")

    def __init__(self, name: str, text: str, *, data: bytes, codec: str = "utf-8", mark: int = 0) -> None:
        self.name = name
        self.text = text
        self.data = data
        self.codec = codec
        self.mark = mark
        self._starts: list[int] | None = None

    @classmethod
    def of(cls, text: str, name: str = "requirements.txt") -> Source:
        """Return the source of a text in UTF-8."""
        return cls(name, text, data=text.encode())

    def position(self, at: int) -> tuple[int, int]:
        """Return line and column of an offset, both counted from 1, lines as editors count them."""
        number = bisect_right(self._lines(), at) - 1
        return number + 1, at - self._lines()[number] + 1

    def start_of(self, line: int) -> int:
        """Return where a line begins, counted from 1; the last one for those beyond it."""
        return self._lines()[min(line, len(self._lines())) - 1]

    def line_at(self, at: int) -> str:
        """Return the line that an offset stands in, without its end."""
        start, end = self.line_span(at)
        return self.text[start:end].rstrip("\r\n")

    def line_span(self, at: int) -> Span:
        """Return where the line of an offset begins, and where the next one does."""
        starts = self._lines()
        number = bisect_right(starts, at)
        return starts[number - 1], starts[number] if number < len(starts) else len(self.text)

    def without(self, spans: Iterable[Span]) -> bytes | None:
        """Return the bytes without those of some stretches of text.

        None where the encoding does not let them be told apart, or where the rest would be read in another one.
        """
        kept, at = [], 0
        for start, end in sorted(spans):
            kept.append(self.text[at : max(start, at)])
            at = max(end, at)
        text = "".join((*kept, self.text[at:]))
        body = self.data[self.mark :]
        try:
            if self.text.encode(self.codec) != body:
                return None
            shorter = text.encode(self.codec)
            same = shorter.decode(self.codec) == text and (bool(self.mark) or _declared(shorter) == _declared(body))
            return self.data[: self.mark] + shorter if same else None
        except (UnicodeError, LookupError):
            return None

    def _lines(self) -> list[int]:
        if self._starts is None:
            self._starts = [0, *(end.end() for end in _LINE_END.finditer(self.text))]
        return self._starts


def decode(name: str, data: bytes, *, cookie: bool = True) -> Source:
    """Return a file's text as pip decodes it: by its byte order mark, else by a PEP 263 comment, else as UTF-8.

    Where pip would take the locale's encoding, Latin-1 is taken: names are ASCII in it, and every byte is kept. `cookie` says
    whether such a comment counts. Raises UndecodableError.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return Source(name, _decoded(data[len(mark) :], codec), data=data, codec=codec, mark=len(mark))
    codec = (_declared(data) if cookie else None) or "utf-8"
    if codec != "utf-8":
        return Source(name, _decoded(data, codec), data=data, codec=codec)
    if b"\0" in data:
        raise UndecodableError("it holds null bytes, and is no text")
    try:
        return Source(name, data.decode("utf-8"), data=data)
    except UnicodeDecodeError:
        return Source(name, data.decode("latin-1"), data=data, codec="latin-1")


class Joined:
    """A text that was put together from stretches of another: each of its offsets leads back to where it came from."""

    __slots__ = ("_from", "_starts", "text")

    def __init__(self, pieces: Iterable[tuple[str, int]]) -> None:
        parts, self._starts, self._from = [], [], []
        length = 0
        for piece, at in pieces:
            if piece:
                parts.append(piece)
                self._starts.append(length)
                self._from.append(at)
                length += len(piece)
        self.text = "".join(parts)

    def at(self, offset: int) -> int:
        """Return where in the other text an offset comes from."""
        if not self._starts:
            return 0
        number = max(bisect_right(self._starts, offset) - 1, 0)
        return self._from[number] + offset - self._starts[number]

    def cut(self, start: int, end: int) -> Joined:
        """Return a stretch of it, whose offsets lead to the same places."""
        pieces, at = [], start
        for number, begin in enumerate(self._starts):
            stop = self._starts[number + 1] if number + 1 < len(self._starts) else len(self.text)
            if stop > at and begin < end:
                pieces.append((self.text[max(begin, at) : min(stop, end)], self._from[number] + max(begin, at) - begin))
        return Joined(pieces)


def _declared(data: bytes) -> str | None:
    """Return the encoding that a comment in the first two lines declares (PEP 263, as pip reads it)."""
    for line in data.split(b"\n", 2)[:2]:
        found = _COOKIE.search(line) if line.startswith(b"#") else None
        if found is not None:
            return found[1].decode("ascii")
    return None


def _decoded(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec)
    except LookupError:
        raise UndecodableError(f"its first lines declare the encoding `{codec}`, which does not exist") from None
    except (UnicodeError, ValueError) as error:
        raise UndecodableError(f"it is not in {codec}, which it declares: {error}") from error
