"""What `stackc diff` says of each story, in all of its forms, compared whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import validators  # type: ignore[import-untyped]

import stackc
from support.diff_stories import CASES, FORMS, STORIES, printed

SCHEMA = json.loads((Path(stackc.__file__).parent / "data/diff.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_told_as_written_down(story: str, form: str) -> None:
    expected = (CASES / story / f"expected.{FORMS[form]}").read_text(encoding="utf-8")
    assert printed(story, form) == expected


@pytest.mark.parametrize("story", STORIES)
def test_the_document_of_a_story_is_of_its_schema(story: str) -> None:
    document = json.loads((CASES / story / "expected.json").read_text(encoding="utf-8"))
    assert [error.message for error in validators.validator_for(SCHEMA)(SCHEMA).iter_errors(document)] == []


@pytest.mark.parametrize("story", STORIES)
def test_a_story_says_why_it_is_told(story: str) -> None:
    (line,) = (CASES / story / "why.txt").read_text(encoding="utf-8").splitlines()
    assert line
    assert sorted(path.name for path in (CASES / story).iterdir()) == sorted(
        ["base", "head", "why.txt", *(f"expected.{ending}" for ending in FORMS.values())]
    )


def test_no_text_of_a_terminal_is_wider_than_it() -> None:
    wide = [line for story in STORIES for line in printed(story, "text").splitlines() if len(line) > 80]
    assert [line for line in wide if not line.startswith(("wanted: ", " found: "))] == []
