"""Pages: one project's releases as its index lists them, from the cache while it is fresh, from the catalog at last."""

from __future__ import annotations

import datetime as dt
import hashlib
import heapq
import re
import time
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from packaging.utils import NormalizedName

from stackc.errors import Finding
from stackc.upstream import catalog
from stackc.upstream.cache import Cache, CachedPage
from stackc.upstream.shelf import PageShelf, catalog_row, page_url, rows_of
from stackc.upstream.simple import ACCEPT, FileRow, PageError, decode_page
from stackc.upstream.transfers import LARGEST_BODY, Response, Transfers, split_credentials
from stackc.view.curate import Candidate, Curation

if TYPE_CHECKING:
    from stackc.upstream.catalog import CatalogIndex

__all__ = ["Absent", "Found", "PageOutcome", "PageSource", "Unavailable"]

_REPLICATION_LAG = 3600.0
"""Seconds after `exclude-newer` from which on a page is believed to list all that was uploaded before it."""


class Found(Struct, frozen=True, kw_only=True):
    """A project's candidates, the newest first, and the address that answered, to which theirs are relative.

    `credentials` belong to the page's host. `catalog` is the embedded catalog that they come from, None where the index itself
    (or the cache) answered.
    """

    url: str
    candidates: list[Candidate]
    credentials: str | None = None
    catalog: CatalogIndex | None = None


class Absent(Struct, frozen=True):
    """The index answered that it does not have the project."""

    url: str


class Unavailable(Struct, frozen=True):
    """The index could not be asked, or its answer is of no use; the finding says why."""

    finding: Finding


PageOutcome = Found | Absent | Unavailable


