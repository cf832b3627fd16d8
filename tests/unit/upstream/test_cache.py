"""The cache: what is kept, and what becomes of a file that cannot be used."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from stackc.upstream.cache import Cache, CachedPage

URL = "http://127.0.0.1/simple/demo/"


def page(*, encoding: str = "", fetched: float = 1.0, digest: str = "d") -> CachedPage:
    return CachedPage(
        url=URL,
        status=200,
        etag='"one"',
        modified="yesterday",
        fetched=fetched,
        fresh_until=2.5,
        content_type="text/html",
        encoding=encoding,
        digest=digest,
        base="http://127.0.0.1/mirror/demo/",
    )


@contextmanager
def opened(path: Path | None) -> Iterator[Cache]:
    with closing(Cache(path, patience=0.1)) as cache:
        yield cache


def everything(cache: Cache) -> tuple[object, ...]:
    return cache.page(URL), cache.curated(URL, "k", "d"), cache.metadata("f"), cache.note("n")


def fill(cache: Cache, *, digest: str = "d") -> None:
    cache.store_page(page(digest=digest), b"body")
    cache.store_curated(URL, ["k"], digest, b"candidates")
    cache.store_metadata("f", "name: demo\n")
    cache.store_note("n", "a note")


FULL = (page(), b"candidates", "name: demo\n", "a note")
NOTHING = (None, None, None, None)


def test_what_was_stored_is_there_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "cache.sqlite"
    with opened(path) as cache:
        assert everything(cache) == NOTHING
        fill(cache)
    with opened(path) as cache:
        assert (everything(cache), cache.body(URL)) == (FULL, b"body")


def test_a_page_and_what_was_made_of_it_are_known_at_once_and_the_rest_in_the_next_run(tmp_path: Path) -> None:
    with opened(tmp_path / "cache") as cache:
        fill(cache)

        assert everything(cache) == (page(), FULL[1], None, None)
        assert cache.body(URL) == b"body"


def test_nothing_is_written_before_the_cache_is_closed(tmp_path: Path) -> None:
    with opened(tmp_path / "cache") as first:
        fill(first)
        with opened(tmp_path / "cache") as second:
            assert everything(second) == NOTHING
    with opened(tmp_path / "cache") as third:
        assert everything(third) == FULL


def test_what_is_stored_before_and_after_a_flush_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    cache = Cache(path)
    cache.store_note("before", "one")
    cache.flush()
    assert cache.note("before") == "one"
    cache.store_note("after", "two")
    cache.flush()
    cache.flush()
    cache.close()
    again = Cache(path)
    assert [again.note(name) for name in ("before", "after")] == ["one", "two"]
    again.close()


def test_a_cache_without_a_path_forgets_everything() -> None:
    with opened(None) as cache:
        fill(cache)
        assert cache.page(URL) == page()
    with opened(None) as cache:
        assert everything(cache) == NOTHING


@pytest.mark.parametrize("size", [0, 10, 64 * 1024, 64 * 1024 + 1, 1_000_000])
def test_a_body_of_any_size_comes_back_as_it_was(tmp_path: Path, size: int) -> None:
    with opened(tmp_path / "cache") as cache:
        cache.store_page(page(), b"x" * size)
        assert cache.body(URL) == b"x" * size
    with opened(tmp_path / "cache") as cache:
        assert cache.body(URL) == b"x" * size
    assert (tmp_path / "cache").stat().st_size < 200_000


def test_a_later_page_replaces_an_earlier_one(tmp_path: Path) -> None:
    for fetched in (1.0, 2.0):
        with opened(tmp_path / "cache") as cache:
            cache.store_page(page(fetched=fetched), b"%d" % fetched)
    with opened(tmp_path / "cache") as cache:
        assert (cache.page(URL), cache.body(URL)) == (page(fetched=2.0), b"2")


def test_a_confirmed_page_keeps_all_but_its_times(tmp_path: Path) -> None:
    with opened(tmp_path / "cache") as cache:
        fill(cache)
    with opened(tmp_path / "cache") as cache:
        cache.refresh_page(URL, fetched=8.0, fresh_until=9.0)
    with opened(tmp_path / "cache") as cache:
        found = cache.page(URL)
        assert found is not None
        assert (found.fetched, found.fresh_until, found.etag, cache.body(URL)) == (8.0, 9.0, '"one"', b"body")


def test_curated_pages_are_kept_apart_by_curation_and_by_digest(tmp_path: Path) -> None:
    with opened(tmp_path / "cache") as cache:
        cache.store_curated(URL, ["k", "alike"], "d", b"one")
        cache.store_curated(URL, ["other"], "d", b"two")
    with opened(tmp_path / "cache") as cache:
        keys = ("alike", "d"), ("k", "d"), ("other", "d"), ("k", "changed"), ("none", "d")
        found = [cache.curated(URL, *key) for key in keys]
        assert found == [b"one", b"one", b"two", None, None]
        assert found[0] is found[1]
        cache.store_curated(URL, ["other", "k"], "d", b"two")
    with opened(tmp_path / "cache") as cache:
        assert [cache.curated(URL, *key) for key in keys] == [None, b"two", b"two", None, None]


def test_a_file_that_is_no_database_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    path.write_bytes(b"this was never a database" * 1000)
    with opened(path) as cache:
        assert everything(cache) == NOTHING
        fill(cache)
    with opened(path) as cache:
        assert everything(cache) == FULL


def test_a_database_of_another_schema_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    with closing(sqlite3.connect(path)) as foreign:
        foreign.executescript(
            "PRAGMA user_version = 99; CREATE TABLE pages (x INTEGER PRIMARY KEY AUTOINCREMENT);"
            "INSERT INTO pages VALUES (7); CREATE TABLE more (y); CREATE INDEX some ON more (y); CREATE VIEW seen AS SELECT 1;"
        )
    with opened(path) as cache:
        assert everything(cache) == NOTHING
        fill(cache)
    with opened(path) as cache:
        assert everything(cache) == FULL


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_database_that_lost_its_end_is_begun_anew(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "cache"
    with opened(path) as cache:
        fill(cache)
        for number in range(200):
            cache.store_metadata(f"f{number}", "x" * 500)
            cache.store_curated(f"{URL}{number}", ["k"], "d", bytes(2000))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) // 4096 * 4096])
    with opened(path) as cache:
        seen = everything(cache), [cache.metadata(f"f{number}") for number in range(200)]
        assert set(seen[0]) <= {*FULL, None}
        fill(cache)
    with opened(path) as cache:
        assert everything(cache) == FULL


def test_a_body_that_was_lost_is_told_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    with opened(path) as cache:
        cache.store_page(page(encoding="gzip"), bytes(range(256)) * 4000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path.write_bytes(content)
    with opened(path) as cache:
        assert cache.body(URL) is None
    with opened(path) as cache:
        assert everything(cache) == NOTHING


def test_where_no_file_can_be_written_the_run_goes_on_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "cache", tmp_path / "folder"):
        with opened(path) as cache:
            fill(cache)
            assert (cache.page(URL), cache.body(URL)) == (page(), b"body")
        with opened(path) as cache:
            assert everything(cache) == NOTHING
    assert (tmp_path / "file").read_text(encoding="utf-8") == "no folder"


def test_a_cache_that_cannot_be_written_now_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    with opened(path) as cache:
        fill(cache)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # as a file that nobody may write, whoever runs this
        with opened(path) as cache:
            assert everything(cache) == FULL
            fill(cache, digest="other")
            assert cache.page(URL) == page(digest="other")
        other.execute("ROLLBACK")
    with opened(path) as cache:
        assert everything(cache) == FULL


def test_two_runs_side_by_side_both_keep_what_they_found(tmp_path: Path) -> None:
    with opened(tmp_path / "cache") as first, opened(tmp_path / "cache") as second:
        first.store_metadata("one", "name: one\n")
        second.store_metadata("two", "name: two\n")
        first.store_note("n", "first")
        second.store_note("n", "second")
    with opened(tmp_path / "cache") as cache:
        assert (cache.metadata("one"), cache.metadata("two"), cache.note("n")) == ("name: one\n", "name: two\n", "first")


def test_many_runs_that_begin_the_cache_at_once_all_keep_what_they_found(tmp_path: Path) -> None:
    def run(number: int) -> None:
        with closing(Cache(tmp_path / "cache")) as cache:
            cache.store_metadata(str(number), f"name: n{number}\n")

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(run, number) for number in range(8)]:
            future.result()
    with opened(tmp_path / "cache") as cache:
        assert [cache.metadata(str(number)) for number in range(8)] == [f"name: n{number}\n" for number in range(8)]
