"""Where a project's files lie, seen from the folder of its manifest. Imports next to nothing."""

from __future__ import annotations

from collections.abc import Mapping

TYPE_CHECKING = False  # `typing` and `pathlib` take longer to import than a small file to guard
if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "BAKE",
    "JOURNAL",
    "LOCK",
    "MANIFEST",
    "generated",
    "lock_folder",
    "outputs_digest",
    "read_outputs",
    "templates_folder",
]

MANIFEST = "stack.toml"
LOCK = "lock.toml"
BAKE = "locks/docker-bake.hcl"
"""The one generated file that is all targets' own, relative to the project."""
JOURNAL = "locks/.stackc.journal"
"""Where a run that writes several things says so before it begins, relative to the project; there later if it was killed."""

_FILES = frozenset({LOCK, "requirements.txt", "constraints.txt", "Dockerfile", "verify.py", "STACK.md"})


def lock_folder(target: str) -> str:
    """Return the folder of a target's lock, relative to the project."""
    return f"locks/{target}"


def templates_folder(project: Path) -> Path:
    """Return the folder of the project's own templates."""
    return project / "templates"


def generated(name: str) -> bool:
    """Say whether a file of a lock folder is stackc's own, by its relative POSIX name; all others are the user's."""
    return name in _FILES or (name.startswith("steps/") and name.count("/") == 1 and name.endswith(".txt"))


def outputs_digest(files: Mapping[str, bytes]) -> str:
    """Return `sha256:<hex>` over the names and bytes of the files rendered from a lock; the lock itself is not one."""
    import hashlib  # a guard asks for names alone

    state = hashlib.sha256()
    for name in sorted(files):
        if name != LOCK:
            state.update(b"%d:%s%d:%s" % (len(name), name.encode(), len(files[name]), files[name]))
    return f"sha256:{state.hexdigest()}"


def read_outputs(folder: Path) -> dict[str, bytes]:
    """Return every generated file that lies in a lock folder. Raises OSError."""
    paths = [path for path in (*folder.glob("*"), *folder.glob("steps/*")) if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in sorted(named.items()) if generated(name)}
