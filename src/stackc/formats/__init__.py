"""Findings as other programs read them: a report becomes the text of one format, and nothing is read or written.

Terminology: a *report* is what one run of a command found, with what the formats have to know of the repository. Text for
people is no format of these; `stackc.cli.report` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stackc.formats.document import as_json
from stackc.formats.github import as_github
from stackc.formats.rdjsonl import as_rdjsonl
from stackc.formats.report import Report
from stackc.formats.sarif import as_sarif

__all__ = ["FORMATS"]

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
    "rdjsonl": as_rdjsonl,
}
"""How a report can be told to programs, by the name of the format. Each text ends with a newline, or is empty."""
