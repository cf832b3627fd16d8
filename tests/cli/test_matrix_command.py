"""What `stackc matrix` and `stackc explain RULE` print, whole, for a project's own packs and an index of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.cli import Desk, Outcome, index_of, manifest
from support.index_server import Answer, IndexServer, serving
from support.universe import Release

COMPONENTS = '[components.app]\nversion = ">=1"\n'
PACKS = '\n[matrix]\npacks = ["rules/*.toml"]\n'
APP = """\
[[rule]]
id = "app-base"
when = "app<2"
requires = ["base<3"]
because = "app before 2 reads what base 3 no longer writes"
source = "example.org/app/changes"
date = 2026-01-02
probe = '''
import app
app.read()'''

[[rule.case]]
pins = { app = "1.9", base = "3.0" }
broken = true

[[rule.case]]
pins = { app = "1.9", base = "2.9" }
broken = false
"""
BASE = """
[[rule]]
id = "app-base-again"
when = ["app<1.5", "python>=3.9"]
requires = ["base<3"]
because = "the same, said again"
source = "example.org/app/changes"
date = 2026-01-02
severity = "warning"

[[rule]]
id = "app-bass"
when = "app>=1.9"
requires = ["base>=3"]
because = "app needs what base 3 writes"
source = "example.org/app/changes"
date = 2026-01-02

[[rule.case]]
pins = { app = "2.0", base = "2.0" }
broken = false

[[rule.case]]
pins = { app = "2.0", base = "3.0" }
broken = false

[[rule.case]]
pins = { app = "1.9", base = "2.0" }
broken = true
"""
PLACE = " --> rules/own.toml:{}: rule[{}]\n"
WHERE = "where app<2 and app>=1.9, `base` can have no version"
CONTRADICTION = f"""\
error[S164]: rules `app-base` and `app-bass` contradict each other: {WHERE}, since none satisfies `base<3` and `base>=3`
{PLACE.format(1, 0)}{PLACE.format(29, 2)}
hint: narrow the `when` of one, or, if these do not work at all, say so in one rule

"""
FOUND = f"""\
warning[S170]: rule `app-base-again` has no case that breaks or keeps it
{PLACE.format(20, 1)}
hint: add a `[[rule.case]]` with `pins` and `broken`; `stackc explain S170` shows them

error[S171]: case 1 of rule `app-bass` says that the pins `app 2.0` and `base 2.0` keep it, and they break it
{PLACE.format(29, 2)}rule app-bass: app>=1.9 needs base>=3

hint: correct the case or the rule, whichever is wrong

{CONTRADICTION}\
warning[S165]: rule `app-base-again` forbids nothing that `app-base` does not forbid
{PLACE.format(20, 1)}{PLACE.format(1, 0)}
hint: remove `app-base-again`, or write what it adds

