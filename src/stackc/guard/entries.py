"""Entries of lists and tables in files of other kinds: whether one stands on a line of its own, and the comments beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackc.guard.names import in_text
from stackc.guard.occurrence import Item, Occurrence, Span
from stackc.guard.source import Source

__all__ = ["comments_at", "element_removal", "line_removal", "unreadable"]

_AFTER_ELEMENT = re.compile(r"\s*(?P<comma>,?)\s*(?:#.*)?$", re.DOTALL)
_NOTHING_MORE = re.compile(r"(?:\s|#[^\n]*(?:\n|$))*[\])}]")


def comments_at(source: Source, at: int) -> tuple[str, ...]:
    """Return the comment that ends the line of an offset, and the one that is the line above."""
    start, end = source.line_span(at)
    found = [source.text[start:end].partition("#")[2]]
    if start:
        above = source.line_at(start - 1).strip()
        found.append(above if above.startswith("#") else "")
    return tuple(filter(None, found))


def element_removal(source: Source, start: int, end: int) -> Span | None:
    """Return the line of an element of an array, if it is the element's own and the array stays one without it."""
    first, last = source.line_span(start)
    after = _AFTER_ELEMENT.match(source.text[end:last])
    if source.text[first:start].strip() or end > last or after is None:
        return None
    if not after["comma"] and _NOTHING_MORE.match(source.text, last) is None:
        return None
    return first, last


def line_removal(source: Source, at: int, pattern: re.Pattern[str]) -> Span | None:
    """Return the line of an offset if all of it matches a pattern."""
    span = source.line_span(at)
    return span if pattern.fullmatch(source.text[span[0] : span[1]].strip()) else None


def unreadable(source: Source) -> Iterator[Item]:
    """Yield each line of a file that is not what its name says, so that one which names a kept-out project is blocked."""
    at = 0
    for line in source.text.splitlines(keepends=True):
        said = line.partition("#")[0]
        if said.strip():
            yield Occurrence(
                at=at + len(said) - len(said.lstrip()),
                text=said.strip(),
                candidates=in_text(said),
                valid=False,
                comments=comments_at(source, at),
            )
        at += len(line)
