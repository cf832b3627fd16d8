from __future__ import annotations

import datetime as dt

import pytest
from packaging.utils import canonicalize_name

from stackc.diff.likeness import imitated
from stackc.lookup.well_known import load_imitations, well_known

KNOWN = {"requests": ("request-s",), "numpy": (), "six": (), "nvidia-cufft-cu12": (), "jinja2": (), "torch": ("tourch",)}


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("reqests", "requests"),
        ("requestts", "requests"),
        ("requezts", "requests"),
        ("reqeusts", "requests"),
        ("request-s", "requests"),
        ("tourch", "torch"),
        ("nunpy", "numpy"),
    ],
)
def test_a_name_one_edit_away_or_listed_is_made_like_a_known_one(name: str, like: str) -> None:
    assert imitated([name], KNOWN) == {name: like}


@pytest.mark.parametrize(
    "name", ["requests", "numpy", "sox", "nvidia-cufft-cu11", "jinja3", "jinja", "reqsts", "httpx", "numpy-stl", "n", ""]
)
def test_a_known_a_short_a_numbered_and_a_far_name_are_not(name: str) -> None:
    assert imitated([name], KNOWN) == {}


def test_what_is_well_known_comes_from_the_project_s_data_and_a_sourced_table() -> None:
    known = well_known(today=dt.date(2026, 11, 28))
    assert {"torch", "torchvision", "triton", "transformers", "bitsandbytes", "numpy", "requests", "urllib3"} <= set(known)
    assert known["requests"] == load_imitations()["requests"].imitations


def test_every_row_of_the_table_has_a_source_and_names_as_indexes_spell_them() -> None:
    rows = load_imitations()
    named = {name for row in rows.values() for name in (row.name, *row.imitations)}
    assert {name: canonicalize_name(name) for name in named} == {name: name for name in named}
    assert [row.name for row in rows.values() if not row.source.startswith("https://")] == []
    assert {name for row in rows.values() for name in row.imitations} & set(rows) == set()
    assert list(rows) == sorted(rows)
