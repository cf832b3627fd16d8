from __future__ import annotations

import datetime as dt

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.matrix.model import Arm, Condition, ProjectName, Rule
from stackc.matrix.packs import Case, PackedRule, decode_pack

GOOD = """\
[[rule]]
id = "scipy-numpy1"
when = "SciPy <1.13"
requires = ["numpy<2"]
because = "reason"
source = "example/example#1"
date = 2024-06-16
probe = '''
import scipy
scipy.special
'''

[[rule.case]]
pins = { scipy = "1.12.0", numpy = "2.0.0" }
broken = true

[[rule]]
id = "two.sides"
when = ["a>=1,<2", "python"]
requires = ["b", "glibc>=2.28"]
because = "reason"
source = "source"
date = 2024-06-17
severity = "warning"
"""


def condition(name: str, specifiers: str, text: str | None = None) -> Condition:
    made = Condition.of(ProjectName(name), SpecifierSet(specifiers))
    return made if text is None else Condition(made.name, made.any_of, text)


def test_a_pack_decodes_to_its_rules_and_cases() -> None:
    pack = decode_pack(GOOD, file="rules/own.toml")
    assert (pack.findings, pack.rules) == (
        (),
        (
            PackedRule(
                rule=Rule(
                    id="scipy-numpy1",
                    arms=(Arm(when=(condition("scipy", "<1.13"),), requires=(condition("numpy", "<2"),)),),
                    because="reason",
                    source="example/example#1",
                    date=dt.date(2024, 6, 16),
                    place=Place(file="rules/own.toml", line=1, path=("rule", 0)),
                    probe="import scipy\nscipy.special\n",
                ),
                cases=(
                    Case(pins={ProjectName("scipy"): Version("1.12.0"), ProjectName("numpy"): Version("2.0.0")}, broken=True),
                ),
            ),
            PackedRule(
                rule=Rule(
                    id="two.sides",
                    arms=(
                        Arm(
                            when=(condition("a", ">=1,<2", ">=1,<2"), condition("python", "")),
                            requires=(condition("b", ""), condition("glibc", ">=2.28")),
                        ),
                    ),
                    because="reason",
                    source="source",
                    date=dt.date(2024, 6, 17),
                    place=Place(file="rules/own.toml", line=17, path=("rule", 1)),
                    severity="warning",
                ),
                cases=(),
            ),
        ),
    )


def test_a_rule_is_placed_by_its_own_line_when_a_string_looks_like_a_header() -> None:
    text = GOOD.replace("import scipy\n", "[[rule]]\n")
    assert [packed.rule.place.line for packed in decode_pack(text, file="own.toml").rules] == [1, 17]


def test_everything_wrong_with_a_pack_is_reported_together() -> None:
    text = """\
[[rule]]
id = "Upper Case"
whem = "a<2"
requires = []
because = "two\\nlines"
source = 5
date = "2024-06-16"
severity = "fatal"

[[rule]]
id = "fine"
when = "a<2"
requires = "a>=1"
because = "reason"
source = "source"
date = 2024-06-16

[[rule.case]]
pins = { a = 2 }
broken = "yes"

[rules]
"""
    assert decode_pack(text, file="own.toml").findings == (
        finding("S154", "unknown key `rules`", 22, ("rules",), hint="did you mean `rule`?"),
        finding("S154", "unknown key `whem`", 3, ("rule", 0, "whem"), hint="did you mean `when`?"),
        wrong("id", 2, "lower-case words joined by hyphens, such as `scipy-numpy1`"),
        finding("S155", "`when` is missing", 1, ("rule", 0), hint="`when` belongs to every `[[rule]]`"),
        wrong("requires", 4, "a requirement such as `numpy<2`, or a list of them"),
        wrong("because", 5, "a string of printable characters on one line"),
        wrong("source", 6, "a string"),
        wrong("date", 7, "a date, such as `2026-11-23`, without quotes"),
        wrong("severity", 8, '`"error"` or `"warning"`'),
        finding(
            "S156",
            "`a` has no version",
            19,
            ("rule", 1, "case", 0, "pins", "a"),
            hint='write it as a string, such as `"2.0.0"`',
        ),
        Finding(
            code="S156",
            message="`broken` is not what it should be",
            places=(Place(file="own.toml", line=20, path=("rule", 1, "case", 0, "broken"), source='"yes"'),),
            wanted="`true` or `false`",
        ),
        finding(
            "S158",
            "`a` stands in both `when` and `requires`",
            13,
            ("rule", 1, "requires"),
            hint="a rule bounds one project by the version of another",
        ),
    )


