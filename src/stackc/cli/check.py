"""`stackc check`: prints the findings of every target."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path

import click

from stackc.check import check_bake, check_target
from stackc.cli.report import format_finding
from stackc.cli.terminal import colored
from stackc.cli.workshop import chosen_targets
from stackc.project import load_project

__all__ = ["check_targets"]


def check_targets(targets: tuple[str, ...], *, manifest: Path) -> int:
    """Check the targets, print what was found, and return the exit status."""
    project = load_project(manifest, today=dt.datetime.now(dt.timezone.utc).date())
    names = chosen_targets(project.manifest, targets)
    found = {name: check_target(name, project) for name in names}
    findings = [*project.findings, *(finding for some in found.values() for finding in some), *check_bake(project)]
    for finding in findings:
        click.echo(f"{format_finding(finding, color=colored(sys.stderr, os.environ))}\n", err=True, color=True)
    for name, some in found.items():
        wrong = sum(finding.severity == "error" for finding in some)
        click.echo(f"{name}: {_verdict(wrong)}")
    return int(any(finding.severity == "error" for finding in findings))


def _verdict(errors: int) -> str:
    if not errors:
        return "proved, nothing drifted"
    return "1 error" if errors == 1 else f"{errors} errors"
