"""A table of facts brought up to date: what was read anew beside what the table had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace
from packaging.version import Version

from stackc.matrix.facts.rows import BitsandbytesFacts, NeedsFacts, PartnerFacts, TorchRelease
from stackc.matrix.refresh.readings import Needs, Reading, needs_of

__all__ = ["GONE", "YANKED", "Note", "Unread", "needs_rows", "revised"]

GONE = "the index no longer lists it"
YANKED = "it is yanked"

Note = Callable[[str], None]
"""Is told, in a few words, of every row that is not as it was."""

_Row = TypeVar("_Row", TorchRelease, PartnerFacts, BitsandbytesFacts)
_Dated = TypeVar("_Dated", TorchRelease, PartnerFacts, BitsandbytesFacts, NeedsFacts)


class Unread(Struct, frozen=True):
    """A release that no row could be read of; `reason` says why."""

    reason: str


def revised(old: Iterable[_Row], new: Mapping[Version, _Row | Unread], *, note: Note) -> list[_Row]:
    """Return the rows that a table of releases should have, the oldest first.

    A row that cannot be read any more is kept, but for one of a yanked release. One that is read as it was keeps its date.
    """
    known: dict[Version, _Row] = {row.version: row for row in old}
    rows: list[_Row] = []
    for version in sorted({*known, *new}):
        before, now = known.get(version), new.get(version, Unread(GONE))
        if isinstance(now, Unread):
            _say_unread(version, now, note, known=before is not None)
            rows += [before] if before is not None and now.reason != YANKED else []
        else:
            rows.append(_dated(now, before, note, name=str(version)))
    return rows


def needs_rows(old: Iterable[NeedsFacts], new: Mapping[Version, Reading | Unread], *, note: Note) -> list[NeedsFacts]:
    """Return the rows that a table of needs should have: one per run of releases that need the same, the oldest first.

    What cannot be read any more is taken from the run that the release was part of. Releases that need nothing have no row.
    """
    known = list(old)
    firsts = {row.first: row for row in known}
    runs = groupby(_needs(known, new, note), key=lambda release: release.needs)
    rows = [_run(list(run)) for needs, run in runs if needs.requires]
    return [_dated(row, firsts.get(row.first), note, name=f"{row.first} to {row.last}") for row in rows]


class _Release(Struct, frozen=True):
    """What one release needs, and the run or the reading that says so."""

    version: Version
    needs: Needs
    said: NeedsFacts | Reading


def _needs(old: list[NeedsFacts], new: Mapping[Version, Reading | Unread], note: Note) -> Iterator[_Release]:
    ends = {version for row in old for version in (row.first, row.last)}
    for version in sorted({*ends, *new}):
        now = new.get(version, Unread(GONE))
        if isinstance(now, Reading):
            yield _Release(version, needs_of(now), now)
            continue
        run = next((row for row in old if row.first <= version <= row.last), None)
        _say_unread(version, now, note, known=version in ends if now.reason == YANKED else run is not None)
        if run is not None and now.reason != YANKED:
            yield _Release(version, Needs(run.requires, run.optional), run)


def _run(releases: list[_Release]) -> NeedsFacts:
    first, last = releases[0], releases[-1]
    return NeedsFacts(
        first=first.version,
        last=last.version,
        requires=first.needs.requires,
        optional=first.needs.optional,
        status="verified",
        source=last.said.source,
        date=last.said.date,
    )


def _say_unread(version: Version, unread: Unread, note: Note, *, known: bool) -> None:
    if unread.reason != YANKED:
        note(f"{version} is {'kept as it was' if known else 'left out'}: {unread.reason}")
    elif known:
        note(f"{version} is removed: {YANKED}")


def _dated(now: _Dated, before: _Dated | None, note: Note, *, name: str) -> _Dated:
    """Return a row as it was read, with the date that it had if nothing else in it is new."""
    if before is None:
        note(f"{name} is new")
        return now
    if replace(now, date=before.date) == before:
        return before
    changed = [key for key in now.__struct_fields__ if key != "date" and getattr(now, key) != getattr(before, key)]
    note(f"{name} changed: " + ", ".join(f"{key} was {getattr(before, key)}" for key in changed))
    return now
