from __future__ import annotations

import datetime as dt

import msgspec
import pytest
import tomli
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.matrix.facts import Fact, NeedsFacts, PartnerFacts, decode
from stackc.matrix.refresh.text import table_text

DAY = dt.date(2026, 11, 23)


def test_a_table_is_written_with_its_head_and_one_table_per_row() -> None:
    needs = NeedsFacts(
        first=Version("4.49.0"),
        last=Version("4.50.3"),
        requires={"torch": SpecifierSet("<3,>=2.0"), "accelerate": SpecifierSet(">=0.26.0")},
        optional=("torch",),
        status="verified",
        source='METADATA of a "wheel"',
        date=DAY,
    )
    text = table_text("xformers", [needs, needs])
    head, *rows = text.split("\n[[releases]]\n")
    assert head.startswith("# Written by tools/refresh_matrix.py, not by hand.\n#\n# What xformers needs of other projects: ")
    assert all(line.startswith("#") and line == line.rstrip() for line in head.splitlines())
    row = (
        'first = "4.49.0"\n'
        'last = "4.50.3"\n'
        'requires = { accelerate = ">=0.26.0", torch = ">=2.0,<3" }\n'
        'optional = ["torch"]\n'
        'status = "verified"\n'
        'source = "METADATA of a \\"wheel\\""\n'
        "date = 2026-11-23\n"
    )
    assert rows == [row, row]
    assert decode(tomli.loads(text)["releases"], list[NeedsFacts]) == [needs, needs]


def test_what_a_row_does_not_have_is_not_written() -> None:
    row = PartnerFacts(
        version=Version("2.11.0"), released=DAY, torch=None, pythons=("3.10",), status="verified", source="source", date=DAY
    )
    assert table_text("torchaudio", [row]).partition("[[torchaudio]]\n")[2].splitlines() == [
        'version = "2.11.0"',
        "released = 2026-11-23",
        'pythons = ["3.10"]',
        'status = "verified"',
        'source = "source"',
        "date = 2026-11-23",
    ]


def test_a_value_that_no_table_has_is_refused() -> None:
    class Odd(Fact, frozen=True, kw_only=True):
        value: float

    with pytest.raises(TypeError, match="a fact has no value of type float"):
        table_text("torch", [Odd(value=0.5, status="verified", source="source", date=DAY)])


@pytest.mark.parametrize("missing", ["status", "source", "date", "last"])
def test_a_row_without_one_of_its_keys_is_refused(missing: str) -> None:
    row = {"first": "1", "last": "2", "requires": {}, "status": "verified", "source": "source", "date": DAY}
    del row[missing]
    with pytest.raises(msgspec.ValidationError, match=f"missing required field `{missing}`"):
        decode([row], list[NeedsFacts])


def test_a_row_with_a_key_that_it_does_not_know_is_refused() -> None:
    row = {"first": "1", "last": "2", "requires": {}, "status": "verified", "source": "source", "date": DAY, "extra": 1}
    with pytest.raises(msgspec.ValidationError, match="unknown field `extra`"):
        decode([row], list[NeedsFacts])
