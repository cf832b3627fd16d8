"""Somebody who types: a command on a pseudo-terminal of its own."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from support.cli import Desk

__all__ = ["Typist", "typing"]

_PATIENCE = 30.0


@dataclass
class Typist:
    """Somebody at a terminal: waits for a question, and answers."""

    process: subprocess.Popen[bytes]
    terminal: int
    seen: str = ""
    read: int = field(default=0)

    def answer(self, question: str, keys: str) -> None:
        """Wait until the screen shows a question that was not there before, and type."""
        while question not in self.seen[self.read :]:
            assert self._more(), self.seen
        self.read = self.seen.index(question, self.read) + len(question)
        os.write(self.terminal, keys.encode())

    def end(self) -> int:
        """Wait for the end, and return the exit status."""
        while self._more():
            pass
        return self.process.wait(_PATIENCE)

    def interrupt(self) -> int:
        """Type Ctrl-C until it is heard, and return the exit status.

        Python does not hear the one that comes just before it begins to wait for a line.
        """
        for _ in range(int(_PATIENCE)):
            os.write(self.terminal, b"\x03")
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1.0)
                break
        return self.end()

    def _more(self) -> bool:
        """Read what comes next; return False at the end, and where nothing comes for long."""
        ready, _, _ = select.select([self.terminal], [], [], _PATIENCE)
        try:
            part = os.read(self.terminal, 4096) if ready else b""
        except OSError:  # Linux says so when nobody has the other side open any more
            part = b""
        self.seen += part.decode()
        return bool(part)


# A new session takes its terminal: only then is Ctrl-C, typed there, a signal.
_ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "stackc", *sys.argv[1:]])
"""


@contextmanager
def typing(desk: Desk, *arguments: str) -> Iterator[Typist]:
    """Start a command on a terminal of its own."""
    desk.project.mkdir(parents=True, exist_ok=True)
    terminal, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _ON_TERMINAL, *arguments],
        cwd=desk.project,
        env={**desk.environment, "TERM": "dumb", "COLUMNS": "200"},
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    )
    os.close(other)
    try:
        yield Typist(process, terminal)
    finally:
        os.close(terminal)
        if process.poll() is None:
            process.kill()
        process.wait(_PATIENCE)
