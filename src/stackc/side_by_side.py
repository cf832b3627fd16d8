"""Resolving several targets side by side: one loop, one client of the indexes, and an engine for each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from stackc.errors import StackcError
from stackc.resolve import Conflict, Resolution, Resolver
from stackc.upstream.client import IndexClient

__all__ = ["Outcome", "resolve_all"]

_LONGEST_TURN = 1.0
_MOST_ENGINES = 8
"""So many engines run at once; more would only wait for the processor."""

Outcome = Resolution | Conflict | StackcError
"""What came of one plan among several."""


def resolve_all(
    resolvers: Sequence[Resolver], *, client: IndexClient, meanwhile: Iterable[Callable[[], object]] = ()
) -> tuple[Outcome, ...]:
    """Return what came of each resolver's plan, all resolved side by side by one `client`, which they share.

    One of them crawls ahead for all, since their targets need nearly the same. `meanwhile` is as in `Resolver.resolve`.
    """
    client.loop.do_idly(meanwhile)
    for leader in resolvers[:1]:
        leader.session.lead([resolver.session for resolver in resolvers[1:]])
    waiting, running = deque(resolvers), list[Resolver]()
    outcomes: dict[Resolver, Outcome] = {}
    try:
        while waiting or running:
            while waiting and len(running) < _MOST_ENGINES and all(resolver.heard for resolver in running[:1]):
                running.append(waiting.popleft())
                outcomes |= _tried(running[-1], running[-1].begin)
            for resolver in running:
                if resolver not in outcomes:
                    outcomes |= _tried(resolver, resolver.outcome)
            left = [resolver for resolver in running if resolver not in outcomes]
            if left == running:
                client.loop.turn(_LONGEST_TURN)
            running = left
    finally:
        for resolver in resolvers:
            resolver.end()
    return tuple(outcomes[resolver] for resolver in resolvers)


def _tried(resolver: Resolver, part: Callable[[], Outcome | None]) -> dict[Resolver, Outcome]:
    """Return the outcome that a part of resolving comes to, an error included, nothing where it comes to none."""
    try:
        found = part()
    except StackcError as error:
        return {resolver: error}
    return {} if found is None else {resolver: found}
