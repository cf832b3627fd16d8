"""A process that is kept warm: it answers questions one after the other, so that what it takes to load is paid for once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from stackc.engine.model import Answer, Running

__all__ = ["WarmProcesses"]

Answering = Callable[[int, str], Answer]
"""Makes an answer of the status with which a question ended, and of what the process said if it ended itself."""


class WarmProcesses:
    """As many processes of one command as questions are asked at the same time; each waits for the next one when it is done.

    A process is told a question's folder by a line, and tells by a line the status with which the question ended. They end
    by themselves when this process does, however that comes about.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment
        self._idle: list[_Process] = []

    def ask(self, folder: Path, answering: Answering) -> Running:
        """Ask about a folder. Raises OSError where no process can be started."""
        while self._idle:
            process = self._idle.pop()
            if process.ask(folder):
                return _Run(process, self._idle, answering)
            process.kill()  # it had ended
        process = _Process(self._command, self._environment)
        process.ask(folder)  # where it has ended already, its status says so
        return _Run(process, self._idle, answering)

    def close(self) -> None:
        """End the processes that wait."""
        while self._idle:
            self._idle.pop().kill()


class _Process:
    """One process, in a session of its own with those that it forks, and the socket that they all hold open."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.socket, theirs = socket.socketpair()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (it is closed with the socket)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=self._log,
                stderr=self._log,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        except OSError:
            self.socket.close()
            self._log.close()
            raise
        finally:
            theirs.close()

    def ask(self, folder: Path) -> bool:
        """Ask about a folder; say whether there was anybody to ask."""
        try:
            self.socket.sendall(f"{folder}\n".encode())
        except OSError:
            return False
        return True

    def status(self) -> int | None:
        """Return the status of the present question, or the process's own if it has ended; None while there is neither."""
        try:
            told = self.socket.recv(64, socket.MSG_DONTWAIT | socket.MSG_PEEK)
        except BlockingIOError:
            return None
        except OSError:
            told = b""
        return int(told) if told else self._process.wait()

    def said(self) -> str:
        """Return what the process itself said, between questions."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", errors="replace")

    def free(self) -> bool:
        """Take note that the answer is known; say whether the process waits for another question."""
        with suppress(OSError):
            return bool(self.socket.recv(64, socket.MSG_DONTWAIT)) and self._process.poll() is None
        return False

    def kill(self) -> None:
        """End the process with all that it forked; none of them is left afterwards."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with suppress(OSError):
            while self.socket.recv(4096):
                pass
        self.socket.close()
        self._log.close()


class _Run:
    """One question: its end makes the socket of its process readable."""

    def __init__(self, process: _Process, idle: list[_Process], answering: Answering) -> None:
        self._process = process
        self._idle = idle
        self._answering = answering
        self._answered: Answer | None = None
        self._stopped = False

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self._process.socket.fileno()

    def poll(self) -> Answer | None:
        """Return the answer, or None while there is none."""
        if self._answered is None:
            status = self._process.status()
            if status is not None:
                self._answered = self._answering(status, self._process.said())
        return self._answered

    def stop(self) -> None:
        """Give the process back, or end it if it still works on the question."""
        if self._stopped:
            return
        self._stopped = True
        if self._answered is not None and self._process.free():
            self._idle.append(self._process)
            return
        self._answered = self._answered or self._answering(-signal.SIGKILL, "")
        self._process.kill()
