"""`stackc explain`: prints the page of what it is asked for, by the form of the word: a finding's code, else a rule's id."""

from __future__ import annotations

import datetime as dt
import re
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

__all__ = ["explain"]

_CODE = re.compile(r"[sS]\d{3}")
_INDENT = "    "


def explain(word: str, *, manifest: Path | None) -> None:
    """Print what a code or a rule means. Raises UsageError: S001 for a code that no finding has, S233 for an unknown rule."""
    click.echo(_code_page(word) if _CODE.fullmatch(word) else _rule_page(word, manifest), nl=False)


def _code_page(code: str) -> str:
    from stackc.codes import load

    found = load(code)
    return "".join(f"{line}\n" for line in (f"{found.code}: {found.title}", "", *_paragraphs(found.page)))


def _paragraphs(page: str) -> Iterator[str]:
    """Yield a page in lines of 80, its examples (indented by four) as they stand."""
    for example, lines in groupby(page.splitlines(), key=lambda line: line.startswith(_INDENT) or not line.strip()):
        if example:
            yield from lines
        else:
            yield from textwrap.wrap(" ".join(lines), 80, break_long_words=False, break_on_hyphens=False)


def _rule_page(name: str, manifest: Path | None) -> str:
    from stackc.cli.matrix_show import terminal_width
    from stackc.cli.pages import page_text
    from stackc.lookup.ask import look_up_rule
    from stackc.lookup.knowledge import load_knowledge

    known = load_knowledge(manifest, today=dt.datetime.now(dt.timezone.utc).date())
    return page_text(look_up_rule(name, known), width=terminal_width())
