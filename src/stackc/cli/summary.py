"""The summary of one compiled target: what was chosen, from where, in which step, and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.utils import NormalizedName, canonicalize_name

from stackc.cli.report import safe
from stackc.compile import Compiled
from stackc.layout import lock_folder
from stackc.lock.model import Lock, Package

__all__ = ["changes_between", "counted", "listed", "summarize", "summarize_all", "versions_of"]

_HEADINGS = ("component", "version", "index", "step", "change")
_LISTED_CHANGES = 12


def summarize_all(compiled: Sequence[Compiled], *, seconds: float, dry_run: bool, wide: bool) -> str:
    """Return the summaries of all targets of a run, which took so many seconds; of several, the time stands at the end."""
    if len(compiled) == 1:
        return summarize(compiled[0], seconds=seconds, dry_run=dry_run, wide=wide)
    texts = [summarize(each, seconds=None, dry_run=dry_run, wide=wide) for each in compiled]
    between = "\n" if any(text.count("\n") > 1 for text in texts) else ""
    return f"{between.join(texts)}{between}{len(compiled)} targets in {seconds:.1f} s\n"


def summarize(compiled: Compiled, *, seconds: float | None, dry_run: bool, wide: bool) -> str:
    """Return the text of one target's summary: lines, each with a newline. `wide` asks for the table of a terminal."""
    lines = [_headline(compiled, seconds)]
    if compiled.how != "current" or compiled.written:
        rows = list(_rows(compiled))
        lines += ["", *(_terminal_table(rows) if wide else _plain_table(rows)), "", *_others(compiled)]
    lines += _outcome(compiled, dry_run=dry_run)
    return "".join(f"{line}\n" for line in lines)


def _headline(compiled: Compiled, seconds: float | None) -> str:
    lock = compiled.lock
    how = {
        "current": "nothing to do, its lock is that of stack.toml",
        "rendered": "the locked versions still prove; no index was asked",
        "resolved": f"resolved by {lock.engine.name} {lock.engine.version}, and proved",
    }[compiled.how]
    took = "" if seconds is None else f", {seconds:.1f} s"
    return f"{compiled.target}: {how} ({counted(len(lock.packages), 'package')}{took})"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where that is due."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _rows(compiled: Compiled) -> Iterator[Sequence[str]]:
    before = versions_of(compiled.previous)
    for root in compiled.lock.roots:
        package = compiled.lock.by_name[canonicalize_name(root.parsed.name)]
        step = str(package.step) if package.step < compiled.lock.last_step else "requirements.txt"
        yield package.name, str(package.version), package.index or str(package.direct), step, _change(package, before)


def _change(package: Package, before: dict[NormalizedName, str]) -> str:
    if not before or before.get(package.name) == str(package.version):
        return ""
    return f"was {before[package.name]}" if package.name in before else "new"


def versions_of(lock: Lock | None) -> dict[NormalizedName, str]:
    """Return the version of every package of a lock; none where there is no lock."""
    return {package.name: str(package.version) for package in lock.packages} if lock else {}


def _others(compiled: Compiled) -> Iterator[str]:
    lock = compiled.lock
    if len(lock.packages) > len(lock.roots):
        needed = counted(len(lock.packages) - len(lock.roots), "package")
        yield f"and {needed} that these need; see {lock_folder(compiled.target)}/STACK.md"
    if compiled.previous is None:
        return
    changes = changes_between(versions_of(compiled.previous), versions_of(lock))
    yield "changed against the previous lock: " + (counted(len(changes), "version") if changes else "no version")
    yield from listed(changes)


def changes_between(before: Mapping[NormalizedName, str], after: Mapping[NormalizedName, str]) -> list[str]:
    """Return a line for each version that moved, then for each that was added, then for each that was removed."""
    moved = [f"{name} {before[name]} -> {after[name]}" for name in after if name in before and before[name] != after[name]]
    added = [f"{name} {after[name]} added" for name in after if name not in before]
    removed = [f"{name} {before[name]} removed" for name in before if name not in after]
    return [*moved, *added, *removed]


def listed(changes: Sequence[str]) -> Iterator[str]:
    """Yield changes indented, and of many how many more there are."""
    yield from (f"  {change}" for change in changes[:_LISTED_CHANGES])
    if len(changes) > _LISTED_CHANGES:
        yield f"  and {len(changes) - _LISTED_CHANGES} more"


def _outcome(compiled: Compiled, *, dry_run: bool) -> Iterator[str]:
    folder = lock_folder(compiled.target)
    if dry_run:
        yield f"dry run: {folder}/ would change" if compiled.written else f"dry run: {folder}/ would not change"
        yield from (f"  {safe(name)}" for name in compiled.changes)
    elif compiled.written:
        yield f"wrote {folder}/"
    elif compiled.how != "current":
        yield f"{folder}/ is unchanged"


def _plain_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    table = [_HEADINGS, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADINGS))]
    for row in table:
        yield "  ".join(safe(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _terminal_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*_HEADINGS, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(safe(cell), overflow="fold") for cell in row))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    yield from (line.rstrip() for line in captured.get().splitlines())
