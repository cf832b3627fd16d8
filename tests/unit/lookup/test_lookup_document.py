"""Every page that can be looked up is a document that the schema describes, and the schema describes nothing else."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

import stackc
from stackc.errors import Finding, Place
from stackc.lookup.ask import look_up
from stackc.lookup.document import checked, listed, shown
from stackc.lookup.knowledge import Knowledge, load_knowledge
from stackc.lookup.listing import list_matrix
from stackc.lookup.page import Page
from stackc.lookup.releases import in_tables, known_releases

SCHEMA = json.loads(Path(stackc.__file__).parent.joinpath("data/matrix.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
VIRTUAL = (
    "cuda", "cuda==12.4", "torch-cuda", "torch-cuda==12.4", "driver", "driver==535", "driver==550.54.14", "python",
    "python==3.13", "sm", "sm==120", "glibc", "glibc==2.35", "base-ubuntu", "base-ubuntu==22.04",
)  # fmt: skip
IMAGES = (
    "nvidia/cuda:12.4.1-devel-ubuntu22.04",
    "python:3.12-slim-bookworm",
    "debian:12",
    "pytorch/pytorch:2.5.1-cuda12.4-cudnn9-devel",
)


@cache
def known() -> Knowledge:
    return load_knowledge(None, today=dt.date(2026, 11, 23))


def things() -> Iterator[str]:
    """Everything that can be looked up, and one release that no table has."""
    yield from (*VIRTUAL, *IMAGES, "torch==99.0", "torch==2.5.1+cu124", "scipy", "scipy==1.12.0")
    yield from (rule.id for rule in known().rules())
    for name in in_tables(known().facts):
        yield name
        yield from (f"{name}=={version}" for version in known_releases(name, known().facts))


@cache
def pages() -> tuple[Page, ...]:
    return tuple(look_up(thing, known()) for thing in things())


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_page_is_as_the_schema_says() -> None:
    assert [(page.name, error.message) for page in pages() for error in VALIDATOR.iter_errors(shown(page))] == []


def test_the_schema_names_no_fact_and_no_table_that_no_page_has() -> None:
    described = SCHEMA["$defs"]["page"]["properties"]
    facts = {fact.key for page in pages() for fact in page.facts}
    assert sorted(described["facts"]["properties"]) == sorted(key for key in facts if not key.startswith("needs-"))
    assert sorted(described["tables"]["properties"]) == sorted({table.key for page in pages() for table in page.tables})


def test_the_list_is_as_the_schema_says() -> None:
    assert list(VALIDATOR.iter_errors(listed(list_matrix(known())))) == []


def test_a_check_is_as_the_schema_says() -> None:
    finding = Finding(
        code="S164", message="no", places=(Place(file="rules.toml", line=3, path=("rule", 0)),), notes=("a note",)
    )
    text = json.dumps(checked([finding], rules=3, derived=0, waived=["b", "a"], not_checked=["skipy"]))
    assert list(VALIDATOR.iter_errors(json.loads(text))) == []
    assert json.loads(text)["findings"] == [
        {
            "code": "S164",
            "message": "no",
            "places": [{"file": "rules.toml", "line": 3, "column": None, "path": ["rule", 0], "source": None}],
            "wanted": None,
            "found": None,
            "notes": ["a note"],
            "hint": None,
            "repairs": [],
            "severity": "error",
        }
    ]


@pytest.mark.parametrize("word", ["version", "kind", "name"])
def test_a_document_without_a_required_key_is_refused(word: str) -> None:
    document = shown(look_up("scipy", known()))
    del document[word]
    assert list(VALIDATOR.iter_errors(document)) != []


def test_every_fact_row_and_rule_has_a_source() -> None:
    for page in pages():
        assert all(fact.source for fact in page.facts)
        assert all(row.source for table in page.tables for row in table.rows)
        assert all(entry.source and entry.says for entry in page.rules)
