"""`stackc outdated`: the survey of each target, as text or as one JSON document."""

from __future__ import annotations

import datetime as dt
import gc
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from stackc.check import no_lock
from stackc.cli.chosen import chosen_targets
from stackc.cli.columns import in_columns
from stackc.cli.report import format_place, safe
from stackc.cli.terminal import ProgressLine, columns
from stackc.cli.workshop import open_workshop
from stackc.errors import LockError, Place
from stackc.layout import lock_folder
from stackc.lock.stored import load_known_lock
from stackc.manifest.model import Places
from stackc.obstacles import Obstacle
from stackc.online.document import as_json as document
from stackc.online.outlook import Outlook, TargetOutlook
from stackc.online.survey import survey
from stackc.project import Project, load_project

__all__ = ["show_outdated"]

_WIDTH = 80
_SHOWN = 4
_HEADINGS = ("locked", "allowed", "newest", "later")


def show_outdated(
    targets: tuple[str, ...],
    *,
    manifest: Path,
    every: bool,
    as_json: bool,
    exit_code: bool,
    environment: Mapping[str, str],
) -> int:
    """Print what is newer than what is locked, and return the exit status: 1 with `exit_code` if any of it is allowed."""
    gc.disable()  # as in a compile: many small values, none of them in cycles
    project = load_project(manifest, today=dt.datetime.now(dt.timezone.utc).date())
    names = chosen_targets(project.manifest, targets)
    line = ProgressLine()
    with open_workshop(project.manifest, engine=_engine(names, project), offline=False, environment=environment) as workshop:
        try:
            found = survey(names, project, workshop=workshop, progress=line.of, every=every)
        finally:
            line.clear()
    if as_json:
        click.echo(document(found), nl=False)
    else:
        width = columns(sys.stdout) or _WIDTH
        texts = ("".join(f"{row}\n" for row in _lines(each, project.manifest.places, width=width)) for each in found)
        click.echo("\n".join(texts), nl=False)
    return int(exit_code and any(each.movable for each in found))


def _engine(names: Sequence[str], project: Project) -> str:
    """Return the engine that made the first lock. Raises LockError where a target has none."""
    locks = [(name, load_known_lock(project.folder / lock_folder(name), name)) for name in names]
    missing = [no_lock(name, project) for name, lock in locks if lock is None]
    if missing:
        raise LockError(missing)
    return next(lock.engine.name for _, lock in locks if lock is not None)


def _lines(found: TargetOutlook, places: Places, *, width: int) -> Iterator[str]:
    yield f"{found.target}: {_headline(found)}"
    shown = [each for each in found.packages if _tells(each)]
    if not shown:
        return
    rows = [each for each in shown if _has_newer(each)]
    if rows:
        yield ""
        yield from _table(rows, width=width)
    for each in shown:
        if each.is_kept_below:
            yield ""
            yield f"{each.name} {each.newest}"
            yield from _obstacles(each, width=width)
    yield from _elsewhere(shown, width=width)
    yield from _after(shown, places, found)


def _headline(found: TargetOutlook) -> str:
    told = f"`stackc compile --upgrade` would move {found.movable or 'none'} of {found.total} locked packages"
    if found.lowered:
        told += f" up, and {found.lowered} down"
    hidden = found.movable - sum(each.can_move for each in found.packages)
    return f"{told}; --all lists {'it' if hidden == 1 else 'them'}" if hidden else told


def _tells(each: Outlook) -> bool:
    return _has_newer(each) or each.elsewhere is not None


def _has_newer(each: Outlook) -> bool:
    return each.allowed != each.locked or each.is_kept_below or each.later is not None


def _table(shown: Sequence[Outlook], *, width: int) -> Iterator[str]:
    """Yield a row for each package; a cell is empty where it has nothing newer to tell than those before it."""
    rows = [
        (
            str(each.name),
            str(each.locked),
            _allowed(each),
            str(each.newest) if each.is_kept_below else "",
            str(each.later.version) if each.later is not None else "",
        )
        for each in shown
    ]
    used = [0, 1, *(number for number in (2, 3, 4) if any(row[number] for row in rows))]
    head = ("component" if all(each.component for each in shown) else "package", *_HEADINGS)
    cells = [[row[number] for number in used] for row in (head, *rows)]
    yield from in_columns(cells, width=width, folding=[False] * len(used))


def _allowed(each: Outlook) -> str:
    if each.allowed is None:
        return "not needed"
    return str(each.allowed) if each.allowed != each.locked else ""


def _obstacles(each: Outlook, *, width: int) -> Iterator[str]:
    for obstacle in each.obstacles[:_SHOWN]:
        yield from _obstacle(obstacle, width=width)
    if len(each.obstacles) > _SHOWN:
        yield f"  and {len(each.obstacles) - _SHOWN} more"
    if not each.obstacles:
        yield from _wrapped(f"nothing keeps it out alone: see `stackc explain {each.name}=={each.newest}`", width=width)


def _obstacle(obstacle: Obstacle, *, width: int) -> Iterator[str]:
    if not obstacle.stated or obstacle.place is None:
        yield from _wrapped(safe(obstacle.text), width=width)
    if obstacle.place is not None:
        yield f"   --> {format_place(obstacle.place)}"


def _wrapped(text: str, *, width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _elsewhere(shown: Sequence[Outlook], *, width: int) -> Iterator[str]:
    """Yield the releases that the target cannot install, by the line of the manifest that decides it."""
    found: dict[Place | None, list[str]] = {}
    for each in shown:
        if each.elsewhere is not None:
            told = _wrapped(f"{each.name} {each.elsewhere.version}: {safe(each.elsewhere.why.text)}", width=width)
            found.setdefault(each.elsewhere.why.place, []).extend(told)
    for place, lines in found.items():
        yield ""
        yield "newer, and not for this target"
        yield from (f"   --> {format_place(place)}",) if place is not None else ()
        yield from lines


def _after(shown: Sequence[Outlook], places: Places, found: TargetOutlook) -> Iterator[str]:
    """Yield what came after the cut-off, with the day on which it did."""
    later = [(each.name, each.later) for each in shown if each.later is not None]
    if not later or found.exclude_newer is None:
        return
    yield ""
    yield f"newer after the cut-off of {found.exclude_newer.date().isoformat()}"
    yield f"   --> {format_place(places.at('policy', 'exclude-newer'))}"
    for name, release in later:
        day = f", {safe(release.uploaded[:10])}" if release.uploaded else ""
        yield f"  {name} {release.version}{day}"
