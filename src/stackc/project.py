"""One project as loaded: its manifest, its matrix, the facts, and the digests of all that its locks are compiled from."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from msgspec import Struct

from stackc.errors import Finding
from stackc.manifest.decode import decode, load
from stackc.manifest.model import Manifest
from stackc.matrix.facts import Facts
from stackc.matrix.load import expired_waivers, load_matrix
from stackc.matrix.model import Matrix
from stackc.uptodate import InputDigests, digests

__all__ = ["Project", "load_project", "project_of"]


class Project(Struct, frozen=True, kw_only=True):
    """What every command starts from. `folder` is the manifest's; `findings` are warnings that concern no single target."""

    folder: Path
    manifest: Manifest
    matrix: Matrix
    facts: Facts
    digests: InputDigests
    findings: tuple[Finding, ...]


def load_project(path: Path, *, today: dt.date, text: str | None = None) -> Project:
    """Load the project whose manifest is `path`. Raises ManifestError with all that is wrong in it, or in its rule packs.

    `text` is what the manifest is to say, where that is not written yet.
    """
    manifest = load(path) if text is None else decode(text, file=str(path))
    text = path.read_text(encoding="utf-8") if text is None else text
    return project_of(manifest, text, file=str(path), folder=path.parent, today=today)


def project_of(manifest: Manifest, text: str, *, file: str, folder: Path, today: dt.date) -> Project:
    """Return the project of a manifest whose rule packs lie in `folder`; `text` is what `file` says. Raises ManifestError."""
    facts = Facts.load()
    return Project(
        folder=folder,
        manifest=manifest,
        matrix=load_matrix(manifest.matrix, folder=folder, facts=facts, today=today, places=manifest.places),
        facts=facts,
        digests=digests(text, file=file, folder=folder, today=today.isoformat()),
        findings=expired_waivers(manifest.matrix, today, places=manifest.places),
    )
