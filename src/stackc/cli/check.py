"""`stackc check`: checks every target and guards the project, and prints what was found."""

from __future__ import annotations

import datetime as dt
import gc
import os
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from stackc.changeset import half_written
from stackc.check import check_bake, check_strays, check_target
from stackc.cli.chosen import chosen_targets
from stackc.cli.findings import tell, tell_error
from stackc.cli.guard import judged
from stackc.cli.settled import torn
from stackc.errors import CheckError, Finding, MovedError, StackcError, UpstreamError
from stackc.guard.inspection import Inspector
from stackc.guard.search import files_below
from stackc.guard.words import finding
from stackc.layout import lock_folder
from stackc.project import Project, load_project

__all__ = ["check_targets"]


def check_targets(targets: tuple[str, ...], *, manifest: Path, form: str, online: bool, environment: Mapping[str, str]) -> int:
    """Check the targets, the files that are all targets' own and all that guard reads, and return the exit status.

    With `online` the indexes are asked too: what they say never changes the status that the other checks alone would give.
    """
    gc.disable()  # as in a compile: many small values, none of them in cycles
    try:
        project = load_project(manifest, today=dt.datetime.now(dt.timezone.utc).date())
        names = chosen_targets(project.manifest, targets)
        found, summary = _found(names, project, manifest, environment)
        moved, line = _moved(names, project, environment) if online else ((), ())
    except StackcError as error:
        return tell_error(error, form=form, command="check", anchor=manifest, environment=environment)
    both = (*found, *moved)
    tell(both, summary=(*summary, *line), form=form, command="check", anchor=manifest, environment=environment)
    return int(_errors(found) > 0) or _status(moved)


def _moved(
    names: Sequence[str], project: Project, environment: Mapping[str, str]
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    from stackc.cli.check_online import check_online

    found, line = check_online(names, project, environment=environment)
    return found, (line,)


def _status(moved: Sequence[Finding]) -> int:
    """Return the exit status of what the indexes said: that something moved is sure, however many of them did not answer."""
    errors = {each.code for each in moved if each.severity == "error"}
    if "S370" in errors:  # a policy of the manifest, not an index, refuses the lock
        return CheckError.exit_status
    if errors - {"S827"}:
        return MovedError.exit_status
    return UpstreamError.exit_status if errors else 0


def _found(
    names: Sequence[str], project: Project, manifest: Path, environment: Mapping[str, str]
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the findings, and a line of summary for each part of the check."""
    checked = {name: check_target(name, project) for name in names}
    half = half_written(project.folder)
    broken = () if half is None else (torn(half),)  # told first: what follows may come of it
    shared = (*check_bake(project), *check_strays(project))
    drifted = {place.file for some in checked.values() for each in some if each.code in _DRIFT for place in each.places}
    files, guarded = _guarded(project, manifest, environment, drifted=drifted)
    summary = [f"{name}: {_verdict(found, 'proved, nothing drifted')}" for name, found in checked.items()]
    summary += [f"all targets: {_verdict((*broken, *shared), 'no error')}"] if broken or shared else []
    summary += [f"guard: {_verdict(guarded, 'no error')} in {files} file{'' if files == 1 else 's'}"] if guarded else []
    found = (*broken, *project.findings, *(each for found in checked.values() for each in found), *shared, *guarded)
    return found, tuple(summary)


_DRIFT = {"S523", "S524"}


def _guarded(
    project: Project, manifest: Path, environment: Mapping[str, str], *, drifted: Container[str]
) -> tuple[int, tuple[Finding, ...]]:
    """Return how many files below the project's folder guard reads, and what it finds in them by this manifest.

    Left out are the steps of the locks, which hold what is kept out elsewhere, and files of which drift is told: the remedy is
    another one there.
    """
    steps = tuple(f"{(project.folder / lock_folder(name)).as_posix()}/steps/" for name in project.manifest.targets)
    paths = files_below(str(project.folder), environment=environment)
    policy = Inspector(os.curdir, manifest=str(manifest)).policy(str(manifest))
    verdicts = judged(paths, manifest=manifest)
    named = ((os.path.normpath(verdict.read.source.name), verdict) for verdict in verdicts)
    found = (verdict for name, verdict in named if name not in drifted and not name.startswith(steps))
    return len(paths), tuple(finding(verdict, policy) for verdict in found)


def _verdict(found: Sequence[Finding], fine: str) -> str:
    errors = _errors(found)
    if not errors:
        warnings = len(found)
        return f"{fine}, {warnings} warning{'' if warnings == 1 else 's'}" if warnings else fine
    return "1 error" if errors == 1 else f"{errors} errors"


def _errors(found: Sequence[Finding]) -> int:
    return sum(each.severity == "error" for each in found)
