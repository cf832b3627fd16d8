"""`stackc explain`: answers by the form of the word: a finding's code, a release, a rule's id, else a locked package."""

from __future__ import annotations

import datetime as dt
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import click

from stackc.errors import Finding, UsageError

__all__ = ["Question", "explain"]

_CODE = re.compile(r"[sS]\d{3}")
_RELEASE = re.compile(r"[=<>!~]")
_DEFAULT = Path("stack.toml")
_INDENT = "    "


class Question(NamedTuple):
    """What `explain` is asked: the word, and what an answer about a lock needs to know."""

    word: str
    manifest: Path | None
    target: str | None
    offline: bool
    environment: Mapping[str, str]


def explain(question: Question) -> None:
    """Print the answer. Raises StackcError, such as S006 for a word that names nothing."""
    click.echo(_answer(question), nl=False, color=True)


def _answer(question: Question) -> str:
    word = question.word
    if _CODE.fullmatch(word):
        return _code_page(word)
    if _RELEASE.search(word):
        return _release_page(question)
    rules = _rules(question.manifest)
    if word in rules:
        return _rule_page(word, question.manifest)
    if question.manifest is None:
        raise UsageError(_nothing(word, rules))
    return _package_page(question, question.manifest, rules)


def _release_page(question: Question) -> str:
    from stackc.cli.explain_release import explain_release

    manifest = question.manifest or _DEFAULT
    return explain_release(
        question.word,
        target=question.target,
        manifest=manifest,
        offline=question.offline,
        environment=question.environment,
    )


def _package_page(question: Question, manifest: Path, rules: Iterable[str]) -> str:
    from packaging.utils import canonicalize_name

    from stackc.cli.explain_pin import explain_name

    return explain_name(
        canonicalize_name(question.word),
        target=question.target,
        manifest=manifest,
        offline=question.offline,
        environment=question.environment,
        rules=rules,
    )


def _nothing(word: str, rules: Iterable[str]) -> Finding:
    from stackc.matrix.packs import did_you_mean

    return Finding(
        code="S006",
        message=f"`{word}` is no code and no rule, and there is no stack.toml whose lock could have a package of that name",
        hint=did_you_mean(word, rules) or "`stackc matrix list` lists the rules",
    )


def _rules(manifest: Path | None) -> frozenset[str]:
    from stackc.lookup.knowledge import load_knowledge

    known = load_knowledge(manifest, today=dt.datetime.now(dt.timezone.utc).date())
    return frozenset(rule.id for rule in known.rules())


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
