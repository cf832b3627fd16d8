from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Mapping
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.manifest.model import Component, Places, Policy
from stackc.matrix.check import check_pins, check_stack
from stackc.matrix.facts import Facts
from stackc.matrix.model import Arm, Condition, Matrix, ProjectName, Rule
from stackc.target import Target

Make = Callable[..., Target]
Components = Callable[[Mapping[str, str]], tuple[Component, ...]]
Rules = Callable[..., Matrix]


@pytest.fixture
def verdict(components: Components, target: Make, matrix: Rules, places: Places) -> Callable[..., list[tuple[str, str]]]:
    """Check a stack and return code and severity of each finding."""

    def check(
        versions: Mapping[str, str], *rules: str, unknown: Literal["allow", "warn", "error"] = "warn", **stated: object
    ) -> list[tuple[str, str]]:
        findings = check_stack(
            components(versions),
            target=target(**stated),
            matrix=matrix(*rules),
            facts=Facts.load(),
            policy=Policy(unknown=unknown),
            places=places,
        )
        return [(finding.code, finding.severity) for finding in findings]

    return check


Verdict = Callable[..., list[tuple[str, str]]]
BROKEN = [("S201", "error")]


def test_a_broken_rule_is_told_whole(components: Components, target: Make, matrix: Rules, places: Places) -> None:
    findings = check_stack(
        components({"numpy": ">=2", "scipy": ">=1.11,<1.13"}),
        target=target(),
        matrix=matrix("scipy<1.13 -> numpy<2"),
        facts=Facts.load(),
        policy=Policy(),
        places=places,
    )
    assert findings == (
        Finding(
            code="S201",
            message="`scipy>=1.11,<1.13` and `numpy>=2` do not work together",
            places=(
                Place(file="stack.toml", line=10, path=("components", "numpy", "version")),
                Place(file="stack.toml", line=11, path=("components", "scipy", "version")),
            ),
            notes=("rule rule-1: scipy<1.13 needs numpy<2 (reason) source",),
            hint="change one of the lines; if the rule does not apply to this project, waive it under `[matrix] waive`",
        ),
    )


