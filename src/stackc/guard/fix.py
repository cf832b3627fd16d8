"""Deleting what is kept out: whole lines, and no byte more."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from stackc.guard.judge import Verdict
from stackc.guard.occurrence import Occurrence, Span
from stackc.guard.source import Source

__all__ = ["removable", "removals"]

_OTHER_NAME = re.compile(r"(?:^|[\s,;])[A-Za-z]")


def removals(verdicts: Iterable[Verdict]) -> Mapping[Source, tuple[Span, ...]]:
    """Return the lines to delete, by file: those of findings that stand on lines of their own.

    A list keeps its last entry, since an empty one may mean something else. A line that cannot be parsed goes only if it names
    nothing but the kept-out project.
    """
    chosen: dict[Source, dict[tuple[int, Span], Occurrence]] = {}
    for verdict in verdicts:
        item = verdict.read.item
        if verdict.code in {"S701", "S702", "S704"} and isinstance(item, Occurrence) and item.removal and removable(item):
            chosen.setdefault(verdict.read.source, {})[item.at, item.removal] = item
    return {source: spans for source, items in chosen.items() if (spans := _spans(items.values()))}


def _spans(items: Iterable[Occurrence]) -> tuple[Span, ...]:
    items = tuple(items)
    counts = Counter(item.among for item in items if item.among is not None)
    emptied = {among for among, count in counts.items() if count >= among[1]}
    return tuple(sorted({item.removal for item in items if item.removal is not None and item.among not in emptied}))


def removable(item: Occurrence) -> bool:
    """Say whether a requirement stands on a line of its own that nothing else hangs on."""
    if item.removal is None or item.valid:
        return item.removal is not None
    rest = re.sub(r"^[A-Za-z0-9._-]+", "", item.text, count=1)
    return _OTHER_NAME.search(rest) is None
