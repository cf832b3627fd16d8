"""Which combinations of real releases would show that a rule holds, and that it is no wider than it must be.

Terminology: a *combination* is one Python with one release of each project of a rule. An *experiment* is the *broken*
combination that lies nearest to the rule's bounds, the nearest *working* one (the same `when` releases, the nearest release
that `requires` admits), and the *released* one: the first release beyond `when`, together with the one that broke.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from packaging.version import Version

from stackc.matrix.model import Clause, Condition, ProjectName, Rule, is_virtual

__all__ = ["PYTHON", "Combination", "Experiment", "Shelf", "beyond_this_machine", "experiments"]

PYTHON = ProjectName("python")
"""The one virtual project that can be chosen here: each interpreter that was found is a release of it."""

Versions = Sequence[Version]
Pins = Mapping[ProjectName, Version]


class Shelf(Protocol):
    """What can be combined."""

    @property
    def pythons(self) -> Versions:
        """Return the Pythons that were found."""

    def versions(self, project: ProjectName, python: Version) -> Versions:
        """Return the stable releases of a project that have a wheel for one of the Pythons."""


class Combination(Struct, frozen=True, kw_only=True):
    """One Python and one release of each project of a rule, sorted by name."""

    python: Version
    pins: Pins

    @classmethod
    def of(cls, pins: Pins, *, python: Version) -> Combination:
        """Return the combination of `pins`, in which Python may be one."""
        projects = {name: pins[name] for name in sorted(pins) if name != PYTHON}
        return cls(python=pins.get(PYTHON, python), pins=projects)


class Experiment(Struct, frozen=True, kw_only=True):
    """What to try. `released` is None where no release lies beyond `when`, or none fits the Python of the broken one."""

    broken: Combination
    working: Combination
    released: Combination | None = None


class _Edge(Struct, frozen=True):
    """The last version within a range, and the first beyond it, None where nothing is."""

    inner: Version
    outer: Version | None


def beyond_this_machine(rule: Rule) -> tuple[ProjectName, ...]:
    """Return the virtual projects of a rule that no throw-away environment can have, such as a GPU's driver."""
    return tuple(sorted(name for name in _names(rule) if is_virtual(name) and name != PYTHON))


def experiments(rule: Rule, shelf: Shelf) -> tuple[Experiment, ...]:
    """Return the experiments that the shelf allows, the best first.

    Best is the one that stands at the bounds of the rule whatever the Python, then one with a `released` combination, then
    that of the newest Python.
    """
    found: list[tuple[tuple[int, bool], Experiment]] = []
    for clause in rule.clauses():
        edges = _edges_of_all(clause, shelf)
        for python in sorted(shelf.pythons, reverse=True):
            experiment = _experiment(clause, python, shelf)
            if experiment is not None:
                found.append(((_astray(experiment, edges), experiment.released is None), experiment))
    return tuple(experiment for _, experiment in sorted(found, key=lambda entry: entry[0]))


def _names(rule: Rule) -> set[ProjectName]:
    return {condition.name for clause in rule.clauses() for condition in clause.conditions}


def _experiment(clause: Clause, python: Version, shelf: Shelf) -> Experiment | None:
    """Return the experiment whose broken combination runs on `python`, None where some project has no release for it."""
    *when, broken = clause.conditions
    edges = _edges(when, _reader(shelf, python))
    working = _nearest_admitted(broken, _on_shelf(broken.name, python, shelf))
    if edges is None or working is None or (broken.name == PYTHON and python != working.outer):
        return None
    inner = {name: edge.inner for name, edge in edges.items()}
    admitted = {**inner, broken.name: working.inner}
    breaking = {**inner, broken.name: working.outer or python}
    if not _available(admitted, python, shelf):
        return None
    return Experiment(
        broken=Combination.of(breaking, python=python),
        working=Combination.of(admitted, python=python),
        released=_released(breaking, edges, python),
    )


def _reader(shelf: Shelf, python: Version) -> Callable[[ProjectName], Versions]:
    """Return how to read the versions of a project for one Python, which is the only version of Python then."""
    return lambda name: [python] if name == PYTHON else shelf.versions(name, python)


def _on_shelf(name: ProjectName, python: Version, shelf: Shelf) -> Versions:
    return shelf.pythons if name == PYTHON else shelf.versions(name, python)


def _edges(when: Iterable[Condition], versions: Callable[[ProjectName], Versions]) -> dict[ProjectName, _Edge] | None:
    edges: dict[ProjectName, _Edge] = {}
    for condition in when:
        edge = _edge(condition.holds, versions(condition.name))
        if edge is None:
            return None
        edges[condition.name] = edge
    return edges


def _edge(within: Callable[[Version], bool], versions: Versions) -> _Edge | None:
    """Return the upper edge of a range, the lower one where no version lies above it; None where nothing is within."""
    inside = [version for version in versions if within(version)]
    if not inside:
        return None
    top, bottom = max(inside), min(inside)
    above = [version for version in versions if version > top]
    if above:
        return _Edge(top, min(above))
    below = [version for version in versions if version < bottom]
    return _Edge(bottom, max(below)) if below else _Edge(top, None)


def _nearest_admitted(broken: Condition, versions: Versions) -> _Edge | None:
    """Return the nearest pair of an admitted version (inner) and one that breaks (outer)."""
    edge = _edge(lambda version: not broken.holds(version), versions)
    return edge if edge is not None and edge.outer is not None else None


def _available(pins: Pins, python: Version, shelf: Shelf) -> bool:
    """Say whether a combination that may have another Python than `python` can be made from the shelf."""
    used = pins.get(PYTHON, python)
    return all(version in _on_shelf(name, used, shelf) for name, version in pins.items())


def _released(breaking: Pins, edges: Mapping[ProjectName, _Edge], python: Version) -> Combination | None:
    for name, edge in edges.items():
        if edge.outer is not None:
            return Combination.of({**breaking, name: edge.outer}, python=python)
    return None


def _edges_of_all(clause: Clause, shelf: Shelf) -> dict[ProjectName, _Edge]:
    """Return the edges over the releases for any Python: those that an experiment should stand at."""

    def versions(name: ProjectName) -> Versions:
        return sorted({version for python in shelf.pythons for version in _on_shelf(name, python, shelf)})

    *when, broken = clause.conditions
    edges = {condition.name: _edge(condition.holds, versions(condition.name)) for condition in when}
    edges[broken.name] = _nearest_admitted(broken, versions(broken.name))
    return {name: edge for name, edge in edges.items() if edge is not None and name != PYTHON}


def _astray(experiment: Experiment, edges: Mapping[ProjectName, _Edge]) -> int:
    """Return at how many of the edges an experiment does not stand."""
    return sum(1 for name, edge in edges.items() if not set(_tried(experiment, name)) <= {edge.inner, edge.outer})


def _tried(experiment: Experiment, name: ProjectName) -> Iterator[Version]:
    for combination in (experiment.broken, experiment.working):
        yield combination.pins[name]
