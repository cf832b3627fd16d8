from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stackc.errors import Finding, ManifestError, Place
from stackc.manifest.model import MatrixChoice, Places, Waiver
from stackc.matrix.derive import derived_rules
from stackc.matrix.digest import digest
from stackc.matrix.facts import Facts
from stackc.matrix.load import expired_waivers, load_builtin, load_matrix

TODAY = dt.date(2026, 11, 23)
RULE = '[[rule]]\nid = "{id}"\nwhen = "a<2"\nrequires = ["b<2"]\nbecause = "reason"\nsource = "source"\ndate = 2026-11-23\n'


def pack(folder: Path, name: str, *ids: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(RULE.replace("{id}", each) for each in ids), encoding="utf-8")


def findings(choice: MatrixChoice, folder: Path, places: Places) -> list[tuple[str, str, str | None, list[str]]]:
    with pytest.raises(ManifestError) as raised:
        load_matrix(choice, folder=folder, facts=Facts.load(), today=TODAY, places=places)
    return [
        (found.code, found.message, found.hint, [f"{place.file}:{place.line}" for place in found.places])
        for found in raised.value.findings
    ]


def test_packs_keep_their_order_and_each_file_is_read_once(tmp_path: Path, places: Places) -> None:
    pack(tmp_path, "rules/b.toml", "b-1", "b-0")
    pack(tmp_path, "rules/a.toml", "a-1")
    pack(tmp_path, "last.toml", "last")
    choice = MatrixChoice(packs=("last.toml", "rules/*.toml", "**/*.toml"))
    matrix = load_matrix(choice, folder=tmp_path, facts=Facts.load(), today=TODAY, places=places)
    assert list(matrix.rules) == ["last", "a-1", "b-1", "b-0"]
    assert matrix.rules["b-0"].place == Place(file="rules/b.toml", line=8, path=("rule", 1))


def test_builtin_rules_stand_beside_a_project_s_own(tmp_path: Path, places: Places) -> None:
    pack(tmp_path, "own.toml", "own")
    matrix = load_matrix(
        MatrixChoice(packs=("builtin", "own.toml")), folder=tmp_path, facts=Facts.load(), today=TODAY, places=places
    )
    derived = [rule.id for rule in derived_rules(Facts.load())]
    assert list(matrix.rules) == [*(packed.rule.id for packed in load_builtin()), "own", *derived]


@pytest.mark.parametrize(("until", "in_force"), [(TODAY, []), (dt.date(2026, 11, 22), ["own"])])
def test_a_waiver_holds_to_the_end_of_its_last_day(tmp_path: Path, places: Places, until: dt.date, in_force: list[str]) -> None:
    pack(tmp_path, "own.toml", "own")
    choice = MatrixChoice(packs=("own.toml",), waivers=(Waiver(rule="own", because="patched", until=until),))
    matrix = load_matrix(choice, folder=tmp_path, facts=Facts.load(), today=TODAY, places=places)
    assert (list(matrix.rules), matrix.waived) == (in_force, () if in_force else ("own",))


def test_an_ended_waiver_is_a_warning(places: Places) -> None:
    waivers = (
        Waiver(rule="still", because="patched", until=TODAY),
        Waiver(rule="past", because="we patch it in the image", until=dt.date(2026, 11, 22)),
    )
    assert expired_waivers(MatrixChoice(waivers=waivers), TODAY, places=places) == (
        Finding(
            code="S161",
            message="the waiver of rule `past` ended on 2026-11-22: the rule acts again",
            places=(Place(file="stack.toml", path=("matrix", "waive", 1, "until")),),
            notes=("it was waived because: we patch it in the image",),
            hint="remove the waiver, or give it a new date if its reason still stands",
            severity="warning",
        ),
    )


def test_a_waiver_that_names_no_rule_says_which_was_meant(tmp_path: Path, places: Places) -> None:
    pack(tmp_path, "own.toml", "own-rule")
    waivers = tuple(Waiver(rule=rule, because="patched", until=TODAY) for rule in ("own-rul", "something"))
    assert findings(MatrixChoice(packs=("own.toml",), waivers=waivers), tmp_path, places) == [
        ("S160", "the waiver names no rule: `own-rul`", "did you mean `own-rule`?", ["stack.toml:None"]),
        (
            "S160",
            "the waiver names no rule: `something`",
            "remove the waiver, or add the pack that has the rule",
            ["stack.toml:None"],
        ),
    ]


