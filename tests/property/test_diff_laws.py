from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings

from property.lock_universe import Solution, solutions
from stackc.diff.compare import compare
from stackc.diff.model import End, Move, Reading
from stackc.diff.pins import applied, moves_between, pins_of
from stackc.lock.model import Lock
from stackc.matrix.facts import Facts

FACTS = Facts.load()
few = settings(deadline=None, max_examples=60)
lawful = given(solutions().map(lambda solution: solution.lock), solutions().map(lambda solution: solution.lock))

MIRRORED = {
    "added": "removed",
    "removed": "added",
    "upgraded": "downgraded",
    "downgraded": "upgraded",
    "relabelled": "relabelled",
    "replaced": "replaced",
    "moved": "moved",
}


def end(label: str, lock: Lock) -> End:
    return End(label=label, locks={"gpu": Reading(lock=lock)})


def turned(moves: Iterable[Move]) -> list[tuple[object, ...]]:
    """Return moves the other way round, as plain tuples in the order of their names."""
    return sorted((move.part, move.name, MIRRORED[move.kind], str(move.level), move.after, move.before) for move in moves)


def plain(moves: Iterable[Move]) -> list[tuple[object, ...]]:
    return sorted((move.part, move.name, move.kind, str(move.level), move.before, move.after) for move in moves)


@few
@given(solutions())
def test_a_lock_does_not_differ_from_itself(solution: Solution) -> None:
    lock = solution.lock
    found = compare(end("base", lock), end("head", lock), facts=FACTS)
    assert found.empty
    assert (found.headline, found.changes) == ((), ())


@few
@lawful
def test_a_comparison_mirrors_the_one_the_other_way_round(before: Lock, after: Lock) -> None:
    there, back = moves_between(pins_of(before), pins_of(after)), moves_between(pins_of(after), pins_of(before))
    assert turned(there) == plain(back)


@few
@lawful
def test_the_headline_mirrors_too(before: Lock, after: Lock) -> None:
    there = compare(end("base", before), end("head", after), facts=FACTS).headline
    back = compare(end("base", after), end("head", before), facts=FACTS).headline
    ends = {(point.subject, point.after, point.before) for point in there}
    assert ends == {(point.subject, point.before, point.after) for point in back}


@few
@lawful
def test_applying_the_moves_to_the_base_gives_the_head(before: Lock, after: Lock) -> None:
    assert applied(moves_between(pins_of(before), pins_of(after)), pins_of(before)) == pins_of(after)


@few
@lawful
def test_every_move_is_told_once_and_none_is_invented(before: Lock, after: Lock) -> None:
    found = compare(end("base", before), end("head", after), facts=FACTS)
    told = [change.move for change in found.changes]
    assert plain(told) == plain(moves_between(pins_of(before), pins_of(after)))
