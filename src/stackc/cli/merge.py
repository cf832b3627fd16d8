"""`stackc merge`: finishes a merge, a rebase or a cherry-pick that stopped at the manifest or at the locks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
from msgspec import Struct
from msgspec.structs import replace

from stackc.changeset import apply_together, is_generated, require_no_links
from stackc.cli.report import safe
from stackc.cli.settled import settle
from stackc.cli.summary import changes_between, listed, versions_of
from stackc.errors import CheckError, Finding, StackcError, UsageError
from stackc.files import scratch_folder, scratch_parent, write_file
from stackc.history.merging import (
    Locks,
    MergedFiles,
    locks_of,
    merge_target,
    merged_files,
    merged_manifest,
    unsettled,
    with_manifest,
)
from stackc.history.repository import Repository, find_repository, working_tree
from stackc.history.snapshot import Snapshot, read_folder
from stackc.history.stages import Stages, continuation, mark_merged, read_stages
from stackc.history.unpacked import of_the_project, open_snapshot
from stackc.lock.model import Lock

__all__ = ["finish_merge"]


class _Desk(Struct, frozen=True, kw_only=True):
    """A merge at work: where the project lies, what lies there and in git's index."""

    home: Path
    repository: Repository
    present: Snapshot
    stages: Stages


class _Outcome(Struct, frozen=True, kw_only=True):
    """The merged inputs, with the files of all targets, or why one has none."""

    inputs: Snapshot
    files: MergedFiles | None
    locks: Mapping[str, Lock]
    sides: Mapping[str, Locks]
    findings: tuple[Finding, ...]


def finish_merge(manifest: Path, *, environment: Mapping[str, str]) -> None:
    """Merge the manifest and compile the locks again from what both sides locked, tell git, and print what came of it.

    Raises UsageError where nothing is in conflict, and CheckError where there is no merge; then the locks are as they were.
    """
    desk = _desk(manifest, environment)
    with scratch_folder(scratch_parent(environment.get("TMPDIR"))) as scratch:
        try:
            outcome = _merged(desk, scratch)
        except StackcError as error:
            raise CheckError(_beside(desk, error.findings)) from error
    if outcome.files is None:
        _keep_manifest(desk, outcome)
        raise CheckError(_beside(desk, outcome.findings))
    changes = outcome.files.beside(desk.present).contents
    require_no_links(desk.home, changes)
    apply_together(desk.home, changes)
    left = mark_merged(desk.repository, outcome.files.names)
    for line in (*_told(outcome), *_next(desk.repository, left)):
        click.echo(line)


def _desk(manifest: Path, environment: Mapping[str, str]) -> _Desk:
    home = manifest.parent
    repository = find_repository(home, environment=environment)
    working_tree(repository)
    settle(home, dry_run=False)
    present = of_the_project(read_folder(home, manifest=manifest.name, with_installed=True), home=home)
    inputs = (name for name in present.files if not is_generated(name))
    stages = read_stages(repository, tuple(dict.fromkeys((manifest.name, "locks", *inputs))))
    if not stages.unmerged:
        raise UsageError(_nothing())
    return _Desk(home=home, repository=repository, present=present, stages=stages)


def _merged(desk: _Desk, scratch: Path) -> _Outcome:
    merged = merged_manifest(desk.stages, desk.present, repository=desk.repository, scratch=scratch)
    findings = (*merged.findings, *unsettled(desk.stages, desk.present))
    if merged.text is None or findings:
        raise CheckError(findings)
    inputs = with_manifest(desk.present, merged.text)
    project = open_snapshot(inputs, folder=scratch / "project", today=dt.datetime.now(dt.timezone.utc).date())
    sides = {name: locks_of(name, desk.stages) for name in project.manifest.targets}
    done = {name: merge_target(name, project, locks) for name, locks in sides.items()}
    made = {name: each.made for name, each in done.items() if each.made is not None}
    return _Outcome(
        inputs=inputs,
        files=merged_files(project, made, present=inputs, stages=desk.stages) if len(made) == len(done) else None,
        locks={name: each.lock for name, each in made.items()},
        sides=sides,
        findings=tuple(finding for each in done.values() for finding in each.findings),
    )


def _keep_manifest(desk: _Desk, outcome: _Outcome) -> None:
    """Write the merged manifest though the locks have no merge: compiling begins from it."""
    name = desk.present.manifest
    if desk.present.files.get(name) != outcome.inputs.files[name]:
        write_file(desk.home / name, outcome.inputs.files[name])
        click.echo(f"merged {safe(name)} key by key; the locks are left in conflict\n", err=True)


def _told(outcome: _Outcome) -> Iterator[str]:
    for name, lock in outcome.locks.items():
        yield f"{name}: compiled from what both sides locked, and proved; no index was asked"
        for side, known in (("ours", outcome.sides[name].ours), ("theirs", outcome.sides[name].theirs)):
            changes = changes_between(versions_of(known), versions_of(lock)) if known else []
            yield f"  against {side}: {'no version moved' if not changes else ''}".rstrip()
            yield from (f"  {safe(line)}" for line in listed(changes))


def _next(repository: Repository, left: Sequence[str]) -> Iterator[str]:
    if left:
        yield f"still in conflict, and not stackc's: {', '.join(map(safe, left))}"
        return
    command = continuation(repository)
    yield f"merged, and added to git's index{f'; next: {command}' if command else ''}"


def _beside(desk: _Desk, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings whose places are as seen from the working folder."""
    if desk.home == Path():
        return tuple(findings)
    return tuple(
        replace(each, places=tuple(replace(place, file=(desk.home / place.file).as_posix()) for place in each.places))
        for each in findings
    )


def _nothing() -> Finding:
    return Finding(
        code="S816",
        message="no file of the project is in conflict",
        hint="`stackc merge` finishes what git could not merge; where the locks are only out of date, run `stackc compile`",
    )
