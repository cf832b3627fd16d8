"""Two edits of one manifest, merged: line by line as git does, and key by key where only the lines are in each other's way.

Comments and layout stay: a table that the other side added comes with the comments above it, and of a table that both sides
edited only the values change. An array that is a set of names is merged name by name. Where both sides changed another key, and
not alike, there is no merge.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

from msgspec import Struct

from stackc.errors import Finding, ManifestError, Place
from stackc.history.three_way import GONE, Clash, Edit, Value, edits, same
from stackc.manifest.locate import located
from stackc.manifest.shown import shown
from stackc.manifest.syntax import parse

__all__ = ["Lines", "Merged", "merge_manifest"]

Lines = Callable[[str, str, str], str | None]
"""Merges base, ours and theirs line by line; None where lines are in each other's way."""

KeyPath = tuple[str, ...]

_SETS = frozenset({"extras", "gpus", "sdists", "serves", "without"})
"""The keys of a manifest whose arrays say the same in any order."""


class Merged(Struct, frozen=True, kw_only=True):
    """The merged text, or why there is none."""

    text: str | None
    findings: tuple[Finding, ...] = ()


def merge_manifest(base: str, ours: str, theirs: str, *, by_line: Lines, file: str) -> Merged:
    """Return the merge of two edits of a manifest's text. Raises ManifestError where one of the three is not TOML."""
    if theirs in {ours, base}:
        return Merged(text=ours)
    if ours == base:
        return Merged(text=theirs)
    text = by_line(base, ours, theirs)
    if text is not None and _content(text) is not None:
        return Merged(text=text)
    return _by_key(base, ours, theirs, file=file)


def _by_key(base: str, ours: str, theirs: str, *, file: str) -> Merged:
    found = list(edits(parse(base, file=file), parse(ours, file=file), parse(theirs, file=file), sets=_SETS))
    clashes = [each for each in found if isinstance(each, Clash)]
    if clashes:
        return Merged(text=None, findings=tuple(_clash(each, ours, file) for each in clashes))
    changes = [each for each in found if isinstance(each, Edit)]
    try:
        text = _edited(ours, theirs, changes)
    except (KeyError, TypeError, ValueError):  # what tomlkit says of a table that is spread over the file
        text = None
    wanted = _applied(parse(ours, file=file), changes)
    found_there = None if text is None else _content(text)
    if text is None or found_there is None or not same(found_there, wanted):
        return Merged(text=None, findings=(_layout(file),))
    return Merged(text=text)


def _edited(ours: str, theirs: str, changes: Iterable[Edit]) -> str:
    """Return our text with the other side's edits: first those of single keys, then whole tables, as they are written."""
    tables = [each for each in changes if each.path in _headers(theirs if each.value is not GONE else ours)]
    text = _with_keys(ours, theirs, [each for each in changes if each not in tables])
    for each in tables:
        text = _without_table(text, each.path) if each.value is GONE else _with_table(text, theirs, each.path)
    return text


def _with_keys(ours: str, theirs: str, changes: Iterable[Edit]) -> str:
    """Return our text with single keys changed: within the lines of their table, so that what is said below it stays there."""
    import tomlkit

    source = tomlkit.parse(theirs)
    for each in changes:
        begin, end = _own_lines(ours, each.path)
        lines = ours.split("\n")
        document = tomlkit.parse("\n".join([*lines[begin:end], ""]))
        *above, key = each.path
        table: Any = _below(document, above)
        if each.value is GONE:
            del table[key]
        elif isinstance(each.value, list) and not same(each.value, _at(parse(theirs, file=""), each.path)):
            table[key] = _with_names(table.get(key), each.value)
        else:
            table[key] = copy.deepcopy(_below(source, each.path))
        ours = "\n".join([*lines[:begin], *tomlkit.dumps(document).rstrip("\n").split("\n"), *lines[end:]])
    return ours


def _with_names(array: Any, names: list[Any]) -> Any:
    """Return an array of names, as it is laid out, with the names that it is to have; a new one where there is none."""
    import tomlkit

    array = tomlkit.array() if array is None else copy.deepcopy(array)
    for gone in [name for name in array if name not in names]:
        array.remove(gone)
    array.extend(name for name in names if name not in array)
    return array


def _at(table: Any, path: Iterable[str]) -> Value:
    """Return the value of a key path, GONE where there is none."""
    for key in path:
        if not isinstance(table, Mapping) or key not in table:
            return GONE
        table = table[key]
    return table


def _own_lines(text: str, path: KeyPath) -> tuple[int, int]:
    """Return the lines of the innermost table with a header that a key is in, from the header to its last key."""
    lines, headers = text.split("\n"), _every_header(text)
    holding = [name for name in headers if name == path[: len(name)] and len(name) < len(path)]
    begin = headers[max(holding, key=len)] if holding else 0
    after = min((line for line in headers.values() if line > begin or not holding), default=len(lines))
    while after > begin + 1 and (not lines[after - 1].strip() or lines[after - 1].lstrip().startswith("#")):
        after -= 1
    return begin, after


