"""How a manifest's own words are shown in findings: control characters escaped, credentials left out, never too long."""

from __future__ import annotations

import re

__all__ = ["CONTROL", "cut", "escaped", "redacted", "shown", "shown_line"]

CONTROL = "\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069"
"""The characters that no manifest value may hold, as the inside of a character class: controls, line and paragraph separators,
and the bidirectional overrides that make a text read otherwise than it is."""

_USER_INFO = re.compile(r"://.*@", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_QUERY = re.compile(r"\?.+", re.DOTALL)
_URL_KEY = re.compile(r"""(\burl["']?\s*=\s*["']*).*@""")
_LONGEST = 100


def escaped(text: str) -> str:
    r"""Return `text` with each character that does not print as its escape sequence, such as `\n` or `\x1b`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def redacted(text: str, *, secret: bool = False) -> str:
    """Return `text` with the user info of a URL as `***`, and its query too where `secret` says that a URL is meant.

    Rather too much than too little is left out, since the text may be no well-formed URL: all up to the last `@`.
    """
    if not secret:
        return _USER_INFO.sub("://***@", text)
    secrets, at, host = text.rpartition("@")
    scheme = _SCHEME.match(secrets)
    return _QUERY.sub("?***", f"{scheme[0] if scheme else ''}***@{host}" if at else text)


def cut(text: str) -> str:
    """Return `text`, or its beginning where it is long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def shown(text: str, *, secret: bool = False) -> str:
    """Return `text` as a finding may print it: redacted, escaped and cut to 100 characters."""
    return cut(escaped(redacted(text, secret=secret)))


def shown_line(line: str) -> str:
    """Return a line that may not be TOML as a finding may print it."""
    return shown(_URL_KEY.sub(r"\1***@", line.strip()))
