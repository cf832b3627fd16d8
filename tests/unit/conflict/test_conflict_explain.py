"""Why one more requirement does not fit, and what is told where time or an index gives out. The engine is the real one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from stackc.conflict.explain import explain_conflict, explain_refusal
from stackc.engine.uv import Uv
from stackc.errors import Finding, Place, Repair
from stackc.matrix.bases import resolve_target
from stackc.planning import plan_target
from stackc.project import Project, load_project
from stackc.resolve import Conflict, Resolution, Resolver, Workshop
from stackc.upstream.cache import Cache
from support.index_server import Answer, Site, serving
from support.universe import Release, publish
from support.workbench import Notes, settings

Universe = Mapping[str, tuple[Release, ...]]

UNIVERSE: Universe = {
    "pip": (Release(version="25.3"),),
    "setuptools": (Release(version="80.9.0"),),
    "app": (Release(version="1.0", requires=("base<2",)), Release(version="2.0", requires=("base>=2",))),
    "base": (Release(version="1.0"), Release(version="2.0"), Release(version="3.0", requires_python="<3.9")),
    "alone": (Release(version="1.0"),),
}
STACK = """\
[stack]
name = "small"

[targets.gpu]
python = "3.11"
platform = "linux/amd64"
base = "debian:12"

[components.app]
{app}
{more}
[matrix]
packs = []
"""
OLD_APP = 'version = "<2"'


def place(line: int, name: str, source: str, file: Path) -> Place:
    return Place(file=str(file), line=line, path=("components", name, "version"), source=f'"{source}"')


@contextmanager
def bench(folder: Path, app: str, *, more: str = "", site: Site | None = None) -> Iterator[tuple[Project, Workshop]]:
    """Load a project whose index is a site, the universe's unless another is given."""
    if site is None:
        site = Site()
        publish(site, UNIVERSE)
    path = folder / "stack.toml"
    path.write_text(STACK.format(app=app, more=more))
    cache = Cache(None)
    with serving(site) as server:
        workshop = Workshop(
            engine=Uv(),
            cache=cache,
            settings=settings(attempts=1),
            addresses=lambda _index: f"{server.url}/simple",
            engine_cache=folder / "engine",
            scratch=folder,
        )
        yield load_project(path, today=dt.date(2026, 1, 1)), workshop
    cache.close()


def refusal(folder: Path, requirement: str, *, app: str = OLD_APP) -> tuple[Finding, ...] | Resolution:
    with bench(folder, app) as (project, workshop):
        return explain_refusal(project, "gpu", Requirement(requirement), workshop=workshop, progress=Notes())


def conflict(folder: Path, *, patience: float = 15.0, app: str = OLD_APP, site: Site | None = None) -> tuple[Finding, ...]:
    """Return what is told of a manifest that wants both an old app and a new base."""
    more = '\n[components.base]\nversion = ">=2"\n'
    with bench(folder, app, more=more, site=site) as (project, workshop):
        target = resolve_target(project.manifest.targets["gpu"], facts=project.facts, places=project.manifest.places)
        plan, _ = plan_target(project, target, previous=None)
        with Resolver(plan, workshop, Notes()) as resolver:
            found = resolver.resolve()
            assert isinstance(found, Conflict)
            return explain_conflict(
                found, resolver=resolver, project=project, workshop=workshop, progress=Notes(), patience=patience
            )


def test_a_release_that_the_manifest_keeps_out_is_explained_by_the_lines_that_do(tmp_path: Path) -> None:
    assert refusal(tmp_path, "base==2.0") == (
        Finding(
            code="S305",
            message="`base==2.0` does not go together with the rest of target `gpu`",
            places=(place(10, "app", "<2", tmp_path / "stack.toml"),),
            notes=("app 1.0 requires base<2",),
            hint="this makes it solvable",
            repairs=(Repair(what="app", old='"<2"', new='">=2"', gives="app 2.0"),),
        ),
    )


