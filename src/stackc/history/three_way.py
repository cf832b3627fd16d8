"""Three-way merging of nested tables, key by key: what each side changed since their common base, and where both did.

A table is merged key by key; anything else, arrays included, is one value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

__all__ = ["GONE", "Clash", "Edit", "Gone", "Table", "Value", "edits", "same"]

Value = object
Table = Mapping[str, Value]
KeyPath = tuple[str, ...]


class Gone(Struct, frozen=True):
    """The value of a key that is not there."""


GONE = Gone()


class Edit(Struct, frozen=True):
    """One key that the other side alone changed: its value there, GONE where it was deleted."""

    path: KeyPath
    value: Value


class Clash(Struct, frozen=True):
    """One key that both sides changed, and not alike."""

    path: KeyPath
    base: Value
    ours: Value
    theirs: Value


def edits(base: Value, ours: Value, theirs: Value, path: KeyPath = ()) -> Iterator[Edit | Clash]:
    """Yield what turns `ours` into the merge of both: the other side's edits, and the keys where there is no merge."""
    if same(ours, theirs) or same(theirs, base):
        return
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        inner = base if isinstance(base, Mapping) else {}
        for key in dict.fromkeys((*ours, *theirs)):
            yield from edits(inner.get(key, GONE), ours.get(key, GONE), theirs.get(key, GONE), (*path, key))
    elif same(ours, base):
        yield Edit(path, theirs)
    else:
        yield Clash(path, base, ours, theirs)


def same(one: Value, other: Value) -> bool:
    """Say whether two values are alike: of the same type too, as TOML tells 1 from 1.0 and from true, in any order of keys."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(first, second) for first, second in zip(one, other, strict=True))
    return type(one) is type(other) and one == other
