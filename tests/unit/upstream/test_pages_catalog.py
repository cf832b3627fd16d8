"""How the embedded catalog stands in for an index, and how a live index is held against it."""

from __future__ import annotations

import datetime as dt
from functools import partial
from pathlib import Path

import pytest

from stackc.errors import Finding
from stackc.upstream import catalog
from stackc.upstream.catalog import CatalogFile, CatalogIndex, render, stem
from stackc.upstream.pages import Found, PageOutcome, Trust, Unavailable
from support.index_server import Answer, Site, serving
from support.odd_servers import free_port
from support.universe import Release, publish_html
from support.workbench import Bench, bench, name_of, settings

DEMO = name_of("demo")
WHEEL = "demo-1.0+cu124-py3-none-any.whl"
DAY = dt.date(2026, 11, 1)


def ship(folder: Path, monkeypatch: pytest.MonkeyPatch, *, index: str, sha256: str = "a" * 64) -> None:
    """Let a catalog of one file be what stackc ships for an index; each test takes a path of its own for it."""
    file = CatalogFile(
        name=WHEEL, sha256=sha256, size=908, requires=("numpy",), requires_python=">=3.8", status="verified", source="index"
    )
    name = stem(index)
    assert name is not None
    shipped = CatalogIndex.of([file], index=index, date=DAY, about="a test")
    (folder / f"{name}.toml").write_text(render(shipped), encoding="utf-8")
    monkeypatch.setattr(catalog, "FOLDER", folder)


def get(tools: Bench, index: str, project: str = "demo") -> PageOutcome:
    outcome: PageOutcome = tools.ask(partial(tools.pages.get, "cu", index, name_of(project)))
    return outcome


def test_the_catalog_stands_in_for_an_index_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = f"http://127.0.0.1:{free_port()}/standin1"
    ship(tmp_path, monkeypatch, index=index)
    with bench(index) as tools:
        found, again, unknown = (get(tools, index, project) for project in ("demo", "demo", "other"))
        files = tools.pages.shelf.files(index, DEMO)

    assert isinstance(found, Found)
    assert [(row.version, row.file.filename, row.file.hashes.sha256) for row in found.candidates] == [
        ("1.0+cu124", WHEEL, "a" * 64)
    ]
    assert (found.catalog is not None, found == again) == (True, True)
    assert files == {WHEEL: f"{index}/demo-1.0%2Bcu124-py3-none-any.whl"}
    assert isinstance(unknown, Unavailable)
    assert unknown.finding.code == "S310"
    assert tools.notes.lines == [f"index `cu` cannot be reached: the embedded catalog of {DAY} stands in"]


@pytest.mark.parametrize(("trust", "catalogued"), [("stand-ins", True), ("nothing", False)])
def test_the_catalog_stands_in_only_where_stand_ins_are_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trust: Trust, catalogued: bool
) -> None:
    index = f"http://127.0.0.1:{free_port()}/trust{trust}"
    ship(tmp_path, monkeypatch, index=index.replace("-", ""))
    with bench(index.replace("-", ""), trust=trust) as tools:
        found = get(tools, index.replace("-", ""))

    assert isinstance(found, Found if catalogued else Unavailable)
    assert not isinstance(found, Unavailable) or (found.finding.code, found.silent) == ("S310", True)
    assert len(tools.notes.lines) == int(catalogued)


def test_a_file_that_differs_from_the_catalog_is_told_by_its_own_hash_where_nothing_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site()
    publish_html(site, {"demo": (Release(version="1.0+cu124", sha256="b" * 64),)}, root="/standin9")
    with serving(site) as server:
        index = f"{server.url}/standin9"
        ship(tmp_path, monkeypatch, index=index)
        with bench(index, trust="nothing") as tools:
            assert isinstance(get(tools, index), Found)


def test_offline_the_catalog_stands_in_without_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Site()) as server:
        index = f"{server.url}/standin2"
        ship(tmp_path, monkeypatch, index=index)
        with bench(index, network=settings(offline=True)) as tools:
            found = get(tools, index)

        assert isinstance(found, Found)
        assert tools.notes.lines == [f"index `cu` is not asked with --offline: the embedded catalog of {DAY} stands in"]
        assert server.requests == []


def test_an_index_that_answers_wins_over_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    publish_html(
        site, {"demo": (Release(version="1.0+cu124", sha256="a" * 64), Release(version="2.0+cu124"))}, root="/standin3"
    )
    with serving(site) as server:
        index = f"{server.url}/standin3"
        ship(tmp_path, monkeypatch, index=index)
        with bench(index) as tools:
            found = get(tools, index)

        assert isinstance(found, Found)
        assert [row.version for row in found.candidates] == ["2.0+cu124", "1.0+cu124"]
        assert (found.catalog, tools.notes.lines) == (None, [])


@pytest.mark.parametrize("status", [401, 403, 500])
def test_an_index_that_refuses_is_not_replaced_by_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    site = Site()
    site.answers[f"/refused{status}/demo/"] = Answer(status)
    with serving(site) as server:
        index = f"{server.url}/refused{status}"
        ship(tmp_path, monkeypatch, index=index)
        with bench(index) as tools:
            assert isinstance(get(tools, index), Unavailable)


def test_a_hash_that_differs_from_the_catalog_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    publish_html(site, {"demo": (Release(version="1.0+cu124", sha256="B" * 64),)}, root="/standin4")
    with serving(site) as server:
        index = f"{server.url}/standin4"
        ship(tmp_path, monkeypatch, index=index)
        with bench(index) as tools:
            found = get(tools, index)

    assert isinstance(found, Unavailable)
    assert found.finding == Finding(
        code="S330",
        message=f"`{WHEEL}` on `{index}` is not the file that stackc's catalog of {DAY} knows",
        wanted=f"sha256 {'a' * 64}",
        found=f"sha256 {'b' * 64}",
        notes=("recorded by: index (verified)",),
        hint="install nothing from this index until its publisher explains the change; a newer stackc knows re-uploads",
    )


def test_a_page_from_the_cache_wins_over_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    publish_html(site, {"demo": (Release(version="3.0+cu124"),)}, root="/standin5")
    with serving(site) as server:
        index = f"{server.url}/standin5"
        ship(tmp_path, monkeypatch, index=index)
        with bench(index, cache=tmp_path / "cache") as tools:
            get(tools, index)
    with bench(index, cache=tmp_path / "cache", network=settings(attempts=1)) as tools:
        found = get(tools, index)

    assert isinstance(found, Found)
    assert [row.version for row in found.candidates] == ["3.0+cu124"]
    assert tools.notes.lines == ["index `cu` cannot be reached: pages from the cache stand in"]
