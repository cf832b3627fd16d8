"""A lock in a pull request is a stranger's text: whatever it says, no form of a comparison becomes anything but text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import cycle

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.cli.diff_text import as_text
from stackc.diff.compare import compare
from stackc.diff.document import as_json
from stackc.diff.markdown import LONGEST, as_markdown, marker
from stackc.diff.model import Diff, End, Reading
from stackc.diff.risks import Watch
from stackc.formats.github import as_github
from stackc.formats.report import Report
from stackc.lock.model import Lock, LockedFile, Package, Root
from stackc.matrix.facts import Facts
from unit.lock.lock_samples import LOCK

FACTS = Facts.load()
OUR_TAGS = {"<br>", "<details><summary>", "</details>"}
few = settings(deadline=None, max_examples=40)

PIECES = (
    *("|", "`", "``", "\\", "\\|", "<", ">", "<img src=x>", "<!--", "-->", "&amp;", "&#64;", "*", "_", "~~", "$", "#1", "GH-1"),
    *("[x](y)", "![x](y)", "](", "http://a.example", "www.a.example", "a@b.example", "@me", "@org/team", ":tada:", "- ", "1. "),
    *("::error::x", "##[error]x", "::set-output name=a::b", "%0A", "\n", "\r\n", "\t", "\x1b[31m", "\x00", "\u202e", "\u2028"),
    *("\u200b", " ", "  ", "\n\n", "\n---\n", "a", "Z", "0", ".", "-", "é", "\ud800"),
)
foreign = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)


def strange_lock(texts: Sequence[str]) -> Lock:
    """Return a lock in which every text that may be a stranger's is one of `texts`, in turn."""
    text = cycle(texts)
    packages = tuple(
        Package(
            name=package.name if number % 2 else NormalizedName(next(text)),
            version=(package.version, Version("9.0"), Version("0.1rc1+cu999"))[len(texts[0]) % 3],
            index=next(text),
            step=number,
            file=LockedFile(name=next(text), sha256=next(text), size=None if number % 2 else 10**9),
            extras=(NormalizedName(next(text)),),
            requires=(next(text), "numpy<2"),
            why=(next(text), "stack.toml >=9", "rule a-b not <9"),
        )
        for number, package in enumerate(LOCK.packages)
    )
    target = replace(LOCK.target, base=next(text), python=next(text), platform=next(text), gpus=(next(text),))
    root = Root(requirement="click", order=1, index=next(text))
    engine = replace(LOCK.engine, name=next(text))
    return replace(LOCK, packages=packages, target=target, roots=(root, *LOCK.roots), engine=engine, stackc=next(text))


def strange_end(texts: Sequence[str], target: str) -> End:
    manifest = f"[stack]\nname = {json.dumps(texts[0])}\n{json.dumps(texts[1])} = 1\n"
    return End(label=texts[-1], locks={target: Reading(lock=strange_lock(texts))}, manifest=manifest)


def comparison(texts: Sequence[str]) -> Diff:
    ends = (strange_end(texts, texts[2]), strange_end(texts[::-1], texts[2]))
    return compare(*ends, facts=FACTS, watch=Watch(known=lambda: {"numpy": ("a",)}))


strange_comparisons = st.lists(foreign, min_size=5, max_size=5).map(comparison)


def tokens(of: list[Token]) -> Iterator[Token]:
    for token in of:
        yield token
        yield from tokens(token.children or [])


@few
@given(strange_comparisons)
def test_markdown_has_no_link_no_picture_no_markup_and_no_row_that_is_not_ours(found: Diff) -> None:
    text = as_markdown(found, manifest="stack.toml")
    parsed = list(tokens(MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)))
    kinds = {token.type for token in parsed}
    assert not kinds & {"link_open", "image", "s_open", "fence", "code_block", "hr", "lheading_open"}
    html = {token.content.strip() for token in parsed if token.type in {"html_inline", "html_block"}}
    assert {tag for tag in html if not tag.startswith(("<!-- stackc diff:", "<details><summary>"))} <= OUR_TAGS
    assert sum(token.type == "heading_open" for token in parsed) == (0 if found.empty else 1)
    for open_row, wanted in ((3, len(found.headline)), (4, len(found.changes))):
        rows = text.split("\n")
        assert sum(row.startswith("| ") and len(re.findall(r"(?<!\\)\|", row)) == open_row + 1 for row in rows) >= wanted


@few
@given(strange_comparisons)
def test_markdown_shows_what_could_be_a_mention_or_a_link_as_code_alone(found: Diff) -> None:
    text = as_markdown(found, manifest="stack.toml")
    plain = [token.content for token in tokens(MarkdownIt("commonmark").enable("table").parse(text)) if token.type == "text"]
    assert [part for part in plain if re.search(r"@|://|www\.|#\d|GH-\d", part)] == []


@few
@given(strange_comparisons)
def test_no_line_of_a_log_is_a_command_of_a_runner(found: Diff) -> None:
    report = Report(
        command="diff",
        version="1",
        findings=found.risks,
        summary=tuple(as_text(found).splitlines()),
        anchor="stack.toml",
        files=frozenset(),
    )
    for line in as_github(report).split("\n"):
        ours = re.match(r"::(error|warning|notice) (file|title)=[^:]*::", line)
        assert ours or not (line.lstrip().startswith("::") or "##[" in line), line
    for line in as_text(found).split("\n"):
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


@few
@given(strange_comparisons)
def test_no_form_has_a_character_that_does_not_print(found: Diff) -> None:
    forms = (as_text(found), as_markdown(found, manifest="a\n-->"), as_json(found, version="1", titles={}))
    assert [text for text in forms if not text.replace("\n", "").isprintable()] == []
    json.loads(forms[2])


@few
@given(strange_comparisons, foreign)
def test_the_marker_is_one_comment_whatever_the_manifest_is_called(found: Diff, name: str) -> None:
    first = as_markdown(found, manifest=name).split("\n", 1)[0]
    assert first == marker(name)
    assert re.fullmatch(r"<!-- stackc diff: [A-Za-z0-9._/-]* -->", first)
    assert "--" not in first.removeprefix("<!--").removesuffix("-->")


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 3000), st.integers(1, 90))
def test_a_comment_is_never_too_long_and_says_what_it_leaves_out(count: int, width: int) -> None:
    old, new = (replace(LOCK, packages=tuple(_many(count, width, version))) for version in (Version("1.0"), Version("2.0")))
    ends = (End(label=label, locks={"gpu": Reading(lock=lock)}) for label, lock in (("a", old), ("b", new)))
    found = compare(*ends, facts=FACTS, watch=Watch())
    text = as_markdown(found, manifest="stack.toml")
    assert len(text.encode()) <= LONGEST
    assert text.count("<details>") == text.count("</details>") == int(count > 60)
    shown = sum(line.startswith("| `") for line in text.split("\n"))
    left_out = re.search(r"(\d+) of the (\d+) changes are left out", text)
    assert shown + (int(left_out[1]) if left_out else 0) == count
    assert not left_out or int(left_out[2]) == count


def _many(count: int, width: int, version: Version) -> Iterator[Package]:
    for number in range(count):
        name = NormalizedName(f"{'n' * width}-{number:05}")
        file = LockedFile(name=f"{name}-{version}-py3-none-any.whl", sha256="a" * 64)
        yield Package(name=name, version=version, index="pypi", step=1, file=file)
