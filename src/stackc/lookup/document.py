"""Look-ups as JSON documents, for other programs; `data/matrix.schema.json` describes them.

A key is left out where there is nothing to say: no table of that name, no probe, no trial.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from stackc.errors import Finding
from stackc.lookup.listing import Listing
from stackc.lookup.page import Cell, Entry, KnownFact, Page, Row, TrialSeen

__all__ = ["VERSION", "checked", "listed", "shown"]

VERSION = 1
"""Raised when a key changes its meaning or goes; new keys may come at any time."""

_Json = dict[str, object]


def shown(page: Page) -> _Json:
    """Return the document of one page."""
    document: _Json = {"version": VERSION, "kind": page.kind, "name": page.name}
    document |= {"release": page.release} if page.release is not None else {}
    if page.kind == "rule":
        return document | _rule_details(page)
    return document | {
        "facts": {fact.key: _fact(fact) for fact in page.facts},
        "tables": {table.key: [_row(row) for row in table.rows] for table in page.tables},
        "rules": [_entry(entry) for entry in page.rules],
        "notes": list(page.notes),
    }


def listed(listing: Listing) -> _Json:
    """Return the document of the list of rules and tables."""
    tables = [
        {"name": table.name, "rows": table.rows, "newest": table.newest, "date": table.date.isoformat() if table.date else None}
        for table in listing.tables
    ]
    return {"version": VERSION, "rules": [_entry(entry) for entry in listing.rules], "tables": tables}


def checked(
    findings: Iterable[Finding], *, rules: int, derived: int, waived: Iterable[str], not_checked: Sequence[str]
) -> _Json:
    """Return the document of a check."""
    return {
        "version": VERSION,
        "rules": rules,
        "derived": derived,
        "waived": sorted(waived),
        "not-checked": list(not_checked),
        "findings": [msgspec.to_builtins(finding) for finding in findings],
    }


def _rule_details(page: Page) -> _Json:
    (entry,) = page.rules
    details: _Json = {"rule": _entry(entry)}
    if page.probe is not None:
        details["probe"] = page.probe
    details["cases"] = [{"pins": dict(case.pins), "broken": case.broken} for case in page.cases]
    if page.tried_on is not None:
        details["proof"] = {
            "date": page.tried_on.isoformat(),
            "platform": page.platform,
            "trials": [_trial(trial) for trial in page.trials],
        }
    return details


def _entry(entry: Entry) -> _Json:
    return {
        "id": entry.id,
        "severity": entry.severity,
        "says": list(entry.says),
        "because": entry.because,
        "source": entry.source,
        "date": entry.date.isoformat(),
        "origin": entry.origin,
        "proved": entry.proved,
        "waived": entry.waived,
    }


def _fact(fact: KnownFact) -> _Json:
    return {"value": _cell(fact.value), "status": fact.status, "source": fact.source, "date": fact.date.isoformat()}


def _row(row: Row) -> _Json:
    return {**{key: _cell(cell) for key, cell in row.cells.items()}, "status": row.status, "source": row.source}


def _trial(trial: TrialSeen) -> _Json:
    return {
        "combination": trial.combination,
        "python": trial.python,
        "versions": dict(trial.versions),
        "status": trial.status,
        "last-line": trial.last_line,
    }


def _cell(cell: Cell) -> object:
    return list(cell) if isinstance(cell, tuple) else cell