class PageSource:
    """Answers for the pages of all indexes of one run.

    `soon` calls back in the loop's next turn: a page that came is read there, the shortest first, so that a long one keeps no
    other answer waiting. `note` is told, once per index, that the catalog or an old page stands in for an index that cannot be
    reached.
    """

    def __init__(
        self,
        transfers: Transfers,
        cache: Cache,
        curation: Curation,
        *,
        exclude_newer: dt.datetime | None,
        offline: bool,
        soon: Callable[[Callable[[], None]], None],
        note: Callable[[str], None],
    ) -> None:
        self._transfers = transfers
        self._cache = cache
        self._curation = curation
        self._key = curation.key
        self.shelf = PageShelf(cache, curation)
        self._complete_after = exclude_newer.timestamp() + _REPLICATION_LAG if exclude_newer else None
        self._offline = offline
        self._soon = soon
        self._unread: list[tuple[int, int, _Query, Response]] = []
        self._note = note
        self._noted: set[str] = set()
        self.fetched = 0
        """How many pages came over the network, the confirmed ones (304) included."""

    def get(self, index: str, address: str, project: NormalizedName, done: Callable[[PageOutcome], None]) -> None:
        """Call `done`, perhaps before this call returns, with what the index at `address` has of `project`."""
        bare, credentials = split_credentials(address)
        query = _Query(index, bare, credentials, page_url(bare, project), project, done)
        kept = self._kept(query)
        if kept is not None and (self._offline or self._fresh(*kept)):
            done(_known(query, *kept))
        else:
            self._ask(query, kept)

    def _ask(self, query: _Query, kept: _Kept | None) -> None:
        headers = [ACCEPT]
        cached = kept[0] if kept is not None else None
        if cached is not None and cached.etag:
            headers.append(f"If-None-Match: {cached.etag}")
        if cached is not None and cached.modified:
            headers.append(f"If-Modified-Since: {cached.modified}")
        self._transfers.get(
            query.url,
            headers=tuple(headers),
            credentials=query.credentials,
            done=lambda response: self._answered(query, kept, response),
        )

    def _answered(self, query: _Query, kept: _Kept | None, response: Response) -> None:
        self.fetched += 1
        if response.unreachable:
            query.done(self._stand_in(query, kept, response))
        elif response.failure is not None:
            query.done(Unavailable(_failed(query, response.failure)))
        elif response.status == 304 and kept is not None:
            self._cache.refresh_page(query.url, fetched=time.time(), fresh_until=_fresh_until(response.headers))
            query.done(_known(query, *kept))
        elif response.status == 404:
            self._cache.store_page(_page(query, response, b""), b"")
            query.done(Absent(query.url))
        elif response.status == 200:
            heapq.heappush(self._unread, (len(response.body), self.fetched, query, response))
            self._soon(self._read_shortest)
        else:
            query.done(Unavailable(_refused(query, response.status)))

    def _read_shortest(self) -> None:
        _, _, query, response = heapq.heappop(self._unread)
        query.done(self._accepted(query, response))

    def _accepted(self, query: _Query, response: Response) -> PageOutcome:
        try:
            body = _decoded(response)
            rows = decode_page(body, content_type=response.headers.get("content-type", ""), url=response.url)
        except PageError as error:
            return Unavailable(_unusable(query, error.reason))
        known = catalog.find(query.address)
        if known is not None and (findings := _differing(known, query.project, rows)):
            return Unavailable(findings[0])
        page = _page(query, response, response.body)
        self._cache.store_page(page, response.body)
        return _known(query, page, self._curate(query, page, rows))

    def _stand_in(self, query: _Query, kept: _Kept | None, response: Response) -> PageOutcome:
        """Answer for an index that cannot be reached: from an old page if the catalog knows the index too, or the catalog."""
        known = catalog.find(query.address)
        if known is None:
            return Unavailable(_unreachable(query, response.failure or "no connection", offline=self._offline))
        if kept is not None:
            self._say(query.index, f"index `{query.index}` cannot be reached: pages from the cache stand in")
            return _known(query, *kept)
        files = known.projects.get(query.project)
        if files is None:
            return Unavailable(_unreachable(query, response.failure or "no connection", offline=self._offline))
        why = "is not asked with --offline" if self._offline else "cannot be reached"
        self._say(query.index, f"index `{query.index}` {why}: the embedded catalog of {known.date} stands in")
        rows = [catalog_row(known, file) for file in files]
        return Found(url=query.url, candidates=self._curation.curate(query.project, rows), catalog=known)

    def _say(self, index: str, text: str) -> None:
        if index not in self._noted:
            self._noted.add(index)
            self._note(text)

    def _kept(self, query: _Query) -> _Kept | None:
        """Return the page of an earlier run with its candidates, None where there is none or it cannot be read."""
        page = self._cache.page(query.url)
        if page is None or page.status != 200:
            return (page, []) if page is not None else None
        kept = self._cache.curated(query.url, self._key, page.digest)
        if kept is not None:
            return page, _decoder()(kept)
        rows = rows_of(self._cache, page)
        return (page, self._curate(query, page, rows)) if rows is not None else None

    def _curate(self, query: _Query, page: CachedPage, rows: list[FileRow]) -> list[Candidate]:
        candidates = self._curation.curate(query.project, rows)
        self._cache.store_curated(query.url, self._key, page.digest, msgspec.msgpack.encode(candidates))
        return candidates

    def _fresh(self, page: CachedPage, candidates: list[Candidate]) -> bool:
        """Say whether a page may be used without asking: within its max-age, or complete for a cut-off in the past.

        Only a page that gives moments of upload is ever complete: without them, whatever is added later counts as old.
        """
        if time.time() < page.fresh_until:
            return True
        if self._complete_after is None or page.fetched < self._complete_after:
            return False
        return bool(candidates) and all(candidate.file.upload_time is not None for candidate in candidates)


_Kept = tuple[CachedPage, list[Candidate]]


class _Query(Struct, frozen=True):
    index: str
    address: str
    credentials: str | None
    url: str
    project: NormalizedName
    done: Callable[[PageOutcome], None]


@cache
def _decoder() -> Callable[[bytes], list[Candidate]]:
    return msgspec.msgpack.Decoder(list[Candidate]).decode


