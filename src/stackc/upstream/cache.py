"""The cache: pages with their validators, curated pages, metadata and small notes, in one SQLite file per user."""

from __future__ import annotations

import gzip
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

__all__ = ["Cache", "CachedPage"]

_SCHEMA = 6
_TABLES = (
    """CREATE TABLE pages (
    url TEXT PRIMARY KEY, etag TEXT, modified TEXT, fetched REAL, fresh_until REAL, status INTEGER, type TEXT,
    encoding TEXT, digest TEXT, base TEXT
)""",
    "CREATE TABLE bodies (url TEXT PRIMARY KEY, body BLOB)",
    """CREATE TABLE curated (
    url TEXT, curation TEXT, digest TEXT, same_as TEXT, candidates BLOB, PRIMARY KEY (url, curation)
)""",
    "CREATE TABLE metadata (file TEXT PRIMARY KEY, text TEXT)",
    "CREATE TABLE neutral (key TEXT PRIMARY KEY, encoded BLOB)",
    "CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT)",
    f"PRAGMA user_version = {_SCHEMA}",
)
_SMALL = 64 * 1024
"""Bodies up to this size, in bytes, are kept as they came."""

_CONFIRMED = "confirmed"
"""What confirmations of pages of earlier runs are held under, beside the tables' names."""

_MOST_VALUES = 900
"""How many values one statement may have; SQLite once allowed 999."""

_LARGEST_BATCH = 2 * 1024 * 1024
"""How many bytes are given to one statement, about: SQLite copies them."""

_Values = tuple[object, ...]


class CachedPage(Struct, frozen=True, kw_only=True):
    """One page as it was answered. Times are seconds of the Unix clock; `digest` identifies the body.

    `status` is 200 or 404. `fresh_until` is what Cache-Control allows. `base` is the address that answered, after redirects:
    the addresses of files are relative to it.
    """

    url: str
    status: int
    etag: str | None
    modified: str | None
    fetched: float
    fresh_until: float
    content_type: str
    encoding: str
    digest: str
    base: str


