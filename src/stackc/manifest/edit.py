"""Edits of a manifest's text: values are set where they stand, and no comment, order or layout of anything else changes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, MutableMapping
from difflib import ndiff
from typing import TYPE_CHECKING

from msgspec import Struct

from stackc.manifest.syntax import parse

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import Item, Table

__all__ = ["Edit", "Rename", "Value", "changed_lines", "edited", "renamable"]

Value = str | dt.datetime | tuple[str, ...]


class Edit(Struct, frozen=True):
    """A key path of the manifest and the value that it is to have; None takes the key away. A new table gets a `comment`."""

    path: tuple[str, ...]
    value: Value | None
    comment: str | None = None


class Rename(Struct, frozen=True):
    """The key path of a table that is to have another name."""

    path: tuple[str, ...]
    name: str


def edited(text: str, edits: Iterable[Edit | Rename], *, file: str = "stack.toml") -> str:
    """Return a manifest's text with some values set; tables that are missing are made, beside others of their kind.

    Renames come last, so that all other paths are those of the present text.

    Raises ManifestError where the text is no TOML, and RuntimeError where anything but the edits would have changed.
    """
    import tomlkit  # only an edit needs it, and it takes a while

    listed = tuple(edits)
    found = [edit for edit in listed if isinstance(edit, Edit)]
    renames = [edit for edit in listed if isinstance(edit, Rename)]
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
    for rename in renames:
        made = _renamed(made, rename)
        _rename_plain(wanted, rename)
    if fresh:
        made = _spaced(made, before=plain)
    if parse(made, file=file) != wanted:
        keys = ", ".join(".".join(edit.path) for edit in found)
        raise RuntimeError(f"an edit of {keys} would change something else in {file}")
    return mark + (made.replace("\n", "\r\n") if crlf else made)


def _spaced(made: str, *, before: str) -> str:
    """Return a text with one empty line between its new tables and what stands around them, and none at its end."""
    headers = {line for line in made.splitlines() if line.startswith("[")} - set(before.splitlines())
    for header in headers:
        made = re.sub(rf"\n{{3,}}(?={re.escape(header)}$)", "\n\n", made, flags=re.MULTILINE)
    last = next((line for line in reversed(made.splitlines()) if line.startswith("[")), None)
    return f"{made.rstrip()}\n" if last in headers else made


def renamable(text: str, rename: Rename) -> bool:
    """Say whether a table stands under a header of its own, where it can be given another name."""
    return _renamed(text, rename) != text


def _renamed(text: str, rename: Rename) -> str:
    *above, key = rename.path
    dotted = r"\s*\.\s*".join(re.escape(name) for name in above)
    spelled = "|".join(re.escape(each) for each in (f'"{key}"', f"'{key}'", key))
    header = re.compile(rf"^(\s*\[\s*{dotted}\s*\.\s*)(?:{spelled})(?=\s*\])", re.MULTILINE)
    return header.sub(lambda found: f"{found[1]}{rename.name}", text)


def _rename_plain(content: dict[str, object], rename: Rename) -> None:
    *above, key = rename.path
    table = content
    for name in above:
        inner = table[name]
        if not isinstance(inner, dict):
            raise TypeError(f"{name} is no table")
        table = inner
    table[rename.name] = table.pop(key)


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
