"""Turn findings and errors into text for a terminal or a log; nothing else does.

No text that came from outside passes unescaped: see `safe`.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterator

from stackc.errors import BugError, Finding, Place, StackcError

__all__ = ["format_error", "format_finding", "format_place", "safe", "unexpected"]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STYLES = {"error": "1;31", "warning": "1;33", "arrow": "1;34", "label": "1", "hint": "1;36"}


def format_error(error: StackcError, *, color: bool) -> str:
    """Return the text of all findings of an error, an empty line between them; no newline at the end."""
    return "\n\n".join(format_finding(finding, color=color) for finding in error.findings)


def format_finding(finding: Finding, *, color: bool) -> str:
    r"""Return the text of one finding: message, places, wanted and found, notes, hint; no newline at the end.

    A hint may have several lines; they are indented below its first. A newline anywhere else is shown as `\n`.
    """
    return "\n".join(_lines(finding, color=color))


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
        yield from (f"      {safe(line)}".rstrip() for line in rest)


def format_place(place: Place) -> str:
    """Return a place as `file:line: key = value`, as far as it says so much."""
    where = safe(place.file) if place.line is None else f"{safe(place.file)}:{place.line}"
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
