"""Turn findings and errors into text for a terminal or a log; nothing else does.

No text that came from outside passes unescaped: see `safe`.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterator, Sequence

from stackc.errors import BugError, Finding, Place, Repair, StackcError

__all__ = ["format_error", "format_finding", "format_place", "safe", "unexpected"]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STYLES = {"error": "1;31", "warning": "1;33", "arrow": "1;34", "label": "1", "hint": "1;36"}


def format_error(error: StackcError, *, color: bool, width: int | None = None) -> str:
    """Return the text of all findings of an error, an empty line between them; no newline at the end."""
    return "\n\n".join(format_finding(finding, color=color, width=width) for finding in error.findings)


def format_finding(finding: Finding, *, color: bool, width: int | None = None) -> str:
    r"""Return the text of one finding: message, places, wanted and found, notes, hint, repairs; no newline at the end.

    A hint may have several lines; they are indented below its first. A newline anywhere else is shown as `\n`. Where the
    terminal is `width` columns wide, longer lines are broken between words.
    """
    lines = _lines(finding, color=color)
    return "\n".join(lines if width is None else (part for line in lines for part in _broken(line, width)))


def safe(text: str) -> str:
    r"""Return `text` with everything that does not print as itself escaped, such as `\x1b`, `\n` and `\u202e`.

    That covers the control characters of C0 and C1, DEL, line separators, zero-width and bidirectional controls (Unicode's
    category Cf) and the lone surrogates of undecodable file names.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def unexpected(error: BaseException) -> BugError:
    """Return the error that stands for an exception which stackc's authors did not foresee."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    return BugError(
        Finding(
            code="S902",
            message=f"stackc stopped on an unexpected `{type(error).__name__}`: {error}",
            notes=tuple(f"in {frame.filename}:{frame.lineno}, {frame.name}" for frame in frames),
            hint="this is a bug in stackc; please report it with the lines above, the command and the manifest",
        )
    )


def _lines(finding: Finding, *, color: bool) -> Iterator[str]:
    head = _paint(f"{finding.severity}[{safe(finding.code)}]:", finding.severity, color=color)
    yield f"{head} {safe(finding.message)}"
    arrow = _paint("-->", "arrow", color=color)
    yield from (f" {arrow} {format_place(place)}" for place in finding.places)
    for label, value in (("wanted:", finding.wanted), (" found:", finding.found)):
        if value is not None:
            yield f"{_paint(label, 'label', color=color)} {safe(value)}"
    yield from (safe(note) for note in finding.notes)
    if finding.hint is not None:
        first, *rest = finding.hint.split("\n")
        yield ""
        yield f"{_paint('hint:', 'hint', color=color)} {safe(first)}"
        yield from (f"{_INDENT}{safe(line)}".rstrip() for line in rest)
    yield from _repair_lines(finding.repairs)


_INDENT = " " * len("hint: ")
_LONGEST_ROW = 80


def _repair_lines(repairs: Sequence[Repair]) -> Iterator[str]:
    """Yield the repairs as a table; one that is too long for a row of it gets lines of its own."""
    rows = [(safe(each.what), safe(each.old), safe(each.new), _gives(each)) for each in repairs]
    short = [row for row in rows if len(_row(row, (0, 0, 0))) <= _LONGEST_ROW]
    widths = (_widest(short, 0), _widest(short, 1), _widest(short, 2))
    for row in rows:
        if row in short:
            yield _row(row, widths)
        else:
            what, old, new, gives = row
            yield f"{_INDENT}{what}"
            yield f"{_INDENT}    {old}"
            yield f"{_INDENT}  → {new}"
            yield from (f"{_INDENT}    {gives}",) if gives else ()


def _gives(repair: Repair) -> str:
    return f"gives {safe(repair.gives)}" if repair.gives else ""


def _row(row: tuple[str, str, str, str], widths: tuple[int, int, int]) -> str:
    what, old, new = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
    return f"{_INDENT}{what}  {old} → {new}  {row[3]}".rstrip()


def _widest(rows: Sequence[tuple[str, str, str, str]], column: int) -> int:
    return max((len(row[column]) for row in rows), default=0)


def _broken(line: str, width: int) -> Iterator[str]:
    """Yield a line in parts that a terminal has room for, broken at spaces alone; what follows the first is indented."""
    indent = " " * (len(line) - len(line.lstrip(" ")) + 2)
    current, *words = line.split(" ")
    for word in words:
        longer = f"{current} {word}"
        if len(_STYLE.sub("", longer)) > width and current.strip():
            yield current
            longer = indent + word
        current = longer
    yield current


_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def format_place(place: Place) -> str:
    """Return a place as `file:line:column: key = value`, as far as it says so much."""
    where = ":".join([safe(place.file), *(str(number) for number in (place.line, place.column) if number is not None)])
    what = " = ".join(part for part in (_key_path(place.path), safe(place.source or "")) if part)
    return f"{where}: {what}" if what else where


def _key_path(path: tuple[str | int, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def _key(key: str) -> str:
    """Return a key as TOML spells it: bare where it may be, else as a basic string."""
    return key if _BARE_KEY.fullmatch(key) else safe(json.dumps(key, ensure_ascii=False))


def _paint(text: str, style: str, *, color: bool) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color else text
