"""One client's connection to a replay: requests are taken as they come, and each is answered after a latency."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from urllib.parse import unquote

__all__ = ["Connection"]


class Connection(asyncio.Protocol, ABC):
    """Answers every request that is whole, so many seconds after it came."""

    def __init__(self, *, latency: float) -> None:
        self._latency = latency
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole, after the latency."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            asked = unquote(path.decode("latin-1").partition("?")[0])
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self.answer, asked, head + b"\r\n")
            else:
                self.answer(asked, head + b"\r\n")

    @abstractmethod
    def answer(self, path: str, head: bytes) -> None:
        """Send what a request gets; each line of `head`, the request's own included, ends as HTTP has it."""

    def send(self, content: bytes) -> None:
        """Send bytes, unless the client has gone."""
        if not self._transport.is_closing():
            self._transport.write(content)
