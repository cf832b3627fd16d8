from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.lock.locked_target import target_of
from stackc.lock.model import Root
from stackc.lock.why import bounds
from stackc.matrix.model import Arm, Matrix
from unit.lock.lock_samples import LOCK, MATRIX, condition, matrix, name, rule

TARGET = target_of(LOCK)


def pins(**versions: str) -> dict[NormalizedName, Version]:
    return {name(project): Version(version) for project, version in versions.items()}


def why(
    roots: Sequence[str], versions: Mapping[NormalizedName, Version], rules: Matrix, **requires: Sequence[str]
) -> Mapping[NormalizedName, tuple[str, ...]]:
    asked = {name(project): texts for project, texts in requires.items()}
    return bounds([Root(requirement=text) for text in roots], pins=versions, requires=asked, target=TARGET, matrix=rules)


def test_manifest_projects_and_rules_bound_a_pin_in_sorted_lines() -> None:
    found = why(
        ["numpy>=1.26.0,<2.0.0", "scipy >=1.11, <1.13"],
        pins(numpy="1.26.4", scipy="1.12.0"),
        MATRIX,
        scipy=["numpy<1.29.0,>=1.22.4"],
    )
    assert found == {
        "numpy": ("rule scipy-numpy1 <2", "scipy <1.29.0,>=1.22.4", "stack.toml >=1.26.0,<2.0.0"),
        "scipy": ("stack.toml >=1.11,<1.13",),
    }


def test_a_source_without_a_specifier_is_its_bare_name() -> None:
    found = why(["uvicorn[standard]"], pins(uvicorn="1", click="8"), matrix(), uvicorn=["click[fast]"])
    assert found == {"uvicorn": ("stack.toml",), "click": ("uvicorn",)}


def test_a_rule_whose_conditions_do_not_hold_bounds_nothing() -> None:
    found = why(["numpy", "scipy"], pins(numpy="1.26.4", scipy="1.13.0"), MATRIX)
    assert found == {"numpy": ("stack.toml",), "scipy": ("stack.toml",)}


def test_a_rule_bounds_the_project_of_its_condition_too() -> None:
    found = why(["numpy", "scipy"], pins(numpy="2.0.0", scipy="1.13.0"), MATRIX)
    assert found == {"numpy": ("stack.toml",), "scipy": ("rule scipy-numpy1 not <1.13", "stack.toml")}


def test_a_broken_rule_bounds_each_of_its_projects() -> None:
    found = why([], pins(numpy="2.0.0", scipy="1.12.0"), MATRIX)
    assert found == {"numpy": ("rule scipy-numpy1 <2",), "scipy": ("rule scipy-numpy1 not <1.13",)}


def test_the_target_s_own_versions_count_in_a_rule() -> None:
    rules = matrix(
        rule("new-torch", [("cuda", "<12.6")], [("torch", "<2.9")]), rule("old-gpu", [("sm", "<86")], [("torch", "<3")])
    )
    assert why([], pins(torch="2.5.1"), rules) == {"torch": ("rule new-torch <2.9", "rule old-gpu <3")}


def test_what_the_target_does_not_say_holds_no_condition() -> None:
    rules = matrix(rule("old-driver", [("driver", "<535")], [("torch", "<2.9")]))
    assert why([], pins(torch="2.5.1"), rules) == {"torch": ()}


def test_the_same_bound_from_two_requirements_is_one_line() -> None:
    assert why([], pins(a="1", b="1"), matrix(), a=["b>=1", "b[x]>=1"]) == {"a": (), "b": ("a >=1",)}


def test_of_a_table_only_the_next_row_above_a_pin_is_told() -> None:
    rows = [("==1.0", "<2"), (">=1.5,<=1.6", "<1"), ("==2.*", ">=3"), (">=3.0,<=3.4", ">=4"), (">=3.5", ">=5")]
    table = replace(
        rule("a-b", [], []),
        arms=tuple(Arm(when=(condition("a", when),), requires=(condition("b", requires),)) for when, requires in rows),
    )

    assert why(["a", "b"], pins(a="1.8", b="2.5"), matrix(table)) == {
        "a": ("rule a-b not ==2.*", "stack.toml"),
        "b": ("stack.toml",),
    }
    assert why(["a", "b"], pins(a="3.1", b="4.5"), matrix(table)) == {
        "a": ("rule a-b not >=3.5", "stack.toml"),
        "b": ("rule a-b >=4", "stack.toml"),
    }
    assert why(["a"], pins(a="3.1"), matrix(table)) == {"a": ("stack.toml",)}
    assert why(["b"], pins(b="2"), matrix(table)) == {"b": ("stack.toml",)}
