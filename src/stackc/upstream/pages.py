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
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from packaging.utils import NormalizedName

from stackc.errors import Finding
from stackc.upstream import catalog
from stackc.upstream.cache import Cache, CachedPage
from stackc.upstream.exchange import LARGEST_BODY, Response, split_credentials
from stackc.upstream.page_faults import AskedPage, failed, refused, unreachable, unusable
from stackc.upstream.shelf import PageShelf, catalog_row, page_url, rows_of
from stackc.upstream.simple import ACCEPT, FileRow, PageError, decode_page
from stackc.upstream.transfers import Transfers
from stackc.view.candidates import Candidate, Candidates
from stackc.view.curate import Curation, Curations

if TYPE_CHECKING:
    from stackc.upstream.catalog import CatalogIndex

__all__ = ["Absent", "Found", "PageBook", "PageOutcome", "PageSource", "Pages", "Trust", "Unavailable"]

_REVALIDATE = "Cache-Control: max-age=0"
"""Tells every cache on the way to ask the index itself (RFC 9111, 5.2.1.1), as pip does for pages."""

_REPLICATION_LAG = 3600.0
"""Seconds after `exclude-newer` from which on a page is believed to list all that was uploaded before it."""


class Found(Struct, frozen=True, kw_only=True):
    """A project's candidates, the newest first, and the address that answered, to which theirs are relative.

    `credentials` belong to the page's host. `catalog` is the embedded catalog that they come from, None where the index itself
    (or the cache) answered. `metadata` is the core metadata of the only candidate, where it was read already.
    """

    url: str
    candidates: Candidates
    credentials: str | None = None
    catalog: CatalogIndex | None = None
    metadata: str | None = None


class Absent(Struct, frozen=True):
    """The index answered that it does not have the project."""

    url: str


class Unavailable(Struct, frozen=True):
    """The index could not be asked, or its answer is of no use; the finding says why. `silent` says that it gave no sign."""

    finding: Finding
    silent: bool = False


PageOutcome = Found | Absent | Unavailable

Trust = Literal["fresh", "stand-ins", "nothing"]
"""What may answer instead of an index: pages that are fresh, and for one that cannot be reached the catalog or an old page;
these stand-ins alone; or nothing, which leaves the catalog out altogether."""


class Pages(Protocol):
    """What a view asks for pages; its methods are those of `PageSource`."""

    @property
    def shelf(self) -> PageShelf:
        """Return what reads the pages that are in the cache."""

    def get(self, index: str, address: str, project: NormalizedName, done: Callable[[PageOutcome], None]) -> bool:
        """Call `done` with what an index has of a project; say whether somebody has to be asked and nobody had yet."""


