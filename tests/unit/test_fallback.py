"""When a component has fallen back, how far, and what is told to hold it there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.fallback import could_fall_back, fall_back, newer_lines
from stackc.manifest.model import Component, Places, Policy
from stackc.obstacles import Known, Scene
from stackc.view.curate import Listed, Misfit
from stackc.view.metadata import Need, Neutral
from support.workbench import make_plan, matrix_of, rule_of
from unit.lock.lock_samples import LOCK, NUMPY, SCIPY, name, with_packages

PLACES = Places(file="stack.toml", lines={}, sources={})
NEW_PYTHON = Misfit("it needs Python >=3.11", "python")
CUTOFF = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
LINES = "1.27 1.28 1.29 1.30"
FELL = "`numpy` is locked at 1.26.4, 4 minor releases below 1.30, the newest that `>=1.26` admits"
HINT = "change what holds it back, or end the range of `numpy` where it landed, which says that it is meant"


def component(text: str, project: str = "numpy") -> Component:
    return Component(name=name(project), spelled=project, version=SpecifierSet(text))


def versions(text: str) -> list[Version]:
    return [Version(word) for word in text.split()]


def listed(text: str, **more: object) -> list[Listed]:
    return [replace(Listed(version=version), **more) for version in versions(text)]


def at(*path: str) -> Place:
    return Place(file="stack.toml", path=path)


OWN = at("components", "numpy", "version")


def told(
    releases: Sequence[Listed],
    *,
    asked: str = ">=1.26",
    why: Sequence[str] = (),
    policy: Policy | None = None,
    known: Mapping[Version, Known] | None = None,
    preferred: str | None = None,
) -> Finding | None:
    numpy = component(asked)
    rule = rule_of("young", {"scipy": "<1.13"}, {"numpy": "<1.27"})
    scene = Scene(
        lock=with_packages(LOCK, replace(NUMPY, why=tuple(why)), replace(SCIPY, why=("stack.toml <1.13.0",))),
        components=(numpy, component("<1.13", "scipy")),
        matrix=matrix_of(rule),
        rules=make_plan({}).rules,
        places=PLACES,
    )
    return fall_back(
        numpy,
        releases,
        scene,
        policy=policy or Policy(),
        known=known or {},
        preferred=Version(preferred) if preferred is not None else None,
    )


def finding(*notes: str, places: Sequence[Place] = (), message: str = FELL) -> Finding:
    return Finding(code="S370", message=message, places=(OWN, *places), notes=notes, hint=HINT, severity="warning")


@pytest.mark.parametrize(
    ("asked", "there", "lines"),
    [
        (">=1.26", "1.26.5 1.27 1.27.1 2.0", "1.27.1 2.0"),
        (">=1.26,<2", "1.27 2.0", "1.27"),
        (">=1.26", "1.27rc1 1.28.dev0 2.0b2", ""),
        (">=1.26", "1.27+cu124 1!1.0", "1.27+cu124 1!1.0"),
    ],
)
def test_a_line_counts_by_its_stable_releases_in_the_range_above_the_pin_s_own_line(asked: str, there: str, lines: str) -> None:
    found = newer_lines(component(asked), Version("1.26.4"), listed(there))
    assert [release.version for release in found.values()] == versions(lines)


def test_a_line_counts_by_a_yanked_release_only_where_it_has_no_other() -> None:
    there = [*listed("1.27.0 1.28.0"), *listed("1.27.1 1.29.0", yanked=True)]
    found = newer_lines(component(">=1.26"), Version("1.26.4"), there)
    assert [release.version for release in found.values()] == versions("1.27.0 1.28.0 1.29.0")


@pytest.mark.parametrize(
    ("there", "possible"),
    [
        ("1.26.5 1.27 1.28 1.29", False),
        ("1.27 1.28 1.29 1.30", True),
        ("1.29", False),
        ("1.30", True),
        ("2.3", True),
        ("2.2", False),
        ("2024.1 2024.9", False),
    ],
)
def test_whether_a_fall_back_is_possible_is_told_by_the_versions_of_the_page_alone(there: str, possible: bool) -> None:
    assert could_fall_back(component(">=1"), Version("1.26.4"), versions(there), few=3) is possible


def test_a_few_lines_below_the_newest_is_no_fall_back() -> None:
    bound = ["scipy <1.27"]
    assert told(listed("1.27 1.28 1.29"), why=bound) is None
    assert told(listed(LINES), why=bound, policy=Policy(fall_back_minors=4)) is None
    assert told(listed(LINES), why=bound) == finding(
        "numpy 1.27 to 1.30: scipy 1.12.0 requires numpy<1.27", places=[at("components", "scipy", "version")]
    )


def test_what_holds_a_component_back_is_told_with_the_releases_that_it_does_the_most_first() -> None:
    there = [*listed("1.27", yanked="broken"), *listed("1.28", yanked=True), *listed("1.29 1.30 1.31", misfit=NEW_PYTHON)]
    assert told(there, why=["rule young <1.31"]) == finding(
        "numpy 1.29 to 1.31: it needs Python >=3.11",
        "numpy 1.27: it was yanked: broken",
        "numpy 1.28: it was yanked",
        "numpy 1.31: rule young: it breaks",
        places=[at("targets", "gpu", "python")],
        message=FELL.replace("4 minor", "5 minor").replace("1.30", "1.31"),
    )


@pytest.mark.parametrize(
    ("misfit", "place"),
    [
        (Misfit("its wheels do not fit", "base"), at("targets", "gpu", "base")),
        (Misfit("it has no wheel", "sdists"), at("policy", "sdists")),
    ],
)
def test_the_key_that_decides_what_the_target_can_install_is_named(misfit: Misfit, place: Place) -> None:
    assert told(listed(LINES, misfit=misfit)) == finding(f"numpy 1.27 to 1.30: {misfit.text}", places=[place])


def test_what_a_release_requires_itself_holds_it_back_where_another_refuses_it() -> None:
    needs = Neutral(
        needs=(Need(name("scipy"), ">=1.14"), Need(name("filelock"), ">=1")), extras=frozenset(), requires_python=None
    )
    broken = Finding(code="S321", message="the metadata of it are broken")
    known: dict[Version, Known] = dict.fromkeys(versions("1.27 1.28 1.29"), needs) | {Version("1.30"): broken}
    assert told(listed(LINES), known=known) == finding(
        "numpy 1.27 to 1.29: it requires scipy>=1.14, and stack.toml asks for scipy<1.13.0",
        "numpy 1.30: its metadata cannot be used: the metadata of it are broken",
        places=[at("components", "scipy", "version")],
    )


def test_where_nothing_alone_holds_it_back_that_is_said() -> None:
    assert told(listed(LINES)) == finding(
        "numpy 1.27 to 1.30: nothing keeps it out alone; `stackc explain NAME==VERSION` works out what does"
    )


def test_what_only_the_old_lock_keeps_is_no_fall_back() -> None:
    assert told(listed(LINES), preferred="1.26.4") is None
    assert told([*listed("1.27 1.28 1.29"), *listed("1.30", misfit=NEW_PYTHON)], preferred="1.26.4") is None
    assert told(listed(LINES, misfit=NEW_PYTHON), preferred="1.26.4") is not None


def test_what_was_uploaded_after_the_cut_off_does_not_count() -> None:
    there = listed("1.27 1.28 1.29 1.30 1.31", too_new=True)
    assert told(there, why=["scipy <1.27"], policy=Policy(exclude_newer=CUTOFF)) is None


def test_the_lines_that_an_index_of_newest_files_must_have_had_count() -> None:
    there = [*listed("1.27", yanked=True), *listed("2.8 2.9", too_new=True)]
    assert told(there, policy=Policy(exclude_newer=CUTOFF)) == finding(
        "numpy 1.27: it was yanked",
        "numpy 1.27 to 2.8: the index lists nothing between them, and 2.8 was uploaded after the cut-off of 2024-01-01: it "
        "keeps only its newest files",
        places=[at("policy", "exclude-newer")],
        message="`numpy` is locked at 1.26.4, at least 9 minor releases below 2.8, which its index lists now",
    )
    assert told(there[1:], asked=">=1.26,<2", policy=Policy(exclude_newer=CUTOFF)) is None


def test_many_reasons_are_cut_short_and_an_error_is_one() -> None:
    there = [replace(release, yanked=str(number)) for number, release in enumerate(listed(f"{LINES} 1.31 1.32"))]
    found = told(there, policy=Policy(fall_back="error"))
    assert found is not None
    assert (found.severity, found.notes[-2:]) == ("error", ("numpy 1.30: it was yanked: 3", "and 2 more that hold it back"))
