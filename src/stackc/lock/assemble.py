"""Lock assembly: from an engine's pins to packages with files, requirements, steps and reasons."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.lock.model import DirectKind, LockedFile, Package, Root
from stackc.lock.steps import assign
from stackc.lock.why import bounds
from stackc.matrix.model import Matrix
from stackc.target import Target
from stackc.view.metadata import Need, Neutral

__all__ = ["ChosenRelease", "activate", "assemble"]


class ChosenRelease(Struct, frozen=True, kw_only=True):
    """One pin with all that the view knew of it."""

    version: Version
    index: str | None
    file: LockedFile
    requires_python: str | None
    neutral: Neutral
    direct: DirectKind | None = None


Chosen = Mapping[NormalizedName, ChosenRelease]


def assemble(roots: Sequence[Root], chosen: Chosen, *, target: Target, matrix: Matrix) -> tuple[Package, ...]:
    """Return the packages that the roots need, sorted by name; a pin that nothing needs is left out."""
    extras = activate(roots, {name: release.neutral.active for name, release in chosen.items()})
    needs = {name: sorted(set(chosen[name].neutral.active(active)), key=_by_text) for name, active in extras.items()}
    requires = {name: tuple(dict.fromkeys(need.requirement for need in found)) for name, found in needs.items()}
    steps = assign(roots, {name: sorted({need.name for need in found}) for name, found in needs.items()})
    pins = {name: chosen[name].version for name in extras}
    why = bounds(roots, pins=pins, requires=requires, target=target, matrix=matrix)
    return tuple(
        Package(
            name=name,
            version=chosen[name].version,
            index=chosen[name].index,
            direct=chosen[name].direct,
            step=steps[name],
            file=chosen[name].file,
            extras=tuple(sorted(extras[name])),
            requires_python=chosen[name].requires_python,
            requires=requires[name],
            why=why[name],
        )
        for name in sorted(extras)
    )


def activate(
    roots: Sequence[Root],
    active: Mapping[NormalizedName, Callable[[Collection[NormalizedName]], Iterable[Need]]],
) -> dict[NormalizedName, set[NormalizedName]]:
    """Return every project that the roots reach, with the extras that are asked of it.

    `active` gives, per project, its requirements for a set of extras. Raises KeyError for a project that has none.
    """
    found: dict[NormalizedName, set[NormalizedName]] = {}
    waiting = [_root_need(root) for root in roots]
    while waiting:
        need = waiting.pop()
        known = found.get(need.name)
        if known is not None and known.issuperset(need.extras):
            continue
        found.setdefault(need.name, set()).update(need.extras)
        waiting.extend(active[need.name](found[need.name]))
    return found


def _by_text(need: Need) -> str:
    return need.requirement


def _root_need(root: Root) -> Need:
    requirement: Requirement = root.parsed
    extras = tuple(canonicalize_name(extra) for extra in requirement.extras)
    return Need(canonicalize_name(requirement.name), str(requirement.specifier), extras)
