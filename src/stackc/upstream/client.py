"""The index client: all that one run asks of indexes, whichever of its targets asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial

from stackc.loop import Loop
from stackc.upstream.cache import Cache
from stackc.upstream.metadata_files import MetadataSource
from stackc.upstream.pages import PageBook, PageSource, Trust
from stackc.upstream.settings import NetworkSettings
from stackc.upstream.transfers import Transfers
from stackc.view.curate import Curation
from stackc.view.metadata import MetadataReader

__all__ = ["IndexClient"]


class IndexClient:
    """One loop, its transfers, and what they bring: each page and each file's metadata comes once for all targets.

    `trust` says what may answer instead of an index.
    """

    def __init__(
        self,
        cache: Cache,
        settings: NetworkSettings,
        *,
        exclude_newer: dt.datetime | None = None,
        trust: Trust = "fresh",
    ) -> None:
        self.loop = Loop()
        self.cache = cache
        self.transfers = Transfers(self.loop, settings)
        self.metadata = MetadataSource(self.transfers, self.loop, cache, settings)
        self._book = PageBook(
            self.transfers,
            cache,
            exclude_newer=exclude_newer,
            offline=settings.offline,
            soon=partial(self.loop.call_later, 0.0),
            trust=trust,
        )
        self._readers: dict[tuple[tuple[str, str], ...], MetadataReader] = {}

    def __enter__(self) -> IndexClient:  # noqa: PYI034 (typing.Self needs Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop what is under way, and let go of the loop."""
        self.metadata.close()
        self.transfers.close()
        self.loop.close()

    def pages(self, curation: Curation, *, note: Callable[[str], None]) -> PageSource:
        """Return the pages as one target looks at them; `note` is told what its user should know."""
        return self._book.source(curation, note=note)

    def reader(self, environment: Mapping[str, str]) -> MetadataReader:
        """Return the one reader of metadata for a marker environment: targets that share it share what it reads."""
        key = tuple(sorted(environment.items()))
        if key not in self._readers:
            self._readers[key] = MetadataReader(environment, shelf=self.cache)
        return self._readers[key]
