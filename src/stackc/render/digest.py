"""The built-in and the project's own templates as files: where they lie, and one digest of them all.

Imports no Jinja, so that a compile with nothing to do can ask for the digest alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["SUFFIX", "builtin_folder", "digest", "own_folder", "template_files"]

SUFFIX = ".j2"
"""How the name of a template ends; whatever else lies in a project's `templates/` is none of stackc's business."""

_PACKAGE = Path(__file__).parent.parent


def builtin_folder() -> Path:
    """Return the folder of the built-in templates: in the installed package, or at the top of a checkout."""
    installed = _PACKAGE / "templates"
    return installed if installed.is_dir() else _PACKAGE.parent.parent / "templates"


def own_folder(project_templates: Path | None) -> Path | None:
    """Return the project's templates folder, or None where it has none or where it is the built-in folder itself."""
    if project_templates is None or not project_templates.is_dir():
        return None
    return None if project_templates.resolve() == builtin_folder().resolve() else project_templates


def template_files(folder: Path) -> tuple[str, ...]:
    """Return the names of the templates in `folder` and below it, posix and sorted."""
    return tuple(sorted(path.relative_to(folder).as_posix() for path in folder.rglob(f"*{SUFFIX}") if path.is_file()))


def digest(project_templates: Path | None) -> str:
    """Return `sha256:<hex>` over the names and bytes of the built-in and the project's templates.

    A line ending counts the same however the checkout spells it, since rendering writes its own.
    """
    total = hashlib.sha256()
    for record in _records(project_templates):
        total.update(b"%d:" % len(record))
        total.update(record)
    return f"sha256:{total.hexdigest()}"


def _records(project_templates: Path | None) -> Iterator[bytes]:
    folders = (("builtin", builtin_folder()), ("project", own_folder(project_templates)))
    for label, folder in folders:
        for name in template_files(folder) if folder else ():
            yield f"{label}/{name}".encode()
            yield (folder / name).read_bytes().replace(b"\r\n", b"\n") if folder else b""
