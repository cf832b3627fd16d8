"""One target of two ends: what became of its lock, its headline, its moves with their reasons, and its coupled moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from stackc.diff.causes import Case
from stackc.diff.couplings import couplings
from stackc.diff.headline import headline, rendered_otherwise
from stackc.diff.model import Compared, Edit, End, Move, Point, Reading, Reason, State
from stackc.diff.pins import moves_between, narrowed, pins_of
from stackc.diff.reading import MISSING
from stackc.diff.reasons import reasons
from stackc.diff.rendered import edited_files, edited_point, is_edited
from stackc.lock.model import Lock
from stackc.matrix.facts import Facts

__all__ = ["TargetTold", "Teller"]


class TargetTold(Struct, frozen=True, kw_only=True):
    """What one target has to tell, and the two locks that were compared for it, if there are two.

    `edited` are the generated files that are not what the lock was rendered to, as far as they can be named; None for none.
    """

    target: Compared
    headline: tuple[Point, ...] = ()
    moves: tuple[tuple[Move, Reason], ...] = ()
    couplings: tuple[str, ...] = ()
    pair: tuple[Lock, Lock] | None = None
    edited: tuple[str, ...] | None = None

    @property
    def retargeted(self) -> bool:
        """Say whether the target itself moved in what decides which of a release's wheels fits it."""
        return self.pair is not None and _tags_of(self.pair[0]) != _tags_of(self.pair[1])


class Teller(Struct, frozen=True, kw_only=True):
    """Two ends, and the knowledge by which they are compared."""

    base: End
    head: End
    facts: Facts
    rules: Mapping[str, frozenset[str]]
    edits: Sequence[Edit]

    def tell(self, name: str) -> TargetTold:
        """Return what one target has to tell; a new one is compared with the lock of the base that is most like it."""
        base, head = self.base.locks.get(name, MISSING), self.head.locks.get(name, MISSING)
        state = self._state(name, base, head)
        like = self._nearest(head.lock) if state == "added" and head.lock is not None else None
        before = self.base.locks[like] if like is not None else base
        target = Compared(name=name, state=state, before=_count(base), after=_count(head), like=like)
        if before.lock is None or head.lock is None:
            return TargetTold(target=target)
        edited = tuple(edited_point(before if like is None else MISSING, head))
        told = self._compared(target, (before.lock, head.lock), edited, partial=before.partial or head.partial)
        return replace(told, edited=edited_files(base, head) if edited and is_edited(head) else None)

    def _compared(self, target: Compared, pair: tuple[Lock, Lock], edited: tuple[Point, ...], *, partial: bool) -> TargetTold:
        before, after = pair
        old, new = (narrowed(pins_of(lock)) if partial else pins_of(lock) for lock in pair)
        moves = {(move.part, move.name): move for move in moves_between(old, new)}
        points = (*edited, *headline(before, after, facts=self.facts, partial=partial))
        if not moves and not points and not partial:
            points = rendered_otherwise(before, after)
        case = Case(before=before, after=after, target=target.name, moves=moves, edits=self.edits, rules=self.rules)
        causes = {key: case.direct(move) for key, move in moves.items()}
        why = reasons(case, causes)
        if target.state == "changed" and not moves and not points:
            target = Compared(name=target.name, state="same", before=target.before, after=target.after)
        return TargetTold(
            target=target,
            headline=points,
            moves=tuple((move, why[key]) for key, move in moves.items()),
            couplings=couplings(case, causes),
            pair=pair,
        )

    def _nearest(self, lock: Lock) -> str | None:
        """Return the target of the base that has the most pins of the same version, None where it has no lock."""
        own = _versions(lock)
        known = {name: reading.lock for name, reading in self.base.locks.items() if reading.lock is not None}
        alike = {name: len(own & _versions(other)) for name, other in known.items()}
        return max(sorted(alike), key=lambda name: alike[name], default=None)

    def _state(self, name: str, base: Reading, head: Reading) -> State:
        """Return what became of a target's lock; one that is there at both ends has changed until it is seen not to have."""
        if base.text and base.text == head.text:
            return "changed" if head.lock is not None else "same"
        if (base.lock is None and base.findings) or (head.lock is None and head.findings):
            return "unreadable"
        if head.lock is None:
            return "unlocked" if name in self.head.declared else "removed"
        return "added" if base.lock is None else "changed"


def _tags_of(lock: Lock) -> tuple[str | None, ...]:
    target = lock.target
    return target.python, target.platform, target.glibc


def _versions(lock: Lock) -> set[tuple[object, ...]]:
    return {(key, pin.version) for key, pin in pins_of(lock).items()}


def _count(reading: Reading) -> int | None:
    return None if reading.lock is None else len(reading.lock.packages)
