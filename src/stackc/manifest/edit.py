"""Edits of a manifest's text: values are set where they stand, and no comment, order or layout of anything else changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, MutableMapping
from difflib import ndiff
from typing import TYPE_CHECKING

from msgspec import Struct

from stackc.manifest.syntax import parse

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import Item, Table

__all__ = ["Edit", "Value", "changed_lines", "edited"]

Value = str | dt.datetime | tuple[str, ...]


class Edit(Struct, frozen=True):
    """A key path of the manifest and the value that it is to have; None takes the key away. A new table gets a `comment`."""

    path: tuple[str, ...]
    value: Value | None
    comment: str | None = None


def edited(text: str, edits: Iterable[Edit], *, file: str = "stack.toml") -> str:
    """Return a manifest's text with some values set; tables that are missing are made, beside others of their kind.

    Raises ManifestError where the text is no TOML, and RuntimeError where anything but the edits would have changed.
    """
    import tomlkit  # only an edit needs it, and it takes a while

    found = tuple(edits)
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    plain = text.removeprefix(mark)
    crlf = plain.count("\r\n") == plain.count("\n") > 0
    wanted = parse(plain, file=file)
    document = tomlkit.parse(plain.replace("\r\n", "\n") if crlf else plain)
    fresh: list[Table] = []
    for edit in found:
        _set(document, edit, fresh)
        _set_plain(wanted, edit)
    for table in fresh:
        table.add(tomlkit.nl())
    made = document.as_string()
    if fresh and made.endswith("\n\n"):
        made = made[:-1]
    if parse(made, file=file) != wanted:
        keys = ", ".join(".".join(edit.path) for edit in found)
        raise RuntimeError(f"an edit of {keys} would change something else in {file}")
    return mark + (made.replace("\n", "\r\n") if crlf else made)


def changed_lines(before: str, after: str) -> list[str]:
    """Return the lines that differ between two texts, those that went with `- ` before them, those that came with `+ `."""
    rows = ndiff(before.splitlines(), after.splitlines())
    return [row for row in rows if row.startswith(("- ", "+ "))]


def _set(document: TOMLDocument, edit: Edit, fresh: list[Table]) -> None:
    *tables, key = edit.path
    table: MutableMapping[str, object] = document
    for depth, name in enumerate(tables):
        if name not in table:
            fresh.append(_add_table(document, table, edit, tables[depth:]))
        inner = table[name]
        if not isinstance(inner, MutableMapping):
            raise TypeError(f"{name} is no table")
        table = inner
    if edit.value is None:
        table.pop(key, None)
    else:
        table[key] = _item(edit.value)


def _add_table(document: TOMLDocument, parent: MutableMapping[str, object], edit: Edit, names: list[str]) -> Table:
    """Add the tables of a path that are missing, and return the last: below others of the kind, or at the manifest's end."""
    import tomlkit

    last = tomlkit.table()
    if edit.comment is not None:
        last.comment(edit.comment)
    made: Table = last
    for name in reversed(names[1:]):
        outer = tomlkit.table(is_super_table=True)
        outer.append(name, made)
        made = outer
    if parent is document:
        document.add(tomlkit.nl())
    parent[names[0]] = made
    return last


def _item(value: Value) -> Item:
    import tomlkit

    if isinstance(value, dt.datetime):
        return tomlkit.value(value.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return tomlkit.item(value if isinstance(value, str) else list(value))


def _set_plain(content: dict[str, object], edit: Edit) -> None:
    *tables, key = edit.path
    table = content
    for name in tables:
        inner = table.setdefault(name, {})
        if not isinstance(inner, dict):
            raise TypeError(f"{name} is no table")
        table = inner
    if edit.value is None:
        table.pop(key, None)
    else:
        table[key] = list(edit.value) if isinstance(edit.value, tuple) else edit.value