def _below(table: Any, path: Iterable[str]) -> Any:
    for key in path:
        table = table[key]
    return table


def _headers(text: str) -> Mapping[KeyPath, int]:
    """Return the line of each table's own `[header]`, counted from 0."""
    lines = text.split("\n")
    known = located(text, file="").lines
    return {
        tuple(map(str, path)): line - 1
        for path, line in known.items()
        if path and all(isinstance(part, str) for part in path) and lines[line - 1].lstrip().startswith("[")
    }


def _begins(lines: list[str], header: int) -> int:
    """Return where a table begins: at the comments directly above its header, or at the header."""
    while header > 0 and lines[header - 1].lstrip().startswith("#"):
        header -= 1
    return header


def _span(text: str, path: KeyPath) -> tuple[int, int]:
    """Return the lines of a table and of all tables within it, which follow it directly."""
    lines, headers = text.split("\n"), sorted((line, name) for name, line in _every_header(text).items())
    own = next(line for line, name in headers if name == path)
    after = next((line for line, name in headers if line > own and name[: len(path)] != path), None)
    return _begins(lines, own), len(lines) if after is None else _begins(lines, after)


def _every_header(text: str) -> Mapping[KeyPath, int]:
    """Return all lines with a header, those of arrays of tables too."""
    lines = text.split("\n")
    found: dict[KeyPath, int] = {}
    for path, line in located(text, file="").lines.items():
        if path and lines[line - 1].lstrip().startswith("["):
            found.setdefault(tuple(map(str, path)), line - 1)
    return found


def _with_table(ours: str, theirs: str, path: KeyPath) -> str:
    """Return our text with a table of theirs: below the table that it follows there, at the end where we have none such."""
    begin, end = _span(theirs, path)
    block = [*_stripped(theirs.split("\n")[begin:end]), ""]
    lines = ours.split("\n")
    before = [
        name for name, line in sorted(_headers(theirs).items(), key=lambda item: item[1]) if line < _headers(theirs)[path]
    ]
    known = next((name for name in reversed(before) if name in _headers(ours)), None)
    at = len(_stripped(lines)) if known is None else _last_line(ours, known)
    return "\n".join([*lines[:at], "", *block, *_stripped_above(lines[at:])]).rstrip("\n") + "\n"


def _last_line(text: str, path: KeyPath) -> int:
    """Return the line after the last one of a table that is not empty."""
    begin, end = _span(text, path)
    return begin + len(_stripped(text.split("\n")[begin:end]))


def _without_table(text: str, path: KeyPath) -> str:
    begin, end = _span(text, path)
    lines = text.split("\n")
    return "\n".join([*lines[:begin], *lines[end:]]).rstrip("\n") + "\n"


def _stripped(lines: list[str]) -> list[str]:
    """Return lines without the empty ones at the end."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _stripped_above(lines: list[str]) -> list[str]:
    while lines and not lines[0].strip():
        lines = lines[1:]
    return lines


def _applied(content: Mapping[str, Value], changes: Iterable[Edit]) -> Mapping[str, Value]:
    """Return what a manifest says after some edits."""
    wanted = copy.deepcopy(dict(content))
    for each in changes:
        *above, key = each.path
        table: MutableMapping[str, Value] = _below(wanted, above)
        if each.value is GONE:
            del table[key]
        else:
            table[key] = each.value
    return wanted


def _content(text: str) -> Mapping[str, Value] | None:
    try:
        return parse(text, file="")
    except ManifestError:
        return None


def _clash(clash: Clash, ours: str, file: str) -> Finding:
    place = located(ours, file=file).at(*clash.path)
    sides = (("before:", clash.base), ("ours:  ", clash.ours), ("theirs:", clash.theirs))
    return Finding(
        code="S475",
        message=f"both sides changed `{'.'.join(clash.path)}`, and not alike",
        places=(Place(file=place.file, line=place.line, path=clash.path),),
        notes=tuple(f"{side} {_said(value)}" for side, value in sides),
        hint="say in the file what it is to be, then run `stackc merge` again",
    )


def _said(value: Value) -> str:
    if value is GONE:
        return "not there"
    return f'"{shown(value, secret=True)}"' if isinstance(value, str) else shown(str(value), secret=True)


def _layout(file: str) -> Finding:
    return Finding(
        code="S476",
        message="both sides changed the manifest in ways that can be merged by key, but not in the text as it is laid out",
        places=(Place(file=file),),
        hint="merge the file by hand, then run `stackc merge` again",
    )
