"""The table of what is kept out, and the quick values that the guard is made of."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path

import tomli

import stackc
from stackc.guard.names import canonical
from stackc.guard.occurrence import Occurrence
from stackc.guard.policy import KeptOut

DATA = tomli.loads((Path(stackc.__file__).parent / "data" / "kept_out.toml").read_text(encoding="utf-8"))["project"]


def test_every_entry_has_a_level_a_source_and_a_date() -> None:
    keys = {"name", "level", "also", "conda", "repositories", "source", "date"}
    assert [entry["name"] for entry in DATA if set(entry) != keys or entry["level"] not in {"blocked", "warned"}] == []
    assert all(entry["source"] and isinstance(entry["date"], dt.date) for entry in DATA)


def test_every_name_is_normalized_and_stands_once() -> None:
    names = [name for entry in DATA for name in (entry["name"], *entry["also"])]
    assert names == [f"{canonical(name.removesuffix('-*'))}{'-*' if name.endswith('*') else ''}" for name in names]
    conda = [name for entry in DATA for name in entry["conda"]]
    assert (len(names), len(conda)) == (len(set(names)), len(set(conda)))


def test_a_value_is_a_named_tuple_with_defaults_and_docs() -> None:
    kept = KeptOut("torch", "blocked")
    assert tuple(kept) == ("torch", "blocked", (), None)
    assert repr(kept) == "KeptOut(name='torch', level='blocked', installed=(), wanted=None)"
    assert kept._replace(wanted="<3").wanted == "<3"
    assert (KeptOut.__doc__ or "").startswith("A project that is kept out.")
    assert pickle.loads(pickle.dumps(Occurrence(0, "a", ("a",)))) == Occurrence(0, "a", ("a",))
