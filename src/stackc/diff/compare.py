"""Two ends against each other: every target's locks, and what the targets have in common told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from stackc.diff.headline import headline
from stackc.diff.model import Change, Compared, Diff, End, Move, Note, Point, Reading, Reason, State
from stackc.diff.pins import moves_between, narrowed, pins_of
from stackc.diff.reading import MISSING
from stackc.matrix.facts import Facts

__all__ = ["compare"]


class _Told(Struct, frozen=True, kw_only=True):
    """What one target has to tell."""

    target: Compared
    headline: tuple[Point, ...]
    moves: tuple[tuple[Move, Reason | None], ...]


def compare(base: End, head: End, *, facts: Facts) -> Diff:
    """Return all that differs between two ends. Nothing is read but what they hold."""
    names = list(dict.fromkeys((*head.locks, *base.locks)))
    told = [_tell(name, base.locks.get(name, MISSING), head.locks.get(name, MISSING), facts) for name in names]
    return Diff(
        base=base.label,
        head=head.label,
        targets=tuple(each.target for each in told),
        notes=tuple(note for end in (base, head) for note in _notes(end)),
        headline=tuple(_merged_points(told)),
        changes=tuple(sorted(_merged_changes(told), key=_weight)),
    )


def _tell(name: str, base: Reading, head: Reading, facts: Facts) -> _Told:
    before, after = base.lock, head.lock
    partial = base.partial or head.partial
    old, new = (narrowed(pins_of(lock)) if partial else pins_of(lock) for lock in (before, after))
    moves = moves_between(old, new)
    points = headline(before, after, facts=facts, partial=partial) if before and after else ()
    return _Told(
        target=Compared(
            name=name,
            state=_state(base, head, differs=bool(moves or points)),
            before=None if before is None else len(before.packages),
            after=None if after is None else len(after.packages),
        ),
        headline=points,
        moves=tuple((move, None) for move in moves if before and after),
    )


def _state(base: Reading, head: Reading, *, differs: bool) -> State:
    if (base.lock is None and base.findings) or (head.lock is None and head.findings):
        return "unreadable"
    if base.lock is None:
        return "same" if head.lock is None else "added"
    if head.lock is None:
        return "removed"
    return "changed" if differs else "same"


def _notes(end: End) -> Iterator[Note]:
    for target, reading in end.locks.items():
        if reading.findings:
            how = "cannot be read" if reading.lock is None else "is compared as far as it can be read"
            first = reading.findings[0]
            text = f"the lock of target `{target}` in {end.label} {how}: {first.message} ({first.code})"
            yield Note(end=end.label, target=target, text=text, findings=reading.findings)


def _merged_points(told: Iterable[_Told]) -> Iterator[Point]:
    """Yield each point once, with all targets that have it, in the order of the first of them."""
    found: dict[Point, list[str]] = {}
    for each in told:
        for point in each.headline:
            found.setdefault(point, []).append(each.target.name)
    for point, targets in found.items():
        yield replace(point, targets=tuple(targets))


def _merged_changes(told: Iterable[_Told]) -> Iterator[Change]:
    found: dict[tuple[object, ...], list[tuple[str, Move]]] = {}
    reasons: dict[tuple[object, ...], Reason | None] = {}
    for each in told:
        for move, reason in each.moves:
            key = _likeness(move, reason)
            found.setdefault(key, []).append((each.target.name, move))
            reasons[key] = reason
    for key, moved in found.items():
        yield Change(
            targets=tuple(target for target, _move in moved), moves=tuple(move for _target, move in moved), reason=reasons[key]
        )


def _likeness(move: Move, reason: Reason | None) -> tuple[object, ...]:
    """Return what moves have in common that are told as one: all but their files, unless it is a file that moved."""
    if move.kind == "replaced":
        return (move, reason)
    ends = ((pin.version, pin.index, pin.step, pin.extras) if pin else None for pin in (move.before, move.after))
    return (move.part, move.name, *ends, reason)


_KINDS = ("replaced", "downgraded", "relabelled", "upgraded", "moved", "added", "removed")
_LEVELS = ("epoch", "major", "minor", "patch", "pre", "post", "local", None)


def _weight(change: Change) -> tuple[object, ...]:
    """Return what sorts changes by how much a reviewer has to look at them."""
    move = change.move
    return (_KINDS.index(move.kind), _LEVELS.index(move.level), move.part, move.name, change.targets)
