"""The command line as a user meets it: a real child process in a project of its own, and all that it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from support.index_server import IndexServer, Site
from support.universe import Release, publish

__all__ = ["TOOLS", "UNIVERSE", "Desk", "Outcome", "index_of", "manifest", "tree"]

TOOLS = {"pip": (Release(version="25.3"),), "setuptools": (Release(version="80.9.0"),)}
"""What every image needs before its first step."""

UNIVERSE = {
    **TOOLS,
    "base": (Release(version="1.0"), Release(version="1.1"), Release(version="2.0")),
    "app": (Release(version="0.1", requires=("base>=1",)),),
}
"""Enough for a stack of two steps: `app` needs `base`."""

_RULES: tuple[tuple[str, str], ...] = (
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"\b\d+\.\d s\)", "0.0 s)"),
    (r"(\d targets in) \d+\.\d s", r"\1 0.0 s"),
    (r"\b(uv|pip-tools) \d+\.\d+\.\d+", r"\1 VERSION"),
    (r"\bport \d+", "port PORT"),
    (r"after \d+ ms", "after N ms"),
)


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and all that it printed, without what differs from run to run."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Desk:
    """A folder with a project, a cache, a home and a place for temporary files, all new, and nobody's environment."""

    root: Path

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def environment(self) -> dict[str, str]:
        """Return an environment that holds nothing of the one that the tests run in."""
        for name in ("home", "tmp"):
            (self.root / name).mkdir(exist_ok=True)
        return {
            "PATH": os.defpath,
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "STACKC_CACHE": str(self.root / "cache"),
            "LC_ALL": "C.UTF-8",
            "NETRC": os.devnull,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def write(self, text: str | bytes, name: str = "stack.toml") -> Path:
        """Write a file of the project, the manifest if no other is named."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a command in the project's folder, and wait for nothing."""
        self.project.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-m", "stackc", *arguments],
            cwd=self.project,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, launcher: tuple[str, ...] = (sys.executable, "-m", "stackc"), **more: str) -> Outcome:
        """Run a command in the project's folder; `more` are environment variables."""
        self.project.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [*launcher, *arguments],
            cwd=self.project,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        return Outcome(done.returncode, self.told(done.stdout), self.told(done.stderr))

    def fail(self, *arguments: str, launcher: tuple[str, ...] = (sys.executable, "-m", "stackc"), **more: str) -> Outcome:
        """Run a command that must fail, and hold it to that: no byte of the project changes, no temporary file is left."""
        self.write("a file of an older run\n", "locks/gpu/requirements.txt")
        before = tree(self.project)
        outcome = self.run(*arguments, launcher=launcher, **more)
        assert outcome.status != 0
        assert tree(self.project) == before
        assert self.leftovers() == []
        return outcome

    def told(self, output: bytes) -> str:
        """Return an output without the folder's path, ports and times."""
        text = output.decode().replace(str(self.root), "ROOT")
        for pattern, replacement in _RULES:
            text = re.sub(pattern, replacement, text)
        return text

    def leftovers(self) -> list[str]:
        """Return what no ended run may leave: temporary files, and hidden files in the project."""
        found = (*(self.root / "tmp").rglob("*"), *self.project.rglob(".*"))
        return sorted(path.relative_to(self.root).as_posix() for path in found)


def tree(folder: Path) -> Mapping[str, bytes]:
    """Return the bytes of every file below a folder, by relative POSIX name; nothing where there is no folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def index_of(universe: Mapping[str, tuple[Release, ...]], *, root: str = "/simple") -> Site:
    """Return a site that lists a universe."""
    site = Site()
    publish(site, universe, root=root)
    return site


def manifest(server: IndexServer | None, components: str, *, target: str = "", rest: str = "") -> str:
    """Return a manifest of one target, `gpu`, on Debian 12, whose default index is the server."""
    url = f'[indexes.pypi]\nurl = "{server.url}/simple"\n\n' if server is not None else ""
    return f"""\
[stack]
name = "small"

{url}[targets.gpu]
python = "3.11"
platform = "linux/amd64"
base = "debian:12"
{target}
{components}{rest}"""
