"""A comparison of locks as people read it on a terminal: aligned, within its width, the most dangerous first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from stackc.cli.report import format_finding, safe
from stackc.diff.model import Change, Diff, Edit
from stackc.diff.words import (
    change_words,
    details,
    edit_words,
    grouped,
    point_words,
    reason_words,
    sectioned,
    shown_text,
    state_words,
    tally,
)

__all__ = ["as_text"]

_STYLES = {
    "title": "1",
    "replaced": "1;31",
    "downgraded": "1;33",
    "relabelled": "1;33",
    "upgraded": "32",
    "moved": "36",
    "refitted": "36",
    "added": "32",
    "removed": "31",
    "quiet": "2",
}
_MARKS = {
    "replaced": "!",
    "downgraded": "↓",
    "relabelled": "~",
    "upgraded": "↑",
    "moved": "·",
    "refitted": "·",
    "added": "+",
    "removed": "-",
}
_HELD = "\xa0"  # no line ends with an arrow
_BELOW = " " * 6
_WIDEST_NAME = 32
_WIDEST_CHANGE = 32


def as_text(diff: Diff, *, width: int = 80, color: bool = False) -> str:
    """Return a comparison as text that ends with a newline; nothing that differs is one line."""
    writing = _Writing(width=width, color=color, several=len(diff.targets) > 1)
    blocks = [list(block) for block in writing.blocks(diff)]
    return "".join(f"{_uncommanded(line)}\n" for line in _spaced(block for block in blocks if block))


def _uncommanded(line: str) -> str:
    """Return a line that no runner of GitHub takes for a command, which it seeks in all that a step prints."""
    shown = line.replace("##[", "# #[")
    return shown.replace("::", ": :", 1) if shown.lstrip().startswith("::") else shown


def _spaced(blocks: Iterable[Sequence[str]]) -> Iterator[str]:
    for number, block in enumerate(blocks):
        yield from ("",) if number else ()
        yield from block


class _Writing:
    """The terminal that is written for, and whether targets have to be named."""

    def __init__(self, *, width: int, color: bool, several: bool) -> None:
        self._width = width
        self._color = color
        self._several = several

    def blocks(self, diff: Diff) -> Iterator[Iterable[str]]:
        yield self._head(diff)
        yield (self._paint(line, "replaced") for note in diff.notes for line in self._wrapped(f"note: {safe(note.text)}", 6))
        yield self._points(diff)
        yield self._edits(diff.edits)
        yield (line for sentence in diff.couplings for line in self._wrapped(safe(sentence), 2))
        for title, changes in sectioned(diff.changes):
            yield self._section(title, changes, diff)
        for risk in diff.risks:
            yield format_finding(risk, color=self._color, width=self._width).split("\n")
        yield self._legend(diff)

    def _head(self, diff: Diff) -> Iterator[str]:
        ends = f"{safe(diff.base)} → {safe(diff.head)}"
        if diff.empty:
            yield from self._wrapped(f"{ends}: no difference", 2)
            return
        yield from self._wrapped(self._paint(ends, "title"), 2)
        widest = max((len(safe(target.name)) for target in diff.targets), default=0)
        for target in diff.targets:
            yield f"{safe(target.name).ljust(widest)}  {state_words(target)}"
        if diff.changes:
            yield from self._wrapped(tally(diff), 2)

    def _points(self, diff: Diff) -> Iterator[str]:
        widest = max((len(point.subject) for point in diff.headline), default=0)
        for point in diff.headline:
            text = f"  {point.subject.ljust(widest)}  {point_words(point)}{self._which(point.targets, diff)}"
            yield from self._wrapped(text, widest + 6)

    def _edits(self, edits: Sequence[Edit]) -> Iterator[str]:
        if edits:
            yield self._paint("edited", "title")
        for number, edit in enumerate(edits, start=1):
            yield from self._wrapped(f"  [{number}] {edit_words(edit)}", 6)

    def _section(self, title: str, changes: Sequence[Change], diff: Diff) -> Iterator[str]:
        yield self._paint(title, "title")
        names = min(max(len(_name(change)) for change in changes), _WIDEST_NAME)
        versions = min(max(len(change_words(change.move)) for change in changes), _WIDEST_CHANGE)
        for reason, members in grouped(changes):
            yield from self._wrapped(f"  {_of_several(reason)}:", 6) if reason else ()
            for change in members:
                move = change.move
                level = f"  {move.level}" if move.level else ""
                head = f"  {_MARKS[change.kind]} {_name(change).ljust(names)}  {change_words(move).ljust(versions)}{level}"
                extra = [*details(move), "" if reason else reason_words(change)]
                yield from self._row(head, [part for part in extra if part], self._which(change.targets, diff), change.kind)

    def _row(self, head: str, parts: Sequence[str], which: str, kind: str) -> Iterator[str]:
        """Yield a row on one line where it fits, else with what explains it below, indented."""
        head = f"{head}{which}".rstrip()
        below = "; ".join(parts)
        if len(line := f"{head}  {below}".rstrip()) <= self._width:
            yield self._marked(line, kind)
            return
        first, *more = self._wrapped(head, len(_BELOW))
        yield from (self._marked(first, kind), *more)
        for part in (below,) if below and len(below) + len(_BELOW) <= self._width else parts:
            yield from self._wrapped(f"{_BELOW}{part}", len(_BELOW) + 2)

    def _legend(self, diff: Diff) -> Iterator[str]:
        if any("unforced" in reason_words(change) for change in diff.changes):
            yield from self._wrapped("unforced: the inputs allow another release, and nothing in them asks for it", 2)

    def _which(self, targets: Sequence[str], diff: Diff) -> str:
        """Return the targets that something holds for, nothing where it holds for all that changed."""
        if not self._several or tuple(targets) == diff.telling:
            return ""
        return f"  in {', '.join(map(shown_text, targets))}"

    def _marked(self, line: str, kind: str) -> str:
        return f"  {self._paint(line[2], kind)}{line[3:]}" if self._color else line

    def _wrapped(self, text: str, indent: int) -> list[str]:
        if len(text) <= self._width or (self._color and "\x1b" in text):
            return [text]
        held = text.replace("→ ", f"→{_HELD}")
        broken = textwrap.wrap(
            held, self._width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
        )
        return [line.replace(_HELD, " ") for line in broken]

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._color and text else text


def _of_several(reason: str) -> str:
    return f"{reason.removesuffix(' it')} these" if reason.endswith(" it") else reason


def _name(change: Change) -> str:
    part = " (tool)" if change.move.part == "tool" else ""
    return f"{shown_text(change.move.name)}{part}"
