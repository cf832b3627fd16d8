"""Is there anything to do? Answered from digests alone, in the time that the interpreter itself takes to start.

Imports neither packaging nor msgspec nor click: this module runs before they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stackc import __version__
from stackc.layout import BAKE, JOURNAL, LOCK, lock_folder, outputs_digest, read_outputs, templates_folder
from stackc.lock.head import Head, read_head
from stackc.manifest.digest import digest as manifest_digest
from stackc.manifest.syntax import parse
from stackc.matrix.digest import digest as matrix_digest
from stackc.render.bake import bake_file
from stackc.render.digest import digest as templates_digest

__all__ = ["InputDigests", "digests", "is_current", "targets_current"]


class InputDigests:
    """The digests of what every lock of a project is compiled from."""

    __slots__ = ("manifest", "matrix", "templates")

    def __init__(self, *, manifest: str, matrix: str, templates: str) -> None:
        self.manifest = manifest
        self.matrix = matrix
        self.templates = templates


def digests(text: str, *, file: str, folder: Path, today: str) -> InputDigests:
    """Return the digests for a manifest's text; `today` is a date in ISO 8601. Raises OSError and ManifestError.

    A waiver whose end has come counts as a change of the matrix: its rule acts again.
    """
    table = _table(parse(text, file=file), "matrix")
    packs, waivers = (_list(table, key) for key in ("packs", "waive"))
    expired = sorted(str(waiver["rule"]) for waiver in waivers if isinstance(waiver, dict) and _ended(waiver, today))
    named = [pack for pack in packs if isinstance(pack, str)] if "packs" in table else ["builtin"]
    return InputDigests(
        manifest=manifest_digest(text, file=file),
        matrix=matrix_digest(named, folder=folder, expired=expired),
        templates=templates_digest(templates_folder(folder)),
    )


def targets_current(manifest: Path, wanted: tuple[str, ...], *, today: str) -> tuple[str, ...] | None:
    """Return the names of the wanted targets (none named: all) if every one of their locks is current, else None.

    Whatever is odd, the manifest's own faults included, gives None: the long way then finds the words for it.
    """
    try:
        text = manifest.read_bytes().decode("utf-8")
        content = parse(text, file=str(manifest))
        declared = tuple(_table(content, "targets"))
        names = tuple(dict.fromkeys(wanted)) or declared
        if not names or not set(names) <= set(declared) or not _bake_current(manifest.parent, content):
            return None
        if (manifest.parent / JOURNAL).exists():
            return None  # a run that wrote several locks was killed, and each of them may be current by itself
        if any("path" in component for component in _components(content)):
            return None  # whether those files are still the same takes longer to tell
        inputs = digests(text, file=str(manifest), folder=manifest.parent, today=today)
        return names if all(is_current(manifest.parent / lock_folder(name), inputs) for name in names) else None
    except (OSError, ValueError):
        return None
    except Exception as error:
        from stackc.errors import ManifestError  # loaded now that there is an error: this way is the short one

        if isinstance(error, ManifestError):
            return None
        raise


def is_current(folder: Path, inputs: InputDigests) -> bool:
    """Say whether the lock in a folder was compiled by this stackc from these inputs, and no file of it changed since."""
    try:
        files = read_outputs(folder)
        head = read_head(files[LOCK].decode("utf-8"))
    except (OSError, KeyError, UnicodeDecodeError):
        return False
    return head is not None and head.stackc == __version__ and head.intact and _same(head, inputs, outputs_digest(files))


def _bake_current(folder: Path, content: dict[str, object]) -> bool:
    """Say whether the bake file of all targets is there as the manifest's content gives it. Raises OSError and ValueError."""
    name, targets = _table(content, "stack").get("name"), _table(content, "targets")
    platforms = {target: str(_table(targets, target).get("platform")) for target in targets}
    return (folder / BAKE).read_bytes() == bake_file(str(name), platforms)


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


def _components(content: dict[str, object]) -> Iterator[dict[str, object]]:
    """Yield the tables of all components, and what targets say of them."""
    for table in (content, *(_table(_table(content, "targets"), name) for name in _table(content, "targets"))):
        components = _table(table, "components")
        yield from (_table(components, name) for name in components)


def _list(table: dict[str, object], name: str) -> list[object]:
    found = table.get(name, [])
    return found if isinstance(found, list) else []


def _ended(waiver: dict[str, object], today: str) -> bool:
    """Say whether a waiver's last day is over; `until` is a TOML date, or one in a string."""
    return "rule" in waiver and str(waiver.get("until", today))[:10] < today
