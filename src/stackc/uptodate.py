"""Is there anything to do? Answered from digests alone, in the time that the interpreter itself takes to start.

Imports neither packaging nor msgspec nor click: this module runs before they are needed.
"""

from __future__ import annotations

from pathlib import Path

from stackc import __version__
from stackc.layout import LOCK, lock_folder, outputs_digest, read_outputs, templates_folder
from stackc.lock.head import Head, read_head
from stackc.manifest.digest import digest as manifest_digest
from stackc.manifest.syntax import parse
from stackc.matrix.digest import digest as matrix_digest
from stackc.render.digest import digest as templates_digest

__all__ = ["InputDigests", "digests", "is_current", "targets_current"]


class InputDigests:
    """The digests of what every lock of a project is compiled from."""

    __slots__ = ("manifest", "matrix", "templates")

    def __init__(self, *, manifest: str, matrix: str, templates: str) -> None:
        self.manifest = manifest
        self.matrix = matrix
        self.templates = templates


def digests(text: str, *, file: str, packs: tuple[str, ...], folder: Path) -> InputDigests:
    """Return the digests for a manifest's text and the rule packs that it names. Raises OSError and ManifestError."""
    return InputDigests(
        manifest=manifest_digest(text, file=file),
        matrix=matrix_digest(packs, folder=folder),
        templates=templates_digest(templates_folder(folder)),
    )


def targets_current(manifest: Path, wanted: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the names of the wanted targets (none named: all) if every one of their locks is current, else None.

    Whatever is odd, the manifest's own faults included, gives None: the long way then finds the words for it.
    """
    try:
        text = manifest.read_bytes().decode("utf-8")
        content = parse(text, file=str(manifest))
        names = wanted or tuple(_table(content, "targets"))
        packs = _table(content, "matrix").get("packs", ["builtin"])
        if not names or not isinstance(packs, list) or not set(names) <= set(_table(content, "targets")):
            return None
        inputs = digests(text, file=str(manifest), packs=tuple(map(str, packs)), folder=manifest.parent)
        return names if all(is_current(manifest.parent / lock_folder(name), inputs) for name in names) else None
    except (OSError, UnicodeDecodeError, ValueError, _not_toml()):
        return None


def is_current(folder: Path, inputs: InputDigests) -> bool:
    """Say whether the lock in a folder was compiled by this stackc from these inputs, and no file of it changed since."""
    try:
        files = read_outputs(folder)
        head = read_head(files[LOCK].decode("utf-8"))
    except (OSError, KeyError, UnicodeDecodeError):
        return False
    return head is not None and head.stackc == __version__ and head.intact and _same(head, inputs, outputs_digest(files))


def _same(head: Head, inputs: InputDigests, outputs: str) -> bool:
    return (head.manifest, head.matrix, head.templates, head.outputs) == (
        inputs.manifest,
        inputs.matrix,
        inputs.templates,
        outputs,
    )


def _table(content: dict[str, object], name: str) -> dict[str, object]:
    table = content.get(name, {})
    return table if isinstance(table, dict) else {}


def _not_toml() -> type[Exception]:
    from stackc.errors import ManifestError

    return ManifestError
