"""Findings as a command prints them, in the format that was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from stackc import __version__
from stackc.cli.report import format_finding
from stackc.cli.terminal import colored
from stackc.errors import Finding, StackcError

__all__ = ["PRINTED", "tell", "tell_error"]

PRINTED = ("text", "json", "github", "sarif", "rdjsonl")
"""The formats that findings can be printed in: for people, and those of `stackc.formats`."""


def tell(
    findings: Sequence[Finding],
    *,
    summary: Sequence[str],
    form: str,
    command: str,
    anchor: Path,
    environment: Mapping[str, str],
) -> None:
    """Print findings and a summary: as text, the findings on stderr; else one document on stdout, in one of `PRINTED`.

    `anchor` is the file to name for what stands in none, mostly the manifest.
    """
    if form != "text":
        _print_document(findings, summary=summary, form=form, command=command, anchor=anchor)
        return
    for finding in findings:
        click.echo(f"{format_finding(finding, color=colored(sys.stderr, environment))}\n", err=True, color=True)
    for line in summary:
        click.echo(line)


def tell_error(error: StackcError, *, form: str, command: str, anchor: Path, environment: Mapping[str, str]) -> int:
    """Print why a run ended, and return the exit status. Raises it again for text, which the shell prints for all commands."""
    if form == "text":
        raise error
    tell(error.findings, summary=(), form=form, command=command, anchor=anchor, environment=environment)
    return error.exit_status


def _print_document(findings: Sequence[Finding], *, summary: Sequence[str], form: str, command: str, anchor: Path) -> None:
    from stackc.codes import all_codes
    from stackc.formats import FORMATS
    from stackc.formats.report import Explained, Report

    codes = {finding.code for finding in findings}
    named = {place.file for finding in findings for place in finding.places}
    report = Report(
        command=command,
        version=__version__,
        findings=tuple(findings),
        summary=tuple(summary),
        anchor=anchor.as_posix(),
        files=frozenset(file for file in named if Path(file).is_file()),
        folder=_below_root(Path.cwd()),
        explained={code: Explained(known.title, known.page) for code, known in all_codes().items() if code in codes},
    )
    click.echo(FORMATS[form](report), nl=False)


def _below_root(folder: Path) -> str:
    """Return a folder as seen from the root of its repository, which forges take paths to be relative to; else nothing."""
    root = next((above for above in (folder, *folder.parents) if os.path.lexists(above / ".git")), folder)
    return "" if root == folder else folder.relative_to(root).as_posix()
