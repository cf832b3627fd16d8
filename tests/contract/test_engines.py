"""What every engine must do, held by the real ones and by the fake that stands for them elsewhere."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.version import Version

from stackc.engine.model import Engine, Question, Running, Solved, Unsolvable
from stackc.errors import UpstreamError
from stackc.loop import Loop
from stackc.plan import Plan
from stackc.resolve import Conflict, Resolution, Resolver, Workshop
from stackc.upstream.cache import Cache
from stackc.view.neutral import neutral_metadata, neutral_page
from stackc.view.server import Answer as Served
from stackc.view.server import LoopbackServer, Reply
from support.index_server import Answer as IndexAnswer
from support.index_server import IndexServer, Site, serving
from support.universe import Release, publish
from support.workbench import Notes, make_plan, matrix_of, name_of, rule_of, settings, wait_until

PIP = {"pip": (Release(version="25.0"),)}
Universe = Mapping[str, tuple[Release, ...]]


@contextmanager
def resolver(engine: Engine, universe: Universe, plan: Plan, folder: Path) -> Iterator[tuple[Resolver, IndexServer]]:
    site = Site()
    publish(site, {**PIP, **universe})
    cache = Cache(None)
    with serving(site) as index:
        workshop = Workshop(
            engine=engine,
            cache=cache,
            settings=settings(attempts=2),
            addresses=lambda _name: f"{index.url}/simple",
            engine_cache=folder / "engine",
            scratch=folder,
        )
        with Resolver(plan, workshop, Notes()) as made:
            yield made, index
    cache.close()


def solve(engine: Engine, universe: Universe, plan: Plan, folder: Path) -> dict[str, str]:
    with resolver(engine, universe, plan, folder) as (made, _):
        found = made.resolve()
    assert isinstance(found, Resolution)
    assert not any(name.startswith("stackc-") for name in found.pins)
    return {name: str(version) for name, version in found.pins.items()}


def conflict(engine: Engine, universe: Universe, plan: Plan, folder: Path) -> str:
    with resolver(engine, universe, plan, folder) as (made, _):
        found = made.resolve()
    assert isinstance(found, Conflict)
    return found.text


def releases(*versions: str, **requires: tuple[str, ...]) -> tuple[Release, ...]:
    """Return releases; `v1_0=("base",)` gives the requirements of 1.0."""
    return tuple(Release(version=version, requires=requires.get(f"v{version.replace('.', '_')}", ())) for version in versions)


def test_it_pins_the_newest_releases_that_fit_together(engine: Engine, tmp_path: Path) -> None:
    universe = {
        "app": releases("1.0", "2.0", v2_0=("base>=1,<3",)),
        "base": releases("1.0", "2.5", "3.0", v2_5=("deep",)),
        "deep": releases("0.1"),
        "unrelated": releases("1.0"),
    }

    assert solve(engine, universe, make_plan({"app": ">=1"}), tmp_path) == {"app": "2.0", "base": "2.5", "deep": "0.1"}


def test_it_steps_back_where_the_newest_do_not_fit_together(engine: Engine, tmp_path: Path) -> None:
    universe = {
        "left": releases("1.0", "2.0", v1_0=("base<2",), v2_0=("base>=2",)),
        "right": releases("1.0", "2.0", v1_0=("base",), v2_0=("base<2",)),
        "base": releases("1.0", "2.0"),
    }

    found = solve(engine, universe, make_plan({"left": "", "right": "==2.0"}), tmp_path)

    assert found == {"left": "1.0", "right": "2.0", "base": "1.0"}


def test_it_says_so_in_its_own_words_where_nothing_fits(engine: Engine, tmp_path: Path) -> None:
    universe = {"app": releases("1.0", v1_0=("base>=2",)), "base": releases("1.0", "2.0")}

    assert "base" in conflict(engine, universe, make_plan({"app": "", "base": "<2"}), tmp_path)


def test_it_finds_no_solution_where_a_project_is_missing(engine: Engine, tmp_path: Path) -> None:
    assert "missing" in conflict(engine, {"app": releases("1.0", v1_0=("missing",))}, make_plan({"app": ""}), tmp_path)


def test_it_keeps_preferences_that_fit(engine: Engine, tmp_path: Path) -> None:
    universe = {"app": releases("1.0", "2.0", "3.0", v2_0=("base",)), "base": releases("1.0", "2.0", "3.0")}
    plan = make_plan({"app": "<3"}, preferences={"app": "2.0", "base": "1.0", "gone": "7.0"})

    assert solve(engine, universe, plan, tmp_path) == {"app": "2.0", "base": "1.0"}


def test_it_gives_up_preferences_that_do_not_fit_and_no_others(engine: Engine, tmp_path: Path) -> None:
    universe = {
        "app": releases("1.0", "2.0", v2_0=("base", "other")),
        "base": releases("1.0", "2.0", "3.0"),
        "other": releases("1.0", "2.0"),
    }
    plan = make_plan({"app": "==2.0", "base": ">=2"}, preferences={"app": "1.0", "base": "1.0", "other": "1.0"})

    assert solve(engine, universe, plan, tmp_path) == {"app": "2.0", "base": "3.0", "other": "1.0"}


def test_it_follows_extras_that_are_asked_for(engine: Engine, tmp_path: Path) -> None:
    app = Release(
        version="1.0",
        extras=("fast", "slow"),
        requires=("base[more] ; extra == 'fast'", "never ; extra == 'slow'", "never ; sys_platform == 'win32'"),
    )
    base = Release(version="1.0", extras=("more",), requires=("deep ; extra == 'more'",))
    universe = {"app": (app,), "base": (base,), "deep": releases("1.0"), "never": releases("1.0")}

    found = solve(engine, universe, make_plan({"app": ""}, extras={"app": ("fast",)}), tmp_path)

    assert found == {"app": "1.0", "base": "1.0", "deep": "1.0"}


def test_it_keeps_a_rule_between_projects_that_do_not_know_each_other(engine: Engine, tmp_path: Path) -> None:
    matrix = matrix_of(rule_of("scipy-numpy1", {"scipy": "<1.13"}, {"numpy": "<2"}))
    universe = {"scipy": releases("1.12", "1.13"), "numpy": releases("1.26", "2.0"), "app": releases("1", v1=("numpy",))}

    assert solve(engine, universe, make_plan({"scipy": "<1.13", "app": ""}, matrix=matrix), tmp_path) == {
        "scipy": "1.12",
        "app": "1",
        "numpy": "1.26",
    }
    assert solve(engine, universe, make_plan({"scipy": "", "app": ""}, matrix=matrix), tmp_path) == {
        "scipy": "1.13",
        "app": "1",
        "numpy": "2.0",
    }
    assert "numpy" in conflict(engine, universe, make_plan({"scipy": "<1.13", "numpy": ">=2"}, matrix=matrix), tmp_path)


def test_a_rule_never_brings_a_project_in(engine: Engine, tmp_path: Path) -> None:
    matrix = matrix_of(rule_of("scipy-numpy1", {"scipy": "<1.13"}, {"numpy": "<2"}))

    universe = {"scipy": releases("1.12"), "numpy": releases("1.26")}

    found = solve(engine, universe, make_plan({"scipy": ""}, matrix=matrix), tmp_path)

    assert found == {"scipy": "1.12"}


def test_it_keeps_a_rule_over_three_projects(engine: Engine, tmp_path: Path) -> None:
    matrix = matrix_of(rule_of("three", {"a": ">=2", "b": ">=2"}, {"c": "<2"}))
    universe = {name: releases("1.0", "2.0") for name in "abc"}

    assert solve(engine, universe, make_plan({"a": ">=2", "b": ">=2", "c": ""}, matrix=matrix), tmp_path)["c"] == "1.0"
    assert solve(engine, universe, make_plan({"a": ">=2", "c": ">=2", "b": ""}, matrix=matrix), tmp_path)["b"] == "1.0"
    assert "c" in conflict(engine, universe, make_plan(dict.fromkeys("abc", ">=2"), matrix=matrix), tmp_path)


def test_it_takes_a_pre_release_only_where_one_is_asked_for_or_nothing_else_is_there(engine: Engine, tmp_path: Path) -> None:
    universe = {"app": releases("1.0", "2.0rc1"), "only": releases("1.0a1")}

    assert solve(engine, universe, make_plan({"app": "", "only": ""}), tmp_path) == {"app": "1.0", "only": "1.0a1"}
    assert solve(engine, universe, make_plan({"app": ">=2.0rc1"}), tmp_path) == {"app": "2.0rc1"}


def test_it_pins_releases_with_local_version_labels_and_epochs(engine: Engine, tmp_path: Path) -> None:
    universe = {"torch": releases("2.5.1+cu124"), "old": releases("1!0.5", "9.0")}

    assert solve(engine, universe, make_plan({"torch": "==2.5.1", "old": ""}), tmp_path) == {
        "torch": "2.5.1+cu124",
        "old": "1!0.5",
    }


@pytest.mark.parametrize("broken", ["page", "metadata"])
def test_an_upstream_failure_is_never_taken_for_a_conflict(engine: Engine, tmp_path: Path, broken: str) -> None:
    universe = {"app": releases("1.0", v1_0=("base",)), "base": releases("1.0", "2.0")}
    path = {"page": "/simple/base/", "metadata": "/simple/files/base-2.0-py3-none-any.whl.metadata"}[broken]
    with resolver(engine, universe, make_plan({"app": ""}), tmp_path) as (made, index):
        index.site.answers[path] = IndexAnswer(500)
        with pytest.raises(UpstreamError) as caught:
            made.resolve()

    assert [finding.code for finding in caught.value.findings] == [{"page": "S311", "metadata": "S320"}[broken]]


def test_a_page_that_failed_is_never_passed_over_for_an_older_release_without_it(engine: Engine, tmp_path: Path) -> None:
    universe = {"app": releases("1.0", "2.0", v2_0=("base",)), "base": releases("1.0")}
    with resolver(engine, universe, make_plan({"app": ""}), tmp_path) as (made, index):
        index.site.answers["/simple/base/"] = IndexAnswer(500)
        with pytest.raises(UpstreamError) as caught:
            made.resolve()

    assert [finding.code for finding in caught.value.findings] == ["S311"]


def test_a_pre_release_that_only_a_requirement_names_is_not_taken(engine: Engine, tmp_path: Path) -> None:
    universe = {"app": releases("1.0", v1_0=("base>=2.0rc1",)), "base": releases("1.0", "2.0rc1")}

    assert "base" in conflict(engine, universe, make_plan({"app": ""}), tmp_path)
    assert solve(engine, universe, make_plan({"app": "", "base": ">=2.0rc1"}), tmp_path) == {"app": "1.0", "base": "2.0rc1"}


def test_it_finds_a_solution_although_the_preferences_clash_with_each_other(engine: Engine, tmp_path: Path) -> None:
    universe = {
        "new": releases("1.0", v1_0=("deep>=2",)),
        "kept": releases("1.0", "2.0", v1_0=("deep<2",), v2_0=("deep",)),
        "deep": releases("1.0", "2.0"),
    }
    plan = make_plan({"new": "", "kept": ""}, preferences={"kept": "1.0", "deep": "1.0"})

    assert solve(engine, universe, plan, tmp_path) == {"new": "1.0", "kept": "2.0", "deep": "2.0"}


def test_pip_and_the_build_tools_are_chosen_beside_the_rest(engine: Engine, tmp_path: Path) -> None:
    universe = {
        "app": releases("1.0", v1_0=("setuptools<70",)),
        "setuptools": releases("69.0", "80.0"),
        "wheel": releases("0.1", "0.2", "1.0rc1"),
    }
    plan = make_plan({"app": ""}, tools=("pip", "setuptools", "wheel"), preferences={"wheel": "0.1"})
    with resolver(engine, universe, plan, tmp_path) as (made, _):
        found = made.resolve()

    assert isinstance(found, Resolution)
    assert {name: str(version) for name, version in found.tools.items()} == {
        "pip": "25.0",
        "setuptools": "69.0",
        "wheel": "0.1",
    }


def ask(engine: Engine, url: str, folder: Path) -> Running:
    folder.mkdir()
    return engine.start(
        Question(index_url=url, requirements=("app",), preferences={}, folder=folder, cache=folder.parent / "cache")
    )


def readable(running: Running) -> bool:
    return bool(select.select([running], [], [], 0)[0])


@contextmanager
def view(*, silent: bool = False, app: bool = False) -> Iterator[tuple[Loop, str, list[str]]]:
    """Serve a view that has nothing but perhaps `app`, or one that never answers, and tell what it was asked."""
    loop, asked, known = Loop(), list[str](), name_of("app")

    def route(path: str, reply: Reply) -> None:
        asked.append(path)
        if app and path == "simple/app/":
            reply(neutral_page(known, ("1.0",)))
        elif app and path.endswith(".metadata"):
            reply(Served(200, neutral_metadata(known, "1.0", ())))
        elif not silent:
            reply(Served(404))

    server = LoopbackServer(loop, route)
    try:
        yield loop, f"{server.url}simple/", asked
    finally:
        server.close()
        loop.close()


def test_its_file_is_readable_when_it_has_ended_and_not_before(engine: Engine, tmp_path: Path) -> None:
    with view(silent=False) as (loop, url, asked):
        running = ask(engine, url, tmp_path / "run")
        assert (running.poll(), readable(running)) == (None, False)
        wait_until(loop, lambda: running.poll() is not None)
        answer = running.poll()

        assert isinstance(answer, Unsolvable)
        wait_until(loop, lambda: readable(running))
        assert running.poll() == answer
        running.stop()
        assert set(asked) == {"simple/app/"}


def test_it_keeps_no_answer_of_the_view(engine: Engine, tmp_path: Path) -> None:
    with view(app=True) as (loop, url, asked):
        running = ask(engine, url, tmp_path / "run")
        wait_until(loop, lambda: running.poll() is not None)
        answer = running.poll()
        running.stop()

    assert answer == Solved({name_of("app"): Version("1.0")})
    assert sorted(asked) == ["files/app/1.0/app-1.0-py3-none-any.whl.metadata", "simple/app/"]
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and b"app-1.0-py3" in path.read_bytes()]
    assert kept == []


def test_it_can_be_stopped_while_it_waits(engine: Engine, tmp_path: Path) -> None:
    with view(silent=True) as (loop, url, asked):
        running = ask(engine, url, tmp_path / "run")
        wait_until(loop, lambda: asked)
        began = time.monotonic()
        running.stop()
        running.stop()

        assert time.monotonic() - began < 5
        assert not isinstance(running.poll(), Solved)


def test_it_can_be_stopped_at_once(engine: Engine, tmp_path: Path) -> None:
    with view(silent=True) as (_, url, _asked):
        ask(engine, url, tmp_path / "run").stop()


def test_it_says_its_name_and_version(engine: Engine) -> None:
    assert engine.name in {"uv", "pip-tools", "fake"}
    assert engine.version()[0].isdigit()
    assert name_of(engine.name) == engine.name
