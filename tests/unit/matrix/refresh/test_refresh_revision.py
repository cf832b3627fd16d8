from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.matrix.facts import NeedsFacts, PartnerFacts
from stackc.matrix.refresh.readings import Reading, read
from stackc.matrix.refresh.releases import Release, Wheel
from stackc.matrix.refresh.revision import YANKED, Unread, needs_rows, revised
from stackc.upstream.simple import FileRow

BEFORE, TODAY = dt.date(2026, 1, 1), dt.date(2026, 11, 23)


def row(version: str, torch: str, *, date: dt.date = TODAY) -> PartnerFacts:
    return PartnerFacts(
        version=Version(version),
        released=dt.date(2024, 1, 2),
        torch=SpecifierSet(torch),
        pythons=("3.11",),
        status="verified",
        source=f"METADATA of {version}",
        date=date,
    )


def brought_up(
    old: list[PartnerFacts], new: Mapping[str, PartnerFacts | Unread]
) -> tuple[list[tuple[str, str, dt.date]], list[str]]:
    """Return version, torch and date of each row, and the notes."""
    notes: list[str] = []
    rows = revised(old, {Version(version): answer for version, answer in new.items()}, note=notes.append)
    return [(str(row.version), str(row.torch), row.date) for row in rows], notes


def test_a_row_that_is_read_as_it_was_keeps_its_date_and_is_not_told() -> None:
    assert brought_up([row("1.0", "==2", date=BEFORE)], {"1.0": row("1.0", "==2")}) == ([("1.0", "==2", BEFORE)], [])


def test_a_row_that_is_read_otherwise_has_the_new_date_and_is_told() -> None:
    assert brought_up([row("1.0", "==2", date=BEFORE)], {"1.0": row("1.0", "==3")}) == (
        [("1.0", "==3", TODAY)],
        ["1.0 changed: torch was ==2"],
    )


def test_new_rows_take_their_place_in_the_order_of_versions() -> None:
    old = [row("1.9", "==2", date=BEFORE)]
    assert brought_up(old, {"1.10": row("1.10", "==3"), "1.9": row("1.9", "==2"), "1.8": row("1.8", "==1")}) == (
        [("1.8", "==1", TODAY), ("1.9", "==2", BEFORE), ("1.10", "==3", TODAY)],
        ["1.8 is new", "1.10 is new"],
    )


def test_a_row_that_cannot_be_read_any_more_is_kept_and_told() -> None:
    old = [row("1.0", "==2", date=BEFORE), row("1.1", "==3", date=BEFORE)]
    assert brought_up(old, {"1.1": Unread("no metadata")}) == (
        [("1.0", "==2", BEFORE), ("1.1", "==3", BEFORE)],
        ["1.0 is kept as it was: the index no longer lists it", "1.1 is kept as it was: no metadata"],
    )


def test_a_release_that_was_never_read_and_cannot_be_is_left_out_and_told() -> None:
    assert brought_up([], {"1.0": Unread("no metadata")}) == ([], ["1.0 is left out: no metadata"])


def test_the_row_of_a_yanked_release_goes_and_one_that_was_not_there_is_not_told() -> None:
    old = [row("1.0", "==2", date=BEFORE)]
    assert brought_up(old, {"1.0": Unread(YANKED), "1.1": Unread(YANKED)}) == ([], ["1.0 is removed: it is yanked"])


def reading(version: str, torch: str) -> Reading:
    wheel = Wheel(FileRow(filename=f"trl-{version}.whl", url=""), ("3.11",))
    release = Release(project=NormalizedName("trl"), version=Version(version), released=BEFORE, yanked=False, wheels=(wheel,))
    text = f"Metadata-Version: 2.1\nName: trl\nVersion: {version}\n" + (f"Requires-Dist: torch{torch}\n" if torch else "")
    return read(release, wheel, text, date=TODAY)


def run(first: str, last: str, torch: str, *, date: dt.date = BEFORE) -> NeedsFacts:
    return NeedsFacts(
        first=Version(first),
        last=Version(last),
        requires={"torch": SpecifierSet(torch)},
        status="verified",
        source=f"METADATA of trl-{last}.whl",
        date=date,
    )


def runs(old: list[NeedsFacts], new: Mapping[str, str | Unread]) -> tuple[list[tuple[str, str, str, str, dt.date]], list[str]]:
    """Return first, last, torch, source and date of each row, and the notes; a string in `new` is the bound on torch."""
    notes: list[str] = []
    answers = {Version(each): reading(each, said) if isinstance(said, str) else said for each, said in new.items()}
    rows = needs_rows(old, answers, note=notes.append)
    found = [(str(row.first), str(row.last), str(row.requires["torch"]), row.source, row.date) for row in rows]
    return found, notes


def test_releases_that_need_the_same_are_one_run() -> None:
    assert runs([], {"1.10": ">=2", "1.2": ">=2", "1.1": ">=1", "1.11": "", "1.12": ">=2"}) == (
        [
            ("1.1", "1.1", ">=1", "METADATA of trl-1.1.whl", TODAY),
            ("1.2", "1.10", ">=2", "METADATA of trl-1.10.whl", TODAY),
            ("1.12", "1.12", ">=2", "METADATA of trl-1.12.whl", TODAY),
        ],
        ["1.1 to 1.1 is new", "1.2 to 1.10 is new", "1.12 to 1.12 is new"],
    )


def test_a_run_that_is_read_as_it_was_keeps_its_date_and_one_that_grew_does_not() -> None:
    old = [run("1.0", "1.1", ">=1"), run("1.2", "1.2", ">=2")]
    assert runs(old, {"1.0": ">=1", "1.1": ">=1", "1.2": ">=2", "1.3": ">=2"}) == (
        [
            ("1.0", "1.1", ">=1", "METADATA of trl-1.1.whl", BEFORE),
            ("1.2", "1.3", ">=2", "METADATA of trl-1.3.whl", TODAY),
        ],
        ["1.2 to 1.3 changed: source was METADATA of trl-1.2.whl, last was 1.2"],
    )


def test_what_cannot_be_read_any_more_is_taken_from_its_run() -> None:
    old = [run("1.0", "1.3", ">=1")]
    assert runs(old, {"1.1": Unread("no metadata"), "1.2": ">=1", "1.4": Unread("no metadata")}) == (
        [("1.0", "1.3", ">=1", "METADATA of trl-1.3.whl", BEFORE)],
        [
            "1.0 is kept as it was: the index no longer lists it",
            "1.1 is kept as it was: no metadata",
            "1.3 is kept as it was: the index no longer lists it",
            "1.4 is left out: no metadata",
        ],
    )


def test_a_yanked_release_at_the_end_of_a_run_shortens_it() -> None:
    assert runs([run("1.0", "1.1", ">=1")], {"1.0": ">=1", "1.1": Unread(YANKED)}) == (
        [("1.0", "1.0", ">=1", "METADATA of trl-1.0.whl", TODAY)],
        ["1.1 is removed: it is yanked", "1.0 to 1.0 changed: source was METADATA of trl-1.1.whl, last was 1.1"],
    )


def test_a_yanked_release_within_a_run_is_not_told() -> None:
    old = [run("1.0", "1.2", ">=1")]
    assert runs(old, {"1.0": ">=1", "1.1": Unread(YANKED), "1.2": ">=1"}) == (
        [("1.0", "1.2", ">=1", "METADATA of trl-1.2.whl", BEFORE)],
        [],
    )
