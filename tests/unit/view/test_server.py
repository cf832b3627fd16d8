"""The loopback server, as an HTTP client sees it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from stackc.loop import Loop
from stackc.view.server import Answer, LoopbackServer, Reply
from support.workbench import beside

Said = TypeVar("Said")


class Desk:
    """A server whose answers are the paths that it was asked for, and the paths that wait for an answer."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.held: list[Reply] = []
        self.server = LoopbackServer(self.loop, self.route)
        parts = urlsplit(self.server.url)
        self.port = parts.port or 0
        self.root = parts.path

    def route(self, path: str, reply: Reply) -> None:
        if path == "later":
            self.loop.call_later(0.05, lambda: reply(Answer(200, b"later")))
        elif path == "held":
            self.held.append(reply)
        else:
            reply(Answer(200, path.encode(), "application/x-path"))

    def ask(self, talk: Callable[[http.client.HTTPConnection], Said]) -> Said:
        def work() -> Said:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                return talk(connection)
            finally:
                connection.close()

        return beside(self.loop, work)

    def send(self, text: bytes, *, until: int) -> bytes:
        """Send bytes as they are, and return what came back, once that is `until` bytes or the server closed."""

        def work() -> bytes:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(text)
                received = b""
                while len(received) < until and (chunk := connection.recv(65536)):
                    received += chunk
                return received

        return beside(self.loop, work)


@contextmanager
def desk() -> Iterator[Desk]:
    made = Desk()
    try:
        yield made
    finally:
        made.server.close()
        made.loop.close()


def get(connection: http.client.HTTPConnection, path: str, *, method: str = "GET") -> tuple[int, bytes]:
    connection.request(method, path)
    response = connection.getresponse()
    return response.status, response.read()


def test_the_address_is_loopback_with_a_token_of_its_own() -> None:
    with desk() as one, desk() as other:
        assert one.server.url == f"http://127.0.0.1:{one.port}{one.root}"
        assert one.root.startswith("/t-")
        assert one.root.endswith("/")
        assert len(one.root) > 20
        assert one.root != other.root


def test_a_path_below_the_token_is_routed() -> None:
    with desk() as served:
        assert served.ask(lambda client: get(client, f"{served.root}simple/numpy/")) == (200, b"simple/numpy/")


@pytest.mark.parametrize("path", ["/", "/simple/numpy/", "/t-wrong/simple/numpy/", "/t-", "*", "//", "/t-/"])
def test_any_other_path_is_not_found(path: str) -> None:
    with desk() as served:
        assert served.ask(lambda client: get(client, path)) == (404, b"")


def test_an_answer_says_its_length_and_type_and_that_nobody_is_to_keep_it() -> None:
    def talk(client: http.client.HTTPConnection) -> list[tuple[str, str]]:
        client.request("GET", f"{served.root}a")
        return client.getresponse().getheaders()

    with desk() as served:
        assert served.ask(talk) == [
            ("Content-Type", "application/x-path"),
            ("Cache-Control", "no-store"),
            ("Content-Length", "1"),
        ]


def test_head_gives_the_headers_alone() -> None:
    def talk(client: http.client.HTTPConnection) -> tuple[str | None, bytes, tuple[int, bytes]]:
        client.request("HEAD", f"{served.root}abc")
        response = client.getresponse()
        return response.getheader("Content-Length"), response.read(), get(client, f"{served.root}next")

    with desk() as served:
        assert served.ask(talk) == ("3", b"", (200, b"next"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(method: str) -> None:
    with desk() as served:
        assert served.ask(lambda client: get(client, f"{served.root}a", method=method)) == (405, b"")


def test_a_connection_is_kept_for_many_requests() -> None:
    def talk(client: http.client.HTTPConnection) -> list[tuple[int, bytes, object]]:
        return [(*get(client, f"{served.root}{number}"), client.sock.getsockname()) for number in range(20)]

    with desk() as served:
        answers = served.ask(talk)

    assert [answer[:2] for answer in answers] == [(200, b"%d" % number) for number in range(20)]
    assert len({answer[2] for answer in answers}) == 1


def test_an_answer_may_come_later_while_others_are_served() -> None:
    def talk(client: http.client.HTTPConnection) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
        client.request("GET", f"{served.root}later")
        second = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
        soon = get(second, f"{served.root}soon")
        second.close()
        response = client.getresponse()
        return soon, (response.status, response.read())

    with desk() as served:
        assert served.ask(talk) == ((200, b"soon"), (200, b"later"))


def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    with desk() as served:
        paths = ["later", "a", "later", "b"]
        sent = b"".join(f"GET {served.root}{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths)
        expected = b"".join(
            (
                f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: no-store\r\n"
                f"Content-Length: {len(path)}\r\n\r\n{path}"
            ).encode()
            for path, kind in zip(paths, ["text/plain; charset=utf-8", "application/x-path"] * 2, strict=True)
        )

        assert served.send(sent, until=len(expected)) == expected


def test_a_request_may_come_in_pieces() -> None:
    def work() -> bytes:
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
            for letter in f"GET {served.root}a HTTP/1.1\r\nHost: x\r\n\r\n":
                connection.sendall(letter.encode())
            received = b""
            while not received.endswith(b"\r\n\r\na"):
                received += connection.recv(100)
            return received[:15]

    with desk() as served:
        assert beside(served.loop, work) == b"HTTP/1.1 200 OK"


def test_a_request_beyond_all_measure_ends_the_connection() -> None:
    with desk() as served:
        flood = f"GET {served.root}a HTTP/1.1\r\nX: ".encode() + b"x" * 70_000

        with suppress(ConnectionError):
            assert served.send(flood, until=1) == b""
        assert served.ask(lambda client: get(client, f"{served.root}still")) == (200, b"still")


@pytest.mark.parametrize("line", [b"nonsense", b"GET /", b"", b"GET / HTTP/1.1 more", b"\xff\xfe \x00 x"])
def test_what_is_no_request_is_answered_and_harms_nobody(line: bytes) -> None:
    with desk() as served:
        answer = served.send(line + b"\r\n\r\n", until=12)

        assert answer[:12] == b"HTTP/1.1 405"
        assert served.ask(lambda client: get(client, f"{served.root}still")) == (200, b"still")


def test_a_client_that_leaves_before_its_answer_is_no_matter() -> None:
    with desk() as served:
        request = f"GET {served.root}held HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        assert served.send(request, until=0) == b""
        assert served.ask(lambda client: get(client, f"{served.root}a")) == (200, b"a")
        assert len(served.held) == 1
        served.held[0](Answer(200, b"too late"))

        assert served.ask(lambda client: get(client, f"{served.root}still")) == (200, b"still")


def test_closing_ends_every_connection() -> None:
    with desk() as served:
        connection = socket.create_connection(("127.0.0.1", served.port), timeout=5)
        assert served.ask(lambda client: get(client, f"{served.root}a")) == (200, b"a")
    with connection:
        assert connection.recv(10) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", served.port), timeout=5)
