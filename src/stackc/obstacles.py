"""What stands in the way of a release: the target, a line of the manifest, another package's requirement, or a rule.

Only what can be told by looking at the release, the pins and their bounds is told. Where two or more things keep a release
out together and none does alone, nothing is found: `stackc explain NAME==VERSION` asks the engine then.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from stackc.errors import Finding, Place
from stackc.explain import Bound, bounds_of, chain_to, refused_by
from stackc.lock.model import Lock
from stackc.lock.requirements import parse_specifiers
from stackc.lock.why import MANIFEST
from stackc.manifest.model import Component, Places
from stackc.matrix.model import Matrix
from stackc.matrix.places import place_of_version
from stackc.matrix.wording import spelled
from stackc.view.curate import Listed
from stackc.view.metadata import Need, Neutral
from stackc.view.rules import ViewRules

__all__ = ["Known", "Obstacle", "Scene", "obstacle_of_misfit", "obstacles"]

Known = Neutral | Finding | None
"""What is known of a release's metadata: what they say, why they cannot be used, or nothing."""


class Obstacle(Struct, frozen=True):
    """One thing that keeps a release out: `text` in words, without the release's own version, and where it is to be changed.

    `stated` says that the line at the place says as much as the words.
    """

    text: str
    place: Place | None = None
    stated: bool = False


class Scene(Struct, frozen=True, kw_only=True):
    """What releases are held against: pins with their bounds, the target's components, the rules, and where lines stand."""

    lock: Lock
    components: tuple[Component, ...]
    matrix: Matrix
    rules: ViewRules
    places: Places


def obstacles(name: NormalizedName, release: Listed, scene: Scene, *, known: Known = None) -> tuple[Obstacle, ...]:
    """Return what keeps a release of a locked package out; its being uploaded after the cut-off is nobody's fault."""
    return (*_of_release(name, release, scene), *_of_bounds(name, release, scene), *_of_needs(name, scene, known))


def _of_release(name: NormalizedName, release: Listed, scene: Scene) -> Iterator[Obstacle]:
    misfit = obstacle_of_misfit(release, scene)
    if misfit is not None:
        yield misfit
    elif release.yanked:
        why = f": {release.yanked}" if isinstance(release.yanked, str) else ""
        yield Obstacle(f"it was yanked{why}")
    rule = scene.rules.hiding_rule(name, release.version)
    if rule is not None:
        yield _of_rule(rule, scene)


def obstacle_of_misfit(release: Listed, scene: Scene) -> Obstacle | None:
    """Return why the target cannot install a release, None where it can."""
    if release.misfit is None:
        return None
    table = ("policy",) if release.misfit.key == "sdists" else ("targets", scene.lock.target.name)
    return Obstacle(release.misfit.text, scene.places.at(*table, release.misfit.key))


def _of_bounds(name: NormalizedName, release: Listed, scene: Scene) -> Iterator[Obstacle]:
    for bound in sorted(bounds_of(scene.lock.by_name[name].why, (release.version,)), key=_manifest_first):
        if bound.keeps_out is None:
            continue
        if bound.rule is not None:
            yield _of_rule(bound.rule, scene)
        elif bound.source == MANIFEST:
            yield Obstacle(f"{MANIFEST} asks for {name}{_spelled(bound.text)}", _place_of(name, scene), stated=True)
        else:
            yield Obstacle(*_required(bound, name, scene))


def _manifest_first(bound: Bound) -> bool:
    return bound.source != MANIFEST


def _of_rule(rule: str, scene: Scene) -> Obstacle:
    known = scene.matrix.rules.get(rule)
    return Obstacle(f"rule {rule}: {known.because}" if known is not None else f"rule {rule}")


def _of_needs(name: NormalizedName, scene: Scene, known: Known) -> Iterator[Obstacle]:
    """Yield each requirement of the release itself that a bound of another package leaves no version for."""
    if isinstance(known, Finding):
        yield Obstacle(f"its metadata cannot be used: {known.message}")
    elif known is not None:
        for need in known.active(scene.lock.by_name[name].extras):
            yield from _of_need(name, need, scene)


def _of_need(name: NormalizedName, need: Need, scene: Scene) -> Iterator[Obstacle]:
    pinned = scene.lock.by_name.get(need.name)
    wanted = parse_specifiers(need.specifier)
    if pinned is None or wanted is None or wanted.contains(pinned.version, prereleases=True):
        return
    own = f"it requires {need.name}{spelled(wanted)}"
    for bound in sorted(refused_by(pinned.why, wanted), key=_manifest_first):
        if bound.source == name:
            continue
        if bound.rule is not None:
            other = _of_rule(bound.rule, scene)
            yield Obstacle(f"{own}, and {other.text}")
        elif bound.source == MANIFEST:
            yield Obstacle(f"{own}, and {MANIFEST} asks for {need.name}{_spelled(bound.text)}", _place_of(need.name, scene))
        else:
            text, place = _required(bound, need.name, scene)
            yield Obstacle(f"{own}, and {text}", place)


def _required(bound: Bound, name: NormalizedName, scene: Scene) -> tuple[str, Place | None]:
    """Return what the package behind a bound requires, in words, and the component's line by way of which it is there."""
    source = canonicalize_name(bound.source)
    head = chain_to(source, scene.lock)[0]
    way = "" if head == source else f" (needed by {head})"
    return f"{source} {scene.lock.by_name[source].version}{way} requires {name}{_spelled(bound.text)}", _place_of(head, scene)


def _place_of(name: NormalizedName, scene: Scene) -> Place | None:
    component = next((each for each in scene.components if each.name == name), None)
    if component is None:
        return None
    return place_of_version(component, places=scene.places, target=scene.lock.target.name)


def _spelled(text: str) -> str:
    found = parse_specifiers(text)
    return spelled(found) if isinstance(found, SpecifierSet) else f" {text}"
