"""The cache: pages with their validators, curated pages, metadata and small notes, in one SQLite file per user."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

__all__ = ["Cache", "CachedPage"]

_SCHEMA = 4
_TABLES = """
CREATE TABLE pages (
    url TEXT PRIMARY KEY, etag TEXT, modified TEXT, fetched REAL, fresh_until REAL, status INTEGER, type TEXT,
    encoding TEXT, digest TEXT, base TEXT, body BLOB
) WITHOUT ROWID;
CREATE TABLE curated (url TEXT, curation TEXT, digest TEXT, candidates BLOB, PRIMARY KEY (url, curation)) WITHOUT ROWID;
CREATE TABLE metadata (file TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
"""
_SMALL = 64 * 1024
"""Bodies up to this size, in bytes, are kept as they came."""


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
    """One SQLite file; a broken or foreign one is set aside and begun anew, since all in it can be fetched again.

    What is stored is held back until `close`, which writes it in one short transaction: runs side by side do not wait for each
    other. Without a `path` the cache lives in memory alone.
    """

    def __init__(self, path: Path | None) -> None:
        self._connection = _open(path)
        self._held: list[tuple[str, tuple[object, ...]]] = []
        self._fresh_pages: dict[str, tuple[CachedPage, bytes]] = {}

    def page(self, url: str) -> CachedPage | None:
        """Return what is known of a page, without its body."""
        if url in self._fresh_pages:
            return self._fresh_pages[url][0]
        row = self._connection.execute(
            "SELECT status, etag, modified, fetched, fresh_until, type, encoding, digest, base FROM pages WHERE url = ?", (url,)
        ).fetchone()
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

    def body(self, url: str) -> bytes:
        """Return the decoded body of a page that `page` knows."""
        if url in self._fresh_pages:
            page, body = self._fresh_pages[url]
            return gzip.decompress(body) if page.encoding == "gzip" else body
        body, encoding = self._connection.execute("SELECT body, encoding FROM pages WHERE url = ?", (url,)).fetchone()
        return gzip.decompress(body) if encoding == "gzip" else bytes(body)

    def store_page(self, page: CachedPage, body: bytes) -> None:
        """Keep a page; `body` is encoded as `page.encoding` says."""
        if page.encoding != "gzip" and len(body) > _SMALL:
            body, page = gzip.compress(body, 1, mtime=0), replace(page, encoding="gzip")
        self._fresh_pages[page.url] = (page, body)
        validators = (page.url, page.etag, page.modified, page.fetched, page.fresh_until)
        content = (page.status, page.content_type, page.encoding, page.digest, page.base, body)
        self._hold("INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *validators, *content)

    def refresh_page(self, url: str, *, fetched: float, fresh_until: float) -> None:
        """Note that the index confirmed a page (304)."""
        self._hold("UPDATE pages SET fetched = ?, fresh_until = ? WHERE url = ?", fetched, fresh_until, url)

    def curated(self, url: str, curation: str, digest: str) -> bytes | None:
        """Return what a curation made of the page with this digest."""
        row = self._connection.execute(
            "SELECT candidates FROM curated WHERE url = ? AND curation = ? AND digest = ?", (url, curation, digest)
        ).fetchone()
        return row[0] if row else None

    def store_curated(self, url: str, curation: str, digest: str, candidates: bytes) -> None:
        """Keep what a curation made of a page."""
        self._hold("INSERT OR REPLACE INTO curated VALUES (?, ?, ?, ?)", url, curation, digest, candidates)

    def metadata(self, file: str) -> str | None:
        """Return the header of the core metadata of a file; `file` is its sha256, since files never change."""
        row = self._connection.execute("SELECT text FROM metadata WHERE file = ?", (file,)).fetchone()
        return row[0] if row else None

    def store_metadata(self, file: str, text: str) -> None:
        """Keep the header of a file's core metadata."""
        self._hold("INSERT OR REPLACE INTO metadata VALUES (?, ?)", file, text)

    def note(self, name: str) -> str | None:
        """Return a small text kept under a name."""
        row = self._connection.execute("SELECT text FROM notes WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def store_note(self, name: str, text: str) -> None:
        """Keep a small text under a name."""
        self._hold("INSERT OR REPLACE INTO notes VALUES (?, ?)", name, text)

    def close(self) -> None:
        """Write all that was stored; a full disk or a read-only folder costs the cache, not the run."""
        with suppress(sqlite3.OperationalError), self._connection:
            for statement, values in self._held:
                self._connection.execute(statement, values)
        self._connection.close()

    def _hold(self, statement: str, *values: object) -> None:
        self._held.append((statement, values))


def _open(path: Path | None) -> sqlite3.Connection:
    if path is None:
        return _prepared(sqlite3.connect(":memory:"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _prepared(sqlite3.connect(path, timeout=10.0))
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, read-only or full: do without, touch nothing
            return _prepared(sqlite3.connect(":memory:"))
        path.unlink()
        return _prepared(sqlite3.connect(path, timeout=10.0))
    except OSError:
        return _prepared(sqlite3.connect(":memory:"))


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema != _SCHEMA:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            connection.execute(f'DROP TABLE "{table}"')
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA user_version = {_SCHEMA}")
        connection.commit()
    return connection
