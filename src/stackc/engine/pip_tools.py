"""The engine pip-tools: `pip-compile` in a child process of this interpreter, in an environment built from scratch.

pip-tools resolves with pip, for the interpreter and the system that it runs on; only because the view shows everything in a
neutral form is what it finds right for another target.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from functools import partial
from pathlib import Path

from stackc.engine.child import (
    OUTPUT,
    REQUIREMENTS,
    bare_environment,
    child_text,
    missing,
    read_pins,
    unusable,
    write_requirements,
)
from stackc.engine.model import Answer, Failed, How, Question, Running, Solved, Unsolvable
from stackc.engine.pip_compile import ARGUMENTS, GAVE_UP, LOG, PREFERENCES, UNREAD, UNSOLVABLE, UNUSABLE, WORDS
from stackc.engine.warm import WarmProcesses
from stackc.errors import EngineError

__all__ = ["PipTools"]

_NAME = "pip-tools"
_ENDS: dict[int, How] = {UNUSABLE: "unusable", UNREAD: "unread", GAVE_UP: "gave up"}


class PipTools:
    """The pip-tools of the environment that stackc runs in, loaded once for all questions that are asked of this object.

    `search` are the folders in which modules are found, this process's own if None.
    """

    def __init__(self, search: tuple[str, ...] | None = None) -> None:
        self._search = search if search is not None else tuple(folder for folder in sys.path if folder)
        self._processes = WarmProcesses([sys.executable, "-m", "stackc.engine.pip_compile"], _environment(self._search))

    @property
    def name(self) -> str:
        """Return `pip-tools`."""
        return _NAME

    def version(self) -> str:
        """Return the version of pip-tools; pip's own, which differs from host to host, is no part of it."""
        found = next(iter(importlib.metadata.distributions(name=_NAME, path=list(self._search))), None)
        if found is None:
            raise EngineError(missing(_NAME))
        return found.version

    def start(self, question: Question) -> Running:
        """Begin to resolve."""
        self.version()
        write_requirements(question)
        pins = {name: str(version) for name, version in sorted(question.preferences.items())}
        (question.folder / PREFERENCES).write_text(json.dumps(pins), encoding="utf-8")
        (question.folder / ARGUMENTS).write_text(json.dumps(_arguments(question)), encoding="utf-8")
        try:
            return self._processes.ask(question.folder, partial(_answer, question.folder))
        except OSError as error:
            raise EngineError(unusable(_NAME, str(error))) from error

    def close(self) -> None:
        """End the processes that wait for a question."""
        self._processes.close()


def _environment(search: tuple[str, ...]) -> dict[str, str]:
    """Return an environment in which pip reads no configuration, and finds the modules that this process finds."""
    return {
        **bare_environment(Path(os.devnull)),
        "PATH": os.devnull,  # pip asks a compiler for its version where it finds one, to tell it to the index
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": os.pathsep.join(search),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def _arguments(question: Question) -> list[str]:
    # Each flag closes a door that was seen open; the view alone decides what pip may know, pre-releases included.
    return [
        REQUIREMENTS, "-o", OUTPUT,
        "--index-url", question.index_url, "--pre",
        "--no-config", "--no-emit-index-url", "--no-header", "--no-annotate", "--allow-unsafe", "--no-strip-extras", "--quiet",
        "--cache-dir", str(question.folder / "cache"),
        "--pip-args", "--no-input --keyring-provider disabled --retries 0 --timeout 600",
    ]  # fmt: skip


def _answer(folder: Path, status: int, said: str) -> Answer:
    if status == 0:
        return Solved(read_pins(folder))
    text = child_text(folder, WORDS) or child_text(folder, LOG) or said
    return Unsolvable(text) if status == UNSOLVABLE else Failed(status, text, how=_ENDS.get(status, "otherwise"))
