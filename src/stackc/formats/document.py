"""One JSON document, with a version of its own; `data/findings.schema.json` describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stackc.errors import Finding, Place, Repair
from stackc.formats.report import Report
from stackc.manifest.shown import escaped

__all__ = ["VERSION", "as_json", "finding_value", "said"]

VERSION = 1
"""The version of the document: higher where a reader of this one could misread it."""


def as_json(report: Report) -> str:
    """Return a report as a document. Paths are relative to the working folder, as findings have them."""
    document = {
        "version": VERSION,
        "stackc": report.version,
        "command": report.command,
        "errors": len(report.of("error")),
        "warnings": len(report.of("warning")),
        "summary": list(report.summary),
        "findings": [finding_value(finding, title=_title(finding, report)) for finding in report.ordered],
    }
    return f"{json.dumps(document, indent=2)}\n"


def _title(finding: Finding, report: Report) -> str | None:
    explained = report.explained.get(finding.code)
    return explained.title if explained is not None else None


def finding_value(finding: Finding, *, title: str | None) -> dict[str, object]:
    """Return a finding as JSON has it; `title` is what its code means."""
    return said(
        code=finding.code,
        severity=finding.severity,
        title=title,
        message=finding.message,
        places=[_place(place) for place in finding.places],
        wanted=finding.wanted,
        found=finding.found,
        notes=list(finding.notes),
        hint=finding.hint,
        repairs=[_repair(repair) for repair in finding.repairs],
    )


def _place(place: Place) -> dict[str, object]:
    return said(file=place.file, line=place.line, column=place.column, path=list(place.path), source=place.source)


def _repair(repair: Repair) -> dict[str, object]:
    return said(what=repair.what, old=repair.old, new=repair.new, gives=repair.gives)


def said(**values: object) -> dict[str, object]:
    """Return what is there: neither None nor an empty list. Text is escaped as a terminal would show it."""
    there: Mapping[str, object] = {key: value for key, value in values.items() if value is not None and value != []}
    return {key: _printable(value) for key, value in there.items()}


def _printable(value: object) -> object:
    if isinstance(value, str):
        return "\n".join(escaped(line) for line in value.split("\n"))
    return [_printable(part) for part in value] if isinstance(value, list) else value
