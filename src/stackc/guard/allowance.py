"""The comment that lets one line through: `# stackc: allow torch — reason`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stackc.guard.names import canonical
from stackc.guard.values import Value

__all__ = ["Allowance", "allowances"]

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_COMMENT = rf"(?s)stackc:\s*allow\s+(?P<names>{_NAME}(?:\s*,\s*{_NAME})*)\s*(?:(?:[\u2010-\u2015]|-{{1,3}}|:)(?P<reason>.*))?"


class Allowance(Value):
    """What a comment allows; without a reason it does not count."""

    projects: tuple[str, ...]
    reason: str


def allowances(comments: Iterable[str]) -> tuple[Allowance, ...]:
    """Return what the comments of one line allow, in whatever order."""
    found = (re.search(_COMMENT, comment) for comment in comments if "stackc" in comment)
    return tuple(
        Allowance(tuple(canonical(name.strip()) for name in match["names"].split(",")), _reason(match["reason"] or ""))
        for match in found
        if match is not None
    )


def _reason(text: str) -> str:
    """Return a reason, empty where there is no word in it."""
    return text.strip() if re.search(r"\w", text) else ""
