"""The event loop: one thread serves transfers, the loopback server, the engine's pipes and timers side by side.

It is a selector with timers, and no more: importing asyncio costs a run 40 ms, half of what a warm compile may take.
"""

from __future__ import annotations

import heapq
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

__all__ = ["Loop"]


class Loop:
    """A selector, and the callbacks that wait for its files, for moments of the monotonic clock and for other threads.

    A registered file's data is a callable that takes the file object and the event mask.
    """

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._idle: deque[Callable[[], None]] = deque()
        self._posted: deque[Callable[[], None]] = deque()
        self._waker, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self.selector.register(self._woken, selectors.EVENT_READ, self._wake)

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        """Call `callback` once, `delay` seconds from now at the earliest."""
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + delay, self._count, callback))

    def call_idle(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when a turn finds nothing else to do."""
        self._idle.append(callback)

    def do_idly(self, tasks: Iterable[Callable[[], object]]) -> None:
        """Do tasks one by one, each in a turn that finds nothing else to do; those that never get one are left undone."""
        left = iter(tasks)

        def do_next() -> None:
            task = next(left, None)
            if task is not None:
                task()
                self.call_idle(do_next)

        self.call_idle(do_next)

    def post(self, callback: Callable[[], None]) -> None:
        """Call `callback` in the loop's thread; may be called from any thread, and comes to nothing once the loop is closed."""
        self._posted.append(callback)
        with suppress(OSError):
            self._waker.send(b"x")

    def turn(self, longest: float) -> None:
        """Serve all that is due; where nothing is, do one idle task, or wait for the next event, `longest` seconds at most."""
        if self._timers:
            longest = min(longest, max(0.0, self._timers[0][0] - time.monotonic()))
        ready = self.selector.select(0.0 if self._idle else longest)
        for key, mask in ready:
            key.data(key.fileobj, mask)
        now = time.monotonic()
        due = bool(self._timers) and self._timers[0][0] <= now
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        if self._idle and not ready and not due:
            self._idle.popleft()()

    def close(self) -> None:
        """Let go of the selector and of the waker's sockets."""
        self.selector.close()
        self._waker.close()
        self._woken.close()

    def _wake(self, _file: object, _mask: int) -> None:
        self._woken.recv(4096)
        while self._posted:
            self._posted.popleft()()
