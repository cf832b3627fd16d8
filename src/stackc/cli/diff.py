"""`stackc diff`: prints what moved between two sets of locks."""

from __future__ import annotations

import datetime as dt
import gc
import io
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click
from msgspec.structs import replace

from stackc import __version__
from stackc.cli.diff_ends import Asked, both_ends
from stackc.cli.diff_text import as_text
from stackc.cli.findings import tell
from stackc.cli.terminal import colored, columns, encodable
from stackc.codes import all_codes
from stackc.diff.compare import compare
from stackc.diff.document import as_json
from stackc.diff.markdown import as_markdown
from stackc.diff.model import Diff
from stackc.diff.risks import Watch
from stackc.lookup.well_known import well_known
from stackc.manifest.model import MatrixChoice, Places
from stackc.matrix.facts import Facts
from stackc.matrix.load import load_matrix

__all__ = ["show_diff"]

_NARROW, _WIDEST = 80, 120


def show_diff(asked: Asked, *, form: str, recent: int, exit_code: bool, environment: Mapping[str, str]) -> int:
    """Print what differs, and return the exit status: with `exit_code`, 1 where anything does."""
    gc.disable()  # as in a check: many small values, none of them in cycles
    base, head = both_ends(asked, environment=environment)
    facts = Facts.load()
    now = dt.datetime.now(dt.timezone.utc)
    watch = Watch(known=partial(well_known, today=now.date()), now=now, recent_days=recent)
    found = compare(base, head, facts=facts, rules=_rules(facts, now.date()), watch=watch, only=asked.targets or None)
    _print(found, form, manifest=asked.manifest, environment=environment)
    return int(exit_code and not found.empty)


def _rules(facts: Facts, today: dt.date) -> Mapping[str, frozenset[str]]:
    """Return which projects each built-in rule speaks of."""
    nowhere = Places(file="", lines={}, sources={})
    matrix = load_matrix(MatrixChoice(), folder=Path(), facts=facts, today=today, places=nowhere)
    return {name: frozenset(rule.names()) for name, rule in matrix.rules.items()}


def _print(found: Diff, form: str, *, manifest: Path, environment: Mapping[str, str]) -> None:
    if form != "text" and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # which forges and programs read, whatever the terminal's locale is
    match form:
        case "markdown":
            click.echo(as_markdown(found, manifest=manifest.as_posix()), nl=False)
        case "json":
            titles = {code: known.title for code, known in all_codes().items()}
            click.echo(as_json(found, version=__version__, titles=titles), nl=False)
        case "github":
            lines = as_text(replace(found, risks=())).splitlines()
            tell(found.risks, summary=lines, form=form, command="diff", anchor=manifest, environment=environment)
        case _:
            width = min(columns(sys.stdout) or _NARROW, _WIDEST)
            text = as_text(found, width=width, color=colored(sys.stdout, environment))
            click.echo(encodable(text, sys.stdout), nl=False, color=True)
