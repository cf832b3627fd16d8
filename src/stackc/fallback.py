"""Falling back: a component that lands far below the newest release which its own range admits, and what held it there.

Terminology: a *minor line* is all releases with the same first two numbers, such as 2.1 and 2.1.3. A line counts if it has a
stable release in the component's range, above the pin's own line, that was not uploaded after the cut-off.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.manifest.model import Component, Policy
from stackc.matrix.partners import exact_version
from stackc.matrix.places import place_of_version
from stackc.matrix.wording import spelled
from stackc.obstacles import Known, Obstacle, Scene, obstacles
from stackc.view.curate import Listed

__all__ = ["Listings", "MinorLine", "could_fall_back", "fall_back", "fall_backs", "line_of", "newer_lines"]

MinorLine = tuple[int, int, int]
"""Epoch, first and second number of a version."""

Preferences = Mapping[NormalizedName, Version]

_CALENDAR = 1000
"""A first number from here on is a year: what numbers such a project left out nobody can tell."""

_SHOWN = 4


class _Held(Struct, frozen=True):
    """What keeps the newest release of one line out; nothing if none of it does alone."""

    version: Version
    by: tuple[Obstacle, ...]


class Listings(Protocol):
    """What indexes list, for one target."""

    def versions(self, name: NormalizedName) -> Sequence[Version]:
        """Return the versions of all releases that a project's index lists."""

    def listed(self, name: NormalizedName, *, above: Version) -> Sequence[Listed]:
        """Return the releases above a version that a project's index lists."""

    def known(self, name: NormalizedName, versions: Sequence[Version]) -> Mapping[Version, Known]:
        """Return what is known of the metadata of some releases."""


def fall_backs(scene: Scene, listings: Listings, *, policy: Policy, preferences: Preferences) -> tuple[Finding, ...]:
    """Return a finding for each component that fell back; the `preferences` are the pins of the old lock."""
    if policy.fall_back == "allow":
        return ()
    found = (
        _fall_back_of(component, scene, listings, policy=policy, preferred=preferences.get(component.name))
        for component in scene.components
        if not _pins_exactly(component)
    )
    return tuple(finding for finding in found if finding is not None)


def _pins_exactly(component: Component) -> bool:
    return exact_version(component) is not None or not isinstance(component.version, SpecifierSet)


def _fall_back_of(
    component: Component, scene: Scene, listings: Listings, *, policy: Policy, preferred: Version | None
) -> Finding | None:
    name = component.name
    pin = scene.lock.by_name[name].version
    if not could_fall_back(component, pin, listings.versions(name), few=policy.fall_back_minors):
        return None
    listed = listings.listed(name, above=pin)
    newest = [release.version for release in newer_lines(component, pin, listed).values() if release.misfit is None]
    known = listings.known(name, newest)
    return fall_back(component, listed, scene, policy=policy, known=known, preferred=preferred)


def line_of(version: Version) -> MinorLine:
    """Return the minor line of a version."""
    return version.epoch, version.major, version.minor


def could_fall_back(component: Component, pin: Version, versions: Iterable[Version], *, few: int) -> bool:
    """Say whether a fall-back is possible at all, from the versions of a page alone: cheap, and mostly no."""
    return isinstance(component.version, SpecifierSet) and _lines_above(pin, tuple(versions), component.version) > few


@lru_cache(maxsize=1024)  # targets have most of their pins in common
def _lines_above(pin: Version, versions: tuple[Version, ...], admitted: SpecifierSet) -> int:
    """Return how many minor lines above a pin's own there are, those included that the numbers in between leave out."""
    above = {line_of(version) for version in versions if version > pin and _is_newer(version, admitted, pin)}
    ordered = sorted(above | {line_of(pin)})
    gaps = sum(_missing(before, after) for before, after in pairwise(ordered))
    return len(ordered) - 1 + gaps


def newer_lines(component: Component, pin: Version, listed: Iterable[Listed]) -> dict[MinorLine, Listed]:
    """Return the newest release of each line that counts, ascending; a yanked one only where its line has no other."""
    found: dict[MinorLine, Listed] = {}
    for release in sorted(listed, key=lambda each: (not each.yanked, each.version)):
        if _counts(release.version, component, pin) and not release.too_new:
            found[line_of(release.version)] = release
    return dict(sorted(found.items()))


def fall_back(
    component: Component,
    listed: Sequence[Listed],
    scene: Scene,
    *,
    policy: Policy,
    known: Mapping[Version, Known],
    preferred: Version | None,
) -> Finding | None:
    """Return the finding that a component fell back, None where it did not.

    `listed` are the releases above its pin, `known` the metadata of some. A line that nothing keeps out alone does not count
    where the pin is the `preferred` one, that of the old lock: then least change keeps it, and `stackc outdated` tells.
    """
    pin = scene.lock.by_name[component.name].version
    lines = newer_lines(component, pin, listed)
    held = [
        _Held(release.version, obstacles(component.name, release, scene, known=known.get(release.version)))
        for release in lines.values()
    ]
    if preferred == pin:
        held = [each for each in held if each.by]
    vanished = _vanished(component, pin, listed, exclude_newer=policy.exclude_newer)
    if len(held) + vanished.lines <= policy.fall_back_minors:
        return None
    return _finding(component, pin, held, vanished, scene, policy=policy)


