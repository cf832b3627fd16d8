"""What the self-check says of rules, held against every combination of a universe that is dense for the specifiers used."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.matrix.model import Arm, Condition, ProjectName, Rule
from stackc.matrix.packs import PackedRule
from stackc.matrix.selfcheck import Rules, check_rules

TODAY = dt.date(2026, 11, 23)
REAL = ("alpha", "beta")
SPECIFIERS = (
    "<1.0", "<=1.0", ">1.0", ">=1.0", "==1.0", "!=1.0", "==1.0+x", "!=1.0+x", "==1.*", "!=1.*", "~=1.0", ">=1.0.post1",
    "<=1.0.post1", ">1.0.post1", "<2.0rc1", ">=2.0rc1", "==2.0rc1", "<2.0", ">=2.0", ">=1.0,<2.0", ">1.0,!=2.0", "<1.0.dev0",
)  # fmt: skip
VERSIONS = (
    "0.dev0", "0.9", "0.9.post1", "1.0.dev0", "1.0.dev1", "1.0a1", "1.0rc9", "1.0", "1.0+a", "1.0+x", "1.0+x.1", "1.0+z",
    "1.0.post0.dev0", "1.0.post0", "1.0.post1.dev0", "1.0.post1", "1.0.post1+x", "1.0.post2", "1.0.1.dev0", "1.5", "1.9.9",
    "2.0.dev0", "2.0a1", "2.0rc1.dev0", "2.0rc1", "2.0rc1.post1", "2.0rc2", "2.0", "2.0+x", "2.0.post1", "2.1", "3.0.dev0",
    "3.0", "1!0",
)  # fmt: skip
PYTHON_SPECIFIERS = (
    "<3.8", ">=3.8", ">3.8", "<=3.8", "==3.12", "==3.12.*", "!=3.12.*", ">3.12.4", "<3.12.4", ">3.12.3,<3.12.4", "~=3.12.3",
    ">=3.13", "<=3.12.0rc1", "==3.12.4+x", ">=3.12.4.post1,<3.13", ">=4", "<4",
)  # fmt: skip
PYTHONS = (
    "3.8.0",
    "3.8.1",
    "3.11.9",
    "3.12.0",
    "3.12.1",
    "3.12.3",
    "3.12.4",
    "3.12.5",
    "3.12.99",
    "3.13.0",
    "3.13.1",
    "3.99.0",
)
UNIVERSE: Mapping[str, tuple[Version, ...]] = {
    **dict.fromkeys(REAL, tuple(map(Version, VERSIONS))),
    "python": tuple(map(Version, PYTHONS)),
}
ABSENT: tuple[Version | None, ...] = (None,)


@dataclass(frozen=True)
class Brute:
    """Rules as sets of combinations: of each condition only the versions of the universe in it are kept."""

    names: tuple[str, ...]
    inside: Mapping[tuple[str, str], frozenset[Version]]

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> Brute:
        conditions = [condition for rule in rules for condition in (*rule.when, *rule.requires)]
        inside = {(str(c.name), c.text): frozenset(v for v in UNIVERSE[c.name] if c.holds(v)) for c in conditions}
        return cls(tuple(sorted({condition.name for condition in conditions})), inside)

    def versions(self, condition: Condition) -> frozenset[Version]:
        return self.inside[condition.name, condition.text]

    def combinations(self) -> Iterator[dict[str, Version | None]]:
        choices = [(*ABSENT, *UNIVERSE[name]) for name in self.names]
        for chosen in itertools.product(*choices):
            yield dict(zip(self.names, chosen, strict=True))

    def applies(self, rule: Rule, pins: Mapping[str, Version | None]) -> bool:
        return all(pins[condition.name] in self.versions(condition) for condition in rule.when)

    def broken(self, rule: Rule, pins: Mapping[str, Version | None]) -> bool:
        (required,) = rule.requires
        version = pins[required.name]
        return version is not None and version not in self.versions(required) and self.applies(rule, pins)

    def follows(self, rule: Rule, others: Sequence[Rule]) -> bool:
        return all(any(self.broken(other, pins) for other in others) for pins in self.combinations() if self.broken(rule, pins))

    def without_answer(self, rules: Sequence[Rule]) -> set[tuple[Version | None, ...]]:
        """Return where no version of what rules require is left, of all that their projects may be while that one is absent."""
        if not rules:
            return set()
        project = rules[0].requires[0].name
        return {
            tuple(pins.values())
            for pins in self.combinations()
            if pins[project] is None
            and all(any(self.broken(rule, {**pins, project: version}) for rule in rules) for version in UNIVERSE[project])
        }

    def contradict(self, rules: Sequence[Rule]) -> bool:
        """Say whether somewhere the rules together leave no version, and none of them can be left out."""
        fewer = [self.without_answer([rule for rule in rules if rule is not left]) for left in rules]
        return bool(self.without_answer(rules) - set().union(*fewer))


@st.composite
def rules(draw: st.DrawFn, about: str | None = None, most: int = 4) -> list[Rule]:
    """Draw a few rules, all with requirements on one project if that is given."""
    return [_rule(f"rule-{number}", draw, about) for number in range(draw(st.integers(1, most)))]


def _rule(name: str, draw: st.DrawFn, about: str | None) -> Rule:
    names = draw(st.permutations(["alpha", "beta", "python"]))
    required, *others = sorted(names, key=lambda each: each != about) if about is not None else names
    when = others[: draw(st.integers(1, 2))]
    return Rule(
        id=name,
        arms=(Arm(when=tuple(_condition(draw, each) for each in when), requires=(_condition(draw, required),)),),
        because="it breaks",
        source="example.org",
        date=TODAY,
        place=Place(file="rules.toml"),
    )


def _condition(draw: st.DrawFn, name: str) -> Condition:
    specifiers = SPECIFIERS if name in REAL else PYTHON_SPECIFIERS
    return Condition.of(ProjectName(name), SpecifierSet(draw(st.sampled_from(specifiers))))


def found(drawn: Sequence[Rule]) -> list[Finding]:
    packed = tuple(PackedRule(rule=rule, cases=()) for rule in drawn)
    return [finding for finding in check_rules(Rules(packed=packed), today=TODAY) if finding.code != "S170"]


def named(finding: Finding, drawn: Sequence[Rule]) -> list[Rule]:
    return [rule for rule in drawn if f"`{rule.id}`" in finding.message]


@settings(deadline=None, max_examples=120)
@given(rules())
def test_a_rule_never_fires_just_where_no_combination_breaks_it(drawn: list[Rule]) -> None:
    brute = Brute.of(drawn)
    idle = {rule.id for rule in drawn if not any(brute.broken(rule, pins) for pins in brute.combinations())}
    assert {rule.id for finding in found(drawn) if finding.code in {"S162", "S163"} for rule in named(finding, drawn)} == idle


@settings(deadline=None, max_examples=60)
@given(rules())
def test_a_rule_is_a_repetition_just_where_others_forbid_all_that_it_forbids(drawn: list[Rule]) -> None:
    brute = Brute.of(drawn)
    acting = [rule for rule in drawn if any(brute.broken(rule, pins) for pins in brute.combinations())]
    same: list[Rule] = []
    for number, rule in enumerate(acting):
        if any(brute.follows(rule, [other]) and brute.follows(other, [rule]) for other in acting[:number] if other not in same):
            same.append(rule)
    single = [rule for rule in acting if rule not in same]
    following = [rule for rule in single if brute.follows(rule, [other for other in single if other is not rule])]
    findings = found(drawn)
    assert [f.message.split("`")[1] for f in findings if f.code == "S166"] == [rule.id for rule in same]
    assert [f.message.split("`")[1] for f in findings if f.code == "S165"] == [rule.id for rule in following]
    for finding in findings:
        if finding.code == "S165":
            rule, *reasons = sorted(named(finding, drawn), key=lambda each: finding.message.index(f"`{each.id}`"))
            assert brute.follows(rule, reasons)
            for reason in reasons:
                assert not brute.follows(rule, [other for other in reasons if other is not reason])


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["beta", "python"]).flatmap(lambda about: rules(about, most=3)))
def test_rules_contradict_each_other_just_where_they_leave_no_version(drawn: list[Rule]) -> None:
    brute = Brute.of(drawn)
    acting = [rule for rule in drawn if any(brute.broken(rule, pins) for pins in brute.combinations())]
    told = [named(finding, drawn) for finding in found(drawn) if finding.code == "S164"]
    assert all(brute.contradict(group) for group in told)
    assert bool(told) == any(brute.contradict(group) for group in _groups(acting))


def _groups(drawn: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Yield every two rules or more about one project of which one says something of all that the others speak of."""
    for size in range(2, len(drawn) + 1):
        for group in itertools.combinations(drawn, size):
            whens = [{condition.name for condition in rule.when} for rule in group]
            if len({rule.requires[0].name for rule in group}) == 1 and any(when == set().union(*whens) for when in whens):
                yield list(group)
