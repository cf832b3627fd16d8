"""The nearest version for an exact pin that gave way: the first one after the old that fits too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.errors import IncompatibleError
from stackc.matrix.bases import resolve_target
from stackc.planning import plan_target
from stackc.project import Project
from stackc.resolve import Workshop
from stackc.upstream.shelf import PageShelf
from stackc.view.curate import Curation

__all__ = ["between", "refused"]


def between(project: Project, workshop: Workshop, target: str, *, name: str, old: str, new: str) -> Iterator[Version]:
    """Yield the stable releases between two versions, the nearest to the old one first, as far as the cache knows the page."""
    try:
        first, last = Version(old), Version(new)
    except InvalidVersion:
        return
    found = resolve_target(project.manifest.targets[target], facts=project.facts, places=project.manifest.places)
    plan, _ = plan_target(project, found, previous=None)
    shelf = PageShelf(workshop.cache, Curation(found, exclude_newer=plan.exclude_newer, sdists=plan.sdists))
    wanted = canonicalize_name(name)
    listed = shelf.versions(workshop.addresses(plan.index_of(wanted)), wanted)
    low, high = sorted((first, last))
    inner = sorted(version for version in listed if low < version < high and not version.is_prerelease)
    yield from inner if first < last else reversed(inner)


def refused(project: Project, targets: Sequence[str]) -> bool:
    """Say whether the matrix has something against one of some targets: what needs no index."""
    for name in targets:
        target = resolve_target(project.manifest.targets[name], facts=project.facts, places=project.manifest.places)
        try:
            plan_target(project, target, previous=None)
        except IncompatibleError:
            return True
    return False
