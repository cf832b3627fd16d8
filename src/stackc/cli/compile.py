"""`stackc compile`: runs the compiler for each target and tells what came of it."""

from __future__ import annotations

import datetime as dt
import gc
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from stackc.cli.chosen import chosen_targets
from stackc.cli.ending import late_interrupts
from stackc.cli.report import format_finding, safe
from stackc.cli.settled import settle
from stackc.cli.summary import summarize_all
from stackc.cli.terminal import ProgressLine, colored, columns
from stackc.cli.upgraded import Wish, read_moment, read_upgrade
from stackc.cli.workshop import open_workshop
from stackc.compile import Options
from stackc.compile import compile_targets as compile_all
from stackc.errors import Finding, NoSolutionError, UsageError, told_once
from stackc.files import write_file
from stackc.layout import BAKE, lock_folder, read_outputs
from stackc.manifest.edit import Edit, changed_lines, edited
from stackc.planning import Upgrade
from stackc.project import Project, load_project
from stackc.render.bake import bake_of
from stackc.rewrite import Rewrite

if TYPE_CHECKING:
    from stackc.cli.cross_check import CrossCheck

__all__ = ["bake_changes", "compile_targets", "warn"]


def compile_targets(  # noqa: PLR0913 (one per option)
    targets: tuple[str, ...],
    *,
    manifest: Path,
    engine: str,
    upgrade: Wish,
    offline: bool,
    dry_run: bool,
    exit_code: bool,
    cross_check: bool,
    environment: Mapping[str, str],
) -> int:
    """Compile the targets, print a summary of each, and return the exit status.

    With `exit_code` the status is 1 if a file was written, or would be, for then a hook has to stop a commit.
    `cross_check` asks the other engine too, when all is written.
    """
    gc.disable()  # a run is short and makes hundreds of thousands of small values, none of them in cycles
    settle(manifest.parent, dry_run=dry_run)
    project = load_project(manifest, today=_now().date())
    warn(project.findings, environment)
    forgotten, targets = read_upgrade(upgrade.words, targets, project)
    names, rewrite = chosen_targets(project.manifest, targets), None
    if upgrade.moment is not None:
        rewrite = _moved(project, manifest, upgrade.moment, targets)
        project = load_project(manifest, today=_now().date(), text=rewrite.after)
        forgotten = forgotten if forgotten.names else Upgrade(everything=True)
    options = Options(upgrade=forgotten, dry_run=dry_run or rewrite is not None)
    before = _generated(project, names, manifest)
    checking = _cross_check(project, options, engine=engine, offline=offline, environment=environment) if cross_check else None
    with late_interrupts() as written:
        began, line = time.monotonic(), ProgressLine()
        with open_workshop(project.manifest, engine=engine, offline=offline, environment=environment) as workshop:
            try:
                compiled = compile_all(names, project, workshop=workshop, progress=line.of, options=options)
            except NoSolutionError as error:
                line.clear()
                raise (error if checking is None else checking.explain(names, error)) from None
            finally:
                line.clear()
            written.all = not options.dry_run
            warn(told_once(warning for each in compiled for warning in each.warnings), environment)
            if rewrite is not None and not dry_run:
                rewrite.write(compiled, beside={BAKE: bake_of(project.manifest)})
                written.all = True
            bake = bake_changes(project, dry_run=dry_run)  # before anything is said: whoever reads it may go away
            click.echo(
                summarize_all(compiled, seconds=time.monotonic() - began, dry_run=dry_run, wide=sys.stdout.isatty()), nl=False
            )
        if rewrite is not None:
            _tell_moved(rewrite, dry_run=dry_run)
        if bake and dry_run:
            click.echo(f"dry run: {BAKE} would change")
        if checking is not None:
            checking.tell(compiled)
        if dry_run:
            others = (bake, rewrite is not None and rewrite.before != rewrite.after)
            return int(exit_code and any((*others, *(each.written for each in compiled))))
        return _tell_rewritten(before, _generated(project, names, manifest), project) if exit_code else 0


def _cross_check(
    project: Project, options: Options, *, engine: str, offline: bool, environment: Mapping[str, str]
) -> CrossCheck:
    from stackc.cli.cross_check import CrossCheck

    return CrossCheck(project=project, engine=engine, upgrade=options.upgrade, offline=offline, environment=environment)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


def _moved(project: Project, manifest: Path, moment: str, targets: tuple[str, ...]) -> Rewrite:
    """Return the manifest with its `exclude-newer` moved. Raises UsageError."""
    if targets:
        message = "`--upgrade-to` moves the moment of all targets, and some are named"
        raise UsageError(Finding(code="S019", message=message, hint="leave the targets out"))
    at = read_moment(moment, now=_now())
    before = project.manifest.policy.exclude_newer
    if before is not None and at < before:
        click.echo(f"note: {at:%Y-%m-%dT%H:%M:%SZ} lies before {before:%Y-%m-%dT%H:%M:%SZ}: versions may go down", err=True)
    rewrite = Rewrite.read(manifest)
    edit = Edit(("policy", "exclude-newer"), at)
    return rewrite if at == before else replace(rewrite, after=edited(rewrite.before, [edit], file=str(manifest)))


def _tell_moved(rewrite: Rewrite, *, dry_run: bool) -> None:
    file = safe(str(rewrite.path))
    if rewrite.before == rewrite.after:
        click.echo(f"{file} is unchanged")
        return
    click.echo(f"dry run: {file} would change" if dry_run else f"wrote {file}")
    click.echo("".join(f"  {safe(line)}\n" for line in changed_lines(rewrite.before, rewrite.after)), nl=False)


def _generated(project: Project, names: Iterable[str], manifest: Path) -> dict[str, bytes]:
    """Return what a run may write, by path from the project's folder: some targets' files, that of all, and the manifest."""
    bake = project.folder / BAKE
    found = {manifest.name: manifest.read_bytes()} | ({BAKE: bake.read_bytes()} if bake.is_file() else {})
    for name in names:
        folder = lock_folder(name)
        found |= {f"{folder}/{file}": content for file, content in read_outputs(project.folder / folder).items()}
    return found


def _tell_rewritten(before: Mapping[str, bytes], after: Mapping[str, bytes], project: Project) -> int:
    """Print which files are others than before, and return 1 if any is."""
    changed = sorted(file for file in before.keys() | after.keys() if before.get(file) != after.get(file))
    if changed:
        listed = "".join(f"  {safe((project.folder / file).as_posix())}\n" for file in changed)
        own = [file for file in changed if not file.startswith(_LOCKS)]
        added = " ".join((project.folder / file).as_posix() for file in (*own, _LOCKS.rstrip("/")))
        click.echo(f"written, and not part of the commit yet:\n{listed}next: git add {added}")
    return int(bool(changed))


_LOCKS = "locks/"


def _new_bake(project: Project) -> bytes | None:
    """Return the bake file of all targets, None where it is there as it should be."""
    path, content = project.folder / BAKE, bake_of(project.manifest)
    return None if path.is_file() and path.read_bytes() == content else content


def bake_changes(project: Project, *, dry_run: bool) -> bool:
    """Write the bake file where no lock was written with it, unless in a dry run. Say whether it changes."""
    content = _new_bake(project)
    if content is not None and not dry_run:
        write_file(project.folder / BAKE, content)
    return content is not None


def warn(findings: Iterable[Finding], environment: Mapping[str, str]) -> None:
    """Print findings that end nothing."""
    for finding in findings:
        text = format_finding(finding, color=colored(sys.stderr, environment), width=columns(sys.stderr))
        click.echo(f"{text}\n", err=True, color=True)
