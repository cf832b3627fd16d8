"""A lock's TOML document while it is decoded: typed getters that collect every finding, with file, line and key path."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import tomli
from msgspec import Struct, field
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, LockError, Place

__all__ = ["AGAIN", "Document", "Table"]

AGAIN = "run `stackc compile` to write the lock again from stack.toml"
"""The hint of every finding that a fresh lock cannot have."""

Path = tuple[str | int, ...]
Value = TypeVar("Value")

_TABLE = re.compile(r"\[(?P<array>\[)?(?P<name>[A-Za-z0-9_-]+)\]\]?$")
_KEY = re.compile(r"(?P<key>[A-Za-z0-9_-]+) = (?P<opens>\[$)?")
_ITEM = re.compile(r" +[\"{]")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (str, "a string"),
    (int, "an integer"),
    (float, "a float"),
    (dt.datetime, "a moment"),
    (dict, "a table"),
    (list, "an array"),
)


class Document(Struct, kw_only=True):
    """One lock's text, and the findings that its decoding has met so far."""

    text: str
    file: str
    findings: list[Finding] = field(default_factory=list)

    def root(self) -> Table:
        """Return the document's own table; raise LockError where the text is not TOML."""
        try:
            values: Mapping[str, object] = tomli.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise LockError(self._not_toml(str(error))) from error
        return Table(document=self, values=values)

    def report(self, code: str, message: str, *, at: Path = (), shown: Path | None = None, **more: str | None) -> None:
        """Add a finding about the key path `at`; `shown` is that path as people read it."""
        place = Place(file=self.file, line=self._line(at), path=at if shown is None else shown)
        self.findings.append(
            Finding(
                code=code,
                message=message,
                places=(place,),
                wanted=more.get("wanted"),
                found=more.get("found"),
                hint=more.get("hint", AGAIN),
            )
        )

    def _not_toml(self, reason: str) -> Finding:
        line = re.search(r"at line (\d+)", reason)
        return Finding(
            code="S401",
            message="the lock is not TOML",
            places=(Place(file=self.file, line=int(line[1]) if line else None),),
            notes=(reason,),
            hint=AGAIN,
        )

    def _line(self, path: Path) -> int | None:
        lines = _lines_of(self.text)
        while path and path not in lines:
            path = path[:-1]
        return lines.get(path)