@pytest.mark.parametrize(
    ("versions", "rule", "expected"),
    [
        pytest.param({"a": "<2", "b": ">=2"}, "a<2 -> b<2", BROKEN, id="both sides are forced"),
        pytest.param({"a": "<3", "b": ">=2"}, "a<2 -> b<2", [], id="another a is admitted"),
        pytest.param({"a": "<2", "b": ">=1"}, "a<2 -> b<2", [], id="a good b is admitted"),
        pytest.param({"a": "<2"}, "a<2 -> b<2", [], id="b is no component"),
        pytest.param({"a": "==1.5", "b": "==2.0"}, "a==1.5 -> b!=2.0", BROKEN, id="exact pins"),
        pytest.param(
            {"a": "==2.5.1", "b": "==2"}, "a<2.6 -> b<2", BROKEN, id="an exact pin admits local versions, all in range"
        ),
        pytest.param({"a": "==2.5.1", "b": "==2"}, "a==2.5.1+cu124 -> b<2", [], id="an exact pin admits another local version"),
        pytest.param({"a": "==2.5.1+cu124", "b": "==2"}, "a==2.5.1 -> b<2", BROKEN, id="a local version is one of its release"),
        pytest.param({"a": "==1", "b": "==2.0rc1"}, "a<2 -> b<2", BROKEN, id="a pre-release of 2 is not before 2"),
        pytest.param({"a": "==1.13rc1", "b": "==2"}, "a<1.13 -> b<2", [], id="a pre-release of the limit is not before it"),
        pytest.param({"a": "==1.13.dev0", "b": "==2"}, "a<1.13.dev1 -> b<2", BROKEN, id="unless the limit is one itself"),
        pytest.param({"a": "==1.4.1.post1", "b": "==2"}, "a<1.4.2 -> b<2", BROKEN, id="a post-release is before the next"),
        pytest.param({"a": "==1.4.1.post1", "b": "==2"}, "a<=1.4.1 -> b<2", [], id="a post-release is after its release"),
        pytest.param(
            {"a": ">1.4,<1.5", "b": "==2"}, "a>=1.5.dev0 -> b<2", [], id="pre-releases of an excluded limit are excluded"
        ),
        pytest.param({"a": "===1.5", "b": "==2"}, "a<2 -> b<2", BROKEN, id="arbitrary equality"),
        pytest.param({"a": "==1.*", "b": "~=2.1"}, "a<2 -> b<2", BROKEN, id="prefixes and compatible releases"),
        pytest.param({"a": "!=1.5,<2,>=1", "b": ">=2,!=2.0"}, "a<2 -> b<2", BROKEN, id="ranges with holes"),
        pytest.param({"a": "", "b": "==2"}, "a -> b<2", BROKEN, id="a condition on any version"),
        pytest.param({"a": "matrix", "b": "==2"}, "a<2 -> b<2", [], id="a version left to the matrix"),
        pytest.param({"A.b": "<2", "b": ">=2"}, "a_B<2 -> b<2", BROKEN, id="names are normalized"),
        pytest.param({"a": "==1", "b": "==1", "c": "==1"}, "a<2 & b<2 -> c>1", BROKEN, id="two conditions"),
        pytest.param({"a": "==1", "b": "==3", "c": "==1"}, "a<2 & b<2 -> c>1", [], id="two conditions, one of which fails"),
        pytest.param({"a": "==1", "b": "==3", "c": "==3"}, "a<2 -> b<2 & c<2", BROKEN * 2, id="each requirement tells its own"),
        pytest.param({"a": "==1", "b": "==3"}, "warning: a<2 -> b<2", [("S201", "warning")], id="a rule that only warns"),
        pytest.param({"a": ">=2,<1", "b": ">=2"}, "a<2 -> b<2", [("S207", "error")], id="an empty component breaks no rule"),
    ],
)
def test_a_stack_is_refused_only_when_nothing_it_admits_keeps_the_rule(
    verdict: Verdict, versions: Mapping[str, str], rule: str, expected: list[tuple[str, str]]
) -> None:
    assert verdict(versions, rule) == expected


@pytest.mark.parametrize(
    ("stated", "rule", "expected"),
    [
        pytest.param({"python": "3.13"}, "a<2 -> python<3.13", BROKEN, id="python"),
        pytest.param({"python": "3.12"}, "a<2 -> python<3.13", [], id="an older python"),
        pytest.param({}, "a<2 & glibc<2.36 -> cuda>=12.6", BROKEN, id="glibc and cuda"),
        pytest.param({"driver": "550"}, "a<2 -> driver>=580", BROKEN, id="driver"),
        pytest.param({"driver": "580.65.06"}, "a<2 -> driver>=580", [], id="a newer driver"),
        pytest.param({"gpus": ("sm_80", "sm_90")}, "a<2 -> sm<90", BROKEN, id="one GPU of several is enough"),
        pytest.param({"gpus": ("sm_80", "sm_90")}, "a<2 -> sm<100", [], id="every GPU fits"),
        pytest.param({"gpus": ("sm_80", "sm_120")}, "a<2 & sm>=100 -> cuda>=12.8", BROKEN, id="a GPU among the conditions"),
    ],
)
def test_a_rule_may_be_about_what_the_target_fixes(
    verdict: Verdict, stated: Mapping[str, object], rule: str, expected: list[tuple[str, str]]
) -> None:
    assert verdict({"a": "==1"}, rule, **stated) == expected


@pytest.mark.parametrize(
    ("unknown", "expected"), [("allow", []), ("warn", [("S208", "warning")]), ("error", [("S208", "error")])]
)
def test_what_the_target_does_not_state_follows_the_policy(
    verdict: Verdict, unknown: str, expected: list[tuple[str, str]]
) -> None:
    assert verdict({"a": "==1"}, "a<2 -> base-ubuntu>=22.04", unknown=unknown) == expected


