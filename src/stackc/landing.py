"""Where the components of a lock landed: which of them fell back, by what an engine was shown or by what the cache knows."""

from __future__ import annotations

from functools import partial

from packaging.utils import NormalizedName

from stackc.errors import Finding, NoSolutionError
from stackc.fallback import Listings, fall_backs
from stackc.lock.model import Lock
from stackc.obstacles import Scene
from stackc.plan import Plan
from stackc.project import Project
from stackc.resolve import Workshop
from stackc.upstream.shelf import KeptListings, PageShelf
from stackc.view.curate import Curation

__all__ = ["fallen_before", "fallen_now", "refuse", "scene_of"]


def fallen_now(lock: Lock, project: Project, plan: Plan, listings: Listings) -> tuple[Finding, ...]:
    """Return which components of a lock lie far below their newest, by what their indexes list."""
    scene = scene_of(lock, project, plan)
    return fall_backs(scene, listings, policy=project.manifest.policy, preferences=plan.preferences)


def fallen_before(lock: Lock, project: Project, plan: Plan, workshop: Workshop) -> tuple[Finding, ...]:
    """Return which components of a lock lie far below their newest, by the pages in the cache; no index is asked."""
    if not workshop.cache.has_pages():
        return ()
    curation = Curation(plan.target, exclude_newer=plan.exclude_newer, sdists=plan.sdists)
    addresses = partial(_address_of, plan=plan, workshop=workshop)
    return fallen_now(lock, project, plan, KeptListings(PageShelf(workshop.cache, curation), addresses))


def refuse(fallen: tuple[Finding, ...]) -> None:
    """Raise NoSolutionError where the policy forbids that a component falls back."""
    errors = [finding for finding in fallen if finding.severity == "error"]
    if errors:
        raise NoSolutionError(errors)


def scene_of(lock: Lock, project: Project, plan: Plan) -> Scene:
    """Return what releases are held against in a project's lock."""
    places = project.manifest.places
    return Scene(lock=lock, components=plan.components, matrix=project.matrix, rules=plan.rules, places=places)


def _address_of(name: NormalizedName, *, plan: Plan, workshop: Workshop) -> str:
    return workshop.addresses(plan.index_of(name))
