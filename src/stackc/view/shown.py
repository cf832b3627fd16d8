"""What a view shows: each project with its releases, and what became known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct, field
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Finding
from stackc.upstream.pages import PageOutcome
from stackc.upstream.simple import FileRow
from stackc.view.candidates import Candidate
from stackc.view.metadata import Neutral

__all__ = ["Releases", "ShownProject", "ShownRelease"]


class ShownRelease(Struct):
    """One release as the view shows it: the file behind it, what it needs on the target, and why it cannot be used, if so."""

    version: Version
    file: FileRow
    neutral: Neutral | None = None
    problem: Finding | None = None
    body: bytes | None = None
    waiting: list[Callable[[], None]] | None = None


class Releases(Mapping[Version, ShownRelease]):
    """The releases of a project that are shown, the newest first. Each is made when it is first looked at: few ever are.

    `shown` are the files of those that are, which targets share; `known` keeps what was made, for this target alone.
    """

    def __init__(self, shown: Mapping[Version, Candidate], known: dict[Version, ShownRelease]) -> None:
        self._shown = shown
        self._known = known

    def __getitem__(self, version: Version) -> ShownRelease:
        """Return a release."""
        file = self._shown[version].file
        release = self._known.get(version)
        if release is None:
            release = self._known[version] = ShownRelease(version, file)
        return release

    def __contains__(self, version: object) -> bool:
        """Say whether a release is shown."""
        return version in self._shown

    def __iter__(self) -> Iterator[Version]:
        """Yield the versions."""
        return iter(self._shown)

    def __len__(self) -> int:
        """Return how many releases are shown."""
        return len(self._shown)

    def looked_at(self) -> list[ShownRelease]:
        """Return the releases that somebody looked at, the newest first."""
        return [self._known[version] for version in sorted(self._known, reverse=True) if version in self._shown]


class ShownProject(Struct):
    """One project as the view shows it. `outcome` is None until its page came; `spelled` are the keys of `releases` as text.

    `known` has what is known of every release that was shown, and looked at, at some time.
    """

    name: NormalizedName
    index: str
    outcome: PageOutcome | None = None
    releases: Releases = Releases({}, {})
    spelled: tuple[str, ...] = ()
    known: dict[Version, ShownRelease] = field(default_factory=dict)
    waiting: list[Callable[[], None]] = field(default_factory=list)
