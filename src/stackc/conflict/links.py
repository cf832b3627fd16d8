"""What ties the lines of a core together: requirements, as the releases that the view showed state them.

A *demand* is what one component asks of a project, at any depth, when the newest release is taken at each turn. Those demands
are told that nothing can meet, or that a rule of the core speaks of.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from stackc.manifest.model import Component
from stackc.matrix.wording import spelled
from stackc.view.metadata import Need
from stackc.view.rules import Guard
from stackc.view.session import ViewSession
from stackc.view.shown import ShownRelease

__all__ = ["Links", "find_links"]

_DEPTH = 4
_RELEASES = 5


class Links(Struct, frozen=True):
    """Lines for people, the projects that they speak of, and what is demanded of them.

    `complete` says that nothing of the core is left unexplained.
    """

    lines: tuple[str, ...]
    names: frozenset[NormalizedName]
    demands: tuple[tuple[NormalizedName, SpecifierSet], ...]
    complete: bool


class _Demand(Struct, frozen=True):
    """`path` says how the demand comes about, hop by hop; that of a component's own line is empty."""

    name: NormalizedName
    specifier: SpecifierSet
    path: tuple[str, ...] = ()
    names: frozenset[NormalizedName] = frozenset()


class _Visit(Struct, frozen=True):
    release: ShownRelease
    name: NormalizedName
    extras: tuple[NormalizedName, ...]
    path: tuple[str, ...]
    names: frozenset[NormalizedName]


def find_links(session: ViewSession) -> Links:
    """Return what ties together the components of the plan that `session` shows, with the rules that are in force there."""
    components = [component for component in session.plan.components if isinstance(component.version, SpecifierSet)]
    present = frozenset(component.name for component in components)
    ruled = _names_in_rules(session)
    search = _Search(session, components)
    told = dict.fromkeys((*search.clashing(), *search.reaching(ruled - present)))
    paths = dict.fromkeys(demand.path for demand in told if demand.path)
    return Links(
        lines=tuple("; ".join(path) for path in paths),
        names=present.union(*(demand.names for demand in told)),
        demands=tuple((demand.name, demand.specifier) for demand in told if demand.path),
        complete=ruled <= present.union(demand.name for demand in told) and bool(paths or ruled),
    )


class _Search:
    def __init__(self, session: ViewSession, components: Sequence[Component]) -> None:
        self._session = session
        self._components = components
        self._present = frozenset(component.name for component in components)
        self._direct: dict[NormalizedName, list[SpecifierSet]] = {}
        for component in components:
            for release in self._releases(component)[:1]:
                for need in release.neutral.active(component.extras) if release.neutral is not None else ():
                    self._direct.setdefault(need.name, []).append(SpecifierSet(need.specifier))
        self._newest = {
            component.name: [
                demand for release in self._releases(component)[:1] for demand in self._demands(component, release)
            ]
            for component in components
        }

    def clashing(self) -> Iterator[_Demand]:
        """Yield the demands that keep the newest releases of each component from being chosen, those of one reason once."""
        bounds = [_Demand(each.name, _specifier(each)) for each in self._components]
        for component in self._components:
            rest = [demand for name, asked in self._newest.items() if name != component.name for demand in asked]
            seen: set[tuple[NormalizedName, SpecifierSet]] = set()
            for release in self._releases(component)[:_RELEASES]:
                found = self._clash(list(self._demands(component, release)), [*bounds, *rest])
                if found and (found[0].name, found[0].specifier) not in seen:
                    seen.add((found[0].name, found[0].specifier))
                    yield from found

    def reaching(self, wanted: frozenset[NormalizedName]) -> Iterator[_Demand]:
        """Yield the first demand of each component for each of the wanted projects, unless it comes by way of another one."""
        for asked in self._newest.values():
            straight = (demand for demand in reversed(asked) if demand.names & wanted == {demand.name})
            first = {demand.name: demand for demand in straight}
            yield from (first[name] for name in sorted(first))

    def _clash(self, own: Sequence[_Demand], others: Sequence[_Demand]) -> tuple[_Demand, ...]:
        """Return the first of `own` that no release meets, by itself or beside another demand, with that other one."""
        for demand in own:
            if not self._answered(demand.name):
                continue
            if not self._met(demand):
                return (demand,)
            for other in (*others, *own):
                if other.name == demand.name and not self._met(demand, other):
                    return (demand, other)
        return ()

    def _demands(self, component: Component, release: ShownRelease) -> Iterator[_Demand]:
        """Yield what a release of a component asks of others, the nearest first; what components ask is told of themselves."""
        waiting = deque([_Visit(release, component.name, component.extras, (), frozenset({component.name}))])
        seen = set(self._present)
        while waiting:
            visit = waiting.popleft()
            for need in _needs(visit):
                path = (*visit.path, f"{visit.name} {visit.release.version} requires {_spelled(need)}")
                demand = _Demand(need.name, SpecifierSet(need.specifier), path, visit.names | {need.name})
                yield demand
                if need.name not in seen and len(path) < _DEPTH:
                    seen.add(need.name)
                    newest = self._likely(need.name, demand.specifier)[:1]
                    waiting.extend(_Visit(each, need.name, need.extras, path, demand.names) for each in newest)

    def _releases(self, component: Component) -> list[ShownRelease]:
        return self._known(component.name, _specifier(component))

    def _likely(self, name: NormalizedName, specifier: SpecifierSet) -> list[ShownRelease]:
        """Return the releases in a range that suit all components' own requirements, or else those in the range."""
        suiting = self._known(name, specifier, *self._direct.get(name, ()))
        return suiting or self._known(name, specifier)

    def _known(self, name: NormalizedName, *specifiers: SpecifierSet) -> list[ShownRelease]:
        """Return the releases in all of some ranges of which metadata came, the newest first, pre-releases last."""
        known = [release for release in _admitted(name, specifiers, self._session) if release.neutral is not None]
        return sorted(known, key=lambda release: (not release.version.is_prerelease, release.version), reverse=True)

    def _met(self, *demands: _Demand) -> bool:
        return any(_admitted(demands[0].name, [demand.specifier for demand in demands], self._session))

    def _answered(self, name: NormalizedName) -> bool:
        project = self._session.projects.get(name)
        return project is not None and project.outcome is not None


def _specifier(component: Component) -> SpecifierSet:
    return component.version if isinstance(component.version, SpecifierSet) else SpecifierSet()


def _needs(visit: _Visit) -> Iterable[Need]:
    return () if visit.release.neutral is None else visit.release.neutral.active(visit.extras)


def _admitted(name: NormalizedName, specifiers: Sequence[SpecifierSet], session: ViewSession) -> Iterator[ShownRelease]:
    project = session.projects.get(name)
    for version, release in project.releases.items() if project is not None else ():
        if release.problem is None and all(specifier.contains(version, prereleases=True) for specifier in specifiers):
            yield release


def _names_in_rules(session: ViewSession) -> frozenset[NormalizedName]:
    rules = session.plan.rules
    guards: Iterable[Guard] = rules.by_name.values()
    hidden = (covered.name for found in rules.hidden.values() for covered, _ in found)
    return frozenset((*hidden, *(covered.name for guard in guards for covered in guard.conditions)))


def _spelled(need: Need) -> str:
    extras = f"[{','.join(need.extras)}]" if need.extras else ""
    return f"{need.name}{extras}{spelled(SpecifierSet(need.specifier))}"
