"""What the matrix says of a stack is what trying every combination of a small universe says: no more, and no less."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from stackc.errors import Place
from stackc.manifest.model import Component, Places, Policy
from stackc.matrix.builds import Builds
from stackc.matrix.check import check_pins, check_stack
from stackc.matrix.facts import Facts
from stackc.matrix.model import Arm, Condition, Matrix, ProjectName, Rule
from stackc.target import Target

UNIVERSE = tuple(
    Version(f"{release}{part}")
    for release in ("0.9", "1.0", "1.5", "2.0", "2.0.1", "2.1", "3.0")
    for part in (".dev0", "a1", "rc1", "rc1.dev0", "", "+cpu", "+cu118", "+cu124", ".post1", ".post1.dev0", ".post1+cu124")
)
"""For each bound that the specifiers below name: what lies just before it, on it, and just after it, labels included."""

SPECIFIERS = (
    *("<1.0", "<=1.0", ">1.0", ">=1.0", "==1.0", "!=1.0", "==1.*", "~=1.0", "<2.0", "<=2.0", ">2.0", ">=2.0", "==2.0"),
    *("==2.0+cu124", "!=2.0+cu124", "!=2.0", "==2.*", "!=2.*", "~=2.0", "~=2.0.1", ">=1.0,<2.0", ">1.0,<=2.0", ">=2.0rc1"),
    *("<2.0rc1", "==2.0.post1", ">=2.0.post1", "<2.0.post1", ">=1.0,<2.0,!=1.5", ">2.0,<2.0", ""),
)
PROJECTS = ("a", "b", "c")
VIRTUAL = {"python": (Version("2.0"),), "sm": (Version("1.0"), Version("3.0")), "cuda": (Version("2.0"),)}
TARGET = Target(
    name="gpu",
    python=Version("2.0"),
    platform="linux/amd64",
    base="debian:12",
    glibc=(2, 36),
    cuda=Version("2.0"),
    gpus=("sm_1", "sm_3"),
)

specifiers = st.sampled_from(SPECIFIERS)
stacks = st.dictionaries(st.sampled_from(PROJECTS), specifiers)


@st.composite
def rules(draw: st.DrawFn, names: Sequence[str] = (*PROJECTS, *VIRTUAL)) -> Rule:
    chosen = draw(st.lists(st.sampled_from(names), min_size=2, max_size=3, unique=True))
    conditions = [Condition.of(ProjectName(name), SpecifierSet(draw(specifiers))) for name in chosen]
    return Rule(
        id="rule",
        arms=(Arm(when=tuple(conditions[:-1]), requires=(conditions[-1],)),),
        because="reason",
        source="source",
        date=dt.date(2026, 11, 23),
        place=Place(file="rules.toml"),
    )


def kept(rule: Rule, choice: Mapping[str, Version], virtual: Mapping[str, Sequence[Version]]) -> bool:
    """Say by the words of a rule alone whether a choice keeps it, for each of the versions of a virtual project."""

    def admits(condition: Condition, versions: Mapping[str, Version]) -> bool:
        return SpecifierSet(condition.text).contains(versions[condition.name], prereleases=True)

    for values in itertools.product(*virtual.values()):
        versions = {**choice, **dict(zip(virtual, values, strict=True))}
        applies = all(condition.name in versions and admits(condition, versions) for condition in rule.when)
        if applies and not all(each.name not in versions or admits(each, versions) for each in rule.requires):
            return False
    return True


def admitted(text: str) -> list[Version]:
    return [version for version in UNIVERSE if SpecifierSet(text).contains(version, prereleases=True)]


def codes(rule: Rule, stack: Mapping[str, str]) -> list[str]:
    found = check_stack(
        [Component(name=canonicalize_name(name), spelled=name, version=SpecifierSet(text)) for name, text in stack.items()],
        target=TARGET,
        matrix=Matrix(rules={"rule": rule}, waived=(), digest=""),
        facts=Facts.load(),
        policy=Policy(unknown="allow"),
        places=Places(file="stack.toml", lines={}, sources={}),
    )
    return [finding.code for finding in found]


@given(rule=rules(), stack=stacks)
@settings(max_examples=300, deadline=None)
def test_a_stack_is_refused_exactly_where_no_choice_keeps_the_rule(rule: Rule, stack: Mapping[str, str]) -> None:
    """Only the projects of the rule are tried: what the others are makes no difference."""
    spoken = {name: admitted(text) for name, text in stack.items() if name in rule.names()}
    empty = [name for name, text in stack.items() if not admitted(text)]
    refused = all(not kept(rule, dict(zip(spoken, choice, strict=True)), VIRTUAL) for choice in _thinned(spoken, rule))
    found = codes(rule, stack)

    assert found.count("S207") == len(empty)
    if not any(name in spoken for name in empty):
        assert ("S201" in found) == refused


def _thinned(spoken: Mapping[str, Sequence[Version]], rule: Rule) -> itertools.product[tuple[Version, ...]]:
    """Return every choice, one version for each way in which a project's versions may meet the rule's conditions."""
    groups = []
    for name, versions in spoken.items():
        by_answer: dict[tuple[bool, ...], Version] = {}
        for version in versions:
            answer = tuple(
                SpecifierSet(each.text).contains(version, prereleases=True)
                for each in (*rule.when, *rule.requires)
                if each.name == name
            )
            by_answer.setdefault(answer, version)
        groups.append(tuple(by_answer.values()))
    return itertools.product(*groups)


@given(rule=rules(), pins=st.dictionaries(st.sampled_from(PROJECTS), st.sampled_from(UNIVERSE)))
@settings(max_examples=300, deadline=None)
def test_pins_are_refused_exactly_where_they_break_the_rule(rule: Rule, pins: Mapping[str, Version]) -> None:
    found = check_pins(pins, target=TARGET, matrix=Matrix(rules={"rule": rule}, waived=(), digest=""))

    assert (found == ()) == kept(rule, pins, VIRTUAL)


@given(
    rule=rules(names=("torch-cuda", "a")),
    torch=st.sampled_from(["2.5.1", "2.5.1+cpu", "2.5.1+cu118", "2.5.1+cu20", "2.6.0", "2.7+cu30"]),
    other=st.sampled_from(UNIVERSE),
)
@settings(max_examples=200, deadline=None)
def test_a_rule_about_the_cuda_of_torch_is_one_about_its_build(rule: Rule, torch: str, other: Version) -> None:
    """Here the wheel of 2.6.0 is known to be for CUDA 2.0, and of 2.5.1 nothing is known: such a rule asks nothing of it."""
    builds = Builds({Version("2.6.0"): Version("2.0")})
    cuda = {"2.5.1+cu118": "11.8", "2.5.1+cu20": "2.0", "2.6.0": "2.0", "2.7+cu30": "3.0"}.get(torch)
    carried = {"torch-cuda": Version(cuda)} if cuda else {}
    matrix = Matrix(rules={"rule": rule}, waived=(), digest="", builds=builds)
    found = check_pins({"torch": Version(torch), "a": other}, target=TARGET, matrix=matrix)

    assert (found == ()) == kept(rule, {"a": other, **carried}, {})