class PageBook:
    """The pages of all indexes of one run: each is asked for once, and judged in one pass for all targets that look at it.

    `soon` calls back in the loop's next turn: a page that came is read there, the shortest first, so that a long one keeps no
    other answer waiting. `trust` says what may answer instead of an index.
    """

    def __init__(
        self,
        transfers: Transfers,
        cache: Cache,
        *,
        exclude_newer: dt.datetime | None,
        offline: bool,
        soon: Callable[[Callable[[], None]], None],
        trust: Trust = "fresh",
    ) -> None:
        self._transfers = transfers
        self.cache = cache
        self._complete_after = exclude_newer.timestamp() + _REPLICATION_LAG if exclude_newer else None
        self._offline = offline
        self._soon = soon
        self._curations = Curations()
        self._judged: dict[tuple[str, str], Candidates] = {}
        self._read: dict[bytes, Candidates] = {}
        self._answers: dict[tuple[str, AskedPage], PageOutcome] = {}
        self._awaited: dict[AskedPage, list[_Query]] = {}
        self._unread: list[tuple[int, int, AskedPage, Response]] = []
        self._noted: set[str] = set()
        self._trust = trust
        self.fetched = 0
        """How many pages came over the network, the confirmed ones (304) included."""

    def source(self, curation: Curation, *, note: Callable[[str], None]) -> PageSource:
        """Return the pages as one target looks at them; `note` is told what its user should know."""
        self._curations.add(curation)
        return PageSource(self, curation, note)

    def get(self, query: _Query) -> bool:
        """Answer a query, perhaps before this call returns; say whether an index has to be asked for it and nobody had yet."""
        key = (query.curation.key, query.page)
        if key in self._answers:
            query.done(self._answers[key])
            return False
        if query.page in self._awaited:
            self._awaited[query.page].append(query)
            return False
        kept = self._kept(query)
        if kept is not None and (self._offline or self._fresh(*kept)):
            found = self._answers[key] = _known(query.page, *kept)
            query.done(found)
            return False
        self._awaited[query.page] = [query]
        self._ask(query.page, kept[0] if kept is not None else None)
        return True

    def _ask(self, page: AskedPage, cached: CachedPage | None) -> None:
        headers = [ACCEPT, *([] if self._trust == "fresh" else [_REVALIDATE])]
        if cached is not None and cached.etag:
            headers.append(f"If-None-Match: {cached.etag}")
        if cached is not None and cached.modified:
            headers.append(f"If-Modified-Since: {cached.modified}")
        self._transfers.get(
            page.url,
            headers=tuple(headers),
            credentials=page.credentials,
            done=lambda response: self._answered(page, response),
        )

    def _answered(self, page: AskedPage, response: Response) -> None:
        self.fetched += 1
        if response.unreachable:
            self._tell(page, lambda query: self._stand_in(query, response))
        elif response.failure is not None:
            self._tell_all(page, Unavailable(failed(page, response.failure)))
        elif response.status == 304:
            self.cache.refresh_page(page.url, fetched=time.time(), fresh_until=_fresh_until(response.headers))
            self._tell(page, self._confirmed)
        elif response.status == 404:
            self.cache.store_page(_page(page, response, b""), b"")
            self._tell_all(page, Absent(page.url))
        elif response.status == 200:
            heapq.heappush(self._unread, (len(response.body), self.fetched, page, response))
            self._soon(self._read_shortest)
        else:
            self._tell_all(page, Unavailable(refused(page, response.status)))

    def _tell_all(self, page: AskedPage, outcome: PageOutcome) -> None:
        self._tell(page, lambda _query: outcome)

    def _tell(self, page: AskedPage, outcome: Callable[[_Query], PageOutcome]) -> None:
        """Answer everybody who waits for a page."""
        for query in self._awaited.pop(page):
            found = self._answers[query.curation.key, page] = outcome(query)
            query.done(found)

    def _read_shortest(self) -> None:
        _, _, page, response = heapq.heappop(self._unread)
        try:
            cached = self._accepted(page, response)
        except PageError as error:
            self._tell_all(page, Unavailable(unusable(page, error.reason)))
        else:
            if isinstance(cached, Unavailable):
                self._tell_all(page, cached)
            else:
                self._tell(page, lambda query: _known(page, cached, self._judged[page.url, query.curation.key]))

    def _accepted(self, page: AskedPage, response: Response) -> CachedPage | Unavailable:
        """Keep a page that came, and judge its files. Raises PageError."""
        rows = decode_page(_decoded(response), content_type=response.headers.get("content-type", ""), url=response.url)
        known = catalog.find(page.address) if self._trust != "nothing" else None
        if known is not None and (findings := _differing(known, page.project, rows)):
            return Unavailable(findings[0])
        cached = _page(page, response, response.body)
        self.cache.store_page(cached, response.body)
        self._judge(page, cached, rows)
        return cached

    def _confirmed(self, query: _Query) -> PageOutcome:
        kept = self._kept(query)
        return _known(query.page, *kept) if kept is not None else Unavailable(refused(query.page, 304))

    def _stand_in(self, query: _Query, response: Response) -> PageOutcome:
        """Answer for an index that cannot be reached: from an old page if the catalog knows the index too, or the catalog."""
        page = query.page
        known = catalog.find(page.address) if self._trust != "nothing" else None
        if known is None:
            failure = response.failure or "no connection"
            return Unavailable(unreachable(page, failure, offline=self._offline), silent=True)
        kept = self._kept(query)
        if kept is not None:
            self._say(query, f"index `{page.index}` cannot be reached: pages from the cache stand in")
            return _known(page, *kept)
        files = known.projects.get(page.project)
        if files is None:
            return Unavailable(unreachable(page, response.failure or "no connection", offline=self._offline))
        why = "is not asked with --offline" if self._offline else "cannot be reached"
        self._say(query, f"index `{page.index}` {why}: the embedded catalog of {known.date} stands in")
        rows = [catalog_row(known, file) for file in files]
        return Found(url=page.url, candidates=query.curation.curate(page.project, rows), catalog=known)

    def _say(self, query: _Query, text: str) -> None:
        if query.page.index not in self._noted:
            self._noted.add(query.page.index)
            query.note(text)

    def _kept(self, query: _Query) -> _Kept | None:
        """Return the page of an earlier run with its candidates, None where there is none or it cannot be read."""
        url, key = query.page.url, query.curation.key
        page = self.cache.page(url)
        if page is None or page.status != 200:
            return (page, Candidates()) if page is not None else None
        if (url, key) not in self._judged:
            kept = self.cache.curated(url, key, page.digest)
            if kept is not None:
                self._judged[url, key] = self._decoded(kept)
            elif (rows := rows_of(self.cache, page)) is not None:
                self._judge(query.page, page, rows)
            else:
                return None
        return page, self._judged[url, key]

    def _judge(self, page: AskedPage, cached: CachedPage, rows: list[FileRow]) -> None:
        """Work out every target's candidates of a page, and keep them; those that are the same once."""
        alike: dict[int, tuple[Candidates, list[str]]] = {}
        for key, candidates in self._curations.curate(page.project, rows).items():
            self._judged[page.url, key] = candidates
            alike.setdefault(id(candidates), (candidates, []))[1].append(key)
        for candidates, keys in alike.values():
            self.cache.store_curated(page.url, keys, cached.digest, msgspec.msgpack.encode(candidates))

    def _decoded(self, kept: bytes) -> Candidates:
        """Return the candidates that the cache kept; those of several targets that are the same are one list."""
        if kept not in self._read:
            self._read[kept] = Candidates(_decoder()(kept))
        return self._read[kept]

    def _fresh(self, page: CachedPage, candidates: Candidates) -> bool:
        """Say whether a page may be used without asking: within its max-age, or complete for a cut-off in the past.

        Only a page that gives moments of upload is ever complete: without them, whatever is added later counts as old.
        """
        if self._trust != "fresh":
            return False
        if time.time() < page.fresh_until:
            return True
        if self._complete_after is None or page.fetched < self._complete_after:
            return False
        return bool(candidates) and all(candidate.file.upload_time is not None for candidate in candidates)


