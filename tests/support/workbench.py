"""A workbench for tests of the view and its surroundings: small plans, and a loop with all that hangs on it.

Nothing here reads the environment. Pages come from a loopback site, the cache lives in memory unless a path is given.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.errors import Place
from stackc.lock.model import Root, Route
from stackc.loop import Loop
from stackc.manifest.model import Component, Index
from stackc.matrix.builds import Builds
from stackc.matrix.model import Arm, Condition, Matrix, ProjectName, Rule
from stackc.plan import Plan
from stackc.target import Target
from stackc.upstream.cache import Cache
from stackc.upstream.client import IndexClient
from stackc.upstream.metadata_files import MetadataSource
from stackc.upstream.pages import PageSource, Trust
from stackc.upstream.settings import NetworkSettings
from stackc.upstream.transfers import Transfers
from stackc.view.curate import Curation
from stackc.view.metadata import MetadataReader
from stackc.view.rules import view_rules
from stackc.view.session import ViewSession

__all__ = [
    "Bench",
    "Notes",
    "bench",
    "beside",
    "make_plan",
    "make_target",
    "matrix_of",
    "name_of",
    "rule_of",
    "settings",
    "wait_until",
]

Answered = TypeVar("Answered")


def name_of(text: str) -> NormalizedName:
    return canonicalize_name(text)


def make_target(python: str = "3.10", *, platform: str = "linux/amd64", glibc: tuple[int, int] = (2, 35)) -> Target:
    return Target(
        name="gpu",
        python=Version(python),
        platform=platform,
        base="nvidia/cuda:12.4.1-devel-ubuntu22.04",
        glibc=glibc,
        cuda=Version("12.4"),
    )


def rule_of(rule_id: str, when: Mapping[str, str], requires: Mapping[str, str]) -> Rule:
    def conditions(words: Mapping[str, str]) -> tuple[Condition, ...]:
        return tuple(Condition.of(ProjectName(name), SpecifierSet(text)) for name, text in words.items())

    return Rule(
        id=rule_id,
        arms=(Arm(when=conditions(when), requires=conditions(requires)),),
        because="it breaks",
        source="https://example.org/rule",
        date=dt.date(2024, 6, 16),
        place=Place(file="rules.toml"),
    )


def matrix_of(*rules: Rule) -> Matrix:
    return Matrix(rules={rule.id: rule for rule in rules}, waived=(), digest=f"sha256:{'2' * 64}")


def make_plan(
    requirements: Mapping[str, str],
    *,
    target: Target | None = None,
    matrix: Matrix | None = None,
    extras: Mapping[str, tuple[str, ...]] | None = None,
    own_indexes: Mapping[str, str] | None = None,
    serves: Mapping[str, tuple[str, ...]] | None = None,
    preferences: Mapping[str, str] | None = None,
    exclude_newer: dt.datetime | None = None,
    sdists: Sequence[str] = (),
    tools: tuple[str, ...] = (),
) -> Plan:
    """Return the plan of components that are given as project → specifiers; `pypi` is the default index."""
    target = target or make_target()
    own = {name_of(name): index for name, index in (own_indexes or {}).items()}
    components = tuple(
        Component(
            name=name_of(name),
            spelled=name,
            version=SpecifierSet(specifiers),
            index=own.get(name_of(name)),
            extras=tuple(map(name_of, (extras or {}).get(name, ()))),
        )
        for name, specifiers in requirements.items()
    )
    served = {"pypi": (), **(serves or {})}
    indexes = {
        name: Index(name=name, url=None, serves=patterns, default=name == "pypi") for name, patterns in sorted(served.items())
    }
    return Plan(
        target=target,
        components=components,
        roots=tuple(_root(component) for component in components),
        indexes=indexes,
        own_indexes=own,
        default_index="pypi",
        routes=tuple(Route(index=index.name, serves=index.serves, default=index.default) for index in indexes.values()),
        rules=view_rules((matrix or matrix_of()).clauses(), target.virtual_versions(), builds=Builds(), machine=target.machine),
        exclude_newer=exclude_newer,
        sdists=tuple(map(name_of, sdists)),
        preferences={name_of(name): Version(version) for name, version in (preferences or {}).items()},
        tools=tools,
    )


def _root(component: Component) -> Root:
    extras = f"[{','.join(component.extras)}]" if component.extras else ""
    return Root(requirement=f"{component.name}{extras}{component.version}", index=component.index)


def settings(
    *,
    netrc: Path | None = None,
    offline: bool = False,
    attempts: int = 3,
    stall_timeout: int = 1,
    connect_timeout: float = 2.0,
    no_proxy: str = "",
) -> NetworkSettings:
    """Return settings of little patience."""
    return NetworkSettings(
        netrc=netrc,
        offline=offline,
        attempts=attempts,
        stall_timeout=stall_timeout,
        connect_timeout=connect_timeout,
        no_proxy=no_proxy,
        first_delay=0.01,
    )


@dataclass
class Notes:
    """Progress that only takes notes."""

    lines: list[str] = field(default_factory=list)

    def counts(self, *, pages: int, releases: int, waiting: int) -> None:
        pass

    def note(self, text: str) -> None:
        self.lines.append(text)


def wait_until(loop: Loop, met: Callable[[], object], *, longest: float = 20.0) -> None:
    """Turn the loop until a condition is met."""
    deadline = time.monotonic() + longest
    while not met():
        assert time.monotonic() < deadline, "nothing came"
        loop.turn(0.05)


def beside(loop: Loop, work: Callable[[], Answered]) -> Answered:
    """Do some work in a thread of its own while the loop turns, and return what it returned."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        wait_until(loop, future.done)
        return future.result()


@dataclass
class Bench:
    """One loop with transfers, pages, metadata and, where there is a plan, the view of it."""

    loop: Loop
    cache: Cache
    transfers: Transfers
    pages: PageSource
    metadata: MetadataSource
    notes: Notes
    session: ViewSession

    def ask(self, start: Callable[[Callable[[Answered], None]], object]) -> Answered:
        """Call `start` with a callback, and return what the callback was given in the end."""
        came: list[Answered] = []
        start(came.append)
        wait_until(self.loop, lambda: came)
        return came[0]


@contextmanager
def bench(
    address: str | Mapping[str, str] = "http://127.0.0.1:9/simple",
    *,
    plan: Plan | None = None,
    cache: Path | None = None,
    network: NetworkSettings | None = None,
    trust: Trust = "fresh",
) -> Iterator[Bench]:
    """Set up a bench; `address` is that of every index, or of each by name."""
    network = network or settings()
    plan = plan or make_plan({})
    addresses = {name: address if isinstance(address, str) else address[name] for name in plan.indexes}
    notes, store = Notes(), Cache(cache)
    client = IndexClient(store, network, exclude_newer=plan.exclude_newer, trust=trust)
    curation = Curation(plan.target, exclude_newer=plan.exclude_newer, sdists=plan.sdists)
    pages = client.pages(curation, note=notes.note)
    session = ViewSession(
        plan,
        pages=pages,
        metadata=client.metadata,
        reader=MetadataReader(plan.target.marker_environment()),
        addresses=addresses.__getitem__,
        soon=partial(client.loop.call_later, 0.0),
        progress=lambda: None,
    )
    try:
        yield Bench(client.loop, store, client.transfers, pages, client.metadata, notes, session)
    finally:
        client.close()
        store.close()
