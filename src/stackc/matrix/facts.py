"""The facts of the matrix: tables that ship with stackc, each row with a source and a date.

Each table is read when it is first asked for, and no other is read with it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import tomli
from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.version import Version

__all__ = ["FACTS", "PARTNERS", "Distribution", "Facts", "Family", "Status", "TorchFacts"]

FACTS = Path(__file__).parents[1] / "data" / "facts"
"""The folder of the built-in fact tables."""

PARTNERS = ("torchvision", "torchaudio", "triton")
"""The projects of which each release belongs to one torch."""

Status = Literal["verified", "single-source", "reported", "inferred", "copy"]
"""How a fact is known: `verified` in the named source, or less than that."""

_Row = TypeVar("_Row")


class _Fact(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What every row has: how it is known, from where, and when that was read."""

    status: Status
    source: str
    date: dt.date


class TorchFacts(_Fact, frozen=True, kw_only=True):
    """One release of torch and what belongs to it; the head of the table says what each key means."""

    version: Version
    released: dt.date
    requires_python: SpecifierSet
    pythons: tuple[str, ...]
    pypi_cuda: str
    variants: tuple[str, ...] = ()
    torchvision: SpecifierSet | None = None
    torchaudio: SpecifierSet | None = None
    triton: SpecifierSet | None = None
    unsure: dict[str, Status] = {}

    def partner(self, name: str) -> SpecifierSet | None:
        """Return the release of `name` that belongs to this torch, None where the table does not say."""
        partners = {"torchvision": self.torchvision, "torchaudio": self.torchaudio, "triton": self.triton}
        return partners.get(name)

    def status_of(self, key: str) -> Status:
        """Return how the value under one key of the row is known."""
        return self.unsure.get(key, self.status)


class Family(_Fact, frozen=True, kw_only=True):
    """The images of one repository, and what a tag of theirs says through its named groups."""

    repository: str
    tag: re.Pattern[str]


class Distribution(_Fact, frozen=True, kw_only=True):
    """One Linux distribution: its glibc, what it installs as `python3`, and its package manager."""

    id: str
    aliases: tuple[str, ...] = ()
    glibc: str
    python3: str | None = None
    packages: Literal["apt", "dnf"]


class Facts(Struct, frozen=True, dict=True):
    """All fact tables of one folder."""

    folder: Path = FACTS

    @classmethod
    def load(cls) -> Facts:
        """Return the built-in facts."""
        return cls()

    def torch(self, version: Version) -> TorchFacts | None:
        """Return the facts of one release of torch; a local version label makes no difference."""
        return self.torches.get(Version(version.public))

    @cached_property
    def torches(self) -> Mapping[Version, TorchFacts]:
        """Return every known release of torch, the oldest first."""
        rows = self._table("torch", list[TorchFacts], key="torch")
        return {row.version: row for row in rows}

    @cached_property
    def families(self) -> Mapping[str, Family]:
        """Return the known image families by repository."""
        rows = self._table("bases", list[Family], key="family")
        return {row.repository: row for row in rows}

    @cached_property
    def distributions(self) -> Mapping[str, Distribution]:
        """Return the known distributions by id and by every alias."""
        rows = self._table("bases", list[Distribution], key="distribution")
        return {name: row for row in rows for name in (row.id, *row.aliases)}

    def _table(self, file: str, rows: type[_Row], *, key: str) -> _Row:
        document = tomli.loads((self.folder / f"{file}.toml").read_text(encoding="utf-8"))
        return msgspec.convert(document[key], rows, dec_hook=_decode)


def _decode(kind: type[object], value: object) -> object:
    """Build the values that TOML has no type for; msgspec calls this for every such field."""
    if not isinstance(value, str):
        raise TypeError(f"expected a string, got {type(value).__name__}")
    if kind is Version:
        return Version(value)
    if kind is SpecifierSet:
        return SpecifierSet(value)
    return re.compile(value)
