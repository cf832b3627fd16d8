"""The crawl by itself: what it wants next, whatever projects require of each other."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import Version

from stackc.view.crawl import Crawl
from stackc.view.metadata import Need, Neutral
from support.workbench import name_of

Releases = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Project → version → what that requires, as project → specifier; the newest version first."""


def crawled(releases: Releases, *roots: str) -> list[str]:
    """Return what a crawl wants until it wants nothing more, each once: projects, and releases of them."""
    crawl = Crawl({})
    wanted: list[str] = []
    crawl.start(Need(name_of(root), "") for root in roots)
    while crawl.wanted_pages or crawl.wanted_releases:
        if crawl.wanted_pages:
            name = crawl.wanted_pages.popleft()
            wanted.append(str(name))
            crawl.page_came(name, [Version(version) for version in releases[name]])
        else:
            name, version = crawl.wanted_releases.popleft()
            wanted.append(f"{name} {version}")
            needs = tuple(Need(name_of(other), text) for other, text in releases[name][str(version)].items())
            crawl.metadata_came(name, version, Neutral(needs, frozenset(), None))
    return list(dict.fromkeys(wanted))


def test_it_follows_the_newest_releases_and_steps_back_where_they_do_not_fit() -> None:
    releases: Releases = {"app": {"2": {"base": ">=2"}, "1": {"base": ">=1"}}, "base": {"1": {}}}

    assert crawled(releases, "app") == ["app", "app 2", "base", "app 1", "base 1"]


def test_releases_that_require_others_of_each_other_are_no_reason_to_go_round_for_ever() -> None:
    releases = {
        "app": {"2": {"base": "==1"}, "1": {"base": "==2"}},
        "base": {"2": {"app": "==2"}, "1": {"app": "==1"}},
    }

    assert sorted(crawled(releases, "app", "base")) == ["app", "app 1", "app 2", "base", "base 1", "base 2"]


def test_a_chain_of_a_thousand_projects_is_followed_to_its_end() -> None:
    last = 1000
    releases: Releases = {f"p{at}": {"1": {f"p{at + 1}": ">=1"} if at < last else {}} for at in range(last + 1)}

    assert crawled(releases, "p0")[-1] == f"p{last} 1"