"""
WAIVED = '\n[matrix]\npacks = ["rules/*.toml"]\nwaive = [{ rule = "app-bass", because = "not here", until = 2999-01-01 }]\n'
UNKNOWN = "not checked whether these projects exist (--online asks their index): app, base\n"


def desk_with(tmp_path: Path, rules: str, *, rest: str = PACKS, server: IndexServer | None = None) -> Desk:
    desk = Desk(tmp_path)
    desk.write(manifest(server, COMPONENTS, rest=rest))
    desk.write(rules, "rules/own.toml")
    return desk


def test_all_that_is_wrong_with_the_rules_is_told(tmp_path: Path) -> None:
    told = desk_with(tmp_path, APP + BASE).run("matrix", "check")
    assert told == Outcome(1, f"3 rules with 5 cases: 2 errors and 2 warnings\n{UNKNOWN}", FOUND)


def test_a_waived_rule_contradicts_none(tmp_path: Path) -> None:
    told = desk_with(tmp_path, APP + BASE, rest=WAIVED).run("matrix", "check")
    summary = "3 rules with 5 cases: 1 error and 2 warnings\nwaived, and not held against the others: app-bass\n"
    assert told == Outcome(1, summary + UNKNOWN, FOUND.replace(CONTRADICTION, ""))


def test_sound_rules_are_said_to_be_sound(tmp_path: Path) -> None:
    told = desk_with(tmp_path, APP).run("matrix", "check")
    assert told == Outcome(0, f"1 rule with 2 cases: sound\n{UNKNOWN}", "")


def test_a_check_as_json(tmp_path: Path) -> None:
    told = desk_with(tmp_path, APP + BASE).run("matrix", "check", "--format", "json")
    document = json.loads(told.stdout)
    assert (told.status, told.stderr) == (1, "")
    assert [(finding["code"], finding["severity"]) for finding in document.pop("findings")] == [
        ("S170", "warning"),
        ("S171", "error"),
        ("S164", "error"),
        ("S165", "warning"),
    ]
    assert document == {"version": 1, "rules": 3, "derived": 0, "waived": [], "not-checked": ["app", "base"]}


def test_a_malformed_pack_is_refused_as_everywhere(tmp_path: Path) -> None:
    told = desk_with(tmp_path, APP.replace('source = "example.org/app/changes"\n', "")).run("matrix", "check")
    assert (told.status, told.stdout) == (2, "")
    assert told.stderr.startswith("error[S155]: `source` is missing\n --> rules/own.toml:1: rule[0]\n")


def test_the_rules_that_ship_with_stackc_are_sound(tmp_path: Path) -> None:
    told = Desk(tmp_path).run("matrix", "check")
    assert (told.status, told.stderr) == (0, "")
    assert told.stdout.splitlines()[0].endswith(": sound")


def test_the_index_is_asked_whether_projects_exist(tmp_path: Path) -> None:
    site = index_of({"app": (Release(version="1.0"),)})
    with serving(site) as server:
        desk = desk_with(tmp_path, APP, server=server)
        told = desk.run("matrix", "check", "--online")
    finding = f"""\
error[S168]: rule `app-base` names `base`, a project that index `pypi` does not have
{PLACE.format(1, 0)}
hint: correct the name, or remove the rule

"""
    assert told == Outcome(1, "1 rule with 2 cases: 1 error\n", finding)


def test_a_project_is_asked_for_on_its_own_index(tmp_path: Path) -> None:
    site = index_of({"app": (Release(version="1.0"),)})
    other = index_of({"base": (Release(version="1.0"),)}, root="/other")
    site.answers.update(other.answers)
    with serving(site) as server:
        own = f'\n[indexes.other]\nurl = "{server.url}/other"\nserves = ["base"]\n{PACKS}'
        told = desk_with(tmp_path, APP, rest=own, server=server).run("matrix", "check", "--online")
    assert told == Outcome(0, "1 rule with 2 cases: sound\n", "")


def test_an_index_that_does_not_answer_ends_a_check_with_4(tmp_path: Path) -> None:
    site = index_of({"app": (Release(version="1.0"),)})
    site.answers["/simple/base/"] = Answer(403)
    with serving(site) as server:
        told = desk_with(tmp_path, APP, server=server).run("matrix", "check", "--online")
    assert (told.status, told.stdout) == (4, "1 rule with 2 cases: sound\n")
    assert told.stderr.startswith("error[S313]: index `pypi` answered 403 for `base`\n")


RULE = """\
rule app-base (not tried)

  app<2 needs base<3

  because app before 2 reads what base 3 no longer writes
  source  example.org/app/changes
  date    2026-01-02
  from    rules/own.toml

  probe   import app
          app.read()

cases
  breaks  app 1.9, base 3.0
  keeps   app 1.9, base 2.9
