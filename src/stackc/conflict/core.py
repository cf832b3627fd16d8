"""The minimal core: from many members that do not fit together to a few of which none can be spared.

QuickXplain (Junker, AAAI 2004) over any members and any oracle. The oracle must be monotone: what fits together still does when
a member is taken away. Each of its answers may take long, so none is asked for that follows from an earlier one.

Terminology: members are *consistent* when the oracle says that they fit together. A *core* is inconsistent; it is *minimal*
when it becomes consistent whichever of its members is taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

__all__ = ["Core", "Unanswered", "minimal_core"]

Member = TypeVar("Member", bound=Hashable)


class Unanswered(Exception):  # noqa: N818 (no error: the search ends with what it has)
    """What an oracle raises when its time is up."""


class Core(Struct, Generic[Member], frozen=True):
    """Inconsistent members, in the order in which they were given. `minimal` is not set where the oracle gave up before."""

    members: tuple[Member, ...]
    minimal: bool


def minimal_core(
    members: Sequence[Member],
    consistent: Callable[[frozenset[Member]], bool],
    *,
    suspects: Iterable[frozenset[Member]] = (),
) -> Core[Member]:
    """Return a minimal core of `members`, which are inconsistent as a whole; where there are several, it is always the same.

    The search looks first among each group of `suspects` in turn, and no further where one of them is inconsistent.
    """
    search = _Search(frozenset(members), consistent)
    try:
        accused = next((group for group in suspects if group and not search.fits(group)), frozenset(members))
        found = search.explain(frozenset(), [member for member in members if member in accused])
    except Unanswered:
        return Core(tuple(member for member in members if member in search.smallest), minimal=False)
    return Core(tuple(member for member in members if member in found), minimal=True)


class _Search(Generic[Member]):
    """The answers so far, and the recursion that asks for more."""

    def __init__(self, members: frozenset[Member], consistent: Callable[[frozenset[Member]], bool]) -> None:
        self._ask = consistent
        self._consistent: list[frozenset[Member]] = []
        self._inconsistent = [members]

    @property
    def smallest(self) -> frozenset[Member]:
        """Return the fewest members that are known to be inconsistent."""
        return min(self._inconsistent, key=len)

    def fits(self, members: frozenset[Member]) -> bool:
        """Say whether members are consistent, by what is known of more or fewer of them where that is enough."""
        if any(members <= known for known in self._consistent):
            return True
        if any(known <= members for known in self._inconsistent):
            return False
        fits = self._ask(members)
        (self._consistent if fits else self._inconsistent).append(members)
        return fits

    def explain(self, background: frozenset[Member], members: list[Member], *, grown: bool = True) -> frozenset[Member]:
        """Return the least of `members` that is inconsistent with `background`, as all of them are.

        `grown` says that the background may have become inconsistent by itself since it was last asked about.
        """
        if grown and not self.fits(background):
            return frozenset()
        if len(members) == 1:
            return frozenset(members)
        first, second = members[: len(members) // 2], members[len(members) // 2 :]
        of_second = self.explain(background | frozenset(first), second)
        of_first = self.explain(background | of_second, first, grown=bool(of_second))
        return of_first | of_second
