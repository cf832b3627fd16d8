"""Components that cannot be had, and conflicts in the engine's words. The engine is the fake one, whose words stay the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from stackc.conflict.absent import component_findings
from stackc.conflict.words import told_by_engine
from stackc.errors import Finding, Place
from stackc.manifest.model import Places
from stackc.matrix.model import Matrix
from stackc.plan import Plan
from stackc.resolve import Conflict, Resolver, Workshop
from stackc.upstream.cache import Cache
from support.fake_engine import FakeEngine
from support.index_server import Site, serving
from support.odd_servers import free_port
from support.universe import Release, publish
from support.workbench import Notes, make_plan, matrix_of, rule_of, settings
from unit.upstream.test_pages_catalog import DAY, ship

PLACES = Places(
    file="stack.toml",
    lines={("components", "app"): 9, ("components", "app", "version"): 10, ("components", "base", "version"): 12},
    sources={("components", "app", "version"): "==1.0", ("components", "base", "version"): ">=2"},
)
APP = Place(file="stack.toml", line=10, path=("components", "app", "version"), source="==1.0")
BASE = Place(file="stack.toml", line=12, path=("components", "base", "version"), source=">=2")
Universe = Mapping[str, tuple[Release, ...]]


def old(version: str) -> Release:
    return Release(version=version, uploaded="2024-01-01T00:00:00Z")


def diagnosed(
    universe: Universe,
    plan: Plan,
    folder: Path,
    *,
    matrix: Matrix | None = None,
    elsewhere: Universe | None = None,
    extra: str | None = None,
    places: Places = PLACES,
) -> tuple[Finding, ...]:
    site, other = Site(), Site()
    publish(site, universe)
    publish(other, elsewhere or {})
    cache = Cache(None)
    with serving(site) as one, serving(other) as two:
        workshop = Workshop(
            engine=FakeEngine(),
            cache=cache,
            settings=settings(),
            addresses={"pypi": f"{one.url}/simple", "extra": extra or f"{two.url}/simple"}.__getitem__,
            engine_cache=folder / "engine",
            scratch=folder,
        )
        with Resolver(plan, workshop, Notes()) as resolver:
            found = resolver.resolve()
            assert isinstance(found, Conflict)
            by_itself = tuple(finding for _, finding in component_findings(found, resolver=resolver, places=places))
            told = told_by_engine(found, resolver=resolver, matrix=matrix or matrix_of(), places=places)
    cache.close()
    return by_itself or (told,)


def test_a_component_that_its_index_does_not_have(tmp_path: Path) -> None:
    assert diagnosed({}, make_plan({"app": "==1.0"}), tmp_path) == (
        Finding(
            code="S302",
            message="index `pypi` has no project `app`",
            places=(Place(file="stack.toml", line=9, path=("components", "app")),),
            hint="check the spelling; no other index of the manifest has it either",
        ),
    )


def test_a_component_that_another_index_has(tmp_path: Path) -> None:
    plan = make_plan({"app": "==1.0"}, serves={"extra": ()})

    (found,) = diagnosed({}, plan, tmp_path, elsewhere={"app": (Release(version="1.0"),)})

    assert found.hint == 'index `extra` has it: set `index = "extra"`, or add it to that index\'s `serves`'


@pytest.mark.parametrize(
    ("release", "reason"),
    [
        (Release(version="1.0", requires_python=">=3.12"), "it needs Python >=3.12"),
        (Release(version="1.0", yanked=True), "it was yanked, and only `==` takes a yanked release (PEP 592)"),
        (
            Release(version="1.0", tags="cp310-cp310-win_amd64"),
            "its wheels do not fit Python 3.10 on linux/amd64 with glibc 2.35",
        ),
    ],
)
def test_a_version_that_exists_but_not_for_the_target(tmp_path: Path, release: Release, reason: str) -> None:
    universe = {"app": (Release(version="0.8"), Release(version="0.9"), release, Release(version="2.0"))}

    assert diagnosed(universe, make_plan({"app": ">=1.0,<2"}), tmp_path) == (
        Finding(
            code="S303",
            message="`app>=1.0,<2` exists, but not for target `gpu`",
            places=(APP,),
            notes=(f"app 1.0: {reason}",),
            hint="the nearest that can be installed on the target: 0.8, 0.9, 2.0",
        ),
    )


@pytest.mark.parametrize(
    ("others", "hint"),
    [
        ((), "move `exclude-newer` to a later day, below `[policy]` or by `--upgrade-to DATE`: nothing that is older fits"),
        (("0.9",), "the nearest that can be installed on the target: 0.9; a later `exclude-newer` lets more in"),
    ],
)
def test_a_version_that_the_cut_off_bars(tmp_path: Path, others: tuple[str, ...], hint: str) -> None:
    universe = {"app": (*map(old, others), Release(version="1.0", uploaded="2026-06-01T00:00:00Z"))}
    plan = make_plan({"app": "==1.0"}, exclude_newer=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc))

    assert diagnosed(universe, plan, tmp_path) == (
        Finding(
            code="S303",
            message="`app==1.0` exists, but not for target `gpu`",
            places=(APP,),
            notes=("app 1.0: it was uploaded after `exclude-newer`, on 2026-06-01",),
            hint=hint,
        ),
    )


def test_a_version_that_does_not_exist(tmp_path: Path) -> None:
    assert diagnosed({"app": (Release(version="2.0"), Release(version="3.0"))}, make_plan({"app": "==1.0"}), tmp_path) == (
        Finding(
            code="S303",
            message="index `pypi` has no `app==1.0`",
            places=(APP,),
            hint="the nearest that can be installed on the target: 2.0, 3.0",
        ),
    )


def test_a_version_that_the_catalog_lacks_may_be_on_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = f"http://127.0.0.1:{free_port()}/lacking"
    ship(tmp_path, monkeypatch, index=index)
    places = msgspec.structs.replace(PLACES, lines={("components", "demo", "version"): 14}, sources={})

    (found,) = diagnosed({}, make_plan({"demo": "==2.0"}, serves={"extra": ("demo",)}), tmp_path, extra=index, places=places)

    assert found == Finding(
        code="S303",
        message=f"the embedded catalog of {DAY}, all that is known here of index `extra`, has no `demo==2.0`",
        places=(Place(file="stack.toml", line=14, path=("components", "demo", "version")),),
        hint="the nearest that can be installed on the target: 1.0+cu124",
    )


def test_every_component_that_stands_in_the_way_is_named(tmp_path: Path) -> None:
    found = diagnosed({"base": (Release(version="1.0"),)}, make_plan({"app": "==1.0", "base": ">=2"}), tmp_path)

    assert [finding.code for finding in found] == ["S302", "S303"]


def test_a_component_whose_only_file_contradicts_its_name(tmp_path: Path) -> None:
    universe = {"app": (Release(version="1.0", metadata="Name: app\nVersion: 1.1\n"),)}

    assert diagnosed(universe, make_plan({"app": "==1.0"}), tmp_path) == (
        Finding(
            code="S322",
            message="`app-1.0-py3-none-any.whl` cannot be used",
            places=(APP,),
            notes=("its metadata says that it is version `1.1`",),
            hint="choose another version: this file is broken on its index",
        ),
    )


def test_a_rule_that_stands_in_the_way_is_named_with_the_lines_that_it_concerns(tmp_path: Path) -> None:
    matrix = matrix_of(rule_of("app-base", {"app": "<2"}, {"base": "<2"}))
    universe = {"app": (Release(version="1.0"),), "base": (Release(version="2.0"),)}
    plan = make_plan({"app": "==1.0", "base": ">=2"}, matrix=matrix)

    (found,) = diagnosed(universe, plan, tmp_path, matrix=matrix)

    assert (found.code, found.message) == ("S301", "no versions satisfy target `gpu`")
    assert found.places == (APP, BASE)
    assert found.notes[0] == "rule app-base: app<2 needs base<2 (it breaks) https://example.org/rule"
    assert not any("stackc-rule" in note for note in found.notes)
    assert found.hint == "widen one of these, or set a rule aside with `[matrix] waive`"


def test_a_project_at_depth_that_no_index_has_is_named(tmp_path: Path) -> None:
    universe = {"app": (Release(version="1.0", requires=("missing>=3",)),)}

    (found,) = diagnosed(universe, make_plan({"app": "==1.0"}), tmp_path)

    assert (found.code, found.places, found.hint) == ("S301", (APP,), "widen one of these")
    assert found.notes == (
        "the engine says:",
        "these do not fit together: missing>=3; app==1.0",
        "index `pypi` has no project `missing`",
    )


def test_a_file_at_depth_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    universe = {
        "app": (Release(version="1.0", requires=("deep",)),),
        "deep": (Release(version="1.0", metadata="Name: other\nVersion: 1.0\n"),),
    }

    (found,) = diagnosed(universe, make_plan({"app": "==1.0"}), tmp_path)

    assert found.code == "S301"
    assert "left out: `deep-1.0-py3-none-any.whl` cannot be used (its metadata says that it is `other`)" in found.notes
