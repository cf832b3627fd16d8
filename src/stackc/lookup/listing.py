"""The list of all rules, and of the tables of facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from packaging.version import Version

from stackc.lookup.entries import entry_of
from stackc.lookup.knowledge import Knowledge
from stackc.lookup.page import Entry
from stackc.matrix.facts import Fact, Facts

__all__ = ["Listing", "TableNote", "list_matrix"]


class TableNote(Struct, frozen=True, kw_only=True):
    """One table of facts: how many rows it has, what the newest is about, and when the latest was read."""

    name: str
    rows: int
    newest: str | None
    date: dt.date | None


class Listing(Struct, frozen=True, kw_only=True):
    """All rules, those of the packs first, and all tables."""

    rules: tuple[Entry, ...]
    tables: tuple[TableNote, ...]


def list_matrix(known: Knowledge) -> Listing:
    """Return what the matrix consists of."""
    return Listing(
        rules=tuple(entry_of(rule, known) for rule in known.rules()),
        tables=tuple(_tables(known.facts)),
    )


def _tables(facts: Facts) -> Iterator[TableNote]:
    by_version: Mapping[str, Mapping[Version, Fact]] = {
        "torch": facts.releases,
        "variants": facts.variants,
        "torchvision": facts.partners("torchvision"),
        "torchaudio": facts.partners("torchaudio"),
        "cuda": facts.cudas,
        "bitsandbytes": facts.bitsandbytes,
    }
    for name, rows in by_version.items():
        yield _noted(name, rows.values(), max(rows, default=None))
    others: Mapping[str, tuple[Sequence[Fact], Iterable[Version]]] = {
        "partners": (facts.pairs, (row.torch for row in facts.pairs)),
        "architectures": (facts.architectures, (Version(row.torch) for row in facts.architectures)),
        "flash_attn": (facts.flash_attn, (row.last for row in facts.flash_attn)),
        "selections": (facts.selections, (row.first for row in facts.selections)),
        "images": (facts.images, (row.cuda for row in facts.images)),
        "families": (tuple(facts.families.values()), ()),
        "distributions": (tuple({row.id: row for row in facts.distributions.values()}.values()), ()),
        **{name: (facts.needs(name), (row.last for row in facts.needs(name))) for name in facts.needing},
    }
    for name, (table, versions) in others.items():
        yield _noted(name, table, max(versions, default=None))


def _noted(name: str, rows: Iterable[Fact], newest: Version | None) -> TableNote:
    dates = [row.date for row in rows]
    return TableNote(
        name=name,
        rows=len(dates),
        newest=str(newest) if newest is not None else None,
        date=max(dates, default=None),
    )
