"""`stackc export`: writes a lock in another tool's format."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path

import click

from stackc.check import no_lock
from stackc.cli.chosen import chosen_targets
from stackc.cli.terminal import TerminalProgress
from stackc.cli.workshop import open_workshop
from stackc.errors import LockError
from stackc.export.pylock import export
from stackc.files import write_file
from stackc.layout import lock_folder
from stackc.lock.stored import load_lock
from stackc.matrix.bases import resolve_target
from stackc.planning import plan_target
from stackc.project import Project, load_project
from stackc.resolve import Resolver

__all__ = ["write_pylock"]


def write_pylock(
    target: str | None, *, manifest: Path, output: Path | None, offline: bool, environment: Mapping[str, str]
) -> None:
    """Write the lock of one target as pylock.toml, to `output` or to standard output."""
    project = load_project(manifest, today=dt.datetime.now(dt.timezone.utc).date())
    (name,) = chosen_targets(project.manifest, (target or project.manifest.default_target,))
    folder = Path() if output is None else output.parent
    text = _pylock(name, project, folder=folder, offline=offline, environment=environment)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text.encode())
        click.echo(f"wrote {output}")


def _pylock(name: str, project: Project, *, folder: Path, offline: bool, environment: Mapping[str, str]) -> str:
    lock = load_lock(project.folder / lock_folder(name), name)
    if lock is None:
        raise LockError(no_lock(name, project))
    target = resolve_target(project.manifest.targets[name], facts=project.facts, places=project.manifest.places)
    plan, _ = plan_target(project, target, previous=lock)
    progress = TerminalProgress(name)
    with (
        open_workshop(project.manifest, engine=lock.engine.name, offline=offline, environment=environment) as workshop,
        Resolver(plan, workshop, progress) as resolver,
    ):
        urls = resolver.file_addresses(package.name for package in lock.packages if package.direct is None)
    progress.clear()
    directs = {direct.file: direct for direct in plan.directs.values()}
    named = {file: direct.location for file, direct in directs.items() if direct.kind == "url"}
    local = {file: Path(direct.location) for file, direct in directs.items() if direct.kind == "path"}
    paths = {file: Path(os.path.relpath(path, folder)).as_posix() for file, path in local.items()}
    return export(lock, urls={**urls, **named}, paths=paths)
