"""How one clause of the matrix looks in the view."""

from __future__ import annotations

from packaging.version import Version

from stackc.matrix.builds import Builds
from stackc.matrix.model import Rule
from stackc.view.metadata import Need
from stackc.view.rules import ViewRules, is_guard, view_rules
from support.workbench import make_target, matrix_of, name_of, rule_of

VIRTUAL = make_target().virtual_versions()


def rules(*found: Rule) -> ViewRules:
    return view_rules(matrix_of(*found).clauses(), VIRTUAL, builds=Builds(), machine="x86_64")


SCIPY = rule_of("scipy-numpy1", {"scipy": "<1.13"}, {"numpy": "<2"})


def test_both_sides_of_a_rule_exclude_their_number_of_its_guard() -> None:
    found = rules(SCIPY)
    guard = name_of("stackc-rule-scipy-numpy1-0")

    assert found.needs("scipy", Version("1.12"), ()) == [Need(guard, "!=0")]
    assert found.needs("numpy", Version("2.0"), ()) == [Need(guard, "!=1")]
    assert found.needs("scipy", Version("1.13"), ()) == []
    assert found.needs("numpy", Version("1.26.4"), ()) == []
    assert found.needs("torch", Version("2.5.1"), ()) == []


def test_a_release_that_requires_the_other_side_anyway_has_that_requirement_narrowed() -> None:
    found = rules(SCIPY)

    assert found.needs("scipy", Version("1.12"), [name_of("numpy")]) == [
        Need(name_of("stackc-rule-scipy-numpy1-0"), "!=0"),
        Need(name_of("numpy"), "<2"),
    ]


def test_a_rule_about_a_virtual_project_hides_the_releases_that_break_it() -> None:
    found = rules(rule_of("torch-cuda", {"torch": ">=2.6"}, {"cuda": ">=12.6"}))

    assert found.hiding_rule("torch", Version("2.6.0")) == "torch-cuda"
    assert found.hiding_rule("torch", Version("2.5.1")) is None
    assert found.hiding_rule("numpy", Version("2.6.0")) is None
    assert found.by_name == {}


def test_a_rule_about_a_virtual_project_that_holds_asks_nothing() -> None:
    assert rules(rule_of("torch-cuda", {"torch": ">=2.4"}, {"cuda": ">=12.1"})) == ViewRules({}, {}, {})


def test_a_rule_about_what_the_target_does_not_state_asks_nothing() -> None:
    assert rules(rule_of("torch-driver", {"torch": ">=2.4"}, {"driver": ">=550"})) == ViewRules({}, {}, {})


def test_a_rule_over_virtual_projects_alone_asks_nothing_of_the_view() -> None:
    assert rules(rule_of("cuda-python", {"cuda": ">=12"}, {"python": ">=3.11"})) == ViewRules({}, {}, {})


def test_a_virtual_condition_that_is_met_leaves_a_rule_of_the_real_ones() -> None:
    found = rules(rule_of("cuda12-scipy", {"cuda": ">=12", "scipy": "<1.13"}, {"numpy": "<2"}))
    guard = found.by_name[name_of("stackc-rule-cuda12-scipy-0")]

    assert (guard.rule, [condition.name for condition in guard.conditions]) == ("cuda12-scipy", ["scipy", "numpy"])


def test_a_rule_over_three_projects_needs_all_three_to_be_broken() -> None:
    found = rules(rule_of("three", {"torch": ">=2", "triton": "<3"}, {"numpy": "<2"}))
    guard = name_of("stackc-rule-three-0")

    assert found.needs("torch", Version("2.5"), [name_of("numpy"), name_of("triton")]) == [Need(guard, "!=0")]
    assert found.needs("triton", Version("2.0"), ()) == [Need(guard, "!=1")]
    assert found.needs("numpy", Version("2.0"), ()) == [Need(guard, "!=2")]


def test_a_rule_with_two_requirements_has_two_guards() -> None:
    found = rules(rule_of("Two_Fold", {"torch": "<3"}, {"numpy": "<2", "scipy": "<2"}))

    assert list(found.by_name) == ["stackc-rule-two-fold-0", "stackc-rule-two-fold-1"]
    assert found.needs("torch", Version("2.5"), ()) == [
        Need(name_of("stackc-rule-two-fold-0"), "!=0"),
        Need(name_of("stackc-rule-two-fold-1"), "!=0"),
    ]


def test_only_guards_are_called_guards() -> None:
    assert [is_guard(name) for name in ("stackc-rule-x-0", "stackc", "numpy")] == [True, False, False]
