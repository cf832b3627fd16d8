from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackc.cli.report import format_error, format_finding, safe, unexpected
from stackc.errors import BugError, Finding, IncompatibleError, ManifestError, Place, Repair

FULL = Finding(
    code="S301",
    message="no versions satisfy target `gpu`",
    places=(
        Place(file="stack.toml", line=18, path=("components", "numpy", "version"), source='">=2"'),
        Place(file="stack.toml", line=22, path=("components", "scipy", "version"), source='"<1.13"'),
    ),
    wanted="numpy >=2",
    found="numpy 1.26.4",
    notes=("rule scipy-numpy1: scipy<1.13 needs numpy<2", "  compiled against the NumPy 1 ABI"),
    hint="any one of these makes it solvable",
    repairs=(
        Repair(what="numpy", old='">=2"', new='"<2"', gives="numpy 1.26.4"),
        Repair(what="scipy", old='"<1.13"', new='">=1.13"'),
    ),
)


def test_a_whole_finding_reads_as_the_design_shows_it() -> None:
    assert format_finding(FULL, color=False) == (
        "error[S301]: no versions satisfy target `gpu`\n"
        ' --> stack.toml:18: components.numpy.version = ">=2"\n'
        ' --> stack.toml:22: components.scipy.version = "<1.13"\n'
        "wanted: numpy >=2\n"
        " found: numpy 1.26.4\n"
        "rule scipy-numpy1: scipy<1.13 needs numpy<2\n"
        "  compiled against the NumPy 1 ABI\n"
        "\n"
        "hint: any one of these makes it solvable\n"
        '      numpy  ">=2"   → "<2"      gives numpy 1.26.4\n'
        '      scipy  "<1.13" → ">=1.13"'
    )


def test_the_lines_of_a_hint_are_indented_below_its_first() -> None:
    assert format_finding(Finding(code="S101", message="wrong", hint="do this\nor that"), color=False) == (
        "error[S101]: wrong\n\nhint: do this\n      or that"
    )


def test_a_repair_that_is_too_long_for_a_row_has_lines_of_its_own() -> None:
    old, new = '"nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04"', '"nvidia/cuda:12.6.3-cudnn-devel-ubuntu22.04"'
    repairs = (
        Repair(what="driver", old='"535"', new='"580"', gives="torch 2.9.1"),
        Repair(what="base", old=old, new=new, gives="torch 2.9.1"),
        Repair(what="base", old=old, new=new),
    )
    finding = Finding(code="S301", message="wrong", hint="any one of these", repairs=repairs)
    assert format_finding(finding, color=False).splitlines()[2:] == [
        "hint: any one of these",
        '      driver  "535" → "580"  gives torch 2.9.1',
        "      base",
        f"          {old}",
        f"        → {new}",
        "          gives torch 2.9.1",
        "      base",
        f"          {old}",
        f"        → {new}",
    ]


@pytest.mark.parametrize("color", [False, True])
def test_on_a_terminal_lines_are_broken_between_words(color: bool) -> None:
    finding = Finding(
        code="S301",
        message="no versions satisfy target `gpu`",
        notes=("rule scipy-numpy1: scipy<1.13 needs numpy<2 (it breaks)", "averylongwordthatnoterminalhasroomfor"),
        hint="do this\nor that, and then do all of this once more",
    )
    text = format_finding(finding, color=color, width=30)
    assert re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() == [
        "error[S301]: no versions",
        "  satisfy target `gpu`",
        "rule scipy-numpy1: scipy<1.13",
        "  needs numpy<2 (it breaks)",
        "averylongwordthatnoterminalhasroomfor",
        "",
        "hint: do this",
        "      or that, and then do all",
        "        of this once more",
    ]


def test_colour_adds_nothing_but_colour() -> None:
    colored = format_finding(FULL, color=True)
    assert colored.splitlines()[:2] == [
        "\x1b[1;31merror[S301]:\x1b[0m no versions satisfy target `gpu`",
        ' \x1b[1;34m-->\x1b[0m stack.toml:18: components.numpy.version = ">=2"',
    ]
    for style in ("1;31", "1;34", "1;36", "1", "0"):
        colored = colored.replace(f"\x1b[{style}m", "")
    assert colored == format_finding(FULL, color=False)


