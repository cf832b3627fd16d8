"""`stackc verify`: asks an environment, a receipt or a build's log whether it is what the lock says, and prints the answer."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click
from msgspec import Struct

from stackc.cli.report import format_finding, safe
from stackc.cli.terminal import colored
from stackc.errors import Finding, LockError, UsageError
from stackc.layout import LOCK, lock_folder
from stackc.lock.model import Lock
from stackc.lock.stored import load_lock
from stackc.matrix.bases import resolve_target
from stackc.project import Project, load_project
from stackc.target import Target
from stackc.verify.outcome import Outcome, StepRow, document
from stackc.verify.places import LockPlaces, lock_places

__all__ = ["Asked", "verify"]

_STANDARD_INPUT = "-"
_HEAD = 24
_TAIL = 40


class _Locked(Struct, frozen=True, kw_only=True):
    """One target with its lock, as it is to be verified."""

    project: Project
    lock: Lock
    target: Target
    places: LockPlaces


class Asked(Struct, frozen=True, kw_only=True):
    """What the command line asks: at most one of `python`, `receipt` and `build_log` is named."""

    target: str | None
    manifest: Path
    python: Path | None
    receipt: Path | None
    build_log: Path | None
    gpu: bool


def verify(asked: Asked, *, as_json: bool) -> int:
    """Verify what was named, print what was found, and return the exit status."""
    _check_usage(asked)
    locked = _locked(asked.target, asked.manifest)
    if asked.receipt is not None:
        outcome = _of_receipt(locked, asked.receipt)
    elif asked.build_log is not None:
        outcome = _of_log(locked, asked.build_log)
    else:
        outcome = _of_environment(locked, asked.python, gpu=asked.gpu)
    if as_json:
        click.echo(document(outcome), nl=False)
    else:
        for finding in outcome.findings:
            click.echo(f"{format_finding(finding, color=colored(sys.stderr, os.environ))}\n", err=True, color=True)
        click.echo("".join(f"{line}\n" for line in _lines(outcome)), nl=False)
    return 0 if outcome.holds else 1


def _check_usage(asked: Asked) -> None:
    options = (("--python", asked.python), ("--receipt", asked.receipt), ("--build-log", asked.build_log))
    named = [name for name, value in options if value is not None]
    if len(named) > 1:
        raise click.UsageError(f"{' and '.join(named)} ask different things: name one of them")
    if asked.gpu and (asked.receipt or asked.build_log):
        raise click.UsageError(f"--gpu asks this machine, and {named[0]} does not")


def _locked(wanted: str | None, manifest: Path) -> _Locked:
    project = load_project(manifest, today=dt.datetime.now(dt.timezone.utc).date())
    known = project.manifest.targets
    name = wanted or project.manifest.default_target
    if name not in known:
        hint = f"the manifest has {', '.join(f'`{each}`' for each in known)}"
        raise UsageError(Finding(code="S002", message=f"there is no target `{name}`", hint=hint))
    folder = project.folder / lock_folder(name)
    lock = load_lock(folder, name)
    if lock is None:
        place = project.manifest.places.at("targets", name)
        message = f"target `{name}` has no lock"
        raise LockError(Finding(code="S520", message=message, places=(place,), hint="run `stackc compile`"))
    text = (folder / LOCK).read_text(encoding="utf-8")
    return _Locked(
        project=project,
        lock=lock,
        target=resolve_target(known[name], facts=project.facts, places=project.manifest.places),
        places=lock_places(text, file=f"{lock_folder(name)}/{LOCK}"),
    )


def _of_environment(locked: _Locked, python: Path | None, *, gpu: bool) -> Outcome:
    from stackc.verify.environment import active_python, ask
    from stackc.verify.gpu import check_gpu
    from stackc.verify.script import script
    from stackc.verify.told import findings_of

    interpreter = python or active_python(os.environ)
    text = script(locked.lock, manifest=locked.project.manifest, target=locked.target)
    told = ask(interpreter, text, gpu=gpu, environment=os.environ)
    findings = [*findings_of(told, places=locked.places)]
    if told.gpu is not None:
        places = locked.places.of("torch") or (locked.places.head,)
        findings += check_gpu(told.gpu, locked.lock, locked.target, locked.project.matrix, places=places)
    return Outcome(
        mode="environment",
        target=locked.target.name,
        subject=str(interpreter),
        findings=tuple(findings),
        checks=told.checks,
        receipt=told.receipt,
        gpu=told.gpu,
    )


def _of_receipt(locked: _Locked, path: Path) -> Outcome:
    from stackc.verify.receipt import compare, decode

    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable("receipt", path, error) from error
    receipt = decode(content, file=str(path))
    findings = compare(receipt, locked.lock, locked.target, file=str(path), places=locked.places)
    return Outcome(mode="receipt", target=locked.target.name, subject=str(path), findings=findings, receipt=receipt)


def _of_log(locked: _Locked, path: Path) -> Outcome:
    if str(path) == _STANDARD_INPUT:
        return _read_log(locked, sys.stdin.buffer, name="standard input")
    try:
        with path.open("rb") as stream:
            return _read_log(locked, stream, name=str(path))
    except OSError as error:
        raise _unreadable("build log", path, error) from error


def _read_log(locked: _Locked, stream: BinaryIO, *, name: str) -> Outcome:
    from stackc.verify.build_log import read_events
    from stackc.verify.checklist import Sources, answers
    from stackc.verify.log_lines import read_lines
    from stackc.verify.log_story import gather
    from stackc.verify.outcome import rows

    manifest = locked.project.manifest
    others = [target for target in manifest.targets if target != locked.target.name]
    urls = {index.name: index.url for index in manifest.indexes.values() if index.url is not None and not index.default}
    story = gather(read_events(read_lines(stream)), others=others)
    found = answers(story, locked.lock, Sources(log=name, lock=locked.places, urls=urls))
    findings = dict.fromkeys(finding for answer in found for finding in answer.findings)
    return Outcome(
        mode="build-log",
        target=locked.target.name,
        subject=name,
        findings=tuple(findings),
        answers=found,
        builder=story.dialect,
        steps=rows(story),
    )


def _unreadable(what: str, path: Path, error: OSError) -> UsageError:
    message = f"the {what} `{path}` cannot be read: {str(error.strerror or error).lower()}"
    return UsageError(Finding(code="S659", message=message, hint="name a file that is there and can be read"))


def _lines(outcome: Outcome) -> Iterator[str]:
    """Yield what is printed of an outcome beside its findings; the last line is the answer."""
    yield from _log_lines(outcome)
    yield from _gpu_lines(outcome)
    errors = sum(finding.severity == "error" for finding in outcome.findings)
    counted = "1 error" if errors == 1 else f"{errors} errors"
    subject = safe(outcome.subject)
    if outcome.mode == "build-log":
        yes = f"{subject} shows a build that did what the lock says ({len(outcome.answers)} answers)"
        yield f"{outcome.target}: " + (yes if outcome.holds else f"{subject} does not show that: {counted}")
    elif outcome.mode == "receipt":
        packages = len(outcome.receipt.packages) if outcome.receipt is not None else 0
        yes = f"the image that left {subject} is that of the lock ({packages} packages)"
        yield f"{outcome.target}: " + (yes if outcome.holds else f"the image that left {subject} is another: {counted}")
    else:
        yes = f"{subject} is what the lock says ({len(outcome.checks)} checks hold)"
        yield f"{outcome.target}: " + (yes if outcome.holds else f"{subject} is not what the lock says: {counted}")


def _log_lines(outcome: Outcome) -> Iterator[str]:
    for answer in outcome.answers:
        yield f"{answer.verdict:<8} {safe(answer.text)}"
    shown = [row for row in outcome.steps if row.command.startswith("RUN") or row.downloaded]
    if shown:
        yield ""
        yield from map(_step_line, shown)
        yield ""


def _step_line(row: StepRow) -> str:
    time = "" if row.seconds is None else f"{row.seconds:.1f} s"
    size = f"{row.downloaded / 1e6:.1f} MB" if row.downloaded else ""
    number = f"{row.scope} {row.number}".strip()
    state = "" if row.state == "done" else f" ({row.state or 'unfinished'})"
    return f"{safe(number):>8} {time:>9} {size:>10}  {safe(_short(row.command))}{state}"


def _short(command: str) -> str:
    """Return a command in one line of bounded length: what an install step is for stands at its end."""
    line = " ".join(command.split())
    return line if len(line) <= _HEAD + _TAIL + 5 else f"{line[:_HEAD].rstrip()} ... {line[-_TAIL:].lstrip()}"


def _gpu_lines(outcome: Outcome) -> Iterator[str]:
    if outcome.gpu is None or outcome.gpu.driver is None:
        return
    driver = outcome.gpu.driver
    yield f"driver {safe(driver.version)}, for CUDA up to {safe(driver.cuda)}"
    for number, device in enumerate(outcome.gpu.devices or driver.devices):
        line = f"GPU {number}: {safe(device.name)}, compute capability {device.capability}"
        if device.memory is not None and device.free is not None:
            line += f", {device.free / 2**30:.1f} of {device.memory / 2**30:.1f} GiB free"
        if device.error is not None:
            line += f", a matrix product within {device.error:.1e} of the CPU's"
        yield line