"""


@pytest.mark.parametrize("words", [("matrix", "show"), ("explain",)], ids=" ".join)
def test_a_rule_is_shown_whole(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert desk_with(tmp_path, APP).run(*words, "app-base", COLUMNS="80") == Outcome(0, RULE, "")


def test_an_unknown_word_is_told_with_what_it_resembles(tmp_path: Path) -> None:
    told = desk_with(tmp_path, APP).run("matrix", "show", "app-bose")
    error = (
        "error[S230]: the matrix knows nothing of `app-bose`: no table and no rule names it\n\nhint: did you mean `app-base`?\n"
    )
    assert told == Outcome(2, "", error)


def test_a_project_s_page_has_the_rules_that_speak_of_it(tmp_path: Path) -> None:
    told = desk_with(tmp_path, APP + BASE, rest=WAIVED).run("matrix", "show", "base==3.1", COLUMNS="80")
    page = """\
base 3.1

rules
  app-base (not tried) [1]
    app<2 needs base<3
    app before 2 reads what base 3 no longer writes
  app-base-again (warning, not tried) [1]
    app<1.5 and python>=3.9 needs base<3
    the same, said again

sources
  [1] example.org/app/changes
"""
    assert told == Outcome(0, page, "")


def test_a_release_that_no_rule_touches_has_an_empty_page(tmp_path: Path) -> None:
    told = desk_with(tmp_path, APP).run("matrix", "show", "base==2.0")
    assert told == Outcome(0, "base 2.0\n\nno table and no rule says anything of it\n", "")


def test_the_list_marks_what_is_waived(tmp_path: Path) -> None:
    told = desk_with(tmp_path, APP + BASE, rest=WAIVED).run("matrix", "list", COLUMNS="80")
    rules = """\
rules/own.toml
  app-base (not tried)
    app<2 needs base<3
  app-base-again (warning, not tried)
    app<1.5 and python>=3.9 needs base<3
  app-bass (not tried, waived)
    app>=1.9 needs base>=3

3 rules: 0 proved by running, 0 from facts, 1 waived

table of facts """
    assert (told.status, told.stdout[: len(rules)], told.stderr) == (0, rules, "")


def test_the_list_as_json_has_the_same_rules(tmp_path: Path) -> None:
    told = desk_with(tmp_path, APP + BASE, rest=WAIVED).run("matrix", "list", "--format", "json")
    document = json.loads(told.stdout)
    assert [(rule["id"], rule["waived"]) for rule in document["rules"]] == [
        ("app-base", False),
        ("app-base-again", False),
        ("app-bass", True),
    ]


def test_a_manifest_that_is_named_must_be_there(tmp_path: Path) -> None:
    told = Desk(tmp_path).run("matrix", "list", "-f", "other.toml")
    assert (told.status, told.stdout) == (2, "")


def test_an_example_in_a_code_s_page_stands_as_it_is_written(tmp_path: Path) -> None:
    page = """\
S170: a rule lacks a case

Each rule has at least one case that breaks it and one that keeps it, so that an
edit which turns it around is noticed:

    [[rule.case]]
    pins = { scipy = "1.12.0", numpy = "2.0.0" }
    broken = true

    [[rule.case]]
    pins = { scipy = "1.12.0", numpy = "1.26.4" }
    broken = false

For rules that ship with stackc this is an error, for those of a project's own
packs a warning.
"""
    assert Desk(tmp_path).run("explain", "S170") == Outcome(0, page, "")


@pytest.mark.parametrize("thing", ["torch==2.5.1", "torch", "cuda==12.4", "nvidia/cuda:12.4.1-devel-ubuntu22.04", "torch-sm"])
def test_no_page_is_wider_than_the_terminal_but_for_words_that_are(tmp_path: Path, thing: str) -> None:
    told = Desk(tmp_path).run("matrix", "show", thing, COLUMNS="80")
    assert (told.status, told.stderr) == (0, "")
    assert [line for line in told.stdout.splitlines() if len(line) > 80 and max(map(len, line.split())) < 60] == []