@pytest.mark.parametrize(("unknown", "expected"), [("allow", []), ("warn", []), ("error", [("S208", "error")])])
def test_a_driver_or_gpu_that_nobody_states_counts_only_where_nothing_may_be_unknown(
    verdict: Verdict, unknown: str, expected: list[tuple[str, str]]
) -> None:
    assert verdict({"a": "==1"}, "a<2 -> driver>=580", unknown=unknown) == expected


def test_a_target_without_cuda_is_known_to_have_none(verdict: Verdict) -> None:
    assert verdict({"a": "==1"}, "a<2 -> cuda>=12.6", unknown="error", cuda=None) == []


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("a<2 -> base-ubuntu>=24.04", BROKEN),
        ("a<2 -> base-ubuntu>=22.04", []),
        ("a<2 & base-debian>=12 -> python>=3.11", []),
    ],
)
def test_a_rule_may_be_about_the_distribution_of_the_base_image(
    verdict: Verdict, rule: str, expected: list[tuple[str, str]]
) -> None:
    assert verdict({"a": "==1"}, rule, distribution="ubuntu22.04") == expected


def test_what_is_not_known_is_silent_where_another_condition_is_not_forced(verdict: Verdict) -> None:
    assert verdict({"a": "<3"}, "a<2 -> base-ubuntu>=22.04", "base-ubuntu<22.04 -> cuda<12.8") == []


def test_an_unknown_verdict_is_told_whole(components: Components, target: Make, matrix: Rules, places: Places) -> None:
    findings = check_stack(
        components({"torch": "==2.5.1"}),
        target=target(),
        matrix=matrix("torch<2.6 -> base-ubuntu>=22.04"),
        facts=Facts.load(),
        policy=Policy(),
        places=places,
    )
    assert findings == (
        Finding(
            code="S208",
            message="whether `torch==2.5.1` can work depends on `base-ubuntu`, which target `gpu` does not state",
            places=(Place(file="stack.toml", line=12, path=("components", "torch", "version")),),
            notes=("rule rule-1: torch<2.6 needs base-ubuntu>=22.04 (reason) source",),
            hint="name a base image whose tag says its distribution",
            severity="warning",
        ),
    )


def test_the_place_is_that_of_the_target_s_own_override(components: Components, target: Make, matrix: Rules) -> None:
    lines: dict[tuple[str | int, ...], int] = {
        ("components", "Torch_X", "version"): 5,
        ("targets", "cpu", "components", "torch-x", "version"): 7,
        ("targets", "gpu", "components", "torch-x", "version"): 9,
        ("targets", "gpu", "base"): 3,
    }
    findings = check_stack(
        components({"Torch_X": "==1"}),
        target=target(),
        matrix=matrix("torch-x -> cuda>=12.6"),
        facts=Facts.load(),
        policy=Policy(),
        places=Places(file="stack.toml", lines=lines, sources={}),
    )
    assert [[(place.line, place.path) for place in finding.places] for finding in findings] == [
        [(3, ("targets", "gpu", "base")), (9, ("targets", "gpu", "components", "torch-x", "version"))]
    ]


def test_pins_that_break_a_rule_are_told_whole(target: Make, matrix: Rules, rule_place: Place) -> None:
    pins = {"scipy": Version("1.12.0"), "numpy": Version("2.0.0"), "torch": Version("2.5.1+cu124")}
    assert check_pins(pins, target=target(), matrix=matrix("scipy<1.13 -> numpy<2")) == (
        Finding(
            code="S203",
            message="the pins `scipy 1.12.0` and `numpy 2.0.0` break rule `rule-1`",
            places=(rule_place,),
            notes=("rule rule-1: scipy<1.13 needs numpy<2 (reason) source",),
            hint="compile again; if the rule does not apply to this project, waive it under `[matrix] waive`",
        ),
    )


