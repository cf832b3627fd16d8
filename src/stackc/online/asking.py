"""Asking indexes for the pages of locked projects, each page once, whatever the cache has of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from msgspec.structs import replace
from packaging.version import Version

from stackc.online.answers import Answer, Gone, Listing, NotAsked, Subject
from stackc.target import Target
from stackc.upstream.cache import Cache
from stackc.upstream.client import IndexClient
from stackc.upstream.pages import Absent, PageOutcome, Unavailable
from stackc.upstream.settings import NetworkSettings
from stackc.upstream.shelf import page_url, rows_of
from stackc.upstream.simple import decode_status
from stackc.view.curate import Curation

__all__ = ["ask"]

_LONGEST_TURN = 1.0
_ATTEMPTS = 2
_ANY = Target(name="any", python=Version("3.12"), platform="linux/amd64", base="debian:12", glibc=(2, 36))
"""Which files fit a target does not matter here, but a page is read for one."""


def ask(
    subjects: Iterable[Subject],
    *,
    addresses: Mapping[str, str],
    cache: Cache,
    settings: NetworkSettings,
    progress: Callable[[int, int], None],
) -> Mapping[Subject, Answer]:
    """Return what its index answers for each subject; `addresses` are those of the indexes by name.

    One project of each index is asked for first: where no answer comes at all, the others are not asked for, so that an index
    that hangs costs the wait for one page. `progress` is told how many answers came, and how many are awaited.
    """
    patience = replace(settings, attempts=min(settings.attempts, _ATTEMPTS))
    with IndexClient(cache, patience, trust="nothing") as client:
        return _Asking(subjects, addresses, client, progress).answers()


class _Asking:
    def __init__(
        self,
        subjects: Iterable[Subject],
        addresses: Mapping[str, str],
        client: IndexClient,
        progress: Callable[[int, int], None],
    ) -> None:
        self._addresses = addresses
        self._loop = client.loop
        self._cache = client.cache
        self._source = client.pages(Curation(_ANY), note=lambda _: None)
        self._progress = progress
        self._of_index: dict[str, list[Subject]] = defaultdict(list)
        for subject in sorted(set(subjects)):
            self._of_index[subject.index].append(subject)
        self._total = sum(map(len, self._of_index.values()))
        self._answers: dict[Subject, Answer] = {}

    def answers(self) -> Mapping[Subject, Answer]:
        for first, *others in self._of_index.values():
            self._get(first, partial(self._first_came, others))
        while len(self._answers) < self._total:
            self._loop.turn(_LONGEST_TURN)
            self._progress(len(self._answers), self._total - len(self._answers))
        return self._answers

    def _first_came(self, others: Iterable[Subject], outcome: PageOutcome) -> None:
        for other in others:
            if isinstance(outcome, Unavailable) and outcome.silent:
                self._answers[other] = NotAsked(outcome.finding)
            else:
                self._get(other, lambda _outcome: None)

    def _get(self, subject: Subject, then: Callable[[PageOutcome], None]) -> None:
        def came(outcome: PageOutcome) -> None:
            self._answers[subject] = self._answer(subject, outcome)
            then(outcome)

        self._source.get(subject.index, self._addresses[subject.index], subject.project, came)

    def _answer(self, subject: Subject, outcome: PageOutcome) -> Answer:
        if isinstance(outcome, Unavailable):
            return NotAsked(outcome.finding)
        if isinstance(outcome, Absent):
            return Gone()
        page = self._cache.page(page_url(self._addresses[subject.index], subject.project))
        body = self._cache.body(page.url) if page is not None else None
        if page is None or body is None:
            return Listing({})
        rows = rows_of(self._cache, page) or []
        status = decode_status(body, content_type=page.content_type, url=page.base)
        return Listing({row.filename: row for row in rows}, status)
