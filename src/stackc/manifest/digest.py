"""The digest of what a manifest says, whatever its comments and layout."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

from stackc.manifest.syntax import not_toml, parse

__all__ = ["digest"]


def digest(text: str, *, file: str = "stack.toml") -> str:
    """Return `sha256:<64 hexadecimal digits>` of what a TOML text says.

    Digested is its content as JSON: keys in their own order, moments in UTC. The order counts, since tables keep it and so
    does the image. Raises ManifestError, in which `file` names the text.
    """
    parsed = parse(text, file=file)
    try:
        content = json.dumps(parsed, default=_moment, separators=(",", ":"))
    except (ValueError, RecursionError):
        raise not_toml(text, "a number or a nesting beyond all measure", file=file) from None
    return f"sha256:{hashlib.sha256(content.encode('ascii')).hexdigest()}"


def _moment(value: object) -> str:
    """Spell what JSON has no type for: TOML's dates and times."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = _utc(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    raise TypeError(value)


def _utc(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone(dt.timezone.utc)
    except OverflowError:  # within a day of the year 1 or 9999, where UTC leaves the calendar
        return moment
