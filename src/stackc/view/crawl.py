"""The crawl: which pages and metadata the engine will ask for next, guessed while it has not asked yet.

Pure bookkeeping. For every project it keeps what the requirements seen so far admit, picks the newest such release (or the old
pin, while that fits), and wants its metadata; what that requires is wanted next. A wrong guess costs a request, never a pin:
the engine alone decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct, field
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.view.metadata import Need, Neutral

__all__ = ["Crawl"]


class _Project(Struct):
    bounds: dict[str, str] = field(default_factory=dict)
    extras: set[NormalizedName] = field(default_factory=set)
    versions: Sequence[Version] | None = None
    picked: Version | None = None
    neutral: Neutral | None = None


class Crawl:
    """Tells, event by event, which pages (`wanted_pages`) and releases (`wanted_releases`) to fetch ahead."""

    def __init__(self, preferences: Mapping[NormalizedName, Version]) -> None:
        self._preferences = preferences
        self._projects: dict[NormalizedName, _Project] = {}
        self.wanted_pages: deque[NormalizedName] = deque()
        self.wanted_releases: deque[tuple[NormalizedName, Version]] = deque()

    def start(self, needs: Iterable[Need]) -> None:
        """Begin with the manifest's own requirements, and with every project of the previous lock."""
        for need in needs:
            self._require("stack.toml", need)
        for name in self._preferences:
            self._project(name)

    def page_came(self, name: NormalizedName, versions: Sequence[Version]) -> None:
        """Take note of the releases that the view shows of a project, the newest first."""
        project = self._project(name)
        project.versions = versions
        if project.bounds:
            self._pick(name, project)

    def metadata_came(self, name: NormalizedName, version: Version, neutral: Neutral) -> None:
        """Take note of what a release requires; it counts if the release is still the one picked."""
        project = self._project(name)
        if project.picked == version:
            project.neutral = neutral
            self._follow(name, project)

    def _project(self, name: NormalizedName) -> _Project:
        if name not in self._projects:
            self._projects[name] = _Project()
            self.wanted_pages.append(name)
        return self._projects[name]

    def _require(self, source: str, need: Need) -> None:
        project = self._project(need.name)
        news = project.bounds.get(source) != need.specifier
        project.bounds[source] = need.specifier
        if not project.extras.issuperset(need.extras):
            project.extras.update(need.extras)
            self._follow(need.name, project)
        if news and project.versions is not None:
            self._pick(need.name, project)

    def _pick(self, name: NormalizedName, project: _Project) -> None:
        bounds = _specifiers(",".join(sorted(filter(None, project.bounds.values()))))
        picked = self._choice(name, project.versions or (), bounds)
        if picked is not None and picked != project.picked:
            project.picked, project.neutral = picked, None
            self.wanted_releases.append((name, picked))

    def _choice(self, name: NormalizedName, versions: Sequence[Version], bounds: SpecifierSet) -> Version | None:
        preferred = self._preferences.get(name)
        if preferred is not None and preferred in versions and bounds.contains(preferred, prereleases=True):
            return preferred
        stable = (version for version in versions if not version.is_prerelease and bounds.contains(version, prereleases=True))
        return next(stable, None) or next((version for version in versions if bounds.contains(version)), None)

    def _follow(self, name: NormalizedName, project: _Project) -> None:
        if project.neutral is not None:
            for need in project.neutral.active(project.extras):
                self._require(name, need)


@lru_cache(maxsize=8192)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)
