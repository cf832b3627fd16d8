"""What `--upgrade` and `--upgrade-to` ask for: which old pins are to be forgotten, and to which moment the indexes' moves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from contextlib import suppress

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name

from stackc.errors import Finding, LockError, UsageError
from stackc.layout import lock_folder
from stackc.lock.stored import load_known_lock
from stackc.manifest.cursor import Refusal, nearest
from stackc.manifest.reference import day, moment
from stackc.planning import Upgrade
from stackc.project import Project

__all__ = ["PROJECT_MARK", "Wish", "read_moment", "read_upgrade"]

PROJECT_MARK = "="
"""Stands before a word of `--upgrade` that was given as `--upgrade=WORD`: that is a project and no target."""

Targets = tuple[str, ...]


class Wish(Struct, frozen=True, kw_only=True):
    """What the command line says: the words of `--upgrade`, empty where nothing stood behind it, and that of `--upgrade-to`."""

    words: tuple[str, ...] = ()
    moment: str | None = None


def read_upgrade(words: Sequence[str], targets: Targets, project: Project) -> tuple[Upgrade, Targets]:
    """Return which pins the words of `--upgrade` free, and the targets, with those that stood behind `--upgrade` alone.

    An empty word stands for all pins. Raises UsageError for a word that is neither a project nor a target, or could be both.
    """
    known = _locked(project) if any(words) else {}
    names: set[NormalizedName] = set()
    swallowed: list[str] = []
    everything = False
    findings: list[Finding] = []
    for word in words:
        name = canonicalize_name(word.removeprefix(PROJECT_MARK))
        target = word if word in project.manifest.targets else None
        if not word or (target is not None and name not in known):
            everything = True
            swallowed += [word] if word else []
        elif target is not None:
            findings.append(_either(word))
        elif name in known:
            names.add(name)
        else:
            findings.append(_unknown(word.removeprefix(PROJECT_MARK), known, project))
    if findings:
        raise UsageError(findings)
    wanted = {*targets, *swallowed}
    ordered = tuple(name for name in project.manifest.targets if name in wanted)
    unknown = tuple(name for name in targets if name not in project.manifest.targets)
    return Upgrade(everything=everything, names=frozenset(names)), (*ordered, *unknown) if swallowed else targets


def read_moment(text: str, *, now: dt.datetime) -> dt.datetime:
    """Return the moment that a day (its beginning in UTC) or a moment with its offset names.

    Raises UsageError S016 for another text, and S017 for the future: what will be uploaded until then nobody knows, so that the
    same manifest would give another lock on another day.
    """
    found = day(text)
    at = moment(text) if isinstance(found, Refusal) else dt.datetime.combine(found, dt.time(), dt.timezone.utc)
    if isinstance(at, Refusal):
        hint = f"write a day such as `{now:%Y-%m-%d}`, or a moment with its offset such as `{now:%Y-%m-%d}T00:00:00Z`"
        raise UsageError(Finding(code="S016", message=f"`--upgrade-to {text}` is neither a day nor a moment", hint=hint))
    if at > now:
        raise UsageError(
            Finding(
                code="S017",
                message=f"`--upgrade-to {text}` lies in the future: what will be uploaded until then would still come in",
                hint=f"today is {now:%Y-%m-%d}; `--upgrade-to {now:%Y-%m-%d}` takes what was there when it began, in UTC",
            )
        )
    return at.replace(microsecond=0)


def _locked(project: Project) -> dict[NormalizedName, None]:
    """Return every project that a lock of the manifest's targets holds, tools included, and every component."""
    found: dict[NormalizedName, None] = dict.fromkeys(project.manifest.components)
    for target in project.manifest.targets:
        with suppress(LockError):  # what is wrong with a lock, compiling it tells
            lock = load_known_lock(project.folder / lock_folder(target), target)
            packages = (*lock.packages, *lock.tools) if lock is not None else ()
            found |= dict.fromkeys(package.name for package in packages)
    return found


def _either(word: str) -> Finding:
    return Finding(
        code="S015",
        message=f"`--upgrade {word}` may mean the project `{word}` or the target `{word}`",
        hint=f"write `--upgrade={word}` for the project, or `--upgrade -- {word}` to upgrade all of the target",
    )


def _unknown(word: str, known: Iterable[NormalizedName], project: Project) -> Finding:
    hint = nearest(canonicalize_name(word), (*known, *project.manifest.targets), all_else=False)
    return Finding(
        code="S014",
        message=f"no lock has a project `{word}`, and no component is called so",
        hint=hint or "`--upgrade` alone upgrades all; what is locked stands in locks/TARGET/STACK.md",
    )
