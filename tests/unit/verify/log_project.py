"""The project of the recorded logs as values, and short ways to ask a log about it."""

from __future__ import annotations

import io
from functools import cache

from stackc.lock.model import Lock
from stackc.lock.stored import load_lock
from stackc.verify.build_log import read_events
from stackc.verify.checklist import Answer, Sources, answers
from stackc.verify.log_lines import read_lines
from stackc.verify.log_story import Story, gather
from stackc.verify.places import LockPlaces, lock_places
from support.verified_project import CASES

__all__ = ["URLS", "asked", "lock", "places", "recorded", "story", "verdicts"]

URLS = {"cu124": "https://files.example.org/whl/cu124"}


@cache
def lock() -> Lock:
    found = load_lock(CASES / "locks" / "gpu", "gpu")
    assert found is not None
    return found


def places() -> LockPlaces:
    return lock_places((CASES / "locks/gpu/lock.toml").read_text(encoding="utf-8"), file="locks/gpu/lock.toml")


def recorded(name: str) -> str:
    return (CASES / f"{name}.log").read_text(encoding="utf-8")


def story(content: bytes, *, others: tuple[str, ...] = ()) -> Story:
    return gather(read_events(read_lines(io.BytesIO(content))), others=others)


def asked(log: str | bytes, *, others: tuple[str, ...] = (), of: Lock | None = None) -> tuple[Answer, ...]:
    content = log if isinstance(log, bytes) else log.encode()
    return answers(story(content, others=others), of or lock(), Sources(log="build.log", lock=places(), urls=URLS))


def verdicts(log: str | bytes, *, others: tuple[str, ...] = (), of: Lock | None = None) -> str:
    """Return the verdicts, in the order of the questions: whole, numpy, torch's own step, torch kept, click, verified."""
    return " ".join(answer.verdict for answer in asked(log, others=others, of=of))
