"""The engine uv: `uv pip compile` as a child process in an environment built from scratch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from msgspec import Struct
from packaging.utils import canonicalize_name
from packaging.version import Version

from stackc.engine.model import Answer, Failed, Question, Running, Solved, Unsolvable
from stackc.errors import EngineError, Finding
from stackc.redact import redact_text

__all__ = ["Uv"]

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")
_INTERPRETER_CACHE = "interpreter-*"
_LONGEST_TEXT = 20_000


class Uv(Struct, frozen=True):
    """The uv that is installed beside stackc, or else the first on `search_path`."""

    search_path: str | None = None

    @property
    def name(self) -> str:
        """Return `uv`."""
        return "uv"

    def version(self) -> str:
        """Return uv's version, as uv says it."""
        return _version_of(self.binary())

    def start(self, question: Question) -> Running:
        """Begin to resolve."""
        return _UvRun(self.binary(), question)

    def binary(self) -> str:
        """Return the path of uv itself. Raises EngineError (S390)."""
        beside = Path(sys.executable).with_name("uv")
        if beside.is_file():
            return str(beside)
        found = shutil.which("uv", path=self.search_path)
        if found is None:
            raise EngineError(
                Finding(
                    code="S390",
                    message="engine `uv` is not installed",
                    hint="`pip install uv` into the environment that stackc runs in",
                )
            )
        return found


@cache
def _version_of(binary: str) -> str:
    try:
        shown = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EngineError(_unusable(str(error))) from error
    found = _VERSION.search(shown.stdout)
    if found is None:
        raise EngineError(_unusable(f"it gives its version as `{shown.stdout.strip()}`"))
    return found[0]


class _UvRun:
    """One run: inputs and outputs are files in the question's folder, the cache is a copy that starts with the probe alone."""

    def __init__(self, binary: str, question: Question) -> None:
        self._folder = question.folder
        self._kept_cache = question.cache
        self._cache = question.folder / "cache"
        self._write_inputs(question)
        self._adopt_probe()
        self._process, self._ended = self._started(self._command(binary, question))
        self._stopped = False

    def _started(self, command: list[str]) -> tuple[subprocess.Popen[bytes], int]:
        """Start uv, and return it with the end of a pipe that it alone holds open. Raises EngineError."""
        ended, held_by_child = os.pipe()
        try:
            with (self._folder / "log").open("wb") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment(),
                    cwd=self._folder,
                    start_new_session=True,
                    pass_fds=(held_by_child,),
                )
        except OSError as error:
            os.close(ended)
            raise EngineError(_unusable(str(error))) from error
        finally:
            os.close(held_by_child)
        return process, ended

    def fileno(self) -> int:
        """Return the end of a pipe that uv alone holds open: it becomes readable when uv has ended."""
        return self._ended

    def poll(self) -> Answer | None:
        """Return the answer, or None while uv runs."""
        status = self._process.poll()
        if status is None:
            return None
        if status == 0:
            self._keep_probe()
            pins = (self._folder / "out.txt").read_text(encoding="utf-8")
            return Solved({canonicalize_name(name): Version(version) for name, version in _PIN.findall(pins)})
        text = redact_text((self._folder / "log").read_text(encoding="utf-8", errors="replace")[-_LONGEST_TEXT:])
        return Unsolvable(text) if status == 1 else Failed(status, text)

    def stop(self) -> None:
        """Kill uv, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if not self._stopped:
            self._stopped = True
            os.close(self._ended)

    def _write_inputs(self, question: Question) -> None:
        lines = "".join(f"{line}\n" for line in question.requirements)
        (self._folder / "requirements.in").write_text(lines, encoding="utf-8")
        pins = "".join(f"{name}=={version}\n" for name, version in sorted(question.preferences.items()))
        (self._folder / "out.txt").write_text(pins, encoding="utf-8")

    def _command(self, binary: str, question: Question) -> list[str]:
        # Each flag closes a door that was seen open; the view alone decides what uv may know.
        return [
            binary, "pip", "compile", "requirements.in", "-o", "out.txt",
            "--default-index", question.index_url,
            "--no-config", "--no-sources", "--index-strategy", "first-index", "--keyring-provider", "disabled",
            "--no-build", "--no-python-downloads", "--no-header", "--no-annotate", "--color", "never", "--no-progress",
            "--cache-dir", str(self._cache), "-p", sys.executable,
        ]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        """Return an environment built up, not pared down: any `UV_*` of the user's could lead uv past the view."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._folder),
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(self._folder),
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "NETRC": "/dev/null",
            "UV_NO_CONFIG": "1",
            "UV_HTTP_RETRIES": "1",
            "UV_HTTP_TIMEOUT": "600",
        }

    def _adopt_probe(self) -> None:
        """Begin with what uv once learnt of this interpreter; what it caches of the view is of no use to another run."""
        for known in self._kept_cache.glob(_INTERPRETER_CACHE):
            shutil.copytree(known, self._cache / known.name)

    def _keep_probe(self) -> None:
        for learnt in self._cache.glob(_INTERPRETER_CACHE):
            kept = self._kept_cache / learnt.name
            if not kept.exists():
                self._kept_cache.mkdir(parents=True, exist_ok=True)
                staged = Path(tempfile.mkdtemp(dir=self._kept_cache))
                shutil.copytree(learnt, staged, dirs_exist_ok=True)
                try:
                    staged.rename(kept)
                except OSError:  # another run was faster
                    shutil.rmtree(staged)


def _unusable(reason: str) -> Finding:
    return Finding(
        code="S390",
        message="engine `uv` is installed, but cannot be run",
        notes=(reason,),
        hint="install it again: `pip install --force-reinstall uv` into the environment that stackc runs in",
    )