def test_a_release_that_fits_is_no_conflict(tmp_path: Path) -> None:
    found = refusal(tmp_path, "base==1.0")
    assert isinstance(found, Resolution)
    assert {str(name): version for name, version in found.pins.items()} == {"app": Version("1.0"), "base": Version("1.0")}


def test_a_release_that_is_not_there_for_the_target_is_told_without_a_place(tmp_path: Path) -> None:
    assert refusal(tmp_path, "base==3.0") == (
        Finding(
            code="S303",
            message="`base==3.0` exists, but not for target `gpu`",
            notes=("base 3.0: it needs Python <3.9",),
            hint="the nearest that can be installed on the target: 1.0, 2.0",
        ),
    )


def test_another_version_of_a_component_is_held_against_its_own_line(tmp_path: Path) -> None:
    (found,) = refusal_findings(refusal(tmp_path, "app==2.0"))
    assert (found.code, found.places) == ("S305", (place(10, "app", "<2", tmp_path / "stack.toml"),))
    assert found.repairs == (Repair(what="app", old='"<2"', new='">=2"', gives="app 2.0"),)


def refusal_findings(found: tuple[Finding, ...] | Resolution) -> tuple[Finding, ...]:
    assert not isinstance(found, Resolution)
    return found


def test_a_manifest_without_any_solution_is_explained_by_itself(tmp_path: Path) -> None:
    more = '\n[components.base]\nversion = ">=2"\n'
    with bench(tmp_path, OLD_APP, more=more) as (project, workshop):
        found = explain_refusal(project, "gpu", Requirement("alone==1.0"), workshop=workshop, progress=Notes())

    (finding,) = refusal_findings(found)
    assert (finding.code, [place.line for place in finding.places]) == ("S301", [10, 13])
    assert finding.repairs == (
        Repair(what="app", old='"<2"', new='">=2"', gives="app 2.0"),
        Repair(what="base", old='">=2"', new='"<2"', gives="base 1.0"),
    )


def test_an_extra_that_stands_in_the_way_is_a_line_of_its_own(tmp_path: Path) -> None:
    site = Site()
    extra = Release(version="1.0", extras=("fast", "slow"), requires=("base<2 ; extra == 'fast'", "alone ; extra == 'slow'"))
    publish(site, {**UNIVERSE, "app": (extra,)})

    (found,) = conflict(tmp_path, app='version = "==1.0"\nextras = ["fast", "slow"]', site=site)

    assert [place.path for place in found.places] == [("components", "app", "extras"), ("components", "base", "version")]
    assert found.notes == ("app 1.0 requires base<2",)
    assert found.repairs == (
        Repair(what="app extras", old='["fast", "slow"]', new='["slow"]', gives="app 1.0"),
        Repair(what="base", old='">=2"', new='"<2"', gives="base 1.0"),
    )


def test_where_time_is_up_the_best_reason_so_far_is_told_as_such(tmp_path: Path) -> None:
    (found,) = conflict(tmp_path, patience=0.0)
    file = tmp_path / "stack.toml"
    assert found == Finding(
        code="S301",
        message="no versions satisfy target `gpu`",
        places=(place(10, "app", "<2", file), place(13, "base", ">=2", file)),
        notes=("the search for the smallest reason took too long and was stopped: not all of these lines may be needed",),
        hint="no change of one line was found that makes it solvable: change several, or leave a component out",
    )


def test_where_an_index_fails_meanwhile_the_engines_own_words_are_told(tmp_path: Path) -> None:
    """Only the question without `app<2` needs the page that fails."""
    site = Site()
    publish(site, {**UNIVERSE, "app": (*UNIVERSE["app"][:1], Release(version="2.0", requires=("lost",)))})
    site.answers["/simple/lost/"] = Answer(503)

    (found,) = conflict(tmp_path, site=site)

    assert found.code == "S301"
    assert found.notes[0] == "the engine says:"
    assert found.hint == "widen one of these"
    assert found.repairs == ()
