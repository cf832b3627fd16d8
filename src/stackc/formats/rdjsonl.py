"""Reviewdog's diagnostic format: one JSON object per line and finding (`rdjsonl`)."""

from __future__ import annotations

import json

from stackc.errors import Finding, Place
from stackc.formats.report import Report, body
from stackc.manifest.shown import escaped

__all__ = ["as_rdjsonl"]

_SEVERITIES = {"error": "ERROR", "warning": "WARNING"}


def as_rdjsonl(report: Report) -> str:
    """Return a report with a line for each finding, the errors first."""
    return "".join(f"{json.dumps(_diagnostic(finding, report))}\n" for finding in report.ordered)


def _diagnostic(finding: Finding, report: Report) -> dict[str, object]:
    said: dict[str, object] = {
        "message": "\n".join(body(finding)),
        "location": _location(report.place(finding), report),
        "severity": _SEVERITIES[finding.severity],
        "source": {"name": "stackc"},
        "code": {"value": finding.code},
    }
    others = [{"message": "see also", "location": _location(place, report)} for place in report.others(finding)]
    return {**said, "related_locations": others} if others else said


def _location(place: Place, report: Report) -> dict[str, object]:
    """Return a place by file and line: the format counts columns in bytes of UTF-8, which a place does not know."""
    path: dict[str, object] = {"path": escaped(report.path(place))}
    return path if place.line is None else {**path, "range": {"start": {"line": place.line}}}