def test_pins_are_checked_against_the_target_s_own_versions_only(target: Make, matrix: Rules) -> None:
    pins = {"torch": Version("2.5.1"), "python": Version("3.14")}
    rules = matrix("torch -> python<3.13", "torch -> driver>=580", "torch -> cuda>=12.6")
    assert [finding.message for finding in check_pins(pins, target=target(), matrix=rules)] == [
        "the pins `torch 2.5.1` and `cuda 12.4` break rule `rule-3`"
    ]


VERSIONS = [Version(text) for text in ("1.0", "1.5.post1", "2.0.dev1", "2.0rc1", "2.0", "2.0+cu1", "2.1", "3.0a1")]
SPECIFIERS = [
    "",
    "<2",
    "<=2.0",
    ">=2",
    ">2.0",
    "==2.0",
    "!=2.0",
    "==2.0+cu1",
    "==2.*",
    "~=1.5",
    ">=1.5,<2.1",
    ">=2.0rc1",
    "<2.0rc1",
]
NAMES = ["a", "b", "c"]
CONDITIONS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(SPECIFIERS), min_size=1, max_size=2)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    when = draw(CONDITIONS)
    free = [name for name in [*NAMES, "python"] if name not in when]
    requires = draw(st.dictionaries(st.sampled_from(free), st.sampled_from(SPECIFIERS), min_size=1, max_size=2))
    return Rule(
        id="rule",
        arms=(
            Arm(
                when=tuple(Condition.of(ProjectName(name), SpecifierSet(text)) for name, text in when.items()),
                requires=tuple(Condition.of(ProjectName(name), SpecifierSet(text)) for name, text in requires.items()),
            ),
        ),
        because="reason",
        source="source",
        date=dt.date(2026, 11, 23),
        place=Place(file="rules.toml"),
    )


def kept(rule: Rule, versions: Mapping[str, Version]) -> bool:
    """Say by the words of a rule alone whether these versions keep it."""

    def admits(condition: Condition) -> bool:
        return SpecifierSet(condition.text).contains(versions[condition.name], prereleases=True)

    applies = all(condition.name in versions and admits(condition) for condition in rule.when)
    return not applies or all(condition.name not in versions or admits(condition) for condition in rule.requires)


@given(
    rule=rules(),
    pins=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VERSIONS)),
    python=st.sampled_from(["2.0", "2.1"]),
)
@settings(max_examples=300, deadline=None)
def test_check_pins_agrees_with_the_words_of_the_rule(rule: Rule, pins: Mapping[str, Version], python: str) -> None:
    target = Target(name="gpu", python=Version(python), platform="linux/amd64", base="debian:12", glibc=(2, 36))
    findings = check_pins(pins, target=target, matrix=Matrix(rules={"rule": rule}, waived=(), digest=""))
    assert (findings == ()) == kept(rule, {**pins, "python": target.python_full})


@given(rule=rules(), admitted=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(SPECIFIERS)))
@settings(max_examples=300, deadline=None)
def test_a_stack_is_never_broken_while_some_choice_within_it_keeps_the_rule(rule: Rule, admitted: Mapping[str, str]) -> None:
    target = Target(name="gpu", python=Version("2.0"), platform="linux/amd64", base="debian:12", glibc=(2, 36))
    findings = check_stack(
        [Component(name=canonicalize_name(name), spelled=name, version=SpecifierSet(text)) for name, text in admitted.items()],
        target=target,
        matrix=Matrix(rules={"rule": rule}, waived=(), digest=""),
        facts=Facts.load(),
        policy=Policy(),
        places=Places(file="stack.toml", lines={}, sources={}),
    )
    choices = [
        [version for version in VERSIONS if SpecifierSet(text).contains(version, prereleases=True)]
        for text in admitted.values()
    ]
    some_choice_keeps_it = any(
        kept(rule, {**dict(zip(admitted, choice, strict=True)), "python": target.python_full})
        for choice in itertools.product(*choices)
    )
    assert not (findings and some_choice_keeps_it)
