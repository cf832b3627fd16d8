"""How an engine ended, where it found neither a solution nor a conflict: told by its exit and by what the view saw of it."""

from __future__ import annotations

import signal

from stackc.engine.child import unusable
from stackc.engine.model import Answer, Failed, Solved, Unsolvable
from stackc.errors import Finding

__all__ = ["CERTAIN", "outcome_of"]

CERTAIN = frozenset({"S390", "S392"})
"""The findings that hold whatever went wrong upstream meanwhile."""


def outcome_of(answer: Answer, *, engine: str, asked: bool) -> Solved | Unsolvable | Finding:
    """Return an engine's answer, or what is wrong with the engine.

    `asked` says whether the view was asked for anything: an engine that asked nothing has no answer, whatever it says.
    """
    if isinstance(answer, Solved):
        return answer
    notes = tuple(line for line in answer.text.splitlines() if line.strip())
    if isinstance(answer, Failed):
        return _failure(answer, engine=engine, asked=asked, notes=notes)
    return answer if asked else _unheard(engine, notes)


def _failure(answer: Failed, *, engine: str, asked: bool, notes: tuple[str, ...]) -> Finding:
    if answer.status < 0:
        return _killed(engine, -answer.status, notes)
    if answer.how == "unusable":
        return unusable(engine, answer.text)
    if answer.how == "gave up":
        return _gave_up(engine, notes)
    if not asked:
        return _unread(engine, notes) if answer.how == "unread" else _unheard(engine, notes)
    return _unexpected(engine, answer.status, notes)


def _killed(engine: str, number: int, notes: tuple[str, ...]) -> Finding:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    memory = "; often the kernel does so where memory runs out" if number == signal.SIGKILL else ""
    return Finding(
        code="S392",
        message=f"engine `{engine}` was killed by {name}",
        notes=notes,
        hint=f"it was not stackc that ended it{memory}: run it again",
    )


def _unheard(engine: str, notes: tuple[str, ...]) -> Finding:
    return Finding(
        code="S393",
        message=f"engine `{engine}` ended without having reached the index that stackc serves on 127.0.0.1",
        notes=notes,
        hint="let this machine's own programs connect to each other on 127.0.0.1: a firewall or a sandbox may forbid it",
    )


def _unread(engine: str, notes: tuple[str, ...]) -> Finding:
    return Finding(
        code="S394",
        message=f"engine `{engine}` cannot read a requirement",
        notes=notes,
        hint="spell that component's version in another way, or choose another engine with `--engine`",
    )


def _gave_up(engine: str, notes: tuple[str, ...]) -> Finding:
    return Finding(
        code="S395",
        message=f"engine `{engine}` gave up: it tried as many combinations as it allows itself",
        notes=notes,
        hint="narrow the versions of some components, or choose another engine with `--engine`",
    )


def _unexpected(engine: str, status: int, notes: tuple[str, ...]) -> Finding:
    return Finding(
        code="S391",
        message=f"engine `{engine}` ended with exit status {status}",
        notes=notes,
        hint="its own words stand above; if they do not help, please report this",
    )