class PageSource:
    """The pages of all indexes as one target looks at them."""

    def __init__(self, book: PageBook, curation: Curation, note: Callable[[str], None]) -> None:
        self._book = book
        self._curation = curation
        self._note = note
        self.shelf = PageShelf(book.cache, curation)

    @property
    def fetched(self) -> int:
        """Return how many pages came over the network for all targets of the run."""
        return self._book.fetched

    def get(self, index: str, address: str, project: NormalizedName, done: Callable[[PageOutcome], None]) -> bool:
        """Call `done`, perhaps before this call returns, with what the index at `address` has of `project`.

        Return whether the index has to be asked for it and nobody had yet. The note is made once per index and run, that the
        catalog or an old page stands in for an index that cannot be reached.
        """
        bare, credentials = split_credentials(address)
        page = AskedPage(index, bare, credentials, page_url(bare, project), project)
        return self._book.get(_Query(page, self._curation, self._note, done))


_Kept = tuple[CachedPage, Candidates]


class _Query(Struct, frozen=True):
    page: AskedPage
    curation: Curation
    note: Callable[[str], None]
    done: Callable[[PageOutcome], None]


@cache
def _decoder() -> Callable[[bytes], list[Candidate]]:
    return msgspec.msgpack.Decoder(list[Candidate]).decode


def _known(asked: AskedPage, page: CachedPage, candidates: Candidates) -> PageOutcome:
    if page.status != 200:
        return Absent(page.url)
    same_host = urlsplit(page.base)[:2] == urlsplit(asked.url)[:2]
    return Found(url=page.base, candidates=candidates, credentials=asked.credentials if same_host else None)


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


def _page(asked: AskedPage, response: Response, body: bytes) -> CachedPage:
    headers = response.headers
    return CachedPage(
        url=asked.url,
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
