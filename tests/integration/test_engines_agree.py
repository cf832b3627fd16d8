"""Generated and recorded stacks put to both engines: a slice of what `make test-differential` does."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.corpus import SIZE, case
from support.differential import (
    RECORDED,
    STACKS,
    Engines,
    Tally,
    both_engines,
    corpus_site,
    judged,
    judged_stack,
    stacks_site,
    surprises,
    tally_text,
)
from support.index_server import IndexServer, serving

SLICE = range(0, SIZE, 7)
PARTS = 4
FIXED = "eec1496aa6ecbcad57caadb875226200f783967e42f6b2dd8510cdf5d3ec66bd"
"""The digest of the whole corpus: a case whose number stays and whose content does not would be another case."""


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    with both_engines() as made:
        yield made


@pytest.fixture(scope="module")
def stacks() -> Iterator[IndexServer]:
    with serving(stacks_site()) as server:
        yield server


@pytest.mark.parametrize("part", range(PARTS))
def test_both_engines_find_a_solution_that_proves_or_neither_does(engines: Engines, tmp_path: Path, part: int) -> None:
    numbers = SLICE[part::PARTS]
    with serving(corpus_site(numbers)) as server:
        verdicts = [each for number in numbers for each in judged(case(number), server, engines, tmp_path / str(number))]
    assert (surprises(verdicts), {each.name.partition(" ")[0] for each in verdicts}) == ([], set(map(str, numbers)))


@pytest.mark.parametrize("name", ["web-api", "inference", "finetuning-too-new"])
def test_a_recorded_stack_is_the_same_question_to_both_engines(
    engines: Engines, stacks: IndexServer, tmp_path: Path, name: str
) -> None:
    assert surprises([judged_stack(name, stacks, engines, tmp_path / name)]) == []


def test_the_corpus_is_as_it_was_drawn_once() -> None:
    state = hashlib.sha256()
    for number in range(SIZE):
        drawn = case(number)
        releases = [
            (name, found.version, found.requires, found.tags, found.requires_python, found.yanked)
            for name, listed in drawn.universe.items()
            for found in listed
        ]
        state.update(repr((drawn.manifest, drawn.edited, drawn.rules, releases)).encode())
    assert state.hexdigest() == FIXED


def test_the_corpus_has_much_of_all_that_makes_resolving_hard() -> None:
    found: Counter[str] = Counter()
    for number in range(SIZE):
        drawn = case(number)
        releases = [each for listed in drawn.universe.values() for each in listed]
        texts = [text for each in releases for text in each.requires]
        found.update(
            name
            for name, holds in {
                "extras": "extras = " in drawn.manifest,
                "markers": any(re.search("; (python|sys|platform|impl)", text) for text in texts),
                "rules": bool(drawn.rules),
                "rules over three": drawn.rules.count('", "') > 0,
                "pre-releases": any(re.search(r"\d(a|b|rc|\.dev)\d", each.version) for each in releases),
                "local labels": any("+" in each.version for each in releases),
                "epochs": any("!" in each.version for each in releases),
                "yanked": any(each.yanked for each in releases),
                "wheels for elsewhere": any(each.tags != "py3-none-any" for each in releases),
                "another Python": any(each.requires_python for each in releases),
                "linux/arm64": "linux/arm64" in drawn.manifest,
            }.items()
            if holds
        )
    assert {name: count for name, count in found.items() if count < SIZE // 10} == {}
    assert len(found) == 11


def test_there_are_twenty_recorded_stacks_and_their_recording_holds_no_address() -> None:
    text = [path.read_text(encoding="utf-8") for path in sorted((RECORDED / "index").glob("*.json"))]
    assert (len(STACKS) >= 20, [each for each in text if "://" in each]) == (True, [])


def test_the_counts_are_told_as_a_table() -> None:
    assert tally_text(Tally(Counter({"the same": 3, "neither": 1}), Counter({("uv", "needs"): 2}), ("4: no",))) == (
        "questions                                        4\n"
        "  neither                                        1\n"
        "  the same                                       3\n"
        "pins that differ                                 2\n"
        "  newer by uv           a requirement of the newer release itself         2\n"
        "PROBLEM 4: no\n"
    )
