"""Core metadata of distribution files, by the cheapest way: cache, PEP 658, a probe beside the file, ranges of the wheel.

A whole wheel is never downloaded. An sdist is, since its PKG-INFO lies in a compressed stream; its static part is enough
where it says so (PEP 643), else its metadata are built in isolation.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from stackc.errors import Finding
from stackc.loop import Loop
from stackc.redact import redact_url
from stackc.upstream.cache import Cache
from stackc.upstream.exchange import Part, Response
from stackc.upstream.isolation import Isolation
from stackc.upstream.remote_zip import TAIL, RemoteZipError, Span, metadata_by_spans
from stackc.upstream.settings import NetworkSettings
from stackc.upstream.simple import FileRow, Hashes
from stackc.upstream.transfers import Transfers
from stackc.view.metadata import BUILD_REQUIRES, headers_of

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


__all__ = ["MetadataOutcome", "MetadataSource", "Unreadable", "built_note", "is_metadata", "kept_fields", "not_cached"]

_FUTILE_PROBES = 4
"""After so many probes of one host that found nothing, and none that did, no more are made."""


class Unreadable(Struct, frozen=True):
    """No metadata could be had. `lasting` tells that the file is at fault, and not the way to it."""

    finding: Finding
    lasting: bool


MetadataOutcome = str | Unreadable
Done = Callable[[MetadataOutcome], None]


class MetadataSource:
    """Answers for the metadata of all files of one run: the header of METADATA, without the description."""

    def __init__(self, transfers: Transfers, loop: Loop, cache: Cache, settings: NetworkSettings) -> None:
        self._transfers = transfers
        self._loop = loop
        self._cache = cache
        self._settings = settings
        self._probes: dict[str, int] = {}
        self._without_tails: set[str] = set()
        self._known: dict[str, str] = {}
        self._awaited: dict[str, list[Done]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self.fetched = 0
        """How many files' metadata came over the network."""

    def known(self, file: FileRow) -> str | None:
        """Return the metadata of a file that somebody asked for before in this run, if its index gives its digest."""
        return self._known.get(file.hashes.sha256 or "")

    def get(
        self, file: FileRow, url: str, done: Done, *, credentials: str | None = None, isolation: Isolation | None = None
    ) -> bool:
        """Call `done`, perhaps before this call returns, with the metadata of the file at the absolute `url`.

        Return whether somebody has to be asked for it and nobody had yet. What an sdist does not say is built in `isolation`.
        """
        file_key = file.hashes.sha256 or redact_url(url)
        builds = isolation if isolation is not None and not file.filename.endswith(".whl") else None
        key = file_key if builds is None or self._cache.metadata(file_key) is not None else f"{file_key} {builds.key}"
        if key in self._awaited:
            self._awaited[key].append(done)
            return False
        known = self._known.get(key) or self._cache.metadata(key)
        if known is not None:
            self._known[key] = known
            done(known)
            return False
        self._awaited[key] = [done]
        self._fetch(_Query(file, url, key, partial(self._tell, key), credentials, builds))
        return True

    def _tell(self, key: str, outcome: MetadataOutcome) -> None:
        """Answer everybody who waits for a file's metadata."""
        if isinstance(outcome, str):
            self._known[key] = outcome
        for done in self._awaited.pop(key):
            done(outcome)

    def _fetch(self, query: _Query) -> None:
        file, url = query.file, query.url
        if self._settings.offline:
            query.done(Unreadable(not_cached(file.filename, code="S321"), lasting=False))
        elif not file.filename.endswith(".whl"):
            self._ask(query, url, self._sdist_came)
        elif file.core_metadata or self._worth_probing(url):
            self._ask(query, f"{url}.metadata", self._sidecar_came)
        else:
            self._read_ranges(query)

    def close(self) -> None:
        """End the threads that build metadata."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, query: _Query, url: str, came: Callable[[_Query, Response], None]) -> None:
        self._transfers.get(url, credentials=query.credentials, done=lambda response: came(query, response))

    def _worth_probing(self, url: str) -> bool:
        return self._probes.get(urlsplit(url).netloc, 0) < _FUTILE_PROBES

    def _sidecar_came(self, query: _Query, response: Response) -> None:
        if response.failure is not None or response.status >= 500:
            query.done(_unreachable(query, response))
        elif response.status == 200:
            self._check_sidecar(query, response)
        elif query.file.core_metadata is False or response.status in {403, 404}:
            self._count_futile(query)
            self._read_ranges(query)
        else:
            query.done(_unreachable(query, response))

    def _check_sidecar(self, query: _Query, response: Response) -> None:
        promised = query.file.core_metadata
        body = _body(response)
        if isinstance(promised, Hashes) and promised.sha256 is not None:
            found = hashlib.sha256(body).hexdigest()
            if promised.sha256.lower() == found:
                self._accept(query, body)
            else:
                query.done(Unreadable(_wrong_digest(query, promised.sha256, found), lasting=False))
        elif is_metadata(body):
            self._probes[urlsplit(query.url).netloc] = -1_000_000
            self._accept(query, body)
        else:  # such as a page that says politely that there is nothing
            self._count_futile(query)
            self._read_ranges(query)

    def _count_futile(self, query: _Query) -> None:
        host = urlsplit(query.url).netloc
        self._probes[host] = self._probes.get(host, 0) + 1

    def _accept(self, query: _Query, body: bytes, *, builds: Iterable[str] = ()) -> None:
        try:
            header = kept_fields(body, builds=builds)
        except UnicodeDecodeError:
            query.done(Unreadable(_broken(query, "its metadata is not UTF-8"), lasting=True))
            return
        self.fetched += 1
        self._cache.store_metadata(query.key, header)
        query.done(header)

    def _read_ranges(self, query: _Query) -> None:
        host = urlsplit(query.url).netloc
        if query.file.size:
            self._read_spans(query, query.file.size)
        elif host in self._without_tails:
            self._span(query, (0, 1), lambda came: self._read_spans(query, came[1]))
        else:
            self._transfers.get_part(query.url, -TAIL, 0, credentials=query.credentials, done=partial(self._tail_came, query))

    def _tail_came(self, query: _Query, found: Part | OSError) -> None:
        """Begin with the end of a wheel whose size nobody told; a host that gives none is asked for the size first."""
        if isinstance(found, OSError):
            self._without_tails.add(urlsplit(query.url).netloc)
            self._read_ranges(query)
            return
        tail, size = found
        reading = metadata_by_spans(size, filename=query.file.filename)

        def first() -> Span:
            next(reading)  # it wants the very end that is here already
            return reading.send(tail)

        self._read_on(query, reading, first)

    def _read_spans(self, query: _Query, size: int) -> None:
        reading = metadata_by_spans(size, filename=query.file.filename)
        self._read_on(query, reading, partial(next, reading))

    def _read_on(self, query: _Query, reading: Generator[Span, bytes, bytes], step: Callable[[], Span]) -> None:
        """Take the next step of a reading, and ask for the span that it wants, until it has read all that it needs."""
        try:
            span = step()
        except StopIteration as ended:
            self._accept(query, ended.value)
        except RemoteZipError as error:
            query.done(Unreadable(_broken(query, str(error)), lasting=True))
        else:
            self._span(query, span, lambda came: self._read_on(query, reading, partial(reading.send, came[0])))

    def _span(self, query: _Query, span: Span, came: Callable[[Part], None]) -> None:
        def answered(found: Part | OSError) -> None:
            if isinstance(found, OSError):
                query.done(Unreadable(_range_failed(query, str(found)), lasting=False))
            else:
                came(found)

        self._transfers.get_part(query.url, *span, credentials=query.credentials, done=answered)

    def _threads(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor

        self._pool = self._pool or ThreadPoolExecutor(8, thread_name_prefix="stackc-builds")
        return self._pool

    def _sdist_came(self, query: _Query, response: Response) -> None:
        if response.failure is not None or response.status != 200:
            query.done(_unreachable(query, response))
            return
        promised = query.file.hashes.sha256
        bodies = {hashlib.sha256(body).hexdigest(): body for body in (_body(response), response.body)}
        body = bodies.get(promised.lower()) if promised is not None else response.body
        if promised is not None and body is None:
            query.done(Unreadable(_wrong_digest(query, promised, hashlib.sha256(response.body).hexdigest()), lasting=False))
            return
        from stackc.upstream.sdist import NotStaticError, build_requires, read_static_pkg_info  # the readers of archives

        body = body or b""
        try:
            self._accept(
                replace(query, key=promised or redact_url(query.url)),  # what is static is so for every target
                read_static_pkg_info(query.file.filename, body),
                builds=build_requires(query.file.filename, body),
            )
        except NotStaticError as error:
            if query.isolation is None:
                query.done(Unreadable(_broken(query, str(error)), lasting=True))
            else:
                self._threads().submit(self._build_in_thread, query, body, query.isolation)
        except ValueError as error:
            query.done(Unreadable(_broken(query, str(error)), lasting=True))

    def _build_in_thread(self, query: _Query, body: bytes, isolation: Isolation) -> None:
        from stackc.upstream.sdist_build import BuildError, build_metadata

        try:
            metadata, builds = build_metadata(query.file.filename, body, isolation)
        except BuildError as error:
            outcome = Unreadable(error.finding, lasting=error.lasting)
            self._loop.post(lambda: query.done(outcome))
        else:
            self._loop.post(lambda: self._built(query, metadata, builds, isolation))

    def _built(self, query: _Query, metadata: bytes, builds: Iterable[str], isolation: Isolation) -> None:
        isolation.note(built_note(query.file.filename, isolation))
        self._accept(query, metadata, builds=builds)


_KEPT = frozenset({"metadata-version", "name", "version", "requires-python", "requires-dist", "provides-extra", "dynamic"})


class _Query(Struct, frozen=True):
    file: FileRow
    url: str
    key: str
    done: Done
    credentials: str | None
    isolation: Isolation | None


def built_note(filename: str, isolation: Isolation) -> str:
    """Return what the user should know of metadata that were built."""
    python = "{}.{}".format(*isolation.target.python_minor)
    return f"what `{filename}` requires was told by a build of its metadata on this machine, by Python {python}"


def _body(response: Response) -> bytes:
    """Return a body as it was before the server compressed it; one that is not compressed as it says, as it came."""
    if response.headers.get("content-encoding", "").lower() == "gzip":
        with suppress(OSError, EOFError, zlib.error):
            return gzip.decompress(response.body)
    return response.body


def kept_fields(body: bytes, *, builds: Iterable[str] = ()) -> str:
    """Return the fields of core metadata that stackc reads, and a field of its own for each requirement of a build.

    Raises UnicodeDecodeError.
    """
    kept = "".join(f"{field}: {value}\n" for field, value in headers_of(body.decode("utf-8")) if field in _KEPT)
    return kept + "".join(f"{BUILD_REQUIRES}: {' '.join(entry.split())}\n" for entry in builds)


def is_metadata(body: bytes) -> bool:
    """Say whether a body that nothing vouches for can be core metadata at all."""
    fields = {field for field, _ in headers_of(body.decode("utf-8", errors="replace"))}
    return fields.issuperset(("name", "version"))


def _unreachable(query: _Query, response: Response) -> Unreadable:
    reason = response.failure or f"answered {response.status}"
    finding = Finding(
        code="S320",
        message=f"the metadata of `{query.file.filename}` could not be fetched",
        notes=(f"{redact_url(response.url)}: {reason}",),
        hint="try again; if it stays so, the index is at fault",
    )
    return Unreadable(finding, lasting=False)


def not_cached(filename: str, *, code: str) -> Finding:
    """Return the finding that a file's metadata were never read, and nobody may be asked for them now."""
    return Finding(
        code=code,
        message=f"the metadata of `{filename}` is not in the cache, and --offline was given",
        hint="compile once without --offline",
    )


def _range_failed(query: _Query, reason: str) -> Finding:
    return Finding(
        code="S320",
        message=f"the metadata of `{query.file.filename}` could not be fetched",
        notes=(reason,),
        hint="the index offers neither `.metadata` beside the file nor range requests; try again, or use a mirror that does",
    )


def _broken(query: _Query, reason: str) -> Finding:
    return Finding(
        code="S322",
        message=f"`{query.file.filename}` cannot be used",
        notes=(reason,),
        hint="choose another version: this file is broken on its index",
    )


def _wrong_digest(query: _Query, promised: str, found: str) -> Finding:
    return Finding(
        code="S323",
        message=f"what was fetched for `{query.file.filename}` is not what its index promised",
        wanted=f"sha256 {promised}",
        found=f"sha256 {found}",
        hint="a proxy or a mirror altered it, or the index is inconsistent; do not go on before you know which",
    )
