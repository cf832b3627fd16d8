# pathlib takes longer to import than a small file to read.
# ruff: noqa: PTH110, PTH113, PTH118
"""The files of a folder that the guard reads: the usual ones, without what git ignores, and never by a link out of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping

from stackc.guard.kinds import is_usual

__all__ = ["files_below"]

_PASSED_OVER = {".git", ".hg", ".svn", ".tox", ".nox", ".venv", "node_modules", "site-packages", "__pycache__"}


def files_below(folder: str, *, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths of the usual files below a folder, sorted; each begins with the folder as it is given."""
    listed = _known_to_git(folder, environment)
    names = _walked(folder) if listed is None else iter(listed)
    usual = (name for name in names if is_usual(name.replace(os.sep, "/")))
    return tuple(sorted(_beside(folder, name) for name in usual if _stays_inside(folder, name)))


def _beside(folder: str, name: str) -> str:
    return name if folder in {"", "."} else os.path.join(folder, name)


def _known_to_git(folder: str, environment: Mapping[str, str]) -> list[str] | None:
    """Return what git tracks below a folder, and what it neither tracks nor ignores; None where there is no git to ask.

    A hook runs with variables that tell git of another index or folder; they are left out.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    own = {name: value for name, value in environment.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, cwd=folder, env=own, capture_output=True, check=False)
    except OSError:
        return None
    if done.returncode != 0:
        return None
    return sorted({os.fsdecode(name) for name in done.stdout.split(b"\0") if name})


def _walked(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER and not _is_environment(parent, name))
        yield from (os.path.relpath(os.path.join(parent, name), folder) for name in files)


def _is_environment(parent: str, name: str) -> bool:
    """Say whether a folder is a virtual environment."""
    return os.path.exists(os.path.join(parent, name, "pyvenv.cfg"))


def _stays_inside(folder: str, name: str) -> bool:
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        return False
    real, inside = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([real, inside]) == inside