def test_everything_wrong_with_the_packs_is_reported_together(tmp_path: Path, places: Places) -> None:
    folder = tmp_path / "project"
    pack(folder, "a.toml", "same", "other")
    pack(folder, "b.toml", "same")
    (folder / "c.toml").write_text("[[rule]\n", encoding="utf-8")
    (folder / "d.toml").write_bytes(b"\xff")
    pack(tmp_path, "outside.toml", "outside")
    (folder / "link.toml").symlink_to(tmp_path / "outside.toml")
    packs = ("?.toml", "builtins", "none/*.toml", "../outside.toml", str(tmp_path / "outside.toml"), "link.toml", "")
    inside = "keep rule packs beside the manifest, so that they are reviewed with it"
    known = "a pack is `builtin`, or a pattern of files beside the manifest"
    manifest = ["stack.toml:None"]
    assert findings(MatrixChoice(packs=packs), folder, places) == [
        ("S150", "no file matches the rule pack `builtins`", "did you mean `builtin`?", manifest),
        ("S150", "no file matches the rule pack `none/*.toml`", known, manifest),
        ("S151", "the rule pack `../outside.toml` leads outside the manifest's folder", inside, manifest),
        ("S151", f"the rule pack `{tmp_path / 'outside.toml'}` leads outside the manifest's folder", inside, manifest),
        ("S151", "the rule pack `link.toml` leads outside the manifest's folder", inside, manifest),
        ("S150", "no file matches the rule pack ``", known, manifest),
        (
            "S153",
            "the rule pack cannot be read as TOML: expected ']]' at the end of an array declaration",
            "a rule pack holds `[[rule]]` tables; `stackc explain S153` shows one",
            ["c.toml:1"],
        ),
        ("S152", "the rule pack cannot be read: it is not UTF-8", "rule packs are TOML files in UTF-8", ["d.toml:None"]),
        (
            "S159",
            "two rules have the id `same`",
            "waivers and locks name rules by their id: give one of them another",
            ["a.toml:1", "b.toml:1"],
        ),
    ]


def test_the_digest_changes_with_names_and_bytes_and_with_nothing_else(tmp_path: Path) -> None:
    packs = ("builtin", "rules/*.toml")
    one, moved, edited, elsewhere = (tmp_path / name for name in ("one", "moved", "edited", "elsewhere"))
    pack(one, "rules/a.toml", "own")
    pack(moved, "rules/b.toml", "own")
    pack(edited, "rules/a.toml", "own-2")
    pack(elsewhere, "rules/a.toml", "own")
    pack(elsewhere, "other.toml", "not-chosen")
    digests = [digest(packs, folder=folder) for folder in (one, moved, edited, elsewhere)]
    assert (len(set(digests)), digests[3]) == (3, digests[0])
    assert re.fullmatch("sha256:[0-9a-f]{64}", digests[0])


def test_the_digest_does_not_depend_on_the_order_of_packs(tmp_path: Path) -> None:
    pack(tmp_path, "a.toml", "a")
    pack(tmp_path, "b.toml", "b")
    assert digest(("a.toml", "b.toml", "*.toml"), folder=tmp_path) == digest(("b.toml", "a.toml"), folder=tmp_path)


def test_the_matrix_carries_the_digest_of_its_files(tmp_path: Path, places: Places) -> None:
    matrix = load_matrix(MatrixChoice(), folder=tmp_path, facts=Facts.load(), today=TODAY, places=places)
    assert matrix.digest == digest(("builtin",), folder=tmp_path)


def test_taking_the_digest_imports_neither_packaging_nor_a_parser() -> None:
    program = (
        "import sys, stackc.matrix.digest; print(sorted({'packaging', 'tomli', 'msgspec', 'dataclasses'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed == "[]\n"