class Table(Struct, frozen=True, kw_only=True):
    """One table of a document. Every getter reports what is wrong and then returns a neutral value of its type.

    `path` finds the line, `shown` is what people read: the same, with a package's name instead of its number.
    """

    document: Document
    values: Mapping[str, object]
    path: Path = ()
    shown: Path = ()

    def report(self, code: str, message: str, key: str, *items: int, **more: str | None) -> None:
        """Add a finding about one key of this table, or about one item of the array that stands there."""
        self.document.report(code, message, at=(*self.path, key, *items), shown=(*self.shown, key, *items), **more)

    def has(self, key: str) -> bool:
        """Say whether the table has `key`."""
        return key in self.values

    def string(self, key: str) -> str:
        """Return the string at `key`."""
        return self._get(key, str, "a string", "")

    def optional_string(self, key: str) -> str | None:
        """Return the string at `key`, None where there is none."""
        return self.string(key) if key in self.values else None

    def integer(self, key: str, *, least: int) -> int:
        """Return the integer at `key`, which is not below `least`."""
        value = self._get(key, int, "an integer", least)
        if value < least:
            self.report("S407", f"`{key}` is too small", key, wanted=f"{least} or more", found=str(value))
        return value

    def optional_integer(self, key: str, *, least: int) -> int | None:
        """Return the integer at `key`, None where there is none."""
        return self.integer(key, least=least) if key in self.values else None

    def boolean(self, key: str) -> bool:
        """Return the boolean at `key`, False where there is none."""
        return self._get(key, bool, "a boolean", False) if key in self.values else False

    def moment(self, key: str) -> dt.datetime | None:
        """Return the aware moment at `key` in UTC, None where there is none."""
        if key not in self.values:
            return None
        value = self._get(key, dt.datetime, "a moment", _EPOCH)
        if value.tzinfo is None:
            self.report("S406", f"`{key}` has no time zone", key, wanted="a moment in UTC, such as 2026-11-20T00:00:00Z")
            return None
        return value.astimezone(dt.timezone.utc)

    def strings(self, key: str) -> tuple[str, ...]:
        """Return the array of strings at `key`, empty where there is none."""
        items: list[str] = []
        for number, item in enumerate(self._array(key)):
            if isinstance(item, str):
                items.append(item)
            else:
                self._wrong_type("a string", item, key, number)
        return tuple(items)

    def sorted_strings(self, key: str) -> tuple[str, ...]:
        """Return the array of strings at `key`, which are sorted and of which none stands twice."""
        items = self.strings(key)
        self.check_sorted(items, key)
        return items

    def checked(self, key: str, pattern: re.Pattern[str], wanted: str) -> str:
        """Return the string at `key`, which matches `pattern` as a whole."""
        value = self.string(key)
        if isinstance(self.values.get(key), str) and pattern.fullmatch(value) is None:
            self.report("S407", f"`{key}` has the wrong form", key, wanted=wanted, found=value)
        return value

    def name(self, key: str) -> NormalizedName:
        """Return the normalized project name at `key`."""
        value = self.string(key)
        if value != canonicalize_name(value) or (value == "" and self.values.get(key) == ""):
            self.report("S407", f"`{key}` is not a normalized project name", key, found=value)
        return NormalizedName(value)

    def names(self, key: str) -> tuple[NormalizedName, ...]:
        """Return the array of normalized names at `key`, which are sorted."""
        values = self.sorted_strings(key)
        for number, value in enumerate(values):
            if value != canonicalize_name(value):
                self.report("S407", f"an item of `{key}` is not a normalized name", key, number, found=value)
        return tuple(NormalizedName(value) for value in values)

    def version(self, key: str) -> Version:
        """Return the version at `key`."""
        value = self.string(key)
        try:
            return Version(value)
        except InvalidVersion:
            if isinstance(self.values.get(key), str):
                self.report("S407", f"`{key}` is not a version", key, found=value)
            return Version("0")

    def table(self, key: str) -> Table:
        """Return the table at `key`, an empty one where there is none."""
        values = self._get(key, dict, "a table", {}) if key in self.values else {}
        return Table(document=self.document, values=values, path=(*self.path, key), shown=(*self.shown, key))

    def tables(self, key: str, *, called: str) -> Iterator[Table]:
        """Yield the tables of the array at `key`, none where there is no array; `called` is the key of their name."""
        for number, item in enumerate(self._array(key)):
            if not isinstance(item, dict):
                self._wrong_type("a table", item, key, number)
                continue
            name = item.get(called)
            yield Table(
                document=self.document,
                values=item,
                path=(*self.path, key, number),
                shown=(*self.shown, key, name if isinstance(name, str) else number),
            )

    def all_of(self, key: str, decode: Callable[[Table], Value], *, called: str = "name") -> tuple[Value, ...]:
        """Return each table of the array at `key`, decoded."""
        return tuple(decode(table) for table in self.tables(key, called=called))

    def check_sorted(self, names: Sequence[str], key: str) -> None:
        """Report each name that stands twice, or before a name that sorts below it."""
        for number, (before, name) in enumerate(pairwise(names), start=1):
            if name <= before:
                what = f"`{name}` stands twice" if name == before else f"`{name}` stands below `{before}`"
                self.report("S409", f"`{key}` is not sorted: {what}", key, number)

    def close(self, known: Sequence[str]) -> None:
        """Report every key that is none of `known`."""
        for key in self.values:
            if key not in known:
                self.report("S404", f"the key `{key}` is unknown", key)

    def _get(self, key: str, kind: type[Value], wanted: str, neutral: Value) -> Value:
        if key not in self.values:
            self.report("S405", f"`{key}` is missing", key, wanted=wanted)
            return neutral
        value = self.values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self._wrong_type(wanted, value, key)
            return neutral
        return value

    def _array(self, key: str) -> Sequence[object]:
        empty: list[object] = []
        return self._get(key, list, "an array", empty) if key in self.values else empty

    def _wrong_type(self, wanted: str, value: object, key: str, *items: int) -> None:
        what = f"an item of `{key}`" if items else f"`{key}`"
        self.report("S406", f"{what} has the wrong type", key, *items, wanted=wanted, found=_kind_of(value))


def _kind_of(value: object) -> str:
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a date or time")


def _lines_of(text: str) -> Mapping[Path, int]:
    """Return the line of each key path, as far as the text is laid out as `stackc.lock.codec.encode` lays it out."""
    lines: dict[Path, int] = {}
    counts: dict[str, int] = {}
    table: Path = ()
    array: Path | None = None
    item = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _TABLE.match(line):
            name = found["name"]
            counts[name] = counts.get(name, -1) + 1
            table = (name, counts[name]) if found["array"] else (name,)
            lines.setdefault(table, number)
        elif found := _KEY.match(line):
            lines.setdefault((*table, found["key"]), number)
            array, item = ((*table, found["key"]), 0) if found["opens"] else (None, 0)
        elif array is not None and _ITEM.match(line):
            lines.setdefault((*array, item), number)
            item += 1
    return lines
