"""The survey of `stackc outdated` as one JSON document, with a version of its own; `data/outdated.schema.json` describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from stackc import __version__
from stackc.errors import Place
from stackc.manifest.shown import escaped
from stackc.obstacles import Obstacle
from stackc.online.outlook import Outlook, TargetOutlook

__all__ = ["VERSION", "as_json"]

VERSION = 1
"""The version of the document: higher where a reader of this one could misread it."""


def as_json(found: Sequence[TargetOutlook]) -> str:
    """Return what was found for each target as a document. Paths are relative to the working folder."""
    document = {"version": VERSION, "stackc": __version__, "targets": [_target(each) for each in found]}
    return f"{json.dumps(document, indent=2)}\n"


def _target(found: TargetOutlook) -> dict[str, object]:
    return {
        "target": found.target,
        "exclude-newer": found.exclude_newer.isoformat() if found.exclude_newer is not None else None,
        "total": found.total,
        "movable": found.movable,
        "packages": [_package(each) for each in found.packages],
    }


def _package(each: Outlook) -> dict[str, object]:
    return {
        "name": each.name,
        "index": each.index,
        "component": each.component,
        "locked": str(each.locked),
        "allowed": str(each.allowed) if each.allowed is not None else None,
        "newest": str(each.newest),
        "obstacles": [_obstacle(obstacle) for obstacle in each.obstacles],
        "elsewhere": {"version": str(each.elsewhere.version), **_obstacle(each.elsewhere.why)} if each.elsewhere else None,
        "later": {"version": str(each.later.version), "uploaded": _text(each.later.uploaded)} if each.later else None,
    }


def _obstacle(obstacle: Obstacle) -> dict[str, object]:
    return {"text": escaped(obstacle.text), "place": _place(obstacle.place)}


def _place(place: Place | None) -> dict[str, object] | None:
    if place is None:
        return None
    return {"file": place.file, "line": place.line, "path": list(place.path), "source": _text(place.source)}


def _text(text: str | None) -> str | None:
    return None if text is None else escaped(text)
