"""A version that can stay does, whatever order an engine decides in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace
from packaging.version import Version

from stackc.engine.model import Engine
from stackc.least_change import Freed, freed_from, least_change, opening
from stackc.lock.model import Lock
from stackc.plan import Plan
from stackc.resolve import Conflict, Resolution, Resolver, Workshop
from stackc.upstream.cache import Cache
from support.index_server import Site, serving
from support.universe import Release, publish
from support.workbench import Notes, make_plan, matrix_of, name_of, rule_of, settings
from unit.lock.lock_samples import LOCK

Universe = Mapping[str, tuple[Release, ...]]

APP_WANTS_ANOTHER_BASE = {
    "app": (
        Release(version="1.0", requires=("base<2",)),
        Release(version="2.0", requires=("base",)),
        Release(version="3.0", requires=("base>=2",)),
    ),
    "base": (Release(version="1.0"), Release(version="2.0")),
}


def locked(**pins: tuple[str, tuple[str, ...]]) -> Lock:
    """Return a lock of some versions, with what each requires."""
    (sample, *_) = LOCK.packages
    packages = (
        replace(sample, name=name_of(name), version=Version(version), requires=requires, extras=())
        for name, (version, requires) in sorted(pins.items())
    )
    return replace(LOCK, packages=tuple(packages), tools=())


def compiled(
    engine: Engine, universe: Universe, plan: Plan, folder: Path, *, freed: Freed | None = None, patience: float = 20.0
) -> tuple[dict[str, str], list[str]]:
    """Return the pins for a plan, and what was noted meanwhile."""
    site, cache, notes = Site(), Cache(None), Notes()
    publish(site, universe)
    freed = freed or Freed()
    with serving(site) as index:
        workshop = Workshop(
            engine=engine,
            cache=cache,
            settings=settings(attempts=2),
            addresses=lambda _name: f"{index.url}/simple",
            engine_cache=folder / "engine",
            scratch=folder,
        )
        with Resolver(opening(plan, freed), workshop, notes) as resolver:
            found = least_change(resolver.resolve(), plan, resolver=resolver, freed=freed, progress=notes, patience=patience)
    cache.close()
    if isinstance(found, Conflict):
        return {}, [found.text]
    assert isinstance(found, Resolution)
    return {name: str(version) for name, version in found.pins.items()}, notes.lines


def test_a_component_that_must_move_moves_to_where_the_others_can_stay(engine: Engine, tmp_path: Path) -> None:
    plan = make_plan({"app": ">=2"}, preferences={"app": "1.0", "base": "1.0"})

    assert compiled(engine, APP_WANTS_ANOTHER_BASE, plan, tmp_path) == ({"app": "2.0", "base": "1.0"}, [])


def test_what_has_to_move_with_it_moves(engine: Engine, tmp_path: Path) -> None:
    plan = make_plan({"app": ">=3"}, preferences={"app": "1.0", "base": "1.0"})

    assert compiled(engine, APP_WANTS_ANOTHER_BASE, plan, tmp_path) == ({"app": "3.0", "base": "2.0"}, [])


def test_a_new_component_comes_in_the_version_that_moves_nothing(engine: Engine, tmp_path: Path) -> None:
    plan = make_plan({"app": "", "base": ""}, preferences={"base": "1.0"})

    assert compiled(engine, APP_WANTS_ANOTHER_BASE, plan, tmp_path) == ({"app": "2.0", "base": "1.0"}, [])


def test_a_rule_is_no_reason_to_move_more_than_it_takes(engine: Engine, tmp_path: Path) -> None:
    matrix = matrix_of(rule_of("app-base", {"app": ">=3"}, {"base": ">=2"}))
    universe = {
        "app": tuple(Release(version=v, requires=("base",)) for v in ("1", "2", "3")),
        "base": APP_WANTS_ANOTHER_BASE["base"],
    }
    plan = make_plan({"app": ">=2"}, preferences={"app": "1", "base": "1.0"}, matrix=matrix)

    assert compiled(engine, universe, plan, tmp_path) == ({"app": "2", "base": "1.0"}, [])


def test_of_many_that_moved_those_that_can_stay_together_do(engine: Engine, tmp_path: Path) -> None:
    parts = [f"part-{letter}" for letter in "abcde"]
    universe = {
        "app": (
            Release(version="1", requires=tuple(f"{part}<2" for part in parts)),
            Release(version="2", requires=("part-a>=2", "part-d>=2", "part-b", "part-c", "part-e")),
            Release(version="3", requires=tuple(f"{part}>=2" for part in parts)),
        ),
        **{part: (Release(version="1"), Release(version="2")) for part in parts},
    }
    plan = make_plan({"app": ">=2"}, preferences={"app": "1", **dict.fromkeys(parts, "1")})

    assert compiled(engine, universe, plan, tmp_path)[0] == {
        "app": "2",
        "part-a": "2",
        "part-b": "1",
        "part-c": "1",
        "part-d": "2",
        "part-e": "1",
    }


def test_a_release_that_is_no_longer_there_is_no_reason_to_move_another(engine: Engine, tmp_path: Path) -> None:
    first, *later = APP_WANTS_ANOTHER_BASE["app"]
    universe = {**APP_WANTS_ANOTHER_BASE, "app": (dataclasses.replace(first, yanked=True), *later)}
    plan = make_plan({"app": ""}, preferences={"app": "1.0", "base": "1.0"})

    assert compiled(engine, universe, plan, tmp_path) == ({"app": "2.0", "base": "1.0"}, [])


def test_a_freed_component_moves_to_the_newest_and_what_it_needs_gives_way(engine: Engine, tmp_path: Path) -> None:
    lock = locked(app=("1.0", ("base<2",)), base=("1.0", ()))
    freed = freed_from(lock, [name_of("app")])
    plan = make_plan({"base": "", "app": ""}, preferences={"base": "1.0"})

    assert compiled(engine, APP_WANTS_ANOTHER_BASE, plan, tmp_path, freed=freed) == ({"app": "3.0", "base": "2.0"}, [])


def test_what_needs_a_freed_project_does_not_give_way(engine: Engine, tmp_path: Path) -> None:
    universe = {
        "app": (Release(version="1", requires=("base<3",)), Release(version="2", requires=("base>=3",))),
        "base": tuple(Release(version=version) for version in ("1", "2", "3")),
    }
    freed = freed_from(locked(app=("1", ("base<3",)), base=("1", ())), [name_of("base")])
    plan = make_plan({"app": ""}, preferences={"app": "1"})

    assert compiled(engine, universe, plan, tmp_path, freed=freed) == ({"app": "1", "base": "2"}, [])


def test_a_search_that_takes_too_long_ends_with_what_it_has_and_says_so(engine: Engine, tmp_path: Path) -> None:
    plan = make_plan({"app": ">=2"}, preferences={"app": "1.0", "base": "1.0"})

    pins, notes = compiled(engine, APP_WANTS_ANOTHER_BASE, plan, tmp_path, patience=0.0)

    assert pins == {"app": "3.0", "base": "2.0"}
    assert notes == ["the search for a smaller change took too long and was stopped: perhaps not every version had to move"]
