"""`stackc matrix list` and `stackc matrix show`: look things up, and print what is known as text or JSON."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import click

from stackc.cli.pages import list_text, page_text
from stackc.lookup.ask import look_up
from stackc.lookup.document import listed, shown
from stackc.lookup.knowledge import load_knowledge
from stackc.lookup.listing import list_matrix

__all__ = ["list_rules", "print_json", "show", "terminal_width"]

_WIDEST = 120


def list_rules(*, manifest: Path | None, as_json: bool) -> None:
    """Print all rules and tables."""
    listing = list_matrix(load_knowledge(manifest, today=dt.datetime.now(dt.timezone.utc).date()))
    if as_json:
        print_json(listed(listing))
    else:
        click.echo(list_text(listing, width=terminal_width()), nl=False)


def show(text: str, *, manifest: Path | None, as_json: bool) -> None:
    """Print what the matrix knows of one thing."""
    page = look_up(text, load_knowledge(manifest, today=dt.datetime.now(dt.timezone.utc).date()))
    if as_json:
        print_json(shown(page))
    else:
        click.echo(page_text(page, width=terminal_width()), nl=False)


def print_json(document: dict[str, object]) -> None:
    """Print a document for other programs."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def terminal_width() -> int:
    """Return the width to write for: the terminal's, 80 without one, and never more than is good to read."""
    return min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)
