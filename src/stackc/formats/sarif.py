"""SARIF 2.1.0, the static analysis results interchange format, within what GitHub's code scanning takes.

GitHub shows 5,000 results of a run, and wants a place for each and a description for each rule.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from urllib.parse import quote

from stackc.errors import Finding, Place
from stackc.formats.report import Explained, Report, body, counted
from stackc.manifest.shown import escaped

__all__ = ["as_sarif"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_MOST = 5000


def as_sarif(report: Report) -> str:
    """Return a report as a log with one run, the errors first."""
    shown = report.ordered[:_MOST]
    codes = sorted({finding.code for finding in shown})
    run = {
        "tool": {"driver": {"name": "stackc", "version": report.version, "rules": [_rule(code, report) for code in codes]}},
        "automationDetails": {"id": f"stackc/{report.command}/"},
        "invocations": [_invocation(len(report.findings) - len(shown))],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, codes, report) for finding in shown],
    }
    return f"{json.dumps({'$schema': _SCHEMA, 'version': '2.1.0', 'runs': [run]}, indent=2)}\n"


def _rule(code: str, report: Report) -> dict[str, object]:
    explained = report.explained.get(code, Explained(code, code))
    return {
        "id": code,
        "shortDescription": {"text": explained.title},
        "fullDescription": {"text": explained.page},
        "help": {"text": f"{explained.page}\n\nstackc explain {code}"},
    }


def _invocation(hidden: int) -> dict[str, object]:
    """Return that the tool ran to its end, and how many results were left out."""
    if not hidden:
        return {"executionSuccessful": True}
    text = f"{counted(hidden, 'result')} left out: the first {_MOST} are here"
    return {"executionSuccessful": True, "toolExecutionNotifications": [{"level": "note", "message": {"text": text}}]}


def _result(finding: Finding, codes: Sequence[str], report: Report) -> dict[str, object]:
    place = report.place(finding)
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": finding.severity,
        "message": {"text": "\n".join(body(finding))},
        "locations": [_location(place, report)],
        "partialFingerprints": {"stackc/v1": _fingerprint(finding, report.path(place))},
    }
    others = [_location(other, report) for other in report.others(finding)]
    return {**result, "relatedLocations": others} if others else result


def _location(place: Place, report: Report) -> dict[str, object]:
    physical: dict[str, object] = {"artifactLocation": {"uri": quote(escaped(report.path(place)))}}
    if place.line is not None:
        column = {} if place.column is None else {"startColumn": place.column}
        physical["region"] = {"startLine": place.line, **column}
    return {"physicalLocation": physical}


def _fingerprint(finding: Finding, path: str) -> str:
    """Return what stays the same of a finding while its file is edited elsewhere: all but its line."""
    return hashlib.sha256("\0".join((finding.code, path, finding.message)).encode("utf-8", "backslashreplace")).hexdigest()[:32]
