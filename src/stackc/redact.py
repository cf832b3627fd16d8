"""Keep credentials out of everything that people and logs see."""

from __future__ import annotations

import re

__all__ = ["redact_text", "redact_url"]

_HIDDEN = "***@"

# RFC 3986, section 3.2: the authority ends at the first of "/", "?" and "#", and user information at its last "@".
_IN_AUTHORITY = re.compile(r"://[^\s/?#]*@")

# A password with a raw "/", "?" or "#" ends the authority early; what then stands where the port belongs is no number.
_BROKEN_PASSWORD = re.compile(r"://(?!\[|\*{3}@)[^\s/?#@:]{0,256}:(?!\d{0,5}(?![^\s/?#\"'<>),;]))\S{0,256}@")

# The same without a scheme. An image reference `name:tag@sha256:…` and a requirement `name @ https://…` are none.
_WITHOUT_SCHEME = re.compile(r"(?<![\w.~%+/@:-])[\w.~%+-]{1,128}:[^\s/@:]{1,256}@(?!sha\d|\s|[\w.+-]{1,32}://)(?=[\w\[])")


def redact_url(url: str) -> str:
    """Return a URL with `***@` for its user information."""
    return _BROKEN_PASSWORD.sub("://" + _HIDDEN, _IN_AUTHORITY.sub("://" + _HIDDEN, url))


def redact_text(text: str) -> str:
    """Return a text, such as an engine's output, with `***@` for the user information of every address in it."""
    if "@" not in text:
        return text
    return _WITHOUT_SCHEME.sub(_HIDDEN, redact_url(text))
