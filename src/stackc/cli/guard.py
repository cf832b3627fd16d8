"""`stackc guard`: finds what is kept out in the files that are given, tells it, and deletes it if it is asked to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from stackc.cli.findings import tell, tell_error
from stackc.cli.report import safe
from stackc.errors import Finding, StackcError
from stackc.files import write_file
from stackc.guard.fix import removals
from stackc.guard.inspection import Inspector
from stackc.guard.judge import Verdict, judge
from stackc.guard.occurrence import Trouble
from stackc.guard.quick import summary
from stackc.guard.search import files_below
from stackc.guard.source import Source
from stackc.guard.words import finding, shown
from stackc.layout import MANIFEST

__all__ = ["guard_files", "judged"]

_STDIN = "-"


def guard_files(
    paths: Sequence[str], *, manifest: Path | None, fix: bool, stdin_name: str, form: str, environment: Mapping[str, str]
) -> int:
    """Guard files and folders, print what is found, and return the exit status."""
    anchor = manifest or Path(MANIFEST)
    try:
        verdicts, findings, summary = _found(paths, manifest=manifest, fix=fix, stdin_name=stdin_name, environment=environment)
    except StackcError as error:
        return tell_error(error, form=form, command="guard", anchor=anchor, environment=environment)
    tell(findings, summary=summary, form=form, command="guard", anchor=anchor, environment=environment)
    return _status(verdicts, findings)


def _found(
    paths: Sequence[str], *, manifest: Path | None, fix: bool, stdin_name: str, environment: Mapping[str, str]
) -> tuple[Sequence[Verdict], list[Finding], tuple[str, ...]]:
    """Return what is found, as verdicts and in words, and a summary: what was deleted, and how much is left."""
    wanted = tuple(_chosen(paths, manifest=manifest, environment=environment))
    data = sys.stdin.buffer.read() if _STDIN in wanted else None
    verdicts = judged(wanted, manifest=manifest, stdin_name=stdin_name, stdin=data)
    removed = _fixed(verdicts, stdin_name=stdin_name if data is not None else None) if fix else []
    if removed:
        verdicts = judged(wanted, manifest=manifest, stdin_name=stdin_name, stdin=data)
    findings = _in_words(verdicts, manifest=manifest, fixing=fix)
    return verdicts, findings, (*removed, _summary(findings, len(wanted)))


def judged(
    paths: Iterable[str], *, manifest: Path | None, stdin_name: str = "", stdin: bytes | None = None
) -> tuple[Verdict, ...]:
    """Return what is wrong with some files, each place once; where a file is included too, with the chain that leads to it."""
    inspector = Inspector(os.curdir, manifest=None if manifest is None else str(manifest))
    found: dict[tuple[str, int | None, str, str], Verdict] = {}
    for path in paths:
        name, data = (stdin_name, stdin) if path == _STDIN else (path, None)
        for verdict in judge(list(inspector.file(name, data=data)), inspector.policy(name)):
            item = verdict.read.item
            key = (os.path.realpath(verdict.read.source.name), item.at, verdict.code, item.text)
            if key not in found or (verdict.read.chain and not found[key].read.chain):
                found[key] = verdict
    return tuple(found.values())


def _chosen(paths: Sequence[str], *, manifest: Path | None, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the files to guard, each once: those that are named, and the usual ones of folders."""
    seen: set[str] = set()
    for path in paths or (_project_folder(manifest),):
        for file in files_below(path, environment=environment) if Path(path).is_dir() else (path,):
            if file not in seen:
                seen.add(file)
                yield file


def _project_folder(manifest: Path | None) -> str:
    """Return the folder of the manifest, or of the nearest one at or above the working folder; else that folder itself."""
    if manifest is not None:
        return str(manifest.parent)
    here = Path.cwd()
    above = next((folder for folder in (here, *here.parents) if (folder / MANIFEST).is_file()), here)
    return os.path.relpath(above, here)


def _fixed(verdicts: Sequence[Verdict], *, stdin_name: str | None) -> list[str]:
    """Delete the lines that can be, and return what was deleted, a line each."""
    told: list[str] = []
    for source, spans in removals(verdicts).items():
        data = source.without(spans) if source.name != stdin_name else None
        if data is not None:
            write_file(Path(source.name), data)
            told += [f"removed {_lines(source, start, end)}" for start, end in spans]
    return told


def _lines(source: Source, start: int, end: int) -> str:
    return f"{safe(source.name)}:{source.position(start)[0]}: {shown(source.text[start:end])}"


def _in_words(verdicts: Sequence[Verdict], *, manifest: Path | None, fixing: bool) -> list[Finding]:
    inspector = Inspector(os.curdir, manifest=None if manifest is None else str(manifest))
    return [finding(verdict, inspector.policy(verdict.read.root), fixing=fixing) for verdict in verdicts]


def _summary(findings: Sequence[Finding], files: int) -> str:
    counts = [(sum(each.severity == kind for each in findings), kind) for kind in ("error", "warning")]
    said = ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for count, kind in counts if count)
    return summary(files, said) if said else summary(files)


def _status(verdicts: Sequence[Verdict], findings: Sequence[Finding]) -> int:
    if any(isinstance(verdict.read.item, Trouble) and verdict.read.item.usage for verdict in verdicts):
        return 2
    return int(any(each.severity == "error" for each in findings))
