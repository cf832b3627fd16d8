"""The values that a look-up answers with; text and JSON are both made from them.

Terminology: a *page* is about one thing: a project, a release, a virtual project, a base image, a rule. A *fact* is one value
that is known of it, a *table* holds rows of such values, and an *entry* is a rule as far as it touches the thing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from stackc.matrix.facts import Status

__all__ = ["Cell", "Entry", "KnownFact", "Page", "Proved", "Row", "Sample", "Table", "TrialSeen", "weakest"]

Cell = str | tuple[str, ...] | None
"""One value: a text, several of them in their order, or None for what no table says."""

Proved = Literal["proved", "refuted", "stale", "not tried", "from facts"]
"""What trials say of a rule: `stale` if it has changed since it was tried, `from facts` if a table is its proof."""

_ORDER: tuple[Status, ...] = ("verified", "single-source", "copy", "reported", "inferred")


class KnownFact(Struct, frozen=True, kw_only=True):
    """One thing that is known, how it is known, and from where."""

    key: str
    value: Cell
    status: Status
    source: str
    date: dt.date


class Row(Struct, frozen=True, kw_only=True):
    """One row of a table, by column; the status is that of its least certain part."""

    cells: Mapping[str, Cell]
    status: Status
    source: str


class Table(Struct, frozen=True, kw_only=True):
    """Rows that have the same columns."""

    key: str
    rows: tuple[Row, ...]


class Entry(Struct, frozen=True, kw_only=True):
    """A rule. `says` has one line for each of its parts that touches what was looked up."""

    id: str
    severity: Literal["error", "warning"]
    says: tuple[str, ...]
    because: str
    source: str
    date: dt.date
    origin: str
    proved: Proved
    waived: bool


class Sample(Struct, frozen=True, kw_only=True):
    """One case of a rule: pins, and whether they break it."""

    pins: Mapping[str, str]
    broken: bool


class TrialSeen(Struct, frozen=True, kw_only=True):
    """One trial of a rule: what was installed, and how the probe ended."""

    combination: str
    python: str
    versions: Mapping[str, str]
    status: int
    last_line: str


class Page(Struct, frozen=True, kw_only=True):
    """All that the matrix knows of one thing. `release` is its version, None for a page about all of them.

    A page about a rule has one entry, its cases, its probe and its trials; no other page has those.
    """

    kind: Literal["project", "release", "virtual", "base", "rule"]
    name: str
    release: str | None = None
    facts: tuple[KnownFact, ...] = ()
    tables: tuple[Table, ...] = ()
    rules: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()
    probe: str | None = None
    cases: tuple[Sample, ...] = ()
    platform: str | None = None
    tried_on: dt.date | None = None
    trials: tuple[TrialSeen, ...] = ()


def weakest(statuses: Iterable[Status]) -> Status:
    """Return the least certain of some statuses."""
    return max(statuses, key=_ORDER.index, default="verified")
