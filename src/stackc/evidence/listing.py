"""What the default index has for the Pythons of this machine: the shelf from which combinations are made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import UpstreamError
from stackc.evidence.combination import Combination
from stackc.evidence.interpreter import host_target
from stackc.loop import Loop
from stackc.manifest.model import BUILTIN_INDEX
from stackc.matrix.model import ProjectName
from stackc.upstream.cache import Cache
from stackc.upstream.client import IndexClient
from stackc.upstream.pages import Found, PageOutcome, PageSource, Unavailable
from stackc.upstream.settings import NetworkSettings
from stackc.view.candidates import Candidate
from stackc.view.curate import Curation, moment_of
from stackc.view.filenames import parse_version

__all__ = ["Listing", "open_listing"]

_LONGEST_TURN = 1.0


class Listing:
    """The stable releases of each project that have a wheel for each Python, read when they are first asked for."""

    def __init__(self, pythons: Sequence[Version], *, address: str, sources: Mapping[Version, PageSource], loop: Loop) -> None:
        self.pythons = tuple(pythons)
        self._address = address
        self._sources = sources
        self._loop = loop
        self._known: dict[tuple[ProjectName, Version], dict[Version, dt.datetime | None]] = {}

    def versions(self, project: ProjectName, python: Version) -> tuple[Version, ...]:
        """Return the versions of the releases, the newest first. Raises UpstreamError."""
        return tuple(self._releases(project, python))

    def complete_on(self, combination: Combination) -> dt.datetime | None:
        """Return when the last file of a combination was uploaded, None where the index does not say."""
        moments = [self._releases(name, combination.python)[version] for name, version in combination.pins.items()]
        known = [moment for moment in moments if moment is not None]
        return max(known) if known and len(known) == len(moments) else None

    def _releases(self, project: ProjectName, python: Version) -> dict[Version, dt.datetime | None]:
        asked = (project, python)
        if asked not in self._known:
            self._known[asked] = dict(_stable(self._page(project, self._sources[python])))
        return self._known[asked]

    def _page(self, project: ProjectName, source: PageSource) -> Sequence[Candidate]:
        answers: list[PageOutcome] = []
        source.get(BUILTIN_INDEX, self._address, NormalizedName(project), answers.append)
        while not answers:
            self._loop.turn(_LONGEST_TURN)
        (answer,) = answers
        if isinstance(answer, Unavailable):
            raise UpstreamError(answer.finding)
        return answer.candidates if isinstance(answer, Found) else ()


@contextmanager
def open_listing(pythons: Sequence[Version], *, address: str, cache: Cache, settings: NetworkSettings) -> Iterator[Listing]:
    """Open the index at `address` for as long as its releases are read."""
    with IndexClient(cache, settings) as client:
        sources = {python: client.pages(Curation(host_target(python)), note=lambda _: None) for python in pythons}
        yield Listing(pythons, address=address, sources=sources, loop=client.loop)


def _stable(candidates: Sequence[Candidate]) -> Iterator[tuple[Version, dt.datetime | None]]:
    for candidate in candidates:
        version = parse_version(candidate.version)
        if not version.is_prerelease and not candidate.file.yanked:
            uploaded = candidate.file.upload_time
            yield version, moment_of(uploaded) if uploaded else None