def finding(code: str, message: str, line: int, path: tuple[str | int, ...], *, hint: str) -> Finding:
    sources = {"whem": '"a<2"', "a": "2", "requires": '"a>=1"'}
    place = Place(file="own.toml", line=line, path=path, source=sources.get(str(path[-1])))
    return Finding(code=code, message=message, places=(place,), hint=hint)


def wrong(key: str, line: int, wanted: str) -> Finding:
    sources = {"id": '"Upper Case"', "requires": "[]", "source": "5", "date": '"2024-06-16"', "severity": '"fatal"'}
    source = r'"two\nlines"' if key == "because" else sources[key]
    place = Place(file="own.toml", line=line, path=("rule", 0, key), source=source)
    return Finding(code="S156", message=f"`{key}` is not what it should be", places=(place,), wanted=wanted)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("when", '"a<<2"', ("S157", "`a<<2` is not a condition")),
        ("when", '"a\\u001b[31m"', ("S157", r"`a\x1b[31m` is not a condition")),
        ("when", '"a[x]<2"', ("S157", "`a[x]<2` holds an extra")),
        ("when", "\"a<2; python_version<'3'\"", ("S157", "`a<2; python_version<'3'` holds a marker")),
        ("when", '"a @ https://example.org/a.whl"', ("S157", "`a @ https://example.org/a.whl` holds a URL")),
        ("when", '"a===2"', ("S157", "`a===2` holds `===`")),
        ("when", '"a>=2,<1"', ("S157", "no version can be `a>=2,<1`")),
        ("when", '["a<2", "A>1"]', ("S158", "`when` names `a` twice")),
        ("requires", '["b<2", "b>1"]', ("S158", "`requires` names `b` twice")),
        ("requires", '["b<2", "a.>1"]', ("S157", "`a.>1` is not a condition")),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(key: str, value: str, expected: tuple[str, str]) -> None:
    rule = {"id": '"x"', "when": '"a<2"', "requires": '["b<2"]', "because": '"r"', "source": '"s"', "date": "2024-06-16"}
    text = "[[rule]]\n" + "".join(f"{name} = {content}\n" for name, content in (rule | {key: value}).items())
    pack = decode_pack(text, file="own.toml")
    assert ([(found.code, found.message) for found in pack.findings], pack.rules) == ([expected], ())


def test_a_requirement_that_no_version_meets_keeps_a_project_out() -> None:
    text = GOOD.replace('"numpy<2"', '"numpy<0.dev0"')
    assert decode_pack(text, file="own.toml").findings == ()


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("[[rule]]\nid = \n", "the rule pack cannot be read as TOML: invalid value", 2),
        ("[[rule", "the rule pack cannot be read as TOML: expected ']]' at the end of an array declaration", None),
    ],
)
def test_a_pack_that_is_not_toml_is_told_with_its_line(text: str, message: str, line: int | None) -> None:
    hint = "a rule pack holds `[[rule]]` tables; `stackc explain S153` shows one"
    place = Place(file="own.toml", line=line)
    assert decode_pack(text, file="own.toml").findings == (Finding(code="S153", message=message, places=(place,), hint=hint),)


def test_a_single_rule_table_is_refused() -> None:
    assert [found.wanted for found in decode_pack('[rule]\nid = "x"\n', file="own.toml").findings] == [
        "tables that each begin with `[[rule]]`"
    ]
