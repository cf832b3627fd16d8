"""A git repository of a test's own, with nobody's settings: made, committed to, and its hooks run for real."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Repository", "Said", "stackc_on_path"]


@dataclass(frozen=True)
class Said:
    """How a program ended, and what it said on both streams together, without what differs from run to run."""

    status: int
    text: str


@dataclass(frozen=True)
class Repository:
    """A working tree, and the environment that git and its hooks run in; `path` is where they find programs."""

    root: Path
    path: str
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        home = self.root.parent / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": self.path,
            "HOME": str(home),
            "PRE_COMMIT_HOME": str(home / "pre-commit"),
            "PRE_COMMIT_COLOR": "never",
            "STACKC_CACHE": str(home / "stackc"),
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org",
            **self.more,
        }

    def start(self) -> Repository:
        """Make the repository."""
        self.root.mkdir(parents=True, exist_ok=True)
        assert self.git("-c", "init.defaultBranch=main", "init", "--quiet").status == 0
        return self

    def write(self, files: Mapping[str, str]) -> None:
        """Write some files."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")

    def run(self, *command: str, folder: str = ".") -> Said:
        """Run a program in the repository."""
        done = subprocess.run(
            command,
            cwd=self.root / folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        text = done.stdout.decode().replace(str(self.root.parent), "ROOT")
        return Said(done.returncode, re.sub(r"- duration: .*\n", "", text))

    def git(self, *words: str, folder: str = ".") -> Said:
        """Run git."""
        return self.run("git", *words, folder=folder)

    def commit(self, *paths: str) -> Said:
        """Stage some paths (default: all) and commit them; the hooks run."""
        assert self.git("add", "--", *(paths or (".",))).status == 0
        return self.git("commit", "--quiet", "-m", "change")


def stackc_on_path(folder: Path) -> str:
    """Return a PATH with this stackc, git and what a shell needs, and no more."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "stackc"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stackc "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    git = shutil.which("git")
    assert git is not None
    return os.pathsep.join((str(folder), str(Path(git).parent), os.defpath))
