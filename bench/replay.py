"""Replay the recorded index on loopback, as PyPI's network answers: PEP 691, PEP 658, gzip, ETag, Cache-Control.

    python bench/replay.py FOLDER LATENCY:MAX_AGE...

Listens once per pair (milliseconds per response, seconds of `max-age`), prints the ports as one line of JSON, and serves until
its standard input ends. All answers are made beforehand: what is measured is the client. Then it prints how many requests came
for what was never recorded; there should be none.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import connection
from support.recorded import torch_pages

JSON = "application/vnd.pypi.simple.v1+json"
_FOR_EVER = "max-age=365000000, immutable, public"
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """What one path answers; `control` is None where the port's own `max-age` holds."""

    body: bytes
    etag: str
    fields: str
    control: str | None = None

    def whole(self, max_age: int) -> bytes:
        """Return the answer to who does not have it yet."""
        return f"HTTP/1.1 200 OK\r\n{self._head(max_age)}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body

    def same(self, max_age: int) -> bytes:
        """Return the answer to who has it already."""
        return f"HTTP/1.1 304 Not Modified\r\n{self._head(max_age)}\r\n".encode()

    def _head(self, max_age: int) -> str:
        control = self.control or f"max-age={max_age}, public"
        return f"{self.fields}ETag: {self.etag}\r\nCache-Control: {control}\r\n"


def answers(folder: Path) -> Iterator[tuple[str, Answer]]:
    """Yield path and answer for all that was recorded, and for the indexes of torch for CUDA 12.4 and for the CPU."""
    for page in sorted(folder.glob("pages/*.json")):
        yield f"/simple/{page.stem}/", _page(page.read_bytes(), JSON)
    for file in sorted(folder.glob("metadata/*.metadata")):
        project = file.name.partition("-")[0].replace("_", "-").replace(".", "-").lower()
        yield f"/files/{project}/{file.name}", _sidecar(file.read_bytes())
    for found in (page for variant in ("cu124", "cpu") for page in torch_pages(variant)):
        is_page = found.content_type == "text/html"
        yield found.path, _page(found.content, found.content_type) if is_page else _sidecar(found.content)


def _page(body: bytes, media_type: str) -> Answer:
    fields = f"Content-Type: {media_type}\r\nContent-Encoding: gzip\r\nVary: Accept, Accept-Encoding\r\n"
    return Answer(gzip.compress(body, 6, mtime=0), _etag(body), fields)


def _sidecar(body: bytes) -> Answer:
    return Answer(body, _etag(body), "Content-Type: application/octet-stream\r\n", _FOR_EVER)


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


class Connection(connection.Connection):
    """Answers in full, or with 304 who has it already."""

    def __init__(self, known: Mapping[str, Answer], misses: Counter[str], *, latency: float, max_age: int) -> None:
        super().__init__(latency=latency)
        self._known = known
        self._misses = misses
        self._max_age = max_age

    def answer(self, path: str, head: bytes) -> None:
        """Send what was made beforehand; count what was not."""
        found = self._known.get(path)
        if found is None:
            self._misses[path] += 1
            self.send(_MISSING)
            return
        asks_anew = b"if-none-match:" in head.lower() and found.etag.encode() in head
        self.send(found.same(self._max_age) if asks_anew else found.whole(self._max_age))


async def serve(folder: Path, pairs: list[str]) -> Counter[str]:
    """Serve until standard input ends; return the requests that nothing was recorded for."""
    known = dict(answers(folder))
    misses: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    ports: dict[str, int] = {}
    for pair in pairs:
        latency, _, max_age = pair.partition(":")
        made = partial(Connection, known, misses, latency=int(latency) / 1000, max_age=int(max_age))
        server = await loop.create_server(made, "127.0.0.1", 0, backlog=512)
        ports[pair] = server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    return misses


if __name__ == "__main__":
    for path, count in sorted(asyncio.run(serve(Path(sys.argv[1]), sys.argv[2:])).items()):
        sys.stderr.write(f"replay: {path} was asked for {count} times, and is not recorded\n")
