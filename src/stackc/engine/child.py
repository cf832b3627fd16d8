"""An engine's child process: what it is given, what it runs in, and what is read when it has ended. Both engines share it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.engine.model import Answer, Question, Running
from stackc.errors import EngineError, Finding
from stackc.redact import redact_text

__all__ = [
    "OUTPUT",
    "REQUIREMENTS",
    "bare_environment",
    "child_text",
    "missing",
    "read_pins",
    "start_child",
    "unusable",
    "write_requirements",
]

REQUIREMENTS = "requirements.in"
OUTPUT = "out.txt"
_LOG = "log"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)
_LONGEST_TEXT = 20_000


def start_child(
    engine: str,
    command: Sequence[str],
    *,
    question: Question,
    environment: Mapping[str, str],
    answer: Callable[[int], Answer],
) -> Running:
    """Start an engine in the question's folder, where its requirements are written first.

    All that it says goes to a file. `answer` makes its exit status an answer. Raises EngineError (S390) where it cannot start.
    """
    write_requirements(question)
    return _Child(engine, command, folder=question.folder, environment=environment, answer=answer)


def write_requirements(question: Question) -> None:
    """Write what is asked for as a requirements file."""
    lines = "".join(f"{line}\n" for line in question.requirements)
    (question.folder / REQUIREMENTS).write_text(lines, encoding="utf-8")


def bare_environment(folder: Path) -> dict[str, str]:
    """Return an environment built up, not pared down: any variable of the user's could lead an engine past the view."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "TMPDIR": str(folder),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "NETRC": "/dev/null",
    }


def read_pins(folder: Path) -> dict[NormalizedName, Version]:
    """Return the pins that an engine wrote, extras left out."""
    written = (folder / OUTPUT).read_text(encoding="utf-8")
    return {canonicalize_name(name): Version(version) for name, version in _PIN.findall(written)}


def child_text(folder: Path, name: str = _LOG) -> str:
    """Return the end of what an engine said, or of another file if it wrote that, without anybody's credentials."""
    file = folder / name
    return redact_text(file.read_text(encoding="utf-8", errors="replace")[-_LONGEST_TEXT:]) if file.exists() else ""


def missing(engine: str) -> Finding:
    """Return the finding for an engine that is nowhere; both are installed under the names that they have here."""
    return Finding(
        code="S390",
        message=f"engine `{engine}` is not installed",
        hint=f"`pip install {engine}` into the environment that stackc runs in",
    )


def unusable(engine: str, reason: str) -> Finding:
    """Return the finding for an engine that is there, and cannot be run."""
    return Finding(
        code="S390",
        message=f"engine `{engine}` is installed, but cannot be run",
        notes=tuple(reason.strip().splitlines()),
        hint=f"install it anew: `pip install --upgrade --force-reinstall {engine}` into the environment that stackc runs in",
    )


class _Child:
    """The process, and the end of a pipe that it alone holds open: it becomes readable when the process has ended."""

    def __init__(
        self,
        engine: str,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        answer: Callable[[int], Answer],
    ) -> None:
        self._answer = answer
        self._answered: Answer | None = None
        self._stopped = False
        self._ended, held_by_child = os.pipe()
        try:
            with (folder / _LOG).open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=folder,
                    start_new_session=True,
                    pass_fds=(held_by_child,),
                )
        except OSError as error:
            os.close(self._ended)
            raise EngineError(unusable(engine, str(error))) from error
        finally:
            os.close(held_by_child)

    def fileno(self) -> int:
        """Return the end of the pipe."""
        return self._ended

    def poll(self) -> Answer | None:
        """Return the answer, or None while the process runs."""
        status = self._process.poll()
        if status is not None and self._answered is None:
            self._answered = self._answer(status)
        return self._answered

    def stop(self) -> None:
        """Kill the process, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if not self._stopped:
            self._stopped = True
            os.close(self._ended)
