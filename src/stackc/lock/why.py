"""Why a pin is bounded as it is: the manifest's, the other pins' and the matrix's limits on each project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.lock.model import Root
from stackc.lock.requirements import parse_need
from stackc.matrix.check import known_versions
from stackc.matrix.model import Clause, Condition, Matrix, is_virtual
from stackc.target import Target

__all__ = ["MANIFEST", "bounds"]

MANIFEST = "stack.toml"
"""The source of a bound that a component of the manifest sets."""

Bound = tuple[str, str]
"""A project's name, and one line of its `Package.why`."""


def bounds(
    roots: Sequence[Root],
    *,
    pins: Mapping[NormalizedName, Version],
    requires: Mapping[NormalizedName, Sequence[str]],
    target: Target,
    matrix: Matrix,
) -> Mapping[NormalizedName, tuple[str, ...]]:
    """Return `Package.why` of every pin: one `SOURCE SPECIFIER` line per bound, sorted; the source alone where it has none.

    `requires` holds requirement texts with the pins' extras active. A rule bounds a project when, for one of its clauses, every
    condition but the project's own holds under the pins and the target's virtual versions.
    """
    lines: dict[str, set[str]] = {name: set() for name in pins}
    stated = ((MANIFEST, root.requirement) for root in roots)
    required = ((name, text) for name in pins for text in requires.get(name, ()))
    for project, line in (*_by_requirement(stated), *_by_requirement(required), *_by_rule(pins, target, matrix)):
        if project in lines:
            lines[project].add(line)
    return {name: tuple(sorted(lines[name])) for name in pins}


def _by_requirement(sourced: Iterator[tuple[str, str]]) -> Iterator[Bound]:
    for source, text in sourced:
        need = parse_need(text)
        if need is not None:
            yield need.project, f"{source} {need.specifiers}".rstrip()


def _by_rule(pins: Mapping[NormalizedName, Version], target: Target, matrix: Matrix) -> Iterator[Bound]:
    versions = known_versions(pins, target=target, matrix=matrix)
    for rule in matrix.rules.values():
        if rule.severity == "error":
            bounding = (condition for clause in rule.clauses() for condition in _bounding(clause, versions))
            found = [condition for condition in bounding if condition.name in versions and not is_virtual(condition.name)]
            for condition in found if len(rule.arms) == 1 else _telling(found, versions):
                yield condition.name, f"rule {rule.id} {_outside(condition)}"


def _telling(found: Sequence[Condition], versions: Mapping[str, tuple[Version, ...]]) -> Iterator[Condition]:
    """Yield what a table of many rows has to tell: what it asks for, and of what it refuses the next above the pin alone."""
    next_above: dict[str, tuple[Version, Condition]] = {}
    for condition in found:
        if condition.text.startswith(_NOT):
            yield condition
        elif (lowest := _lowest(condition)) > versions[condition.name][0]:
            known = next_above.get(condition.name)
            if known is None or lowest < known[0]:
                next_above[condition.name] = lowest, condition
    yield from (condition for _, condition in next_above.values())


def _lowest(condition: Condition) -> Version:
    """Return the first version of a row's range, which the row names."""
    return min(Version(specifier.version.removesuffix(".*")) for specifier in SpecifierSet(condition.text))


_NOT = "not "


def _bounding(clause: Clause, versions: Mapping[str, tuple[Version, ...]]) -> Iterator[Condition]:
    """Yield the conditions of a clause that must not hold, because all the others do."""
    failing = [condition for condition in clause.conditions if not _holds(condition, versions)]
    if not failing:
        yield from clause.conditions
    elif len(failing) == 1:
        yield failing[0]


def _holds(condition: Condition, versions: Mapping[str, tuple[Version, ...]]) -> bool:
    return any(condition.holds(version) for version in versions.get(condition.name, ()))


def _outside(condition: Condition) -> str:
    """Return how people read the versions outside a condition: `not <2` is the range of `requires numpy<2`, turned around."""
    return condition.text.removeprefix(_NOT) if condition.text.startswith(_NOT) else f"{_NOT}{condition.text}"
