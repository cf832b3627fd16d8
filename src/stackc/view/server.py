"""The loopback server: GET and HEAD over HTTP/1.1 on 127.0.0.1, for one engine, for as long as it runs."""

from __future__ import annotations

import secrets
import selectors
import socket
from collections.abc import Callable
from functools import partial

from msgspec import Struct

from stackc.loop import Loop

__all__ = ["Answer", "LoopbackServer"]

_LONGEST_REQUEST = 64 * 1024
_SEND_TIMEOUT = 30.0
_UNKEPT = "Cache-Control: no-store\r\n"
"""Tells an engine to keep no answer: it asks each question once, and writing answers down costs uv more than to resolve."""

_REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 410: "Gone", 502: "Bad Gateway"}


class Answer(Struct, frozen=True):
    """What the server says to one request."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


Reply = Callable[[Answer], None]
Route = Callable[[str, Reply], None]


class LoopbackServer:
    """Serves the paths below a random token; `route` is called with each path and replies at once or later.

    Any other path is 404, so that no other process on the machine reads or misleads. `asked` counts the requests for paths
    below the token: who ended without one never came here.
    """

    def __init__(self, loop: Loop, route: Route) -> None:
        self._loop = loop
        self._route = route
        self.asked = 0
        self._token = f"/t-{secrets.token_urlsafe(16)}/"
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.setblocking(False)
        self._connections: set[_Connection] = set()
        loop.selector.register(self._listener, selectors.EVENT_READ, self._accept)

    @property
    def url(self) -> str:
        """Return the address of everything that is served, with a final slash."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}{self._token}"

    def close(self) -> None:
        """Stop listening and close every connection."""
        self._loop.selector.unregister(self._listener)
        self._listener.close()
        for connection in tuple(self._connections):
            connection.close()

    def _accept(self, _file: object, _mask: int) -> None:
        accepted, _address = self._listener.accept()
        self._connections.add(_Connection(accepted, self._loop, self._answer, self._connections.discard))

    def _answer(self, path: str, reply: Reply) -> None:
        if path.startswith(self._token):
            self.asked += 1
            self._route(path[len(self._token) :], reply)
        else:
            reply(Answer(404))


class _Connection:
    """One kept-alive connection: requests are answered one after the other, in the order in which they came."""

    def __init__(self, accepted: socket.socket, loop: Loop, route: Route, forget: Callable[[_Connection], None]) -> None:
        self._socket = accepted
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop = loop
        self._route = route
        self._forget = forget
        self._received = b""
        self._busy = False
        self._open = True
        loop.selector.register(self._socket, selectors.EVENT_READ, self._read)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.selector.unregister(self._socket)
            self._socket.close()
            self._forget(self)

    def _read(self, _file: object, _mask: int) -> None:
        try:
            received = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        self._received += received
        if not received or len(self._received) > _LONGEST_REQUEST:
            self.close()
            return
        self._serve()

    def _serve(self) -> None:
        while self._open and not self._busy and b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            method, path = _request_line(head)
            self._busy = True
            if method in {"GET", "HEAD"}:
                self._route(path, partial(self._send, only_head=method == "HEAD"))
            else:
                self._send(Answer(405))

    def _send(self, answer: Answer, *, only_head: bool = False) -> None:
        self._busy = False
        if not self._open:
            return
        head = (
            f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\nContent-Type: {answer.content_type}\r\n"
            f"{_UNKEPT}Content-Length: {len(answer.body)}\r\n\r\n"
        )
        try:
            self._write(head.encode("latin-1") + (b"" if only_head else answer.body))
        except OSError:
            self.close()
            return
        if self._received:
            self._loop.call_later(0.0, self._serve)

    def _write(self, data: bytes) -> None:
        """Send all of an answer. Nearly always the kernel takes it at once; who does not read for long is not waited for."""
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._socket.settimeout(_SEND_TIMEOUT)
            self._socket.sendall(data[sent:])
            self._socket.setblocking(False)


def _request_line(head: bytes) -> tuple[str, str]:
    parts = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    return (parts[0], parts[1]) if len(parts) == 3 else ("", "")
