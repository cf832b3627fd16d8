"""Three-way merging of nested tables, key by key: what each side changed since their common base, and where both did.

A table is merged key by key, and an array that is a set of names name by name; anything else is one value, other arrays too.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from msgspec import Struct

__all__ = ["GONE", "Clash", "Edit", "Gone", "Table", "Value", "edits", "same"]

Value = object
Table = Mapping[str, Value]
KeyPath = tuple[str, ...]


class Gone(Struct, frozen=True):
    """The value of a key that is not there."""


GONE = Gone()


class Edit(Struct, frozen=True):
    """One key that the other side changed: its value then, GONE where it was deleted."""

    path: KeyPath
    value: Value


class Clash(Struct, frozen=True):
    """One key that both sides changed, and not alike."""

    path: KeyPath
    base: Value
    ours: Value
    theirs: Value


def edits(
    base: Value, ours: Value, theirs: Value, path: KeyPath = (), *, sets: Container[str] = frozenset()
) -> Iterator[Edit | Clash]:
    """Yield what turns `ours` into the merge of both: the other side's edits, and the keys where there is no merge.

    `sets` are keys whose arrays are sets of names: what one side adds to such an array, or takes from it, stands in the merge.
    """
    if same(ours, theirs) or same(theirs, base):
        return
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        inner = base if isinstance(base, Mapping) else {}
        for key in dict.fromkeys((*ours, *theirs)):
            yield from edits(inner.get(key, GONE), ours.get(key, GONE), theirs.get(key, GONE), (*path, key), sets=sets)
    elif same(ours, base):
        yield Edit(path, theirs)
    elif path and path[-1] in sets and _are_names(base) and _are_names(ours) and _are_names(theirs):
        merged = _merged_names(_names(base), _names(ours), _names(theirs))
        if merged != _names(ours):
            yield Edit(path, merged or GONE)
    else:
        yield Clash(path, base, ours, theirs)


def _are_names(value: Value) -> bool:
    return value is GONE or (isinstance(value, list) and all(isinstance(name, str) for name in value))


def _names(value: Value) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def _merged_names(base: list[str], ours: list[str], theirs: list[str]) -> list[str]:
    """Return our names without those that the other side took away, and below them those that it added."""
    kept = [name for name in ours if name in theirs or name not in base]
    return [*kept, *(name for name in theirs if name not in base and name not in ours)]


def same(one: Value, other: Value) -> bool:
    """Say whether two values are alike: of the same type too, as TOML tells 1 from 1.0 and from true, in any order of keys."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(first, second) for first, second in zip(one, other, strict=True))
    return type(one) is type(other) and one == other
