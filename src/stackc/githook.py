"""A pre-commit hook of plain git: its text, and where git wants it.

The hook takes what is staged out of the index into a folder of its own and checks it there, so that neither what was left
unstaged nor an untracked file sways the answer. That folder lies in the repository's own, where git neither tracks nor ignores.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct

from stackc.errors import Finding, Place, UsageError
from stackc.files import write_file

__all__ = ["Hook", "find_hook", "hook_text", "write_hook"]

_MARK = "# Written by `stackc install-hook`"
_CHECKED = (
    "*.toml", "*.txt", "*.in", "*.cfg", "*.yml", "*.yaml", "*.mk", "*.sh", "*.bash", "*.req", "*.reqs", "*.pip", "*.j2",
    "*.hcl", "*setup.py", "*pipfile", "*makefile", "*dockerfile*", "*containerfile*",
)  # fmt: skip


class Hook(Struct, frozen=True, kw_only=True):
    """Where git looks for the hook, and the project's folder as seen from the root of the working tree."""

    path: Path
    project: PurePosixPath


def find_hook(folder: Path, *, environment: Mapping[str, str]) -> Hook:
    """Return where the hook for a project's folder belongs. Raises UsageError where there is no repository to ask."""
    hook = _git(folder, environment, "--git-path", "hooks/pre-commit")
    return Hook(path=folder / hook, project=PurePosixPath(_git(folder, environment, "--show-prefix") or "."))


def hook_text(hook: Hook, *, manifest: str, python: str) -> str:
    """Return the hook for a manifest of this name; `python` is the interpreter that stackc is installed for."""
    folder = PurePosixPath(hook.project)
    patterns = " ".join(shlex.quote(f":(icase){pattern}") for pattern in _CHECKED)
    also = " ".join(shlex.quote(f":(literal){(folder / name).as_posix()}") for name in ("locks", "templates"))
    return f"""\
#!/bin/sh
{_MARK}, which may write over it.
# Checks what is staged, as `stackc check` does.
set -eu
python={shlex.quote(python)}
project={shlex.quote(folder.as_posix())}
manifest={shlex.quote(manifest)}
staged=$(mktemp -d "$(git rev-parse --absolute-git-dir)/stackc.XXXXXX")
trap 'rm -rf "$staged"' EXIT
trap 'exit 130' HUP INT TERM
git ls-files -z -- {patterns} {also} |
    GIT_LFS_SKIP_SMUDGE=1 git checkout-index -z --stdin --prefix="$staged/"
cd "$staged/$project" 2>/dev/null || exit 0
[ -f "$manifest" ] || exit 0
if [ -x "$python" ]; then
    "$python" -m stackc check --file "$manifest"
else
    stackc check --file "$manifest"
fi
"""


def write_hook(hook: Hook, text: str) -> bool:
    """Write the hook, and return whether it was another before. Raises UsageError for one that stackc did not write."""
    there = hook.path.read_bytes() if hook.path.is_file() else b""
    if _MARK.encode() not in there and os.path.lexists(hook.path):
        raise UsageError(
            Finding(
                code="S531",
                message="there is a pre-commit hook already, and stackc did not write it",
                places=(Place(file=str(hook.path)),),
                hint="call `stackc check` from that hook; where it is the pre-commit framework's, list stackc's hooks in "
                "`.pre-commit-config.yaml`, as docs/ci.md shows",
            )
        )
    write_file(hook.path, text.encode())
    hook.path.chmod(0o755)
    return there != text.encode()


def _git(folder: Path, environment: Mapping[str, str], *words: str) -> str:
    command = ["git", "rev-parse", *words]
    own = {name: value for name, value in environment.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, cwd=folder, env=own, capture_output=True, check=False)
    except OSError as error:
        raise UsageError(_no_repository(f"git cannot be run in `{folder}`: {(error.strerror or '').lower()}")) from error
    if done.returncode != 0:
        raise UsageError(_no_repository(f"`{folder}` is in no working tree of git"))
    return os.fsdecode(done.stdout).rstrip("\n")


def _no_repository(message: str) -> Finding:
    return Finding(code="S530", message=message, hint="run it in a repository, or make one by `git init`")
