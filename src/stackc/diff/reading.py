"""Lock texts read as far as they can be: a lock that is broken, edited or of another format is compared all the same.

Three attempts, from the strict to the lenient: the codec; the codec with every finding put up with; and, for a text that is not
TOML, such as one with conflict markers, line by line for name, version, file and hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import tomli
from msgspec.structs import replace
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.diff.model import Reading
from stackc.errors import Finding, LockError, Place
from stackc.lock.codec import decode, decode_leniently
from stackc.lock.filename import parse_filename
from stackc.lock.requirements import parse_need

__all__ = ["MISSING", "lines_of", "read_lock"]

MISSING = Reading(lock=None)
"""The reading of a lock that is not there."""

_ARRAYS = ("package", "tool")
_HEADER = re.compile(r"\[\[(package|tool)\]\]\s*$")
_PIN = re.compile(r'^\[\[(package|tool)\]\]\r?\nname = "([^"\n]*)"', re.MULTILINE)
_OTHER_HEADER = re.compile(r"\[")
_PAIR = re.compile(r'(name|version|index|file|sha256) = "([^"\\\n]*)"\s*$|(step|size) = ([0-9]{1,15})\s*$')


def read_lock(text: str, *, file: str) -> Reading:
    """Return the lock that a text holds, as far as it does; `file` names it in findings.

    Line ends that a checkout has converted make no other lock.
    """
    text = text.replace("\r\n", "\n")
    try:
        return Reading(lock=decode(text, file=file), text=text, path=file)
    except LockError as error:
        findings = error.findings
    whole = _parsed(text)
    values = _by_lines(text) if whole is None else whole
    readable = {key: [row for row in _rows(values, key) if _is_pin(row)] for key in _ARRAYS}
    lost = sum(len(_rows(values, key)) - len(readable[key]) for key in _ARRAYS)
    if not any(readable.values()):
        return Reading(lock=None, findings=findings, text=text, path=file)
    unread = (_unread(lost, file),) if lost else ()
    lock = decode_leniently({**values, **_once(readable)}, file=file)
    lock = replace(lock, roots=tuple(root for root in lock.roots if parse_need(root.requirement) is not None))
    return Reading(lock=lock, partial=whole is None, findings=(*findings, *unread), text=text, path=file)


def lines_of(text: str) -> Mapping[tuple[str, str], int]:
    """Return the line at which each tool and package of a lock's text begins."""
    found: dict[tuple[str, str], int] = {}
    line, at = 1, 0
    for header in _PIN.finditer(text):
        line, at = line + text.count("\n", at, header.start()), header.start()
        found.setdefault((header[1], header[2]), line)
    return found


def _parsed(text: str) -> Mapping[str, object] | None:
    try:
        return tomli.loads(text)
    except (ValueError, RecursionError):
        return None


def _by_lines(text: str) -> Mapping[str, object]:
    rows = list(_tables(text))
    return {key: [row for array, row in rows if array == key] for key in _ARRAYS}


def _tables(text: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the tables of packages and tools of a text that is not TOML; of a key that stands twice, the first counts."""
    row: dict[str, object] | None = None
    for line in text.split("\n"):
        if header := _HEADER.match(line):
            row = {}
            yield header[1], row
        elif _OTHER_HEADER.match(line):
            row = None
        elif row is not None and (pair := _PAIR.match(line)):
            row.setdefault(pair[1] or pair[3], pair[2] if pair[1] else int(pair[4]))


def _rows(values: Mapping[str, object], key: str) -> Sequence[object]:
    rows = values.get(key)
    return rows if isinstance(rows, list) else ()


def _is_pin(row: object) -> bool:
    """Say whether a table names a release and its file: what is compared even where all else is broken."""
    match row:
        case {"name": str(name), "version": str(version), "file": str(file), "sha256": str()}:
            return name == canonicalize_name(name) != "" and _is_version(version) and parse_filename(file) is not None
    return False


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _once(readable: Mapping[str, list[object]]) -> Mapping[str, object]:
    """Return the rows sorted by name, of a name that stands twice the last, as a reader of the lock would take it."""
    named = {key: {str(row["name"]): row for row in rows if isinstance(row, dict)} for key, rows in readable.items()}
    return {key: [row for _name, row in sorted(rows.items())] for key, rows in named.items()}


def _unread(lost: int, file: str) -> Finding:
    what = "1 pin of the lock has" if lost == 1 else f"{lost} pins of the lock have"
    return Finding(code="S810", message=f"{what} no readable name, version, file or hash", places=(Place(file=file),))
