"""TOML 1.0 text for documents of strings, numbers, moments, tables and arrays, in one fixed layout."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping

__all__ = ["toml_lines"]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_lines(document: Mapping[str, object]) -> Iterator[str]:
    """Yield the lines of a document: an array of tables at the top gets a `[[NAME]]` per table, any deeper table is inline."""
    tables = {key: tables for key, value in document.items() if (tables := _tables(value))}
    yield from _pairs({key: value for key, value in document.items() if key not in tables})
    for key, entries in tables.items():
        for entry in entries:
            yield from ("", f"[[{_key(key)}]]", *_pairs(entry))


def _tables(value: object) -> list[Mapping[str, object]]:
    """Return the entries of an array of tables, none for anything else."""
    entries = [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
    return entries if isinstance(value, list) and len(entries) == len(value) else []


def _pairs(table: Mapping[str, object]) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, list) and value:
            yield f"{_key(key)} = ["
            yield from (f"    {_inline(entry)}," for entry in value)
            yield "]"
        else:
            yield f"{_key(key)} = {_inline(value)}"


def _inline(value: object) -> str:
    match value:
        case str():
            return _string(value)
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case dt.datetime():
            return value.astimezone(dt.timezone.utc).isoformat().replace("+00:00", "Z")
        case Mapping():
            return "{ " + ", ".join(f"{_key(key)} = {_inline(entry)}" for key, entry in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_inline, value)) + "]"
        case _:
            raise TypeError(f"TOML has no value for {type(value).__name__}")


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    """Return a basic string. JSON escapes the same characters in the same ways, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
