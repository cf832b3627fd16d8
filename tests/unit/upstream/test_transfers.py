"""Transfers against servers that behave, and servers that do not."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from stackc.loop import Loop
from stackc.upstream import transfers
from stackc.upstream.exchange import Response, split_credentials
from stackc.upstream.lone_transfers import fetch_range
from stackc.upstream.settings import NetworkSettings
from stackc.upstream.transfers import Transfers
from support.index_server import Answer, Handler, IndexServer, Request, Site, serving
from support.odd_servers import free_port, read_head, talking
from support.workbench import settings, wait_until


def fetch(
    url: str, *, network: NetworkSettings | None = None, headers: tuple[str, ...] = (), credentials: str | None = None
) -> Response:
    loop = Loop()
    active = Transfers(loop, network or settings())
    came: list[Response] = []
    try:
        active.get(url, done=came.append, headers=headers, credentials=credentials)
        assert (came, active.waiting) == ([], 1)
        wait_until(loop, lambda: came)
        assert active.waiting == 0
        return came[0]
    finally:
        active.close()
        loop.close()


def site(**answers: Answer | Handler) -> Site:
    made = Site()
    made.answers.update({f"/{path}": answer for path, answer in answers.items()})
    return made


def redirect(url: str, status: int = 302) -> Answer:
    return Answer(status, b"elsewhere", {"Location": url})


def paths(server: IndexServer) -> list[str]:
    return [request.path for request in server.requests]


def in_turn(*answers: Answer) -> Callable[[Request], Answer]:
    """Return a handler that gives one answer after the other, the last for ever."""
    left = list(answers)
    return lambda _request: left.pop(0) if len(left) > 1 else left[0]


def test_an_answer_comes_with_status_headers_and_body_as_sent() -> None:
    with serving(site(a=Answer(200, b"\x1f\x8braw", {"ETag": '"x"', "Content-Encoding": "gzip"}))) as server:
        found = fetch(f"{server.url}/a", headers=("Accept: text/html",))

        assert found == Response(
            url=f"{server.url}/a",
            status=200,
            headers={"content-length": "5", "etag": '"x"', "content-encoding": "gzip"},
            body=b"\x1f\x8braw",
        )
        assert server.requests[0].headers["accept"] == "text/html"
        assert server.requests[0].headers["accept-encoding"] == "gzip"
        assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("status", [304, 401, 403, 404, 410])
def test_a_refusal_is_an_answer_and_is_not_tried_again(status: int) -> None:
    with serving(site(a=Answer(status))) as server:
        found = fetch(f"{server.url}/a")

        assert (found.status, found.failure, len(server.requests)) == (status, None, 1)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(status: int) -> None:
    with serving(site(a=in_turn(Answer(status, b"busy"), Answer(status, b"busy"), Answer(200, b"fine")))) as server:
        found = fetch(f"{server.url}/a")

        assert (found.status, found.body, len(server.requests)) == (200, b"fine", 3)


def test_a_server_that_stays_broken_is_asked_as_often_as_the_settings_say() -> None:
    with serving(site(a=Answer(500, b"sorry"))) as server:
        found = fetch(f"{server.url}/a", network=settings(attempts=4))

        assert (found.status, found.body, found.failure, len(server.requests)) == (500, b"sorry", None, 4)


def test_retry_after_is_waited_for() -> None:
    with serving(site(a=in_turn(Answer(429, b"", {"Retry-After": "1"}), Answer(200, b"fine")))) as server:
        began = time.monotonic()
        found = fetch(f"{server.url}/a")

        assert (found.status, time.monotonic() - began >= 1.0) == (200, True)


def test_a_connection_that_is_dropped_is_a_failure_after_several_attempts() -> None:
    with serving(site(a=Answer(drop=True))) as server:
        found = fetch(f"{server.url}/a")

        assert (found.status, found.unreachable, len(server.requests)) == (0, False, 3)
        assert found.failure is not None
        assert found.failure.startswith("127.0.0.1: ")
        assert found.failure.endswith(", 3 times")


def test_half_an_answer_is_a_failure_that_says_how_far_it_came() -> None:
    with serving(site(a=Answer(200, b"12345", promised=50))) as server:
        found = fetch(f"{server.url}/a")

        assert (found.status, found.body, found.unreachable, len(server.requests)) == (200, b"", False, 3)
        assert found.failure is not None
        assert found.failure.endswith(", after 5 bytes of a 200 answer, 3 times")


def test_a_second_attempt_keeps_nothing_of_the_first() -> None:
    half = Answer(200, b"12345", {"X-Old": "1"}, promised=50)
    with serving(site(a=in_turn(half, Answer(200, b"whole")))) as server:
        found = fetch(f"{server.url}/a")

        assert (found.body, "x-old" in found.headers) == (b"whole", False)


def test_an_answer_that_never_ends_is_given_up() -> None:
    over = threading.Event()

    def stall(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        over.wait(20)

    with talking(stall) as port:
        found = fetch(f"http://127.0.0.1:{port}/a", network=settings(attempts=1))
        over.set()

    assert (found.status, found.unreachable) == (200, False)
    assert found.failure is not None
    assert "after 0 bytes of a 200 answer" in found.failure


def test_a_server_that_says_nothing_counts_as_unreachable() -> None:
    over = threading.Event()

    def wait(_connection: socket.socket) -> None:
        over.wait(20)

    with talking(wait) as port:
        found = fetch(f"http://127.0.0.1:{port}/a", network=settings(attempts=1))
        over.set()

    assert (found.status, found.unreachable) == (0, True)


def test_something_that_speaks_no_http_is_a_failure() -> None:
    with talking(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")) as port:
        found = fetch(f"http://127.0.0.1:{port}/a", network=settings(attempts=1))

    assert (found.status, found.unreachable, found.failure is None) == (0, False, False)


def test_a_refused_connection_is_unreachable() -> None:
    found = fetch(f"http://127.0.0.1:{free_port()}/a")

    assert (found.status, found.unreachable, found.failure is None) == (0, True, False)


def test_a_host_that_nobody_knows_is_unreachable_at_once() -> None:
    found = fetch("http://nobody.invalid/a", network=settings(attempts=9))

    assert (found.status, found.unreachable) == (0, True)
    assert found.failure is not None
    assert found.failure.startswith("nobody.invalid: ")
    assert "times" not in found.failure


def test_an_address_of_another_scheme_is_a_failure() -> None:
    found = fetch("file:///etc/passwd")

    assert (found.status, found.body, found.failure is None) == (0, b"", False)


def test_a_redirect_is_followed_and_the_address_that_answered_is_told() -> None:
    with serving(site(a=redirect("/b", 301), b=Answer(200, b"here"))) as server:
        found = fetch(f"{server.url}/a")

        assert found == Response(url=f"{server.url}/b", status=200, headers={"content-length": "4"}, body=b"here")


def test_redirects_that_lead_in_circles_or_to_files_are_failures() -> None:
    with serving(site(a=redirect("/a"), f=redirect("file:///etc/passwd"))) as server:
        circle, file = fetch(f"{server.url}/a"), fetch(f"{server.url}/f")

        assert paths(server) == ["/a"] * 6 + ["/f"]
        assert (circle.failure is None, file.failure is None, file.body) == (False, False, b"")


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def sent(server: IndexServer) -> list[tuple[str, str | None]]:
    return [(request.path, request.headers.get("authorization")) for request in server.requests]


def test_credentials_are_sent_to_the_host_that_they_belong_to() -> None:
    with serving(site(a=redirect("/b"), b=Answer(200))) as server:
        fetch(f"{server.url}/a", credentials="me:s3:cr@t")

        assert sent(server) == [("/a", basic("me:s3:cr@t")), ("/b", basic("me:s3:cr@t"))]


def test_credentials_are_not_sent_where_a_redirect_leads() -> None:
    with serving(site(b=Answer(200))) as other, serving(site(a=redirect(f"{other.url}/b"))) as server:
        assert fetch(f"{server.url}/a", credentials="me:secret").status == 200

        assert (sent(server), sent(other)) == ([("/a", basic("me:secret"))], [("/b", None)])


def test_credentials_are_not_sent_where_a_redirect_led_when_that_is_tried_again() -> None:
    with serving(site(b=in_turn(Answer(500), Answer(200)))) as other:
        with serving(site(a=redirect(f"{other.url}/b"))) as server:
            assert fetch(f"{server.url}/a", credentials="me:secret").status == 200

            assert sent(server) == [("/a", basic("me:secret"))] * 2
        assert sent(other) == [("/b", None)] * 2


def test_credentials_in_a_redirect_are_not_in_the_address_that_is_told() -> None:
    with serving(site(b=Answer(200))) as server:
        with_user = server.url.replace("http://", "http://me:secret@")
        server.site.answers["/a"] = redirect(f"{with_user}/b")

        assert fetch(f"{server.url}/a").url == f"{server.url}/b"


def test_a_netrc_file_gives_credentials_for_its_own_hosts_alone(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n", encoding="utf-8")
    with serving(site(a=Answer(200), b=Answer(200))) as server:
        fetch(f"{server.url}/a", network=settings(netrc=netrc))
        fetch(f"{server.url.replace('127.0.0.1', 'localhost')}/b", network=settings(netrc=netrc))
        fetch(f"{server.url}/b", network=settings(netrc=tmp_path / "missing"))
        fetch(f"{server.url}/a", network=settings(netrc=netrc), credentials="you:other")

        assert sent(server) == [("/a", basic("me:secret")), ("/b", None), ("/b", None), ("/a", basic("you:other"))]


def test_a_body_beyond_all_measure_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "LARGEST_BODY", 1024 * 1024)
    with serving(site(a=Answer(200, bytes(1024 * 1024 + 1)))) as server:
        found = fetch(f"{server.url}/a")

        assert (found.failure, len(server.requests)) == ("the answer is longer than 1 MiB", 1)


def test_offline_asks_nobody() -> None:
    with serving(site(a=Answer(200))) as server:
        found = fetch(f"{server.url}/a", network=settings(offline=True))

        assert found == Response(url=f"{server.url}/a", failure="--offline was given", unreachable=True)
        assert server.requests == []


def test_many_requests_are_answered_each_with_its_own() -> None:
    numbered = {f"n{number}": Answer(200, str(number).encode()) for number in range(60)}
    came: dict[str, bytes] = {}

    def keep(path: str, found: Response) -> None:
        came[path] = found.body

    with serving(site(**numbered), latency=0.005) as server:
        loop = Loop()
        active = Transfers(loop, settings())
        for path in numbered:
            active.get(f"{server.url}/{path}", done=partial(keep, path))
        wait_until(loop, lambda: active.waiting == 0)
        active.close()
        loop.close()

    assert came == {path: answer.body for path, answer in numbered.items()}


def test_closing_drops_what_is_under_way() -> None:
    came: list[Response] = []
    with serving(site(a=Answer(200)), latency=5.0) as server:
        loop = Loop()
        active = Transfers(loop, settings())
        active.get(f"{server.url}/a", done=came.append)
        loop.turn(0.05)
        active.close()
        loop.close()

    assert came == []


def test_a_proxy_gets_what_is_not_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def forward(connection: socket.socket) -> None:
        asked.append(read_head(connection).partition("\r\n")[0])
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nproxy")

    with talking(forward) as port, serving(site(a=Answer(200, b"direct"))) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        bodies = [fetch(f"{url}/a").body for url in ("http://something.invalid", server.url, f"http://localhost:{server.port}")]
        excepted = fetch("http://something.invalid/a", network=settings(no_proxy="something.invalid", attempts=1))

    assert bodies == [b"proxy", b"direct", b"direct"]
    assert asked == ["GET http://something.invalid/a HTTP/1.1"]
    assert excepted.unreachable is True


def test_a_range_of_a_file_is_fetched_with_the_length_of_the_whole() -> None:
    served = Site()
    served.put_file("/f", b"0123456789")
    with serving(served) as server:
        assert fetch_range(f"{server.url}/f", 2, 5, settings()) == (b"234", 10)


@pytest.mark.parametrize(
    "answer", [Answer(200, b"0123456789"), Answer(404), Answer(416), Answer(206, b"234"), Answer(drop=True)]
)
def test_a_server_without_ranges_is_an_error(answer: Answer) -> None:
    with serving(site(f=answer)) as server, pytest.raises(OSError, match=r"127\.0\.0\.1"):
        fetch_range(f"{server.url}/f", 2, 5, settings())


def test_a_range_that_is_not_the_one_asked_for_is_an_error() -> None:
    shifted = Answer(206, b"345", {"Content-Range": "bytes 3-5/10"})
    short = Answer(206, b"23", {"Content-Range": "bytes 2-3/10"})
    with serving(site(f=shifted, g=short)) as server:
        for path in "fg":
            with pytest.raises(OSError, match="another range"):
                fetch_range(f"{server.url}/{path}", 2, 5, settings())


@pytest.mark.parametrize(
    ("url", "bare", "credentials"),
    [
        ("https://example.org/simple", "https://example.org/simple", None),
        ("https://me:pw@example.org:8443/simple/", "https://example.org:8443/simple/", "me:pw"),
        ("https://me:p%40w%2F@example.org/s", "https://example.org/s", "me:p@w/"),
        ("https://token@example.org/s", "https://example.org/s", "token"),
        ("https://a@b:c@example.org/s", "https://example.org/s", "a@b:c"),
    ],
)
def test_credentials_are_taken_out_of_an_address(url: str, bare: str, credentials: str | None) -> None:
    assert split_credentials(url) == (bare, credentials)
