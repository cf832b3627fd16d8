"""Which one index serves a project, as the lock's routes say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from packaging.utils import NormalizedName, canonicalize_name

from stackc.lock.model import Root, Route
from stackc.lock.requirements import parse_need

__all__ = ["index_of", "own_indexes", "serving"]

_WILD = frozenset("*?[")


def own_indexes(roots: Sequence[Root]) -> Mapping[NormalizedName, str]:
    """Return the index that a component names for itself, by project."""
    needs = [(parse_need(root.requirement), root.index) for root in roots]
    return {need.project: index for need, index in needs if need is not None and index is not None}


def index_of(project: NormalizedName, *, own: Mapping[NormalizedName, str], routes: Sequence[Route]) -> str | None:
    """Return the one index of `project`: its component's own, else the one that names it, else a pattern's, else the default.

    `own` comes from `own_indexes`. None where no route is the default and none serves it.
    """
    if project in own:
        return own[project]
    return serving(project, routes) or next((route.index for route in routes if route.default), None)


def serving(project: NormalizedName, routes: Sequence[Route]) -> str | None:
    """Return the index whose `serves` names a project, or has a pattern for it; None where only the default index is left."""
    for matches in (_names, _has_pattern_for):
        for route in routes:
            if matches(route, project):
                return route.index
    return None


def _names(route: Route, project: NormalizedName) -> bool:
    return any(canonicalize_name(served) == project for served in route.serves if not _WILD & set(served))


def _has_pattern_for(route: Route, project: NormalizedName) -> bool:
    return any(fnmatchcase(project, served) for served in route.serves if _WILD & set(served))
