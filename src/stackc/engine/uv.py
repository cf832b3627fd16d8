"""The engine uv: `uv pip compile` as a child process in an environment built from scratch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

from msgspec import Struct

from stackc.engine.child import OUTPUT, REQUIREMENTS, bare_environment, child_text, missing, read_pins, start_child, unusable
from stackc.engine.model import Answer, Failed, Question, Running, Solved, Unsolvable
from stackc.errors import EngineError

__all__ = ["Uv"]

_NAME = "uv"
_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")


class Uv(Struct, frozen=True):
    """The uv that is installed beside stackc, or else the first on `search_path`."""

    search_path: str | None = None

    @property
    def name(self) -> str:
        """Return `uv`."""
        return _NAME

    def version(self) -> str:
        """Return uv's version, as uv says it."""
        return _version_of(self.binary())

    def start(self, question: Question) -> Running:
        """Begin to resolve."""
        command = _command(self.binary(), question)
        pins = "".join(f"{name}=={version}\n" for name, version in sorted(question.preferences.items()))
        (question.folder / OUTPUT).write_text(pins, encoding="utf-8")
        environment = {
            **bare_environment(question.folder),
            "UV_NO_CONFIG": "1",
            "UV_HTTP_RETRIES": "1",
            "UV_HTTP_TIMEOUT": "600",
            "UV_CONCURRENT_DOWNLOADS": "10",  # each takes a connection, and the view answers one question after the other
        }
        return start_child(_NAME, command, question=question, environment=environment, answer=partial(_answer, question))

    def close(self) -> None:
        """Nothing is kept."""

    def binary(self) -> str:
        """Return the path of uv itself. Raises EngineError (S390)."""
        beside = Path(sys.executable).with_name("uv")
        if beside.is_file():
            return str(beside)
        found = shutil.which("uv", path=self.search_path)
        if found is None:
            raise EngineError(missing(_NAME))
        return found


@cache
def _version_of(binary: str) -> str:
    try:
        shown = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EngineError(unusable(_NAME, str(error))) from error
    found = _VERSION.search(shown.stdout)
    if found is None:
        raise EngineError(unusable(_NAME, f"it gives its version as `{shown.stdout.strip()}`"))
    return found[0]


def _command(binary: str, question: Question) -> list[str]:
    # Each flag closes a door that was seen open; the view alone decides what uv may know, pre-releases included.
    return [
        binary, "pip", "compile", REQUIREMENTS, "-o", OUTPUT,
        "--default-index", question.index_url, "--prerelease", "allow",
        "--no-config", "--no-sources", "--index-strategy", "first-index", "--keyring-provider", "disabled",
        "--no-build", "--no-python-downloads", "--no-header", "--no-annotate", "--color", "never", "--no-progress",
        "--cache-dir", str(_cache(question)), "-p", sys.executable,
    ]  # fmt: skip


def _answer(question: Question, status: int) -> Answer:
    """Return what an exit status means: 1 is no solution, and 2 all else that uv says itself."""
    if status == 0:
        return Solved(read_pins(question.folder))
    text = child_text(question.folder)
    if status == 1:
        return Unsolvable(text)
    return Failed(status, text, how="unread" if REQUIREMENTS in text else "otherwise")


def _cache(question: Question) -> Path:
    """Return where uv keeps what it learnt of this interpreter: the folder that outlives the run, if it can be written to.

    Of the view it keeps nothing, as the view says of each answer.
    """
    try:
        question.cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        return question.folder / "cache"
    return question.cache if os.access(question.cache, os.W_OK | os.X_OK) else question.folder / "cache"
