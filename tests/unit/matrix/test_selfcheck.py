from __future__ import annotations

import datetime as dt

from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.matrix.builds import Builds
from stackc.matrix.derive import derived_rules, known_builds
from stackc.matrix.facts import Facts
from stackc.matrix.load import load_builtin
from stackc.matrix.model import ProjectName
from stackc.matrix.packs import decode_pack
from stackc.matrix.selfcheck import Rules, absent, check_rules, projects_of

TODAY = dt.date(2026, 11, 23)
OWN = "rules/own.toml"
KNOWN = "the matrix knows `base-debian` and `base-ubuntu`"


def rule(name: str, when: str, requires: str, *, date: str = "2026-11-20", severity: str = "error", more: str = "") -> str:
    """Return a rule of a pack; `&` joins conditions."""

    def listed(text: str) -> str:
        return str([part.strip() for part in text.split("&")])

    return (
        f'[[rule]]\nid = "{name}"\nwhen = {listed(when)}\nrequires = {listed(requires)}\nbecause = "it breaks"\n'
        f'source = "example.org"\ndate = {date}\nseverity = "{severity}"\n{more}\n'
    )


def case(broken: bool, **pins: str) -> str:
    versions = ", ".join(f'{name.replace("_", "-")} = "{version}"' for name, version in pins.items())
    return f"\n[[rule.case]]\npins = {{ {versions} }}\nbroken = {str(broken).lower()}\n"


def rules_of(*texts: str, file: str = OWN, waived: tuple[str, ...] = ()) -> Rules:
    pack = decode_pack("".join(texts), file=file)
    assert pack.findings == ()
    return Rules(packed=pack.rules, waived=frozenset(waived), distributions=("ubuntu22.04", "debian12"))


