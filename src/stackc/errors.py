"""What can go wrong, as data; `stackc.cli.report` alone turns it into text.

Terminology: a *finding* is one thing that is wrong, with a code and the places it concerns. An *error* is an exception that
carries the findings which ended a run, and the exit status of that run. Codes are explained in `data/codes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace

__all__ = [
    "EXIT_BUG",
    "EXIT_INTERRUPTED",
    "EXIT_NO_READER",
    "BugError",
    "CheckError",
    "EngineError",
    "Finding",
    "IncompatibleError",
    "LockError",
    "ManifestError",
    "MovedError",
    "NoSolutionError",
    "OutputError",
    "Place",
    "RenderError",
    "Repair",
    "StackcError",
    "UpstreamError",
    "UsageError",
    "joined",
    "told_once",
]

EXIT_BUG = 5
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141
"""What a shell says of a program that SIGPIPE ended."""


class Place(Struct, frozen=True, kw_only=True):
    """A place in a file: line and column count from 1; `path` is the key path, such as `("components", "torch", "order")`.

    `source` is what stands there, as the file spells it: the value of a key, or the line.
    """

    file: str
    line: int | None = None
    column: int | None = None
    path: tuple[str | int, ...] = ()
    source: str | None = None


class Repair(Struct, frozen=True, kw_only=True):
    """A change of one line that was tried and helps: what it changes, from which value to which, and what that gives.

    `old` and `new` are as the file spells them. `gives` is None where nothing chose versions.
    """

    what: str
    old: str
    new: str
    gives: str | None = None


class Finding(Struct, frozen=True, kw_only=True):
    """One result of a check.

    `message` is lower case, one sentence, without a final period. `notes` are further whole lines, such as a rule's text or an
    engine's own words. `hint` is the next thing to do, and introduces the `repairs` where there are any.
    """

    code: str
    message: str
    places: tuple[Place, ...] = ()
    wanted: str | None = None
    found: str | None = None
    notes: tuple[str, ...] = ()
    hint: str | None = None
    repairs: tuple[Repair, ...] = ()
    severity: Literal["error", "warning"] = "error"


class StackcError(Exception):
    """A predictable reason why a run ended; never raised itself, only its subclasses."""

    exit_status: ClassVar[int] = EXIT_BUG
    findings: tuple[Finding, ...]

    def __init__(self, findings: Finding | Iterable[Finding]) -> None:
        self.findings = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__("; ".join(f"{finding.code}: {finding.message}" for finding in self.findings))


class CheckError(StackcError):
    """The answer is no: drift, or a lock that does not prove."""

    exit_status = 1


class UsageError(StackcError):
    """The command line asks for something that is not there."""

    exit_status = 2


class ManifestError(StackcError):
    """The manifest, a rule pack or a template cannot be read, or says something that it may not."""

    exit_status = 2


class IncompatibleError(StackcError):
    """The matrix refuses the stack before any index is asked."""

    exit_status = 3


class NoSolutionError(StackcError):
    """No set of pins satisfies the target."""

    exit_status = 3


class UpstreamError(StackcError):
    """An index could not be asked, or what it answered cannot be used."""

    exit_status = 4

    @classmethod
    def of(cls, failures: Iterable[Finding]) -> UpstreamError:
        """Return the error for all failures of a run: what is the same for many projects is told once, the others as notes."""
        alike: dict[tuple[str, str | None], list[Finding]] = {}
        for failure in dict.fromkeys(failures):
            alike.setdefault((failure.code, failure.hint), []).append(failure)
        return cls(_merged(found) for found in alike.values())


class EngineError(StackcError):
    """An engine is missing, ended in a way that is neither a solution nor a conflict, or contradicts another one."""

    exit_status = 4


class OutputError(StackcError):
    """What stackc says cannot be written where it is sent."""

    exit_status = 4


class LockError(StackcError):
    """A lock cannot be read, or cannot be written where it belongs."""

    exit_status = 1


class MovedError(StackcError):
    """What is locked is no longer what its index has. Told as findings, beside those of the checks that ask nobody."""

    exit_status = 6


class RenderError(StackcError):
    """A generated file cannot be rendered from its template and values."""

    exit_status = 2


class BugError(StackcError):
    """stackc contradicts itself; the user did nothing wrong."""

    exit_status = EXIT_BUG


def joined(errors: Sequence[StackcError]) -> StackcError:
    """Return one error with all findings of several, each told once: of the kind whose exit status is the highest."""
    gravest = max(errors, key=lambda error: error.exit_status)
    return type(gravest)(told_once(finding for error in errors for finding in error.findings))


def told_once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings that differ in their places alone, such as those of several targets, as one each with all places."""
    places: dict[Finding, list[Place]] = {}
    for finding in findings:
        places.setdefault(replace(finding, places=()), []).extend(finding.places)
    return tuple(replace(finding, places=tuple(dict.fromkeys(found))) for finding, found in places.items())


_MOST_ALIKE = 5


def _merged(alike: list[Finding]) -> Finding:
    first, *others = alike
    notes = [f"likewise: {other.message}" for other in others[:_MOST_ALIKE]]
    if len(others) > _MOST_ALIKE:
        notes.append(f"and {len(others) - _MOST_ALIKE} more")
    return replace(first, notes=(*first.notes, *notes))