def _known(query: _Query, page: CachedPage, candidates: list[Candidate]) -> PageOutcome:
    if page.status != 200:
        return Absent(page.url)
    same_host = urlsplit(page.base)[:2] == urlsplit(query.url)[:2]
    return Found(url=page.base, candidates=candidates, credentials=query.credentials if same_host else None)


def _decoded(response: Response) -> bytes:
    encoding = response.headers.get("content-encoding", "").lower()
    if encoding in {"", "identity"}:
        return response.body
    if encoding != "gzip":
        raise PageError(f"it is encoded as {encoding}, which nobody asked for")
    reader = zlib.decompressobj(wbits=31)
    try:
        body = reader.decompress(response.body, LARGEST_BODY)
    except zlib.error as error:
        raise PageError("its gzip encoding is broken") from error
    if reader.unconsumed_tail:
        raise PageError(f"it is longer than {LARGEST_BODY // 1024 // 1024} MiB")
    if not reader.eof:
        raise PageError("its gzip encoding is broken")
    return body


def _page(query: _Query, response: Response, body: bytes) -> CachedPage:
    headers = response.headers
    return CachedPage(
        url=query.url,
        status=response.status,
        etag=headers.get("etag"),
        modified=headers.get("last-modified"),
        fetched=time.time(),
        fresh_until=_fresh_until(headers),
        content_type=headers.get("content-type", ""),
        encoding=headers.get("content-encoding", "").lower(),
        digest=hashlib.sha256(body).hexdigest(),
        base=response.url,
    )


def _fresh_until(headers: Mapping[str, str]) -> float:
    control = headers.get("cache-control", "").lower()
    age = re.search(r"\bmax-age=(\d+)", control)
    if age is None or "no-cache" in control or "no-store" in control:
        return 0.0
    spent = headers.get("age", "0")
    return time.time() + float(age[1]) - (float(spent) if spent.isdigit() else 0.0)


def _differing(known: CatalogIndex, project: NormalizedName, rows: list[FileRow]) -> tuple[Finding, ...]:
    return catalog.mismatches(known, project, {row.filename: row.hashes.sha256 for row in rows if row.hashes.sha256})


def _failed(query: _Query, reason: str) -> Finding:
    return Finding(
        code="S311",
        message=f"index `{query.index}` did not answer for `{query.project}`",
        notes=(f"{query.url}: {reason}",),
        hint="try again; if it stays so, look at the index's state or at the proxy in between",
    )


_TIMING = re.compile(r" after \d+ (?:ms|milliseconds)")


def _unreachable(query: _Query, reason: str, *, offline: bool) -> Finding:
    if offline:
        return Finding(
            code="S312",
            message=f"the page of `{query.project}` on index `{query.index}` is not in the cache, and --offline was given",
            hint="compile once without --offline",
        )
    return Finding(
        code="S310",
        message=f"index `{query.index}` cannot be reached",
        notes=(f"{query.address}: {_TIMING.sub('', reason)}",),
        hint="check the address and the network; pages that are in the cache can be used with --offline",
    )


def _refused(query: _Query, status: int) -> Finding:
    hints = {
        401: "the index wants credentials: put them into a netrc file, or into the index's `url` as `user:password@`",
        403: "the index forbids this address to you: look at the credentials and at what they may read",
    }
    return Finding(
        code="S313" if status in hints else "S311",
        message=f"index `{query.index}` answered {status} for `{query.project}`",
        notes=(query.url,),
        hint=hints.get(status, "try again; if it stays so, the index is at fault"),
    )


def _unusable(query: _Query, reason: str) -> Finding:
    return Finding(
        code="S314",
        message=f"what index `{query.index}` answered for `{query.project}` is not a page of the Simple API",
        notes=(f"{query.url}: {reason}",),
        hint="check that `url` is the root of the Simple API, such as `https://host/simple`, with no login page in between",
    )
