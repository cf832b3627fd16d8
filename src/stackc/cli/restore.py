"""`stackc restore`: brings the manifest, the locks and what belongs to them back from a revision, and tells what moved."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from stackc.changeset import apply_together, require_no_links
from stackc.cli.report import format_finding, safe
from stackc.cli.settled import settle
from stackc.cli.summary import changes_between, listed, versions_of
from stackc.cli.terminal import colored, columns
from stackc.errors import CheckError, Finding, LockError, StackcError, joined
from stackc.files import scratch_folder, scratch_parent
from stackc.history.repository import Repository, find_repository, working_tree
from stackc.history.restore import Restoration, plan_restoration, proved_locks, require_committed
from stackc.history.revision import Revision, find_revision
from stackc.history.snapshot import read_snapshot
from stackc.history.unpacked import of_the_project, open_snapshot
from stackc.layout import lock_folder
from stackc.lock.model import Lock
from stackc.lock.stored import load_lock

__all__ = ["restore_revision"]

_LISTED = 20


def restore_revision(name: str, *, manifest: Path, force: bool, dry_run: bool, environment: Mapping[str, str]) -> None:
    """Bring a revision's project back, unless `dry_run`, and print what that changes.

    Raises UsageError, ManifestError, CheckError and LockError; then no file has changed. A dry run tells what would change
    before it raises what would keep it from that.
    """
    home = manifest.parent
    settle(home, dry_run=dry_run)
    repository = find_repository(home, environment=environment)
    working_tree(repository)
    revision = find_revision(repository, name)
    snapshot = of_the_project(read_snapshot(repository, revision, manifest=manifest.name, with_installed=True), home=home)
    with scratch_folder(scratch_parent(environment.get("TMPDIR"))) as folder:
        project = open_snapshot(snapshot, folder=folder, today=dt.datetime.now(dt.timezone.utc).date())
        locks, warnings = proved_locks(project, snapshot)
    restoration = plan_restoration(snapshot, folder=home)
    hindrance = _hindrance(home, repository, restoration, force=force)
    if hindrance is not None and not dry_run:
        raise hindrance
    before = {target: _lock(home, target) for target in locks}
    if not dry_run and restoration.names:
        apply_together(home, restoration.contents)
    _warn(warnings, environment)
    for line in _told(restoration, revision, before, locks, dry_run=dry_run):
        click.echo(line)
    if dry_run and restoration.names:
        click.echo(_tried(revision, hindered=hindrance is not None))
    if hindrance is not None:
        raise hindrance


def _hindrance(home: Path, repository: Repository, restoration: Restoration, *, force: bool) -> StackcError | None:
    """Return what keeps a revision from being brought back, None where nothing does."""
    errors: list[StackcError] = []
    try:
        if not force:
            require_committed(repository, restoration)
    except CheckError as error:
        errors.append(error)
    try:
        require_no_links(home, restoration.contents)
    except LockError as error:
        errors.append(error)
    return joined(errors) if errors else None


def _told(
    restoration: Restoration, revision: Revision, before: Mapping[str, Lock | None], locks: Mapping[str, Lock], *, dry_run: bool
) -> Iterator[str]:
    called = _called(revision)
    if not restoration.names:
        yield f"nothing to do: the project is that of {called}"
        return
    for target, lock in locks.items():
        changes = changes_between(versions_of(before[target]), versions_of(lock))
        moved = f"{len(changes)} version{'' if len(changes) == 1 else 's'} moved" if changes else "no version moved"
        yield f"{target}: proved, {moved}"
        yield from map(safe, listed(changes))
    yield from _files("write", "written", tuple(restoration.written), dry_run=dry_run)
    yield from _files("remove", "removed", restoration.removed, dry_run=dry_run)
    if not dry_run:
        yield f"brought {called} back"


def _called(revision: Revision) -> str:
    return f"{safe(revision.name)} ({revision.short})"


def _tried(revision: Revision, *, hindered: bool) -> str:
    if hindered:
        return f"dry run: nothing was written, and {_called(revision)} would not be brought back either:"
    return f"dry run: nothing was written; it would bring {_called(revision)} back"


def _files(verb: str, done: str, names: Sequence[str], *, dry_run: bool) -> Iterator[str]:
    if names:
        yield f"would {verb}:" if dry_run else f"{done}:"
    yield from (f"  {safe(name)}" for name in names[:_LISTED])
    if len(names) > _LISTED:
        yield f"  and {len(names) - _LISTED} more"


def _lock(home: Path, target: str) -> Lock | None:
    """Return the lock that is there, None where there is none that can be read."""
    try:
        return load_lock(home / lock_folder(target), target)
    except LockError:
        return None


def _warn(findings: Sequence[Finding], environment: Mapping[str, str]) -> None:
    for finding in findings:
        text = format_finding(finding, color=colored(sys.stderr, environment), width=columns(sys.stderr))
        click.echo(f"{text}\n", err=True, color=True)
