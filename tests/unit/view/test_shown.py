"""The releases of a project as they are shown: made when they are first looked at, and remembered."""

from __future__ import annotations

import pytest
from packaging.version import Version

from stackc.upstream.simple import FileRow
from stackc.view.candidates import Candidate, Candidates
from stackc.view.shown import Releases, ShownRelease

NEW, OLD, OTHER = Version("2.0"), Version("1.0"), Version("3.0")
PAGE = Candidates(
    Candidate(text, FileRow(filename=f"demo-{text}-py3-none-any.whl", url="x", yanked=text == "1.0")) for text in ("2.0", "1.0")
)


def test_a_release_is_made_when_it_is_looked_at_and_is_the_same_from_then_on() -> None:
    known: dict[Version, ShownRelease] = {}
    releases = Releases(PAGE.by_version, known)
    assert (list(releases), len(releases), OTHER in releases, known) == ([NEW, OLD], 2, False, {})

    first = releases[OLD]

    assert first == ShownRelease(OLD, PAGE[1].file)
    assert releases[Version("1")] is first
    assert (known, releases.looked_at()) == ({OLD: first}, [first])
    assert [release.version for release in releases.values()] == [NEW, OLD]
    assert [release.version for release in releases.looked_at()] == [NEW, OLD]


def test_what_is_known_of_a_release_that_is_not_shown_stays_out_of_sight() -> None:
    known = {OLD: ShownRelease(OLD, PAGE[1].file), OTHER: ShownRelease(OTHER, PAGE[0].file)}
    releases = Releases({OLD: PAGE[1]}, known)

    with pytest.raises(KeyError):
        releases[OTHER]
    assert releases[OLD] is known[OLD]
    assert releases.looked_at() == [known[OLD]]


def test_who_leaves_out_the_same_of_a_page_shares_what_is_left() -> None:
    left = PAGE.without(frozenset((OLD,)))

    assert left == PAGE[:1]
    assert left is PAGE.without(frozenset((Version("1"),)))
    assert (PAGE.without(frozenset()), PAGE.stable) == (PAGE, PAGE)
    assert (list(left.by_version), left.spelled) == ([NEW], ("2.0",))


def test_what_a_page_tells_of_its_candidates_is_told_in_their_order() -> None:
    assert (PAGE.spelled, PAGE.yanked, PAGE.pre_releases) == (("2.0", "1.0"), (OLD,), frozenset())
