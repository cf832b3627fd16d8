"""Regions: sets of combinations of versions, as boxes, and what clauses leave of them. All of it is exact.

Terminology: a *box* gives a range to some projects: all of them are there, each within its range, and any other project may
have any version or be absent. The combinations that a clause forbids are one box.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.ranges import VersionRange

from stackc.matrix.domain import Domains
from stackc.matrix.model import Clause, Condition, ProjectName

__all__ = ["Box", "box_of", "covers", "is_empty", "left_of", "without_answer"]

Box = Mapping[ProjectName, VersionRange]


def box_of(conditions: Iterable[Condition]) -> Box:
    """Return the combinations in which all conditions hold; each names another project."""
    return {condition.name: condition.range for condition in conditions}


def is_empty(box: Box, domains: Domains) -> bool:
    """Say whether no combination is in the box."""
    return any(domains.is_empty(name, versions) for name, versions in box.items())


def left_of(box: Box, forbidding: Iterable[Box], domains: Domains) -> list[Box]:
    """Return what the other boxes leave of one, as boxes that do not overlap.

    A box that gives a range to a project that `box` does not name leaves all: that project may be absent.
    """
    left = [] if is_empty(box, domains) else [box]
    for other in forbidding:
        if other.keys() <= box.keys():
            left = [part for each in left for part in _difference(each, other, domains)]
    return left


def covers(forbidding: Iterable[Box], box: Box, domains: Domains) -> bool:
    """Say whether every combination of a box is in one of the others."""
    return not left_of(box, forbidding, domains)


def without_answer(when: Box, project: ProjectName, clauses: Sequence[Clause], domains: Domains) -> list[Box]:
    """Return the part of `when` in which the clauses together leave no version of `project`."""
    asked: Box = {**when, project: VersionRange.full(prereleases=True)}
    allowed = left_of(asked, (box_of(clause.conditions) for clause in clauses), domains)
    answered = [{name: versions for name, versions in part.items() if name != project} for part in allowed]
    return left_of(when, answered, domains)


def _difference(box: Box, other: Box, domains: Domains) -> Iterator[Box]:
    """Yield the parts of `box` that are not in `other`: one per project that leaves it, in the projects before it inside."""
    rest = dict(box)
    for name, versions in other.items():
        outside = rest[name] & ~versions
        if not domains.is_empty(name, outside):
            yield {**rest, name: outside}
        rest[name] = rest[name] & versions
        if domains.is_empty(name, rest[name]):
            return