def check(*texts: str, file: str = OWN, waived: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """Return what is found but for missing cases, which the rules of these tests mostly lack."""
    found = check_rules(rules_of(*texts, file=file, waived=waived), today=TODAY)
    return tuple(finding for finding in found if finding.code != "S170")


def place(number: int, line: int, file: str = OWN) -> Place:
    return Place(file=file, line=line, path=("rule", number))


def test_a_target_can_never_have_what_a_condition_asks() -> None:
    assert check(rule("old", "python<3.8", "numpy<2")) == (
        Finding(
            code="S162",
            message="rule `old` can never fire: no target can have `python<3.8`",
            places=(place(0, 1),),
            hint="correct the condition, or remove the rule",
        ),
    )


def test_no_base_image_is_of_an_unknown_distribution() -> None:
    assert check(rule("hat", "base-fedora>=40", "numpy<2"), rule("need", "numpy<2", "base-fedora>=40")) == (
        Finding(
            code="S162",
            message=f"rule `hat` can never fire: no base image is `base-fedora`; {KNOWN}",
            places=(place(0, 1),),
            hint="correct the condition, or remove the rule",
        ),
        Finding(
            code="S162",
            message=f"rule `need` can never fire: no base image is `base-fedora`; {KNOWN}",
            places=(place(1, 10),),
            hint="correct the requirement, or remove it",
        ),
    )


def test_every_version_satisfies_a_requirement() -> None:
    assert check(rule("idle", "scipy<1.13", "numpy")) == (
        Finding(
            code="S163",
            message="rule `idle` asks nothing of `numpy`: every version satisfies `numpy`",
            places=(place(0, 1),),
            hint="give the requirement a bound, or remove it",
        ),
    )


def idle(when: str, requires: str = "numpy<2") -> list[str]:
    return [finding.code for finding in check(rule("r", when, requires))]


def test_a_range_of_a_virtual_project_counts_by_what_targets_can_state() -> None:
    assert idle("cuda>12.4,<12.5") == ["S162"]
    assert idle("cuda>=12.4,<12.5") == []
    assert idle("python>3.12.4,<3.12.5") == ["S162"]
    assert idle("python==3.12.*,<=3.12.0rc1") == ["S162"]
    assert idle("python>=3.12,!=3.12.*,<3.13.1") == []
    assert idle("python>=4") == ["S162"]
    assert idle("sm>90,<91") == ["S162"]
    assert idle("sm<=10") == []
    assert idle("driver>550.54,<550.54.15") == []
    assert idle("torch-cuda<=12.0rc1,>=12.0a1") == ["S162"]
    assert idle("base-ubuntu>=22.04") == []
    assert idle("glibc==2.35.1") == ["S162"]
    assert idle("scipy<2", "python>=3.8") == ["S163"]
    assert idle("scipy<2", "python>3.8") == []
    assert idle("scipy<2", "cuda>=0") == ["S163"]
    assert idle("scipy<2", "numpy>=0") == []  # there may be a 0.dev0
    assert idle("scipy<2", "numpy>=0.dev0") == ["S163"]
    assert idle("scipy<2", "sm>=10") == ["S163"]


def test_two_rules_contradict_each_other() -> None:
    texts = (rule("a", "scipy<1.13", "numpy<2"), rule("b", "scipy>=1.12", "numpy>=2"))
    assert check(*texts) == (
        Finding(
            code="S164",
            message="rules `a` and `b` contradict each other: where scipy<1.13 and scipy>=1.12, `numpy` can have no version, "
            "since none satisfies `numpy<2` and `numpy>=2`",
            places=(place(0, 1), place(1, 10)),
            hint="narrow the `when` of one, or, if these do not work at all, say so in one rule",
        ),
    )


def test_three_rules_contradict_each_other_where_no_two_of_them_do() -> None:
    texts = (
        rule("a", "scipy<1.13", "numpy!=1.*"),
        rule("b", "scipy>=1.12", "numpy>=1.0.dev0,<3.0.dev0"),
        rule("c", "scipy>=1.12 & python>=3.12", "numpy!=2.*"),
        rule("d", "scipy>=1.12", "pandas<9"),
    )
    (finding,) = check(*texts)
    assert finding.code == "S164"
    assert finding.message == (
        "rules `a`, `b` and `c` contradict each other: where scipy<1.13, scipy>=1.12 and python>=3.12, `numpy` can have no "
        "version, since none satisfies `numpy!=1.*`, `numpy>=1.0.dev0,<3.0.dev0` and `numpy!=2.*`"
    )


def test_no_version_of_a_virtual_project_is_left_between_two_bounds() -> None:
    (finding,) = check(rule("a", "scipy<1.13", "cuda>12.4"), rule("b", "scipy<1.13", "cuda<12.5"))
    assert finding.code == "S164"
    assert check(rule("a", "scipy<1.13", "cuda>12.4"), rule("b", "scipy<1.13", "cuda<=12.5")) == ()


def test_rules_about_different_projects_do_not_contradict_each_other() -> None:
    assert check(rule("a", "scipy<1.13", "numpy<2"), rule("b", "pandas>=3", "numpy>=2")) == ()


def test_a_contradiction_with_a_warning_is_a_warning() -> None:
    (finding,) = check(rule("a", "scipy<1.13", "numpy<2"), rule("b", "scipy<1.13", "numpy>=2", severity="warning"))
    assert (finding.code, finding.severity) == ("S164", "warning")


def test_a_waived_rule_is_held_against_no_other() -> None:
    texts = (rule("a", "scipy<1.13", "numpy<2"), rule("b", "scipy<1.13", "numpy>=2"))
    assert check(*texts, waived=("a",)) == ()


def test_a_rule_follows_from_another() -> None:
    texts = (rule("wide", "scipy<1.13", "numpy<2"), rule("narrow", "scipy<1.12 & python>=3.9", "numpy<2.1"))
    assert check(*texts) == (
        Finding(
            code="S165",
            message="rule `narrow` forbids nothing that `wide` does not forbid",
            places=(place(1, 10), place(0, 1)),
            hint="remove `narrow`, or write what it adds",
            severity="warning",
        ),
    )
    assert [finding.severity for finding in check(*texts, file="builtin/own.toml")] == ["error"]


def test_a_rule_follows_from_several_together_and_none_too_many_are_named() -> None:
    texts = (
        rule("low", "scipy<1.5", "numpy<2"),
        rule("other", "pandas<2", "numpy<2"),
        rule("high", "scipy>=1.4", "numpy<2"),
        rule("all", "scipy", "numpy<2"),
    )
    found = check(*texts)
    assert [(finding.code, finding.message) for finding in found] == [
        ("S165", "rule `low` forbids nothing that `all` does not forbid"),
        ("S165", "rule `high` forbids nothing that `all` does not forbid"),
        ("S165", "rule `all` forbids nothing that `low` and `high` do not forbid"),
    ]


def test_a_rule_about_less_does_not_follow_from_one_about_more() -> None:
    assert check(rule("a", "scipy<1.13 & python>=3.9", "numpy<2"), rule("b", "scipy<1.13", "numpy<2")) == (
        Finding(
            code="S165",
            message="rule `a` forbids nothing that `b` does not forbid",
            places=(place(0, 1), place(1, 10)),
            hint="remove `a`, or write what it adds",
            severity="warning",
        ),
    )


def test_an_error_does_not_follow_from_a_warning() -> None:
    texts = (rule("weak", "scipy<1.13", "numpy<2", severity="warning"), rule("strong", "scipy<1.12", "numpy<2"))
    assert check(*texts) == ()


def test_two_rules_say_the_same() -> None:
    texts = (rule("a", "scipy<1.13", "numpy<2"), rule("b", "numpy>=2.0.dev0", "scipy>=1.13.dev0"))
    assert check(*texts) == (
        Finding(
            code="S166",
            message="rule `b` says the same as rule `a`",
            places=(place(1, 10), place(0, 1)),
            hint="remove `b`, or write what it adds",
            severity="warning",
        ),
    )


def test_a_date_is_in_the_future() -> None:
    assert check(rule("r", "scipy<1.13", "numpy<2", date="2026-11-24")) == (
        Finding(
            code="S167",
            message="rule `r` has a date in the future, 2026-11-24",
            places=(place(0, 1),),
            hint="write the day on which its source was read",
        ),
    )
    assert check(rule("r", "scipy<1.13", "numpy<2", date="2026-11-23")) == ()


def test_a_project_does_not_exist() -> None:
    rules = rules_of(rule("r", "skipy<1.13 & python<3.12", "numpy<2"))
    assert projects_of(rules) == ("numpy", "skipy")
    assert absent(rules, {ProjectName("skipy"): "pypi"}, known=["scipy"]) == (
        Finding(
            code="S168",
            message="rule `r` names `skipy`, a project that index `pypi` does not have",
            places=(place(0, 1),),
            hint="did you mean `scipy`?",
        ),
    )


def test_a_rule_lacks_cases() -> None:
    text = rule("r", "scipy<1.13", "numpy<2")
    lacking = Finding(
        code="S170",
        message="rule `r` has no case that breaks or keeps it",
        places=(place(0, 1),),
        hint="add a `[[rule.case]]` with `pins` and `broken`; `stackc explain S170` shows them",
        severity="warning",
    )
    assert check_rules(rules_of(text), today=TODAY) == (lacking,)
    (finding,) = check_rules(rules_of(text + case(False, scipy="1.13", numpy="2.0"), file="builtin/r.toml"), today=TODAY)
    assert (finding.message, finding.severity) == ("rule `r` has no case that breaks it", "error")


def test_a_case_comes_out_otherwise() -> None:
    more = case(True, scipy="1.13.0", numpy="2.0.0") + case(False, scipy="1.13.0rc1", numpy="1.26.4")
    assert check(rule("r", "scipy<1.13", "numpy<2", more=more)) == (
        Finding(
            code="S171",
            message="case 1 of rule `r` says that the pins `scipy 1.13.0` and `numpy 2.0.0` break it, and they keep it",
            places=(place(0, 1),),
            notes=("rule r: scipy<1.13 needs numpy<2",),
            hint="correct the case or the rule, whichever is wrong",
        ),
    )


def test_in_a_case_torch_brings_its_cuda() -> None:
    more = case(True, torch="2.5.1+cu118", driver="520") + case(False, torch="2.5.1+cpu", driver="520")
    more += case(False, torch="2.5.1", driver="520") + case(True, torch="2.6.0", driver="520")
    packed = rules_of(rule("r", "torch-cuda", "driver>=525", more=more)).packed
    builds = Builds({Version("2.6.0"): Version("12.4")})
    assert check_rules(Rules(packed=packed, builds=builds), today=TODAY) == ()


def test_the_built_in_rules_are_sound() -> None:
    facts = Facts.load()
    rules = Rules(
        packed=load_builtin(),
        derived=derived_rules(facts),
        distributions=tuple(row.id for row in facts.distributions.values()),
        builds=known_builds(facts),
    )
    assert check_rules(rules, today=TODAY) == ()


def test_a_rule_of_a_pack_follows_from_facts() -> None:
    derived = decode_pack(rule("torch-sm", "torch==2.5.*", "sm<100"), file="builtin/facts/architectures.toml").rules[0].rule
    packed = rules_of(rule("own", "torch==2.5.1", "sm<120"), rule("other", "torch==2.5.1", "sm>=100")).packed
    found = check_rules(Rules(packed=packed, derived=(derived,)), today=TODAY)
    contradiction = (
        "rules `other` and `torch-sm` contradict each other: where torch==2.5.1 and torch==2.5.*, `sm` can have no "
        "version, since none satisfies `sm>=100` and `sm<100`"
    )
    assert [(finding.code, finding.message) for finding in found if finding.code != "S170"] == [
        ("S164", contradiction),
        ("S165", "rule `own` forbids nothing that `torch-sm` does not forbid"),
    ]