def _counts(version: Version, component: Component, pin: Version) -> bool:
    return isinstance(component.version, SpecifierSet) and _is_newer(version, component.version, pin)


def _is_newer(version: Version, admitted: SpecifierSet, pin: Version) -> bool:
    return line_of(version) > line_of(pin) and not version.is_prerelease and admitted.contains(version)


class _Vanished(Struct, frozen=True):
    """Lines that a page must once have listed: between `before` and `after`, the first to come after the cut-off."""

    lines: int = 0
    before: Version | None = None
    after: Version | None = None


def _vanished(component: Component, pin: Version, listed: Sequence[Listed], *, exclude_newer: dt.datetime | None) -> _Vanished:
    """Return the gap that an index leaves which lists its newest files only: all of them too new, and none before them."""
    stable = sorted((each for each in listed if _counts(each.version, component, pin)), key=lambda each: each.version)
    too_new = [each.version for each in stable if each.too_new]
    before = max([pin, *(each.version for each in stable if not each.too_new)])
    after = next((version for version in too_new if version > before), None)
    if exclude_newer is None or after is None:
        return _Vanished()
    return _Vanished(_missing(line_of(before), line_of(after)), before, after)


def _missing(before: MinorLine, after: MinorLine) -> int:
    """Return how many lines lie between two at least, if a project counts its numbers without leaving any out."""
    if before[0] != after[0] or after[1] >= _CALENDAR:
        return 0
    if before[1] == after[1]:
        return max(0, after[2] - before[2] - 1)
    return after[1] - before[1] - 1 + after[2]


def _finding(
    component: Component, pin: Version, held: Sequence[_Held], vanished: _Vanished, scene: Scene, *, policy: Policy
) -> Finding:
    name, lines = component.name, len(held) + vanished.lines
    own = place_of_version(component, places=scene.places, target=scene.lock.target.name)
    by = _grouped(held)
    least = "at least " if vanished.lines else ""
    told = f"`{name}` is locked at {pin}, {least}{_counted(lines)} below "
    if vanished.lines:
        told += f"{vanished.after}, which its index lists now"
    else:
        told += f"{max(each.version for each in held)}, the newest that `{spelled(_range(component))}` admits"
    return Finding(
        code="S370",
        message=told,
        places=tuple(dict.fromkeys((own, *_place_of_target(scene), *_places(by), *_place_of_cutoff(vanished, scene)))),
        notes=(*_notes(name, by), *_gap_note(name, vanished, policy)),
        hint=f"change what holds it back, or end the range of `{name}` where it landed, which says that it is meant",
        severity="error" if policy.fall_back == "error" else "warning",
    )


def _counted(lines: int) -> str:
    return f"{lines} minor release{'' if lines == 1 else 's'}"


def _range(component: Component) -> SpecifierSet:
    return component.version if isinstance(component.version, SpecifierSet) else SpecifierSet()


def _grouped(held: Sequence[_Held]) -> dict[Obstacle, list[Version]]:
    """Return what holds the lines back, each with those that it does, what holds most of them first."""
    found: dict[Obstacle, list[Version]] = {}
    for each in held:
        for obstacle in each.by or (_UNKNOWN,):
            found.setdefault(obstacle, []).append(each.version)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


_UNKNOWN = Obstacle("nothing keeps it out alone; `stackc explain NAME==VERSION` works out what does")


def _places(by: Mapping[Obstacle, Sequence[Version]]) -> Iterator[Place]:
    yield from (obstacle.place for obstacle in list(by)[:_SHOWN] if obstacle.place is not None)


def _place_of_target(scene: Scene) -> Iterator[Place]:
    """Yield where the target stands, if there are others."""
    if sum(path[0] == "targets" and len(path) == 2 for path in scene.places.lines if path) > 1:
        yield scene.places.at("targets", scene.lock.target.name)


def _place_of_cutoff(vanished: _Vanished, scene: Scene) -> Iterator[Place]:
    if vanished.lines:
        yield scene.places.at("policy", "exclude-newer")


def _notes(name: NormalizedName, by: Mapping[Obstacle, Sequence[Version]]) -> Iterator[str]:
    for obstacle, versions in list(by.items())[:_SHOWN]:
        span = f"{versions[0]}" if len(versions) == 1 else f"{versions[0]} to {versions[-1]}"
        yield f"{name} {span}: {obstacle.text}"
    if len(by) > _SHOWN:
        yield f"and {len(by) - _SHOWN} more that hold it back"


def _gap_note(name: NormalizedName, vanished: _Vanished, policy: Policy) -> Iterator[str]:
    if vanished.lines and policy.exclude_newer is not None:
        cutoff = policy.exclude_newer.date().isoformat()
        yield (
            f"{name} {vanished.before} to {vanished.after}: the index lists nothing between them, and {vanished.after} "
            f"was uploaded after the cut-off of {cutoff}: it keeps only its newest files"
        )
