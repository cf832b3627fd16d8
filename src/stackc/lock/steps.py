"""The numbered install steps: which step installs which project.

Step k holds the components of order k and all that they need which no earlier step installed. What is left over is the last
step, one after the highest order. Step numbers are the order numbers, gaps included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from packaging.utils import NormalizedName

from stackc.errors import Finding, Place
from stackc.lock.model import Root
from stackc.lock.requirements import parse_need

__all__ = ["Conflict", "assign", "conflict_finding", "conflicts"]

Graph = Mapping[NormalizedName, Sequence[NormalizedName]]


class Conflict(NamedTuple):
    """A component that needs a component of a later step. `chain` runs from the one to the other, each needing the next."""

    component: NormalizedName
    needed: NormalizedName
    step: int
    later: int
    chain: tuple[NormalizedName, ...]


def assign(roots: Sequence[Root], requires: Graph) -> Mapping[NormalizedName, int]:
    """Return the step of every project of `requires`, and of every root. Where `conflicts` finds none, the steps are closed."""
    orders = _orders(roots)
    steps: dict[NormalizedName, int] = {}
    for order in sorted(set(orders.values())):
        waiting = [name for name, own in orders.items() if own == order]
        while waiting:
            name = waiting.pop()
            if name not in steps:
                steps[name] = order
                waiting.extend(requires.get(name, ()))
    last = max(orders.values(), default=0) + 1
    for name in (*requires, *_names(roots)):
        steps.setdefault(name, last)
    return dict(sorted(steps.items()))


def conflicts(roots: Sequence[Root], requires: Graph) -> tuple[Conflict, ...]:
    """Return each ordered component that needs, through unordered projects or directly, a component of a later step.

    A chain ends at the first ordered component that it meets: what that one needs is its own conflict. The shortest chain is
    given. No conflict at all means that no component needs anything of a later step, however far away.
    """
    orders = _orders(roots)
    found: list[Conflict] = []
    for component, step in sorted(orders.items(), key=lambda item: (item[1], item[0])):
        for needed, chain in sorted(_first_ordered(component, orders, requires).items()):
            if orders[needed] > step:
                found.append(Conflict(component, needed, step, orders[needed], chain))
    return tuple(found)


def conflict_finding(conflict: Conflict, *, places: tuple[Place, ...] = ()) -> Finding:
    """Return the finding of one conflict; `places` are where the manifest orders the two components."""
    component, needed, step, later, chain = conflict
    through = [f"`{name}` requires `{next_name}`" for name, next_name in pairwise(chain)]
    return Finding(
        code="S423",
        message=f"`{component}` is installed in step {step}, but needs `{needed}` of step {later}",
        places=places,
        notes=("; ".join(through),) if len(through) > 1 else (),
        hint=f"give `{needed}` the order {step} or lower, or `{component}` the order {later} or higher",
    )


def _orders(roots: Sequence[Root]) -> dict[NormalizedName, int]:
    needs = [(parse_need(root.requirement), root.order) for root in roots]
    return {need.project: order for need, order in needs if need is not None and order is not None}


def _names(roots: Sequence[Root]) -> list[NormalizedName]:
    return [need.project for root in roots if (need := parse_need(root.requirement)) is not None]


def _first_ordered(
    start: NormalizedName, orders: Mapping[NormalizedName, int], requires: Graph
) -> Mapping[NormalizedName, tuple[NormalizedName, ...]]:
    """Return the ordered components that `start` reaches without passing another one, each with its shortest chain."""
    chains: dict[NormalizedName, tuple[NormalizedName, ...]] = {start: (start,)}
    reached: dict[NormalizedName, tuple[NormalizedName, ...]] = {}
    waiting = deque([start])
    while waiting:
        name = waiting.popleft()
        for needed in sorted(set(requires.get(name, ())) - chains.keys()):
            chains[needed] = (*chains[name], needed)
            if needed in orders:
                reached[needed] = chains[needed]
            else:
                waiting.append(needed)
    return reached
