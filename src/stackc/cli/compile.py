"""`stackc compile`: runs the compiler for each target and tells what came of it."""

from __future__ import annotations

import datetime as dt
import gc
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from stackc.cli.chosen import chosen_targets
from stackc.cli.report import format_finding, safe
from stackc.cli.summary import summarize_all
from stackc.cli.terminal import ProgressLine, colored, columns
from stackc.cli.workshop import open_workshop
from stackc.compile import Options, Upgrade
from stackc.compile import compile_targets as compile_all
from stackc.errors import Finding
from stackc.files import recover, write_file
from stackc.layout import BAKE, lock_folder, read_outputs
from stackc.project import Project, load_project
from stackc.render.bake import bake_of

__all__ = ["compile_targets"]


def compile_targets(
    targets: tuple[str, ...],
    *,
    manifest: Path,
    engine: str,
    upgrade: bool,
    offline: bool,
    dry_run: bool,
    exit_code: bool,
    environment: Mapping[str, str],
) -> int:
    """Compile the targets, print a summary of each, and return the exit status.

    With `exit_code` it is 1 if a file was written, or would be, for then a hook has to stop a commit.
    """
    gc.disable()  # a run is short and makes hundreds of thousands of small values, none of them in cycles
    project = load_project(manifest, today=dt.datetime.now(dt.timezone.utc).date())
    _warn(project.findings, environment)
    names = chosen_targets(project.manifest, targets)
    recover(project.folder / "locks")
    options = Options(upgrade=Upgrade(everything=upgrade), dry_run=dry_run)
    before = _generated(project, names)
    began, line = time.monotonic(), ProgressLine()
    with open_workshop(project.manifest, engine=engine, offline=offline, environment=environment) as workshop:
        try:
            compiled = compile_all(names, project, workshop=workshop, progress=line.of, options=options)
        finally:
            line.clear()
        _warn(dict.fromkeys(warning for each in compiled for warning in each.warnings), environment)
        click.echo(
            summarize_all(compiled, seconds=time.monotonic() - began, dry_run=dry_run, wide=sys.stdout.isatty()), nl=False
        )
    if dry_run:
        return int(exit_code and any(each.written for each in compiled))
    _write_bake(project)
    return _tell_rewritten(before, _generated(project, names), project) if exit_code else 0


def _generated(project: Project, names: Iterable[str]) -> dict[str, bytes]:
    """Return the generated files of some targets, and the one that is all targets' own, by path from the project's folder."""
    bake = project.folder / BAKE
    found = {BAKE: bake.read_bytes()} if bake.is_file() else {}
    for name in names:
        folder = lock_folder(name)
        found |= {f"{folder}/{file}": content for file, content in read_outputs(project.folder / folder).items()}
    return found


def _tell_rewritten(before: Mapping[str, bytes], after: Mapping[str, bytes], project: Project) -> int:
    """Print which files are others than before, and return 1 if any is."""
    changed = sorted(file for file in before.keys() | after.keys() if before.get(file) != after.get(file))
    if changed:
        listed = "".join(f"  {safe((project.folder / file).as_posix())}\n" for file in changed)
        click.echo(f"written, and not part of the commit yet:\n{listed}next: git add {(project.folder / 'locks').as_posix()}")
    return int(bool(changed))


def _write_bake(project: Project) -> None:
    """Write the bake file of all targets, unless it is there as it should be: last, when the locks that it names are."""
    path, content = project.folder / BAKE, bake_of(project.manifest)
    if not path.is_file() or path.read_bytes() != content:
        write_file(path, content)


def _warn(findings: Iterable[Finding], environment: Mapping[str, str]) -> None:
    for finding in findings:
        text = format_finding(finding, color=colored(sys.stderr, environment), width=columns(sys.stderr))
        click.echo(f"{text}\n", err=True, color=True)
