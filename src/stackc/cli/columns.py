"""Text in columns that fold at the edge: the widest gives way first, and no word is broken."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

__all__ = ["in_columns"]

_GAP = 2


def in_columns(rows: Sequence[Sequence[str]], *, width: int, folding: Sequence[bool]) -> Iterator[str]:
    """Yield the lines of a table, its headings being the first row; `folding` says which columns may take several lines.

    Where even single words are too wide together, lines are longer than `width`.
    """
    limits = _limits(rows, width - _GAP * (len(folding) - 1), folding)
    folded = [
        [_folded(cell, limit) if folds else [cell] for cell, limit, folds in zip(row, limits, folding, strict=True)]
        for row in rows
    ]
    widths = [max(len(line) for cell in column for line in cell) for column in zip(*folded, strict=True)]
    for cells in folded:
        for parts in zip_longest(*cells, fillvalue=""):
            yield (" " * _GAP).join(part.ljust(limit) for part, limit in zip(parts, widths, strict=True)).rstrip()


def _limits(rows: Sequence[Sequence[str]], width: int, folding: Sequence[bool]) -> list[int]:
    columns = list(zip(*rows, strict=True))
    limits = [max(map(len, column)) for column in columns]
    least = [max(len(word) for cell in column for word in cell.split(" ")) for column in columns]
    while sum(limits) > width:
        able = [number for number, folds in enumerate(folding) if folds and limits[number] > least[number]]
        if not able:
            break
        limits[max(able, key=lambda number: limits[number])] -= 1
    return limits


def _folded(cell: str, width: int) -> list[str]:
    return textwrap.wrap(cell, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]