class Cache:
    """One SQLite file; a broken or foreign one is thrown away and begun anew, since all in it can be fetched again.

    What is stored is held back until `flush` or `close`, which write it in one short transaction: runs side by side do not wait
    for each other longer than `patience`, in seconds. Without a `path` the cache lives in memory alone.
    """

    def __init__(self, path: Path | None, *, patience: float = 10.0) -> None:
        self._path = path
        self._connection = _open(path, patience)
        self._broken = False
        self._held: dict[str, list[_Values]] = {}
        self._writer: threading.Thread | None = None
        self._fresh_pages: dict[str, tuple[CachedPage, bytes]] = {}
        self._fresh_curated: dict[tuple[str, str, str], bytes] = {}
        self._read_pages: dict[str, CachedPage] = {}
        self._read_curated: dict[tuple[str, str, str], bytes] = {}

    def page(self, url: str) -> CachedPage | None:
        """Return what is known of a page, without its body."""
        if url in self._fresh_pages:
            return self._fresh_pages[url][0]
        if url not in self._read_pages and (found := self._page(url)) is not None:
            self._read_pages[url] = found
        return self._read_pages.get(url)

    def _page(self, url: str) -> CachedPage | None:
        row = self._row(
            "SELECT status, etag, modified, fetched, fresh_until, type, encoding, digest, base FROM pages WHERE url = ?", url
        )
        if row is None:
            return None
        status, etag, modified, fetched, fresh_until, content_type, encoding, digest, base = row
        return CachedPage(
            url=url,
            status=status,
            etag=etag,
            modified=modified,
            fetched=fetched,
            fresh_until=fresh_until,
            content_type=content_type,
            encoding=encoding,
            digest=digest,
            base=base,
        )

    def has_pages(self) -> bool:
        """Say whether any page is known."""
        return bool(self._fresh_pages) or self._row("SELECT 1 FROM pages LIMIT 1") is not None

    def body(self, url: str) -> bytes | None:
        """Return the decoded body of a page that `page` knows; None where the file is too broken to tell."""
        if url in self._fresh_pages:
            page, body = self._fresh_pages[url]
            return gzip.decompress(body) if page.encoding == "gzip" else body
        row = self._row("SELECT body, encoding FROM bodies JOIN pages USING (url) WHERE url = ?", url)
        if row is None:
            return None
        body, encoding = row
        return gzip.decompress(body) if encoding == "gzip" else bytes(body)

    def store_page(self, page: CachedPage, body: bytes) -> None:
        """Keep a page; `body` is encoded as `page.encoding` says."""
        if page.encoding != "gzip" and len(body) > _SMALL:
            body, page = gzip.compress(body, 1, mtime=0), replace(page, encoding="gzip")
        self._fresh_pages[page.url] = (page, body)
        validators = (page.url, page.etag, page.modified, page.fetched, page.fresh_until)
        content = (page.status, page.content_type, page.encoding, page.digest, page.base)
        self._hold("pages", *validators, *content)
        self._hold("bodies", page.url, body)

    def refresh_page(self, url: str, *, fetched: float, fresh_until: float) -> None:
        """Note that the index confirmed a page (304)."""
        self._hold(_CONFIRMED, fetched, fresh_until, url)

    def curated(self, url: str, curation: str, digest: str) -> bytes | None:
        """Return what a curation made of the page with this digest; of a page that came in this run, what was made since."""
        fresh = self._fresh_curated.get((url, curation, digest))
        if fresh is not None or url in self._fresh_pages:
            return fresh
        key = (url, curation, digest)
        if key not in self._read_curated and (kept := self._curated(*key)) is not None:
            self._read_curated[key] = kept
        return self._read_curated.get(key)

    def _curated(self, *key: str) -> bytes | None:
        row = self._row("SELECT same_as, candidates FROM curated WHERE url = ? AND curation = ? AND digest = ?", *key)
        if row is None or row[0] is None:
            return row[1] if row is not None else None
        url, _, digest = key
        held = (url, row[0], digest)
        if held not in self._read_curated:
            query = "SELECT candidates FROM curated WHERE url = ? AND curation = ? AND digest = ? AND same_as IS NULL"
            row = self._row(query, *held)
            if row is None:
                return None
            self._read_curated[held] = row[0]
        return self._read_curated[held]

    def store_curated(self, url: str, curations: Sequence[str], digest: str, candidates: bytes) -> None:
        """Keep what several curations alike made of a page: once, under the first, to which the others refer."""
        first = curations[0]
        for curation in curations:
            self._fresh_curated[url, curation, digest] = candidates
            refers = (None, candidates) if curation == first else (first, None)
            self._hold("curated", url, curation, digest, *refers)

    def metadata(self, file: str) -> str | None:
        """Return the header of the core metadata of a file; `file` is its sha256, since files never change."""
        row = self._row("SELECT text FROM metadata WHERE file = ?", file)
        return row[0] if row else None

    def store_metadata(self, file: str, text: str) -> None:
        """Keep the header of a file's core metadata."""
        self._hold("metadata", file, text)

    def neutral(self, key: str) -> bytes | None:
        """Return neutral metadata as they were kept under a key."""
        row = self._row("SELECT encoded FROM neutral WHERE key = ?", key)
        return row[0] if row else None

    def store_neutral(self, key: str, encoded: bytes) -> None:
        """Keep neutral metadata under a key, which is a digest of all that they are made of."""
        self._hold("neutral", key, encoded)

    def note(self, name: str) -> str | None:
        """Return a small text kept under a name."""
        row = self._row("SELECT text FROM notes WHERE name = ?", name)
        return row[0] if row else None

    def store_note(self, name: str, text: str) -> None:
        """Keep a small text under a name."""
        self._hold("notes", name, text)

    def flush(self) -> None:
        """Begin to write what is stored, in a thread: a run that has asked for everything need not wait for the disk."""
        self._wait()
        held, self._held = self._held, {}
        if held:
            self._writer = threading.Thread(target=self._write, args=(held,))
            self._writer.start()

    def close(self) -> None:
        """Write all that was stored; a full disk or a read-only folder costs the cache, not the run."""
        self._wait()
        self._write(self._held)
        self._connection.close()
        if self._broken and self._path is not None:
            _throw_away(self._path)

    def _wait(self) -> None:
        """Wait for the thread that writes: the connection is one thread's at a time."""
        if self._writer is not None:
            self._writer.join()
            self._writer = None

    def _write(self, held: Mapping[str, list[_Values]]) -> None:
        try:
            with self._connection:
                for values in held.get(_CONFIRMED, ()):
                    self._connection.execute("UPDATE pages SET fetched = ?, fresh_until = ? WHERE url = ?", values)
                for table in sorted(held.keys() - {_CONFIRMED}):
                    for rows in _batches(held[table]):
                        self._connection.execute(_inserting(table, rows), tuple(chain.from_iterable(rows)))
        except sqlite3.OperationalError:
            pass
        except sqlite3.DatabaseError:
            self._broken = True

    def _hold(self, table: str, *values: object) -> None:
        self._held.setdefault(table, []).append(values)

    def _row(self, query: str, *values: str) -> tuple[Any, ...] | None:
        """Return the one row of a query; what a broken file cannot tell is not there."""
        self._wait()
        try:
            row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        except sqlite3.DatabaseError:
            self._broken = True
            return None
        return row


def _batches(rows: list[_Values]) -> Iterator[list[_Values]]:
    """Yield rows in parts that one statement can take.

    For each statement the thread that writes has to have the interpreter once, and the run is busy in it.
    """
    batch: list[_Values] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, bytes))
        if size > _LARGEST_BATCH or (len(batch) + 1) * len(row) > _MOST_VALUES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _inserting(table: str, rows: list[_Values]) -> str:
    row = f"({', '.join('?' * len(rows[0]))})"
    return f"INSERT OR REPLACE INTO {table} VALUES {', '.join([row] * len(rows))}"  # noqa: S608 (tables are named here)


def _open(path: Path | None, patience: float) -> sqlite3.Connection:
    """Return a connection with the tables of this schema: to the file, if need be to a new one, at worst to memory."""
    if path is None:
        return _prepared(sqlite3.connect(":memory:", check_same_thread=False))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _prepared(sqlite3.connect(path, timeout=patience, check_same_thread=False))
    except (sqlite3.OperationalError, OSError):  # locked, read-only or full: do without, touch nothing
        return _open(None, patience)
    except sqlite3.DatabaseError:
        return _open(path if _throw_away(path) else None, patience)


def _throw_away(path: Path) -> bool:
    """Remove a database with what SQLite keeps beside it, and say whether it is gone."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink()
    return not path.exists()


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return the connection, its tables made if the file is new. Raises DatabaseError for a file of another schema."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA mmap_size = 1073741824")
        if _number(connection, "PRAGMA user_version") != _SCHEMA:
            _make_tables(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        if _number(connection, "PRAGMA user_version") != _SCHEMA:  # no other run was faster
            if _number(connection, "SELECT count(*) FROM sqlite_master"):
                raise sqlite3.DatabaseError("the file is not of this schema")
            for statement in _TABLES:
                connection.execute(statement)


def _number(connection: sqlite3.Connection, query: str) -> int:
    number: int = connection.execute(query).fetchone()[0]
    return number
