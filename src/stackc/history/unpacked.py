"""A snapshot as a project that can be checked: unpacked into a folder of its own, far from the working tree."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from stackc.errors import Finding, ManifestError, UsageError
from stackc.history.snapshot import Snapshot
from stackc.layout import templates_folder
from stackc.manifest.decode import decode
from stackc.project import Project, project_of
from stackc.render.digest import own_folder

__all__ = ["called_as", "of_the_project", "open_snapshot", "require_whole"]


def of_the_project(snapshot: Snapshot, *, home: Path) -> Snapshot:
    """Return a snapshot without stackc's own templates, which lie in a project only where it is stackc's repository itself."""
    templates = templates_folder(home)
    if not templates.is_dir() or own_folder(templates) is not None:
        return snapshot
    return replace(snapshot, files={name: body for name, body in snapshot.files.items() if not name.startswith("templates/")})


def open_snapshot(snapshot: Snapshot, *, folder: Path, today: dt.date) -> Project:
    """Return the project of a snapshot, unpacked into an empty folder.

    Raises UsageError where the snapshot has no manifest or a file of it was refused, and ManifestError with all that is wrong.
    """
    require_whole(snapshot)
    text, file = _text(snapshot), snapshot.called(snapshot.manifest)
    _unpack(snapshot, folder)
    manifest = decode(text, file=file)
    return project_of(manifest, text, file=file, folder=folder, today=today)


def require_whole(snapshot: Snapshot) -> None:
    """Raise UsageError where a snapshot has no manifest, or a file of it was refused."""
    if snapshot.refused:
        raise UsageError(snapshot.refused)
    if snapshot.manifest not in snapshot.files:
        raise UsageError(_no_manifest(snapshot))


def called_as(findings: Iterable[Finding], *, folder: Path, snapshot: Snapshot) -> tuple[Finding, ...]:
    """Return findings whose places in the folder of an unpacked snapshot are called as the snapshot's own."""
    prefix = f"{folder.as_posix()}/"

    def place_of(file: str) -> str:
        return snapshot.called(file.removeprefix(prefix)) if file.startswith(prefix) else file

    return tuple(
        replace(finding, places=tuple(replace(place, file=place_of(place.file)) for place in finding.places))
        for finding in findings
    )


def _text(snapshot: Snapshot) -> str:
    try:
        return snapshot.files[snapshot.manifest].decode("utf-8")
    except UnicodeDecodeError:
        file = snapshot.called(snapshot.manifest)
        raise ManifestError(Finding(code="S103", message=f"`{file}` is not UTF-8", hint="name another revision")) from None


def _unpack(snapshot: Snapshot, folder: Path) -> None:
    for name, content in snapshot.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _no_manifest(snapshot: Snapshot) -> Finding:
    where = "the working tree" if snapshot.revision is None else f"`{snapshot.revision.name}`"
    return Finding(
        code="S468",
        message=f"{where} has no `{snapshot.manifest}`",
        hint=f"`git log --oneline -- {snapshot.manifest}` lists the revisions that changed it",
    )
