"""Least change: of the solutions of a plan, one in which no locked version moves that could have stayed.

An engine prefers the old pins one decision after the other: it may give several up where another choice would have kept them.
So what it moved is looked at again. Where nothing forces a move, the engine is asked once more, with the pins held that are to
stay: a release that is held is the only one of its project that the view shows.

Terminology: a locked version *moves* when its project is pinned to another one. A project that nothing needs any more is
dropped, which is no move. A move is *forced* when what is there in every solution beside the pins that stayed leaves it no
choice. A project is *freed* when the user asks for its newest version: it has no old pin, and what it needs gives way to it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.lock.model import Lock
from stackc.lock.requirements import Need, admits, parse_need, parse_needs
from stackc.plan import Plan
from stackc.resolve import Conflict, Progress, Resolution, Resolver
from stackc.view.rules import Covered, is_guard
from stackc.view.shown import ShownProject

__all__ = ["NOTHING_FREED", "PATIENCE", "Freed", "freed_from", "least_change", "moved_from", "opening"]

PATIENCE = 20.0
"""How many seconds the search for a smaller change may take, unless somebody says otherwise."""

Pins = Mapping[NormalizedName, Version]


class Freed(Struct, frozen=True):
    """Projects that are to move to their newest versions, those of them that stay needed, and the pins that do not give way."""

    names: frozenset[NormalizedName] = frozenset()
    needed: frozenset[NormalizedName] = frozenset()
    beside: Pins = {}


NOTHING_FREED = Freed()


def freed_from(previous: Lock | None, names: Iterable[NormalizedName]) -> Freed:
    """Return what it means to free projects of a lock: what they need, at any depth, gives way, and all else is to stay."""
    known = previous.by_name if previous is not None else {}
    wanted = frozenset(name for name in names if name in known)
    if previous is None or not wanted:
        return NOTHING_FREED
    below = _below(wanted, previous)
    tools = {tool.name for tool in previous.tools}
    beside = {name: package.version for name, package in known.items() if name not in below and name not in tools}
    asked = (need.project for name in beside for need in parse_needs(known[name].requires))
    return Freed(wanted, wanted.intersection(asked), beside)


def _below(names: frozenset[NormalizedName], lock: Lock) -> set[NormalizedName]:
    found: set[NormalizedName] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and name in lock.by_name:
            found.add(name)
            waiting.extend(need.project for need in parse_needs(lock.by_name[name].requires))
    return found


def opening(plan: Plan, freed: Freed) -> Plan:
    """Return the plan that a resolver begins with: the plan itself, or one that holds all that is not to give way."""
    if not freed.names:
        return plan
    asked = {component.name: root.requirement for component, root in zip(plan.components, plan.roots, strict=True)}
    held = {name: version for name, version in freed.beside.items() if _meets(asked.get(name), version)}
    return replace(plan, held=held, foremost=freed.needed | (freed.names & asked.keys()))


def _meets(requirement: str | None, version: Version) -> bool:
    need = None if requirement is None else parse_need(requirement)
    return need is None or need.admits(version)


def least_change(
    first: Resolution | Conflict,
    plan: Plan,
    *,
    resolver: Resolver,
    freed: Freed,
    progress: Progress,
    patience: float = PATIENCE,
) -> Resolution | Conflict:
    """Return a solution of `plan` that moves no locked version needlessly; `first` came of the plan's opening.

    After `patience` seconds the search ends with what it has, and says so. Raises UpstreamError and EngineError.
    """
    answer = first.pins if isinstance(first, Resolution) else first
    if isinstance(answer, Conflict) and freed.names:
        answer = resolver.ask(plan)  # the manifest itself moves something that was to stay
    if isinstance(answer, Conflict):
        return answer
    search = _Search(resolver, plan, freed, until=time.monotonic() + patience)
    pins = search.least(answer)
    if search.gave_up:
        progress.note("the search for a smaller change took too long and was stopped: perhaps not every version had to move")
    return resolver.resolution(plan, pins)


def moved_from(preferences: Pins, lock: Lock) -> list[NormalizedName]:
    """Return the projects whose old pins a lock has not kept, though it has the projects, sorted."""
    now = {name: package.version for name, package in lock.by_name.items()}
    return sorted(name for name, version in preferences.items() if now.get(name, version) != version)


class _Search:
    """The questions of one plan, from an engine's first answer to the one that changes least."""

    def __init__(self, resolver: Resolver, plan: Plan, freed: Freed, *, until: float) -> None:
        self._resolver = resolver
        self._plan = plan
        self._freed = freed
        self._until = until
        self._best: Pins = {}
        self.gave_up = False

    def least(self, pins: Pins) -> Pins:
        """Return pins that keep all old ones that `pins` keep, and as many more as go together with those."""
        moved = self._moved(pins)
        if not moved:
            return pins
        self._resolver.session.show(self._plan)
        forced = _Forced(self._resolver.session.projects, self._plan, self._fixed(pins))
        candidates = [name for name in moved if not forced.moves(name)]
        try:
            return self._grown(pins, candidates) if candidates else pins
        except TimeoutError:
            self.gave_up = True
            return self._best

    def _grown(self, pins: Pins, candidates: list[NormalizedName], *, refused: bool = False) -> Pins:
        """Return pins that keep what `pins` keep, and as many of the candidates as go together with that.

        `refused` says that all of the candidates together are known not to.
        """
        self._best = pins
        left = [name for name in candidates if name in self._moved(pins)]
        if not left:
            return pins
        if not refused or len(left) < len(candidates):
            held = {**self._fixed(pins), **{name: self._plan.preferences[name] for name in left}}
            answer = self._resolver.ask(replace(self._plan, held=held), until=self._until)
            if not isinstance(answer, Conflict):
                self._best = answer
                return answer
        if len(left) == 1:
            return pins
        first, second = left[: len(left) // 2], left[len(left) // 2 :]
        grown = self._grown(pins, first)
        all_of_first = not any(name in self._moved(grown) for name in first)
        return self._grown(grown, second, refused=all_of_first)

    def _moved(self, pins: Pins) -> list[NormalizedName]:
        """Return the projects that moved, those of components first, in the manifest's order."""
        order = {component.name: number for number, component in enumerate(self._plan.components)}
        moved = [name for name, version in self._plan.preferences.items() if pins.get(name, version) != version]
        return sorted(moved, key=lambda name: (order.get(name, len(order)), name))

    def _fixed(self, pins: Pins) -> Pins:
        """Return the pins that stayed, and those that were freed, which do not move back."""
        old = self._plan.preferences
        return {name: version for name, version in pins.items() if old.get(name) == version or name in self._freed.names}


class _Forced:
    """Which moves are forced beside some pins, as far as that shows without asking an engine.

    From the manifest on, it follows what is needed in every solution: a project that stays where it is, or of which one release
    alone is left, has requirements that hold for sure.
    """

    def __init__(self, projects: Mapping[NormalizedName, ShownProject], plan: Plan, fixed: Pins) -> None:
        self._projects = projects
        self._plan = plan
        self._fixed = fixed
        self._bounds: dict[NormalizedName, set[str]] = {}
        self._extras: dict[NormalizedName, frozenset[NormalizedName]] = {}
        self._settled: dict[NormalizedName, Version] = {}
        self._follow(need for root in plan.roots if (need := parse_need(root.requirement)) is not None)

    def moves(self, name: NormalizedName) -> bool:
        """Say whether the old version of a project cannot stay, whatever else is chosen."""
        old = self._plan.preferences[name]
        if name not in self._projects or old not in self._projects[name].releases:
            return True
        if not all(admits(bound, old) for bound in self._bounds.get(name, ())):
            return True
        return any(
            guard.conditions[at].holds(old) and self._all_hold(guard.conditions[:at] + guard.conditions[at + 1 :])
            for guard, at in self._plan.rules.guards.get(name, ())
        )

    def _all_hold(self, conditions: Iterable[Covered]) -> bool:
        return all((version := self._settled.get(each.name)) is not None and each.holds(version) for each in conditions)

    def _follow(self, roots: Iterable[Need]) -> None:
        waiting = deque((need.project, need.specifiers, need.extras) for need in roots)
        while waiting:
            name, specifiers, extras = waiting.popleft()
            bounds, known = self._bounds.setdefault(name, set()), self._extras.get(name)
            if known is not None and extras <= known and specifiers in bounds:
                continue
            bounds.add(specifiers)
            self._extras[name] = extras.union(known or ())
            waiting.extend(self._asked_by(name))

    def _asked_by(self, name: NormalizedName) -> Iterator[tuple[NormalizedName, str, frozenset[NormalizedName]]]:
        """Yield what a project asks for that is there for sure, if it is settled which release of it that is."""
        project, version = self._projects.get(name), self._only(name)
        release = None if project is None or version is None else project.releases.get(version)
        if version is None or release is None or release.neutral is None:
            return
        self._settled[name] = version
        needs = list(release.neutral.active(self._extras[name]))
        ruled = self._plan.rules.needs(name, version, [need.name for need in needs if need.extra is None])
        for need in (*needs, *ruled):
            if not is_guard(need.name):
                yield need.name, need.specifier, frozenset(need.extras)

    def _only(self, name: NormalizedName) -> Version | None:
        if name in self._fixed:
            return self._fixed[name]
        shown = self._projects[name].releases if name in self._projects else {}
        left = [version for version in shown if all(admits(bound, version) for bound in self._bounds[name])]
        return left[0] if len(left) == 1 else None
