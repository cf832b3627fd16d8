"""Whether projects exist: each one's own index is asked for its page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Finding
from stackc.target import Target
from stackc.upstream.cache import Cache
from stackc.upstream.client import IndexClient
from stackc.upstream.pages import Absent, PageOutcome, Unavailable
from stackc.upstream.settings import NetworkSettings
from stackc.view.curate import Curation

__all__ = ["Answers", "Asked", "ask_for"]

_LONGEST_TURN = 1.0
_ANY = Target(name="any", python=Version("3.12"), platform="linux/amd64", base="debian:12", glibc=(2, 36))
"""Which files fit a target does not matter here, but a page is read for one."""


class Asked(Struct, frozen=True):
    """The index that a project is asked for on: its name and address."""

    index: str
    address: str


class Answers(Struct, frozen=True):
    """Which projects their indexes do not have, and why others could not be asked for."""

    absent: frozenset[NormalizedName]
    failures: tuple[Finding, ...]


def ask_for(projects: Mapping[NormalizedName, Asked], *, cache: Cache, settings: NetworkSettings) -> Answers:
    """Return what the indexes answer for each project. A page in the cache that is still fresh is an answer too."""
    answers: dict[NormalizedName, PageOutcome] = {}
    with IndexClient(cache, settings) as client:
        source = client.pages(Curation(_ANY), note=lambda _: None)
        for project, asked in projects.items():
            source.get(asked.index, asked.address, project, partial(answers.__setitem__, project))
        while len(answers) < len(projects):
            client.loop.turn(_LONGEST_TURN)
    return Answers(
        absent=frozenset(project for project, answer in answers.items() if isinstance(answer, Absent)),
        failures=tuple(answer.finding for answer in answers.values() if isinstance(answer, Unavailable)),
    )
