"""A loopback index for tests and benchmarks: answers as PyPI does, or as badly as a test asks.

It serves PEP 691 JSON (gzip, ETag, Cache-Control) or PEP 503 HTML, PEP 658 sidecars and ranges of wheels, with a latency per
response, and writes down every request.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import html
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

__all__ = ["Answer", "IndexServer", "Request", "Site", "html_page", "json_page", "serving"]

_LAST_TURNS = 8
JSON = "application/vnd.pypi.simple.v1+json"
_REASONS = {200: "OK", 206: "Partial Content", 304: "Not Modified", 401: "Unauthorized", 404: "Not Found", 500: "Server Error"}


@dataclass(frozen=True)
class Request:
    """One request: the path without the query, and the header fields with lower-case names."""

    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What is sent back. `promised` overrides Content-Length, to cut an answer short; `drop` closes without a word."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None
    drop: bool = False

    @property
    def bytes(self) -> bytes:
        length = len(self.body) if self.promised is None else self.promised
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + self.body


Handler = Callable[[Request], Answer]


class Site:
    """Paths and what they answer; everything else is 404. A path may be given a handler, to misbehave."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Handler] = {}

    def put(self, path: str, body: bytes, *, content_type: str, max_age: int | None = 600) -> None:
        """Serve `body` as PyPI's CDN does: compressed once, with an ETag, and 304 to who has it already."""
        packed = gzip.compress(body, 6, mtime=0)
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": etag} | ({"Cache-Control": f"max-age={max_age}, public"} if max_age is not None else {})
        full = Answer(200, packed, {**headers, "Content-Type": content_type, "Content-Encoding": "gzip"})
        same = Answer(304, b"", headers)
        plain = Answer(200, body, {**headers, "Content-Type": content_type})

        def answer(request: Request) -> Answer:
            if request.headers.get("if-none-match") == etag:
                return same
            return full if "gzip" in request.headers.get("accept-encoding", "") else plain

        self.answers[path] = answer

    def put_file(self, path: str, body: bytes) -> None:
        """Serve a file, whole or by range."""

        def answer(request: Request) -> Answer:
            asked = request.headers.get("range", "")
            if not asked.startswith("bytes="):
                return Answer(200, body, {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"})
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = (int(first), int(last or len(body) - 1) + 1) if first else (max(0, len(body) - int(last)), len(body))
            part = body[start:end]
            return Answer(206, part, {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(body)}"})

        self.answers[path] = answer

    def answer(self, request: Request) -> Answer:
        """Return what this site says to a request."""
        found = self.answers.get(request.path, Answer(404))
        return found if isinstance(found, Answer) else found(request)


class _Connection(asyncio.Protocol):
    def __init__(self, server: IndexServer) -> None:
        self._server = server
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._server.connections.discard(self._transport)
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            fields = (line.partition(":") for line in lines[1:])
            headers = {name.strip().lower(): value.strip() for name, _, value in fields}
            request = Request(unquote(lines[0].split(" ")[1].partition("?")[0]), headers)
            self._server.requests.append(request)
            answer = self._server.site.answer(request)
            if self._server.latency:
                asyncio.get_running_loop().call_later(self._server.latency, self._send, answer)
            else:
                self._send(answer)

    def _send(self, answer: Answer) -> None:
        if answer.drop:
            self._transport.abort()
            return
        self._transport.write(answer.bytes)
        if answer.promised is not None:
            self._transport.close()


class IndexServer:
    """A site on 127.0.0.1; `latency` is in seconds per response."""

    def __init__(self, site: Site, *, latency: float = 0.0) -> None:
        self.site = site
        self.latency = latency
        self.requests: list[Request] = []
        self.connections: set[asyncio.Transport] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """Return the address of the site's root, without a final slash."""
        return f"http://127.0.0.1:{self.port}"

    async def run(self, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Listen until `stop` is set."""
        listening = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", self.port)
        self.port = listening.sockets[0].getsockname()[1]
        ready()
        await stop.wait()
        for _ in range(_LAST_TURNS):  # a connection that is accepted after the close would be nobody's to end
            await asyncio.sleep(0)
        listening.close()
        for _ in range(_LAST_TURNS):
            for transport in tuple(self.connections):
                transport.abort()
            await asyncio.sleep(0)


@contextmanager
def serving(site: Site, *, latency: float = 0.0) -> Iterator[IndexServer]:
    """Serve a site from a thread while the context lasts."""
    server = IndexServer(site, latency=latency)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(server.run(ready.set, stop),), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def json_page(project: str, files: list[dict[str, Any]]) -> bytes:
    """Return a PEP 691 page."""
    return json.dumps({"meta": {"api-version": "1.1"}, "name": project, "files": files}).encode()


def html_page(links: Mapping[str, str]) -> bytes:
    """Return a PEP 503 page: file name → relative address with fragment, as the pytorch index spells them."""
    anchors = "".join(
        f'<a href="{html.escape(quote(address, safe="/#=%:?&"))}">{html.escape(name)}</a><br/>\n'
        for name, address in links.items()
    )
    return f"<!DOCTYPE html>\n<html>\n  <body>\n{anchors}  </body>\n</html>\n".encode()
