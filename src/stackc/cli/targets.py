"""`stackc targets`: the targets of a manifest, for people and for a CI job per target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from stackc.layout import lock_folder
from stackc.manifest.decode import load
from stackc.manifest.model import Manifest, TargetTable

__all__ = ["FORMATS", "format_targets", "list_targets"]

_COLUMNS = ("target", "python", "platform", "base")


def list_targets(manifest: Path, *, form: str) -> str:
    """Return the targets of the manifest in a file, in one of `FORMATS`, without a final newline. Raises ManifestError."""
    return format_targets(load(manifest), form=form)


def format_targets(manifest: Manifest, *, form: str) -> str:
    """Return the targets in the manifest's order, in one of `FORMATS`."""
    return FORMATS[form]([_row(target, manifest) for target in manifest.targets.values()])


def _row(target: TargetTable, manifest: Manifest) -> Mapping[str, object]:
    return {
        "target": target.name,
        "default": target.name == manifest.default_target,
        "python": target.python,
        "platform": target.platform,
        "base": target.base.reference,
        "lock": f"{lock_folder(target.name)}/lock.toml",
        "dockerfile": f"{lock_folder(target.name)}/Dockerfile",
    }


def _text(rows: Iterable[Mapping[str, object]]) -> str:
    """Return a table whose last column says which target is the default."""
    cells = [_COLUMNS, *([str(row[key]) for key in _COLUMNS] for row in rows)]
    ends = ["", *(" (default)" if row["default"] else "" for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    lines = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)
    return "\n".join(line + end for line, end in zip(lines, ends, strict=True))


def _json(rows: Iterable[Mapping[str, object]]) -> str:
    return json.dumps(list(rows), indent=2)


def _github_matrix(rows: Iterable[Mapping[str, object]]) -> str:
    """Return what `strategy.matrix` takes through `fromJSON`, on the one line that a job's output may have."""
    return json.dumps({"include": list(rows)}, separators=(",", ":"))


FORMATS: Mapping[str, Callable[[list[Mapping[str, object]]], str]] = {
    "text": _text,
    "json": _json,
    "github-matrix": _github_matrix,
}
"""How targets can be told, by the name of the format."""
