"""In whatever small universe, compiling again after an edit moves no version needlessly.

Every solution of the edited manifest is tried here, one by one: none moves only some of what moved.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.compile import Options, compile_targets
from stackc.planning import Upgrade
from stackc.project import load_project
from stackc.resolve import Workshop
from stackc.upstream.cache import Cache
from support.cli import TOOLS, index_of, manifest
from support.fake_engine import FakeEngine
from support.index_server import IndexServer, serving
from support.universe import Release
from support.workbench import Notes
from support.workbench import settings as network

NAMES = ("app", "base", "deep", "other")
VERSIONS = ("1", "2", "3")
RANGES = ("", "<2", "<3", ">=2", ">=3")
EXTRA = "fast"

Versions = Mapping[str, str]
"""Project → version; a project that is not there is not installed."""


@dataclass(frozen=True)
class Stack:
    """What a manifest asks for: project → range, and the projects whose extra is asked for too."""

    ranges: Mapping[str, str]
    extras: frozenset[str] = frozenset()

    def text(self, server: IndexServer) -> str:
        tables = (
            f'[components.{name}]\nversion = "{text or ">=0"}"\n' + (f'extras = ["{EXTRA}"]\n' if name in self.extras else "")
            for name, text in self.ranges.items()
        )
        return manifest(server, "\n".join(tables))


@dataclass(frozen=True)
class Universe:
    """Project → version → requirements; those of the extra apart."""

    needs: Mapping[str, Mapping[str, tuple[str, ...]]]
    extra_needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def releases(self) -> Mapping[str, tuple[Release, ...]]:
        return TOOLS | {name: tuple(self._release(name, version) for version in found) for name, found in self.needs.items()}

    def _release(self, name: str, version: str) -> Release:
        more = (f'{line} ; extra == "{EXTRA}"' for line in self.extra_needs.get(name, ()))
        return Release(version=version, requires=(*self.needs[name][version], *more), extras=(EXTRA,))

    def solutions(self, stack: Stack) -> Iterator[Versions]:
        """Yield every choice of versions that has what the stack asks for, and what that needs."""
        for chosen in product((None, *VERSIONS), repeat=len(NAMES)):
            pins = {name: version for name, version in zip(NAMES, chosen, strict=True) if version is not None}
            if all(need.name in pins and need.specifier.contains(pins[need.name]) for need in self._asked(stack, pins)):
                yield pins

    def _asked(self, stack: Stack, pins: Versions) -> Iterator[Requirement]:
        yield from (Requirement(f"{name}{text}") for name, text in stack.ranges.items())
        for name, version in pins.items():
            extra = self.extra_needs.get(name, ()) if name in stack.extras else ()
            yield from map(Requirement, (*self.needs[name][version], *extra))


lines = st.tuples(st.sampled_from(NAMES), st.sampled_from(RANGES)).map("".join)
requirements = st.lists(lines, max_size=2, unique_by=lambda line: line.rstrip("<>=0123456789")).map(tuple)
universes = st.builds(
    Universe,
    st.fixed_dictionaries({name: st.fixed_dictionaries(dict.fromkeys(VERSIONS, requirements)) for name in NAMES}),
    st.dictionaries(st.sampled_from(NAMES), requirements, max_size=1),
)
stacks = st.builds(Stack, st.dictionaries(st.sampled_from(NAMES), st.sampled_from(RANGES), min_size=1, max_size=3))


@st.composite
def edits(draw: st.DrawFn, before: Stack, locked: Versions) -> Stack:
    """Draw a stack with one component edited: its range, its extra, or whether it is there at all."""
    name = draw(st.sampled_from(sorted({*before.ranges, *locked})))
    ranges = dict(before.ranges)
    match draw(st.sampled_from(("barred", "barred", "barred", "range", "added", "extra", "gone"))):
        case "barred" if name in locked:
            ranges[name] = draw(st.sampled_from(("!=", "<", ">"))) + locked[name]
        case "added":
            ranges[draw(st.sampled_from(NAMES))] = draw(st.sampled_from(RANGES))
        case "extra" if name in ranges:
            return Stack(ranges, frozenset({name}))
        case "gone" if name in ranges and len(ranges) > 1:
            del ranges[name]
        case _:
            ranges[name] = draw(st.sampled_from(RANGES))
    return Stack(ranges)


def moved(before: Versions, after: Versions) -> set[str]:
    return {name for name, version in before.items() if after.get(name, version) != version}


@dataclass
class Bench:
    """A project that is compiled for one target, again and again, by the engine in memory."""

    folder: Path
    server: IndexServer
    workshop: Workshop

    def compile(self, stack: Stack, *upgraded: str) -> Versions:
        (self.folder / "stack.toml").write_text(stack.text(self.server), encoding="utf-8")
        project = load_project(self.folder / "stack.toml", today=dt.date(2026, 11, 20))
        options = Options(upgrade=Upgrade(names=frozenset(map(NormalizedName, upgraded))))
        notes = Notes()
        (made,) = compile_targets(["gpu"], project, workshop=self.workshop, progress=lambda _: notes, options=options)
        assert notes.lines == []
        return {name: str(package.version) for name, package in made.lock.by_name.items()}


@contextmanager
def bench_of(universe: Universe) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as scratch, serving(index_of(universe.releases())) as server:
        folder = Path(scratch)
        workshop = Workshop(
            engine=FakeEngine(),
            cache=Cache(None),
            settings=network(),
            addresses=lambda _name: f"{server.url}/simple",
            engine_cache=folder / "engine",
            scratch=folder,
        )
        try:
            yield Bench(folder, server, workshop)
        finally:
            workshop.cache.close()


quickly = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@quickly
@given(st.data(), universes, stacks)
def test_no_solution_of_the_edited_manifest_moves_only_some_of_what_moved(
    data: st.DataObject, universe: Universe, before: Stack
) -> None:
    assume(any(universe.solutions(before)))
    with bench_of(universe) as bench:
        old = bench.compile(before)
        after = data.draw(edits(before, old))
        assume(any(universe.solutions(after)))

        new = bench.compile(after)

    assert [pins for pins in universe.solutions(after) if moved(old, pins) < moved(old, new)] == []


@quickly
@given(st.data(), universes, stacks)
def test_an_upgraded_project_is_the_newest_beside_what_does_not_need_to_give_way(
    data: st.DataObject, universe: Universe, stack: Stack
) -> None:
    name = data.draw(st.sampled_from(sorted(stack.ranges)))
    older = Stack({each: text or "<3" for each, text in stack.ranges.items()})
    assume(any(universe.solutions(older)))
    with bench_of(universe) as bench:
        old = bench.compile(older)

        new = bench.compile(stack, name)

    below = reached(universe, old, name)
    beside = {other: version for other, version in old.items() if other not in below}
    fitting = [pins for pins in universe.solutions(stack) if not moved(beside, pins)]
    assert not moved(beside, new)
    assert Version(new[name]) == max(Version(pins[name]) for pins in fitting)
    rivals = [pins for pins in universe.solutions(stack) if pins[name] == new[name]]
    kept = {other: version for other, version in old.items() if other != name}
    assert [pins for pins in rivals if moved(kept, pins) < moved(kept, new)] == []


def reached(universe: Universe, pins: Versions, name: str) -> set[str]:
    """Return a project and all that it needs, at any depth, by the versions of some pins."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += [Requirement(line).name for line in universe.needs[each][pins[each]]]
    return found
