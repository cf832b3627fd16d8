"""Workflow commands of GitHub Actions, which become annotations of a run and of the files in its pull request.

GitHub keeps 10 annotations of a kind from each step and drops the rest without a word, so the rest is printed for the log.
"""

from __future__ import annotations

from collections.abc import Iterator

from stackc.errors import Finding
from stackc.formats.report import Report, body
from stackc.manifest.shown import escaped

__all__ = ["as_github"]

_MOST = 10


def as_github(report: Report) -> str:
    """Return a report as workflow commands: the errors, the warnings, and the total last, as a notice if anything was found."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    hidden = 0
    for severity in ("error", "warning"):
        found = report.of(severity)
        yield from (_annotation(finding, report) for finding in found[:_MOST])
        yield from (line for finding in found[_MOST:] for line in _logged(finding, report))
        hidden += len(found[_MOST:])
    yield from (_plain(line) for line in report.summary)
    name = f"stackc {report.command}"
    if not report.findings:
        yield f"{name}: {report.total}"
        return
    rest = f"; {hidden} of them in the log alone, since a step may annotate {_MOST} of a kind" if hidden else ""
    yield f"::notice title={_property(name)}::{_data(report.total + rest)}"


def _annotation(finding: Finding, report: Report) -> str:
    place = report.place(finding)
    properties = {
        "file": report.path(place),
        "line": place.line,
        "col": place.column if place.line is not None else None,
        "title": report.title(finding.code),
    }
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value is not None)
    return f"::{finding.severity} {given}::{_data(chr(10).join(body(finding)))}"


def _logged(finding: Finding, report: Report) -> Iterator[str]:
    """Yield the lines of a finding that is not to be an annotation."""
    place = report.place(finding)
    where = ":".join(str(part) for part in (report.path(place), place.line, place.column) if part is not None)
    first, *rest = body(finding)
    yield _plain(f"{finding.severity}[{finding.code}]: {where}: {first}")
    yield from (_plain(f"  {line}") for line in rest)


def _data(text: str) -> str:
    """Return a message as the runner unescapes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Return the value of a property as the runner unescapes it, which there stands for `:` and `,` too."""
    return _data(escaped(text)).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """Return a line that the runner takes for no command: one begins the line with `::`, or has `##[` anywhere in it."""
    shown = escaped(text).replace("##[", "# #[")
    return f" {shown}" if shown.lstrip().startswith("::") else shown
