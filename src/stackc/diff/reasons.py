"""Why each pin moved: the shortest chain of causes from an edit, a rule or a moved window; else nothing forced it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from stackc.diff.causes import Case, Direct, Key
from stackc.diff.model import Reason

__all__ = ["reasons"]

Causes = Mapping[Key, tuple[Direct, ...]]


def reasons(case: Case, causes: Causes) -> Mapping[Key, Reason]:
    """Return the reason of every move, given the direct causes of each.

    Causes that left no choice go before those that only let a release in. What nothing caused is unforced, and so is what such
    a move brought about. Moves that cause each other alone are too.
    """
    chains = _Chains(causes)
    chains.spread(_first_causes(causes, loose=False), loose=False)
    chains.spread(_first_causes(causes, loose=True), loose=True)
    for key, direct in causes.items():
        if not any(cause.parent for cause in direct if not cause.loose):
            chains.spread(((key, _NOTHING),), loose=True)
    for key in case.moves:
        chains.spread(((key, _NOTHING),), loose=True)
    return chains.found


_NOTHING = Direct(kind="unforced")


def _first_causes(causes: Causes, *, loose: bool) -> Iterator[tuple[Key, Direct]]:
    """Yield the moves that an edit, a rule or the window caused directly, in that order; `loose` adds what only let them be."""
    own = [(key, cause) for key, direct in causes.items() for cause in direct if cause.parent is None and cause.loose <= loose]
    for kind in ("edit", "rule", "window"):
        for key, cause in own:
            if cause.kind == kind and (cause.edit is not None or kind != "edit"):
                yield key, cause


class _Chains:
    """The reasons found so far, and the whole words of each chain."""

    def __init__(self, causes: Causes) -> None:
        self.found: dict[Key, Reason] = {}
        self._causes = causes
        self._loose = False
        self._whole: dict[Key, tuple[str, ...]] = {}
        self._followers: dict[Key, list[tuple[Key, Direct]]] = {}
        for key, direct in causes.items():
            for cause in direct:
                if cause.parent is not None:
                    self._followers.setdefault(cause.parent, []).append((key, cause))

    def spread(self, first: Iterable[tuple[Key, Direct]], *, loose: bool) -> None:
        """Give the first moves their reasons, and then those that they caused, breadth first: the shortest chain wins."""
        again = tuple(self.found) if loose and not self._loose else ()
        self._loose = loose
        waiting = deque(again)
        waiting.extend(key for key, cause in first if self._add(key, cause, Reason(kind=cause.kind), ()))
        while waiting:
            parent = waiting.popleft()
            for key, cause in self._followers.get(parent, ()):
                if cause.loose <= loose and self._add(key, cause, self.found[parent], self._whole[parent]):
                    waiting.append(key)

    def _add(self, key: Key, cause: Direct, first: Reason, before: tuple[str, ...]) -> bool:
        """Keep the first reason of a move, and say whether this is it."""
        if key in self.found:
            return False
        step = (cause.step,) if cause.step else ()
        short = (cause.short or cause.step,) if cause.step else ()
        edits = first.edits[:1] if cause.parent is not None else self._own(key, cause)
        self._whole[key] = (*before, *step)
        self.found[key] = Reason(kind=first.kind, edits=edits, steps=(*before, *short))
        return True

    def _own(self, key: Key, cause: Direct) -> tuple[int, ...]:
        """Return the edit of a first cause, and with it every other that says the same of the move."""
        alike = (other.edit for other in self._causes.get(key, ()) if (other.kind, other.step) == (cause.kind, cause.step))
        return tuple(number for number in alike if number is not None) if cause.edit is not None else ()
