"""The event loop: files, moments, idle tasks, and callbacks from other threads."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from stackc.loop import Loop
from support.workbench import wait_until


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def test_a_turn_waits_no_longer_than_it_may(loop: Loop) -> None:
    began = time.monotonic()
    loop.turn(0.05)

    assert 0.04 < time.monotonic() - began < 2


def test_a_file_that_is_ready_is_served(loop: Loop) -> None:
    ours, theirs = socket.socketpair()
    seen: list[bytes] = []
    loop.selector.register(ours, selectors.EVENT_READ, lambda file, mask: seen.append(file.recv(10)))
    with ours, theirs:
        theirs.sendall(b"hello")
        wait_until(loop, lambda: seen)
        loop.selector.unregister(ours)

    assert seen == [b"hello"]


def test_moments_come_in_their_order_and_equal_ones_in_that_of_asking(loop: Loop) -> None:
    seen: list[str] = []
    for delay, name in ((0.03, "last"), (0.0, "first"), (0.01, "then"), (0.0, "second")):
        loop.call_later(delay, lambda name=name: seen.append(name))  # type: ignore[misc]
    wait_until(loop, lambda: len(seen) == 4)

    assert seen == ["first", "second", "then", "last"]


def test_a_moment_is_never_early(loop: Loop) -> None:
    came: list[float] = []
    began = time.monotonic()
    loop.call_later(0.05, lambda: came.append(time.monotonic() - began))
    wait_until(loop, lambda: came)

    assert came[0] >= 0.05


def test_a_callback_that_asks_for_itself_again_lets_files_be_served(loop: Loop) -> None:
    ours, theirs = socket.socketpair()
    seen: list[bytes] = []
    turns: list[None] = []

    def again() -> None:
        turns.append(None)
        loop.call_later(0.0, again)

    loop.selector.register(ours, selectors.EVENT_READ, lambda file, mask: seen.append(file.recv(10)))
    with ours, theirs:
        again()
        theirs.sendall(b"hello")
        wait_until(loop, lambda: seen)
        loop.selector.unregister(ours)

    assert (seen, len(turns) < 100) == ([b"hello"], True)


def test_idle_tasks_are_done_one_by_one_when_nothing_else_is_due(loop: Loop) -> None:
    seen: list[str] = []
    loop.call_idle(lambda: seen.append("idle"))
    loop.call_idle(lambda: seen.append("idle too"))
    loop.call_later(0.0, lambda: seen.append("due"))
    loop.turn(1.0)
    assert seen == ["due"]
    loop.turn(1.0)
    assert seen == ["due", "idle"]
    loop.turn(1.0)
    assert seen == ["due", "idle", "idle too"]


def test_other_threads_may_post(loop: Loop) -> None:
    here = threading.get_ident()
    seen: list[tuple[int, int]] = []
    threads = [
        threading.Thread(target=lambda n=n: loop.post(lambda: seen.append((n, threading.get_ident())))) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(loop, lambda: len(seen) == 20)

    assert sorted(seen) == [(n, here) for n in range(20)]


def test_a_post_wakes_a_loop_that_waits(loop: Loop) -> None:
    seen: list[float] = []
    began = time.monotonic()
    threading.Timer(0.05, lambda: loop.post(lambda: seen.append(time.monotonic() - began))).start()
    loop.turn(5.0)

    assert len(seen) == 1
    assert seen[0] < 3


def test_a_post_after_the_end_is_passed_over() -> None:
    ended = Loop()
    ended.close()

    ended.post(lambda: pytest.fail("nobody turns this loop"))
