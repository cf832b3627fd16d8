"""A comparison as one JSON document, with a version of its own; `data/diff.schema.json` describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stackc.diff.model import Change, Compared, Diff, Edit, Move, Note, Pin, Point, Reason
from stackc.errors import Finding
from stackc.formats.document import finding_value, said
from stackc.lock.model import LockedFile
from stackc.manifest.shown import escaped

__all__ = ["VERSION", "as_json"]

VERSION = 1
"""The version of the document: higher where a reader of this one could misread it."""


def as_json(diff: Diff, *, version: str, titles: Mapping[str, str]) -> str:
    """Return a comparison as a document; `version` is stackc's own, and `titles` say what the codes of findings mean."""

    def findings(found: tuple[Finding, ...]) -> list[object]:
        return [finding_value(finding, title=titles.get(finding.code)) for finding in found]

    document = {
        "version": VERSION,
        "stackc": version,
        "base": escaped(diff.base),
        "head": escaped(diff.head),
        "differs": not diff.empty,
        "targets": [_target(target) for target in diff.targets],
        "notes": [{**_note(note), "findings": findings(note.findings)} for note in diff.notes],
        "edits": [_edit(edit, number) for number, edit in enumerate(diff.edits, start=1)],
        "headline": [_point(point) for point in diff.headline],
        "couplings": [escaped(sentence) for sentence in diff.couplings],
        "changes": [_change(change) for change in diff.changes],
        "risks": findings(diff.risks),
    }
    return f"{json.dumps(document, indent=2)}\n"


def _target(target: Compared) -> dict[str, object]:
    return said(name=target.name, state=target.state, before=target.before, after=target.after, like=target.like)


def _note(note: Note) -> dict[str, object]:
    return said(end=note.end, target=note.target or None, text=note.text)


def _edit(edit: Edit, number: int) -> dict[str, object]:
    place = edit.place
    return said(
        number=number,
        path=list(edit.path),
        before=edit.before,
        after=edit.after,
        file=place.file if place is not None else None,
        line=place.line if place is not None else None,
    )


def _point(point: Point) -> dict[str, object]:
    return said(subject=point.subject, before=point.before, after=point.after, note=point.note, targets=list(point.targets))


def _change(change: Change) -> dict[str, object]:
    move = change.move
    return said(
        part=move.part,
        name=move.name,
        kind=change.kind,
        level=move.level,
        component=change.component,
        targets=list(change.targets),
        before=_pin(move.before),
        after=_pin(move.after),
        files=[_files(target, moved) for target, moved in zip(change.targets, change.moves, strict=True)],
        reason=_reason(change.reason),
    )


def _pin(pin: Pin | None) -> dict[str, object] | None:
    if pin is None:
        return None
    return said(version=str(pin.version), index=pin.index, step=pin.step, extras=list(pin.extras))


def _files(target: str, move: Move) -> dict[str, object]:
    before, after = (_file(pin.file) if pin is not None else None for pin in (move.before, move.after))
    return said(target=target, before=before, after=after)


def _file(file: LockedFile) -> dict[str, object]:
    uploaded = None if file.uploaded is None else file.uploaded.isoformat().replace("+00:00", "Z")
    return said(name=file.name, sha256=file.sha256, size=file.size, uploaded=uploaded, yanked=file.yanked or None)


def _reason(reason: Reason) -> dict[str, object]:
    return said(kind=reason.kind, edits=list(reason.edits), steps=list(reason.steps))
