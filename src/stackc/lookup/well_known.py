"""Projects that are well known: those that stackc's own data name, and those whose names have been imitated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import msgspec
import tomli
from packaging.utils import NormalizedName

from stackc.guard import policy
from stackc.lookup.knowledge import load_knowledge

__all__ = ["Imitated", "load_imitations", "well_known"]

_FILE = Path(__file__).parents[1] / "data" / "well_known.toml"


class Imitated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One project, and the names that public reports tell of as made to look like its own."""

    name: NormalizedName
    imitations: tuple[NormalizedName, ...]
    source: str
    date: dt.date


def load_imitations() -> Mapping[str, Imitated]:
    """Return the projects whose names have been imitated, by name."""
    rows = msgspec.convert(tomli.loads(_FILE.read_text(encoding="utf-8"))["project"], tuple[Imitated, ...])
    return {row.name: row for row in rows}


def well_known(*, today: dt.date) -> Mapping[str, tuple[str, ...]]:
    """Return every well-known project with the imitations of its name that are known.

    Well known are the projects of the facts, the embedded catalog and the trials of the built-in rules, what is kept out of
    requirement files, and those of `data/well_known.toml`.
    """
    named = {*load_knowledge(None, today=today).known_projects(), *policy.load(None).words()}
    imitated = {name: tuple(row.imitations) for name, row in load_imitations().items()}
    return {**dict.fromkeys(sorted(named), ()), **imitated}
