"""`stackc upgrade`: shows a coupled move as a diff of the manifest, and writes it with the locks where that is wanted."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from functools import partial
from pathlib import Path

import click
from msgspec import Struct

from stackc.cli.chosen import chosen_targets
from stackc.cli.compile import warn
from stackc.cli.report import safe
from stackc.cli.settled import settle
from stackc.cli.summary import changes_between, counted, versions_of
from stackc.cli.terminal import ProgressLine
from stackc.cli.workshop import moved, open_workshop
from stackc.compile import Compiled
from stackc.errors import Finding, NoSolutionError, Place, StackcError, told_once
from stackc.layout import BAKE, lock_folder
from stackc.manifest.shown import redacted
from stackc.matrix.facts import Facts
from stackc.project import load_project
from stackc.render.bake import bake_of
from stackc.rewrite import Rewrite
from stackc.upgrade.asked import Asked
from stackc.upgrade.search import Attempt, Found, Search

__all__ = ["Flags", "upgrade"]


class Flags(Struct, frozen=True, kw_only=True):
    """What the command line says."""

    cuda: str | None
    torch: str | None
    python: str | None
    relax: bool
    write: bool
    offline: bool
    engine: str


def upgrade(targets: tuple[str, ...], flags: Flags, *, manifest: Path, environment: Mapping[str, str]) -> int:
    """Try a move, print it as a diff with what it changes in the locks, and write both where that is wanted.

    Returns the exit status. Raises StackcError, with nothing written, where nothing fits.
    """
    if flags.cuda is flags.torch is flags.python is None:
        raise click.UsageError("say what to move: --cuda, --torch or --python.")
    asked = Asked.read(Facts.load(), cuda=flags.cuda, torch=flags.torch, python=flags.python)
    today = dt.datetime.now(dt.timezone.utc).date()
    settle(manifest.parent, dry_run=not flags.write)
    project, rewrite = load_project(manifest, today=today), Rewrite.read(manifest)
    names = chosen_targets(project.manifest, targets)
    line = ProgressLine()
    opened = open_workshop(project.manifest, engine=flags.engine, offline=flags.offline, environment=environment)
    with opened as workshop:
        search = Search(
            path=manifest,
            text=rewrite.before,
            project=project,
            today=today,
            workshop=partial(moved, workshop),
            progress=line.of,
        )
        try:
            found = search.find(asked, names, relax=flags.relax)
        finally:
            line.clear()
        if found is None:
            click.echo(f"nothing to do: {', '.join(names)} {'is' if len(names) == 1 else 'are'} at {asked.spelled} already")
            return 0
        if isinstance(found, Attempt):
            raise _refusal(found, asked, manifest, rewrite.before)
        click.echo("".join(f"{safe(said)}\n" for said in dict.fromkeys(found.attempt.said)), err=True, nl=False)
        click.echo("".join(f"{row}\n" for row in _told(found, manifest, rewrite.before)), nl=False)
        warnings = (warning for each in found.attempt.compiled for warning in each.warnings)
        warn(told_once(warning for warning in warnings if warning.code != _GONE), environment)
        if not flags.write and not _confirmed():
            click.echo("\nnothing was written; `--write` writes the manifest and the locks")
            return 0
        Rewrite(path=manifest, before=rewrite.before, after=found.attempt.text).write(
            found.attempt.compiled, beside={BAKE: bake_of(found.project.manifest)}
        )
    written = [safe(str(manifest)), *(f"{lock_folder(each.target)}/" for each in found.attempt.compiled)]
    click.echo("\n" + "".join(f"wrote {name}\n" for name in written), nl=False)
    return 0


_GONE = "S341"
"""A locked release that its index has no more: of an index that moves, that is no news."""


def _confirmed() -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return click.confirm("\nWrite the manifest and the locks?", default=False)


def _told(found: Found, manifest: Path, before: str) -> Iterator[str]:
    """Yield the diff, what else had to change, and what moves in each lock."""
    attempt = found.attempt
    yield from _diff(manifest, before, attempt.text)
    notes = [*_passed_over(attempt), *attempt.notes, *(f"gives way: {each.told}" for each in attempt.given if each.pinned)]
    notes += [f"given up: {each.told}" for each in attempt.given_up]
    notes += [f"look at this comment: {line}" for line in _stale(before, attempt)]
    if notes:
        yield ""
        yield from (safe(note) for note in notes)
    for compiled in attempt.compiled:
        yield ""
        yield from _told_lock(compiled)


def _told_lock(compiled: Compiled) -> Iterator[str]:
    proved = f"{compiled.target}: proved ({counted(len(compiled.lock.packages), 'package')})"
    if compiled.previous is None:
        yield f"{proved}; it had no lock"
        return
    changes = changes_between(versions_of(compiled.previous), versions_of(compiled.lock))
    yield f"{proved}; changed against the previous lock: {counted(len(changes), 'version') if changes else 'no version'}"
    yield from (f"  {change}" for change in changes)


def _diff(manifest: Path, before: str, after: str) -> Iterator[str]:
    name = manifest.as_posix()
    rows = unified_diff(before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    yield from (safe(redacted(row)) for row in rows)


def _stale(before: str, attempt: Attempt) -> Iterator[str]:
    """Yield the lines whose comment still says a version that moved on that line or elsewhere."""
    old, new = set(before.splitlines()), attempt.text.splitlines()
    gone = {word for line in old - set(new) for word in _versions(line.partition("#")[0])}
    come = {word for line in set(new) - old for word in _versions(line.partition("#")[0])}
    for number, line in enumerate(new, start=1):
        _, mark, comment = line.partition("#")
        if mark and gone - come and (gone - come) & set(_versions(comment)):
            yield f"line {number}: #{comment}"


def _versions(text: str) -> list[str]:
    return re.findall(r"\d+\.\d+(?:\.\d+)*", text)


def _passed_over(attempt: Attempt) -> Iterator[str]:
    lacking = [other for other in attempt.others if other.lacking]
    for other in attempt.others:
        if other not in lacking or len(lacking) == 1:
            yield f"torch {other.move.torch} was passed over: {_reason(other)}"
    if len(lacking) > 1:
        *rest, last = (str(other.move.torch) for other in lacking)
        yield f"torch {', '.join(rest)} and {last} were passed over: their index lacks them, or their partners"


def _reason(attempt: Attempt) -> str:
    if attempt.error is None:
        return "more would have to be given up"
    return attempt.error.findings[0].message


def _refusal(attempt: Attempt, asked: Asked, manifest: Path, before: str) -> StackcError:
    """Return the error that says why no move fits, and what would have to be given up for one."""
    if attempt.error is not None:
        return type(attempt.error)([*attempt.error.findings, _no_way(attempt, asked, manifest)])
    changed = (f"given up: {each.told}" for each in attempt.given_up)
    return NoSolutionError(
        Finding(
            code="S344",
            message=f"{asked.spelled} fits only if more is given up",
            places=(Place(file=str(manifest)),),
            notes=(*changed, *_diff(manifest, before, attempt.text)),
            hint="`--relax` takes these changes too; or change what stands there by hand, and run the command again",
        )
    )


def _no_way(attempt: Attempt, asked: Asked, manifest: Path) -> Finding:
    torch = f" with torch {attempt.move.torch}" if attempt.move.torch not in {None, asked.torch} else ""
    return Finding(
        code="S345",
        message=f"no way to {asked.spelled}{torch} was found, and nothing was written",
        places=(Place(file=str(manifest)),),
        notes=(
            *(f"changed so far: {each.told}" for each in attempt.given),
            *_passed_over(attempt),
            *dict.fromkeys(said.partition(": ")[2] for said in attempt.said if "it compiles, but" not in said),
        ),
        hint="settle what stands above, or ask for another version",
    )
