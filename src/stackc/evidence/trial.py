"""One trial: a combination in a throw-away environment that uv builds, and the probe run in it.

Nothing of the user's own configuration reaches uv or the probe: no `UV_*`, no `PIP_*`, no `PYTHON*`, no other interpreter.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name
from packaging.version import Version

from stackc.errors import EngineError, Finding
from stackc.evidence.combination import Combination
from stackc.evidence.proof import Trial
from stackc.files import scratch_folder
from stackc.redact import redact_text

__all__ = ["Bench", "try_combination"]

_PASSED_ON = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_LATER = dt.timedelta(days=14)
_LONGEST_INSTALL = 3600.0
_NO_SOLUTION = 1
_LONGEST_LINE = 300
_READ_BACK = 65536


class Bench(Struct, frozen=True, kw_only=True):
    """What trials are made with. `index_url` may hold credentials; `cache` is a folder of uv's that stackc owns.

    `scratch` must be on the disk of `cache`, so that uv can link files instead of copying them. `patience` is how long a probe
    may run, in seconds.
    """

    uv: str
    interpreters: Mapping[Version, Path]
    index_url: str
    cache: Path
    scratch: Path
    environment: Mapping[str, str]
    ca_file: Path | None = None
    patience: float = 180.0


class _Installed(Struct, frozen=True):
    """One entry of `uv pip list --format json`."""

    name: str
    version: str


def try_combination(combination: Combination, probe: str, *, complete_on: dt.datetime | None, bench: Bench) -> Trial:
    """Build the environment, run the probe, remove the environment, and return what was seen.

    Other projects are installed as they were a fortnight after `complete_on`, so that they fit their time. Raises EngineError:
    S243 where uv cannot build the environment, S246 where the probe does not end.
    """
    with scratch_folder(bench.scratch) as folder:
        environment = _Environment(folder, combination, before=complete_on + _LATER if complete_on else None, bench=bench)
        environment.install()
        installed = environment.installed()
        status, last_line = environment.run(probe)
        declared = status != 0 and environment.refuses()
    return Trial(
        python=str(combination.python),
        versions={name: installed[name] for name in combination.pins},
        beside=tuple(f"{name}=={installed[name]}" for name in sorted(installed.keys() - set(combination.pins))),
        status=status,
        last_line=last_line,
        declared=declared,
    )


class _Environment:
    """A virtual environment in a folder of its own, and how commands run in it."""

    def __init__(self, folder: Path, combination: Combination, *, before: dt.datetime | None, bench: Bench) -> None:
        self._folder = folder
        self._bench = bench
        self._interpreter = bench.interpreters[combination.python]
        self._pins = [f"{name}=={version}" for name, version in combination.pins.items()]
        self._cut_off = ["--exclude-newer", before.strftime("%Y-%m-%dT%H:%M:%SZ")] if before else []
        self._log = folder / "log"
        self._home = folder / "home"
        self._home.mkdir()
        self._python = folder / "env" / "bin" / "python"

    def install(self) -> None:
        """Install the combination against all that its releases ask of each other."""
        # An override takes the place of any requirement: what metadata forbids is exactly what is to be tried.
        overrides = self._folder / "overrides.txt"
        overrides.write_text("".join(f"{pin}\n" for pin in self._pins), encoding="utf-8")
        self._check("venv", "--python", str(self._interpreter), str(self._folder / "env"))
        self._check(*self._install, "--override", str(overrides))

    def refuses(self) -> bool:
        """Say whether the metadata of the releases forbids the combination: uv finds no solution without the overrides."""
        return self._uv(*self._install, "--reinstall", "--dry-run") == _NO_SOLUTION

    def installed(self) -> dict[str, str]:
        """Return what is installed, by normalized name."""
        self._check("pip", "list", "--format", "json", *self._here)
        text = self._log.read_bytes()
        listed = msgspec.json.decode(text[text.index(b"[") :], type=list[_Installed])
        return {canonicalize_name(entry.name): entry.version for entry in sorted(listed, key=lambda entry: entry.name)}

    def run(self, probe: str) -> tuple[int, str]:
        """Run the probe in isolation; return its exit status, and the last line that it wrote before it failed."""
        environment = {
            "PATH": f"{self._python.parent}:/usr/bin:/bin",
            "HOME": str(self._home),
            "TMPDIR": str(self._home),
            "LC_ALL": "C.UTF-8",
        }
        command = [str(self._python), "-I", "-c", probe]
        status = _run(command, environment, cwd=self._home, log=self._log, longest=self._bench.patience)
        if status is None:
            raise EngineError(_endless(self._bench.patience))
        return status, self._last_line() if status else ""

    @property
    def _here(self) -> Sequence[str]:
        return ("--python", str(self._python))

    @property
    def _install(self) -> Sequence[str]:
        return ("pip", "install", "--only-binary", ":all:", *self._cut_off, *self._here, *self._pins)

    def _check(self, *arguments: str) -> None:
        status = self._uv(*arguments)
        if status != 0:
            raise EngineError(_unbuildable(status, self._said().strip().splitlines()))

    def _uv(self, *arguments: str) -> int | None:
        bench = self._bench
        environment = {name: bench.environment[name] for name in _PASSED_ON if name in bench.environment} | {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._home),
            "TMPDIR": str(self._home),
            "LC_ALL": "C.UTF-8",
            "NETRC": bench.environment.get("NETRC") or str(Path(bench.environment.get("HOME", "/"), ".netrc")),
            "UV_NO_CONFIG": "1",
            "UV_DEFAULT_INDEX": bench.index_url,
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_HTTP_TIMEOUT": "300",
            **({"SSL_CERT_FILE": str(bench.ca_file)} if bench.ca_file else {}),
        }
        flags = ["--no-config", "--no-progress", "--color", "never", "--quiet", "--cache-dir", str(bench.cache)]
        return _run([bench.uv, *arguments, *flags], environment, cwd=self._home, log=self._log, longest=_LONGEST_INSTALL)

    def _said(self) -> str:
        """Return the end of what the last command wrote, with no path of this machine in it."""
        text = redact_text(self._log.read_bytes()[-_READ_BACK:].decode(errors="replace"))
        for path, word in self._paths():
            text = text.replace(path, word)
        return text

    def _last_line(self) -> str:
        lines = [line.strip() for line in self._said().splitlines() if line.strip()]
        return _printable(lines[-1])[:_LONGEST_LINE] if lines else ""

    def _paths(self) -> list[tuple[str, str]]:
        interpreters = [(str(path.parent.parent), "<python>") for path in self._real_interpreters()]
        return [(str(self._folder / "env"), "<environment>"), (str(self._folder), "<folder>"), *interpreters]

    def _real_interpreters(self) -> list[Path]:
        return [self._python.resolve()] if self._python.exists() else []


def _run(command: Sequence[str], environment: Mapping[str, str], *, cwd: Path, log: Path, longest: float) -> int | None:
    """Return the exit status, None where the command had to be ended. It and its children never outlive this call."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )
    try:
        return process.wait(longest)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command's whole session, which it leads."""
    with suppress(ProcessLookupError):  # nothing of it is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _unbuildable(status: int | None, said: Sequence[str]) -> Finding:
    ended = "did not end in time" if status is None else f"ended with exit status {status}"
    return Finding(
        code="S243",
        message=f"uv cannot build the environment of a trial: it {ended}",
        notes=tuple(said[-12:]),
        hint="its own words stand above; if the index did not answer, try again",
    )


def _endless(patience: float) -> Finding:
    return Finding(
        code="S246",
        message=f"the probe did not end within {patience:.0f} seconds",
        hint="a probe imports what breaks and touches it once: shorten it",
    )