def test_a_finding_of_a_message_alone_is_one_line() -> None:
    assert format_finding(Finding(code="S101", message="`a` is not TOML"), color=False) == "error[S101]: `a` is not TOML"


def test_a_warning_says_so() -> None:
    warning = Finding(code="S201", message="unknown combination", severity="warning")
    assert format_finding(warning, color=False) == "warning[S201]: unknown combination"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place(file="locks/gpu"), "locks/gpu"),
        (Place(file="stack.toml", line=3), "stack.toml:3"),
        (Place(file="stack.toml", path=("stack",)), "stack.toml: stack"),
        (Place(file="requirements.txt", line=7, source="torch==2.5.1"), "requirements.txt:7: torch==2.5.1"),
        (Place(file="requirements.txt", line=7, column=3, source="torch"), "requirements.txt:7:3: torch"),
        (Place(file="stack.toml", line=9, path=("matrix", "waive", 0, "rule")), "stack.toml:9: matrix.waive[0].rule"),
        (Place(file="stack.toml", line=9, path=("targets", "a b", 'c"d')), r'stack.toml:9: targets."a b"."c\"d"'),
        (Place(file="stack.toml", path=("components", "ü", "")), 'stack.toml: components."ü".""'),
        (Place(file="a\nb", path=("c\nd", "e\x9b"), source='"\x1b[2J"'), r'a\nb: "c\nd"."e\x9b" = "\x1b[2J"'),
    ],
)
def test_a_place_names_file_line_key_path_and_value(place: Place, text: str) -> None:
    finding = Finding(code="S101", message="wrong", places=(place,))
    assert format_finding(finding, color=False) == f"error[S101]: wrong\n --> {text}"


def test_nothing_in_a_finding_reaches_the_terminal_unescaped() -> None:
    evil = "\x1b]0;x\x07\r\n\x7f\x9b2J\u202e\u2066\u200b\ufeff\u2028\udcff"
    shown = r"\x1b]0;x\x07\r\n\x7f\x9b2J\u202e\u2066\u200b\ufeff\u2028\udcff"
    finding = Finding(
        code="S101",
        message=evil,
        places=(Place(file=evil, line=1, path=("a",), source=evil),),
        wanted=evil,
        found=evil,
        notes=(evil,),
        hint=evil,
    )
    head, tail = shown.split(r"\n")
    assert format_finding(finding, color=False) == (
        f"error[S101]: {shown}\n --> {shown}:1: a = {shown}\nwanted: {shown}\n found: {shown}\n{shown}\n"
        f"\nhint: {head}\n      {tail}"
    )


@given(st.text())
def test_safe_text_prints_and_safe_again_is_the_same(text: str) -> None:
    assert safe(text).isprintable()
    assert safe(safe(text)) == safe(text)


def test_ordinary_text_stays_as_it_is() -> None:
    assert safe('naïve "quotes" → 東京 $(x) \\n') == 'naïve "quotes" → 東京 $(x) \\n'


def test_an_error_shows_all_its_findings() -> None:
    error = ManifestError([Finding(code="S101", message="one"), Finding(code="S102", message="two", hint="do this")])
    assert format_error(error, color=False) == "error[S101]: one\n\nerror[S102]: two\n\nhint: do this"
    assert format_error(IncompatibleError(FULL), color=False) == format_finding(FULL, color=False)


def test_an_unforeseen_exception_becomes_a_bug_that_names_its_place() -> None:
    def fail() -> None:
        raise KeyError("x\ny")

    try:
        fail()
    except KeyError as error:
        bug = unexpected(error)
        line = fail.__code__.co_firstlineno
    assert isinstance(bug, BugError)
    (finding,) = bug.findings
    assert (finding.code, finding.message) == ("S902", r"stackc stopped on an unexpected `KeyError`: 'x\ny'")
    assert finding.notes == (f"in {__file__}:{line + 4}, {bug_function()}", f"in {__file__}:{line + 1}, fail")


def bug_function() -> str:
    return "test_an_unforeseen_exception_becomes_a_bug_that_names_its_place"
