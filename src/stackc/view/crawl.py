"""The crawl: which pages and metadata the engine will ask for next, guessed while it has not asked yet.

Pure bookkeeping. For every project it keeps what the requirements seen so far admit, picks the newest such release (or the old
pin, while that fits), and wants its metadata; what that requires is wanted next. Where two requirements leave no release, the
project that stands farthest from the manifest steps back, as an engine would let it, and several of its older releases are
wanted at once: an engine alone asks for them one by one. A wrong guess costs a request, never a pin: the engine alone decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice

from msgspec import Struct, field
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.view.metadata import Need, Neutral

__all__ = ["Crawl"]

_MANIFEST = "stack.toml"
_FIRST_BURST = 4
_LARGEST_BURST = 32
_MOST_STEPS_BACK = 400
_MOST_VISITS = 400


class _Project(Struct):
    """What the crawl knows of one project.

    `bounds` are by requirer; `tried` are picks that did not fit; `served` remembers for which bounds some release fits;
    `burst` is how many releases the next step back wants; `visits` counts how often a release was to be picked.
    """

    depth: int
    bounds: dict[str, str] = field(default_factory=dict)
    extras: set[NormalizedName] = field(default_factory=set)
    requires: set[NormalizedName] = field(default_factory=set)
    versions: Sequence[Version] | None = None
    picked: Version | None = None
    known: dict[Version, Neutral] = field(default_factory=dict)
    tried: set[Version] = field(default_factory=set)
    served: dict[str, bool] = field(default_factory=dict)
    burst: int = _FIRST_BURST
    visits: int = 0


class Crawl:
    """Tells, event by event, which pages (`wanted_pages`) and releases (`wanted_releases`) to fetch ahead."""

    def __init__(self, preferences: Mapping[NormalizedName, Version]) -> None:
        self._preferences = preferences
        self._projects: dict[NormalizedName, _Project] = {}
        self._steps_back = 0
        self._unsettled: dict[NormalizedName, None] = {}
        self.wanted_pages: deque[NormalizedName] = deque()
        self.wanted_releases: deque[tuple[NormalizedName, Version]] = deque()

    def start(self, needs: Iterable[Need]) -> None:
        """Begin with the manifest's own requirements, and with every project of the previous lock."""
        for need in needs:
            self._require(_MANIFEST, need, depth=0)
        for name in self._preferences:
            self._project(name, depth=1)
        self._settle()

    def page_came(self, name: NormalizedName, versions: Sequence[Version]) -> None:
        """Take note of the releases that the view shows of a project, the newest first."""
        project = self._project(name, depth=1)
        project.versions = versions
        project.served.clear()
        self._unsettled[name] = None
        self._settle()

    def metadata_came(self, name: NormalizedName, version: Version, neutral: Neutral) -> None:
        """Take note of what a release requires; it is followed if the release is the one picked."""
        project = self._project(name, depth=1)
        project.known[version] = neutral
        if project.picked == version:
            self._follow(name, project)
            self._settle()

    def _settle(self) -> None:
        """Pick releases until nothing is left that could change a pick. One at a time, however projects hang together."""
        while self._unsettled:
            name = next(iter(self._unsettled))
            del self._unsettled[name]
            project = self._projects[name]
            if project.bounds and project.versions is not None and project.visits < _MOST_VISITS:
                project.visits += 1  # releases that require each other may have two minds for ever
                self._pick(name, project)

    def _project(self, name: NormalizedName, *, depth: int) -> _Project:
        if name not in self._projects:
            self._projects[name] = _Project(depth)
            self.wanted_pages.append(name)
        return self._projects[name]

    def _require(self, source: str, need: Need, *, depth: int) -> None:
        project = self._project(need.name, depth=depth)
        bound = need.specifier
        if project.bounds.get(source) != bound or not project.extras.issuperset(need.extras):
            project.bounds[source] = bound
            project.extras.update(need.extras)
            self._unsettled[need.name] = None

    def _pick(self, name: NormalizedName, project: _Project) -> None:
        picked = next(self._fitting(name, project), None)
        if picked is None:
            self._step_back(project)
        elif picked != project.picked:
            self._release_bounds(name, project)
            project.picked = picked
            if picked not in project.known:
                self.wanted_releases.append((name, picked))
        self._follow(name, project)

    def _fitting(self, name: NormalizedName, project: _Project) -> Iterator[Version]:
        """Yield the releases that fit all bounds, the best first: the old pin, then from the newest down."""
        bounds = _specifiers(_joined(project.bounds.values()))
        preferred = self._preferences.get(name)
        versions = project.versions or ()
        if (
            preferred is not None
            and preferred in versions
            and preferred not in project.tried
            and bounds.contains(preferred, prereleases=True)
        ):
            yield preferred
        any_stable = False
        for version in versions:
            if not version.is_prerelease and version not in project.tried and bounds.contains(version, prereleases=True):
                any_stable = True
                yield version
        if not any_stable:
            yield from (version for version in versions if version not in project.tried and bounds.contains(version))

    def _step_back(self, project: _Project) -> None:
        """Let a requirer without which some release would fit try its next older ones: the farthest from the manifest."""
        requirers = [NormalizedName(name) for name in project.bounds if name != _MANIFEST and _fits_without(project, name)]
        name = max(requirers, key=lambda name: self._projects[name].depth, default=None)
        if name is None or self._steps_back >= _MOST_STEPS_BACK:
            return
        self._steps_back += 1
        blamed = self._projects[name]
        if blamed.picked is None:
            return
        blamed.tried.add(blamed.picked)
        fitting = list(islice(self._fitting(name, blamed), blamed.burst))
        if not fitting:
            return
        if fitting[0] not in blamed.known:
            self.wanted_releases.extend((name, version) for version in fitting)
            blamed.burst = min(2 * blamed.burst, _LARGEST_BURST)
        self._unsettled[name] = None

    def _release_bounds(self, name: NormalizedName, project: _Project) -> None:
        """Forget what the former pick required."""
        for required in project.requires:
            self._projects[required].bounds.pop(name, None)
        project.requires.clear()

    def _follow(self, name: NormalizedName, project: _Project) -> None:
        picked = project.picked
        neutral = project.known.get(picked) if picked is not None else None
        if neutral is None:
            return
        asked: dict[NormalizedName, Need] = {}
        for need in neutral.active(project.extras):
            asked[need.name] = _both(asked[need.name], need) if need.name in asked else need
        for required, need in asked.items():
            project.requires.add(required)
            self._require(name, need, depth=project.depth + 1)


def _fits_without(project: _Project, requirer: str) -> bool:
    text = _joined(bound for name, bound in project.bounds.items() if name != requirer)
    if text not in project.served:
        bounds = _specifiers(text)
        project.served[text] = any(bounds.contains(version, prereleases=True) for version in project.versions or ())
    return project.served[text]


def _both(one: Need, other: Need) -> Need:
    """Return two requirements of one project as one."""
    return Need(one.name, _joined((one.specifier, other.specifier)), (*one.extras, *other.extras))


def _joined(bounds: Iterable[str]) -> str:
    return ",".join(sorted({bound for bound in bounds if bound}))


@lru_cache(maxsize=8192)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)
