"""Pages over the facts that ship with stackc: what is shown of one thing, by key."""

from __future__ import annotations

import datetime as dt
from functools import cache

import pytest
from msgspec.structs import replace
from packaging.version import Version

from stackc.errors import Finding, UsageError
from stackc.lookup.ask import look_up, look_up_rule
from stackc.lookup.entries import rule_page
from stackc.lookup.knowledge import Knowledge, load_knowledge
from stackc.lookup.listing import list_matrix
from stackc.lookup.page import Cell, Page


@cache
def known() -> Knowledge:
    return load_knowledge(None, today=dt.date(2026, 11, 23))


def page(thing: str) -> Page:
    return look_up(thing, known())


def facts(thing: str) -> dict[str, Cell]:
    return {fact.key: fact.value for fact in page(thing).facts}


def rows(thing: str, table: str) -> list[dict[str, Cell]]:
    return [dict(row.cells) for found in page(thing).tables if found.key == table for row in found.rows]


def rules(thing: str) -> dict[str, tuple[str, ...]]:
    return {entry.id: entry.says for entry in page(thing).rules}


def test_a_torch_has_its_partners_pythons_and_builds() -> None:
    assert facts("torch==2.5.1") == {
        "released": "2024-10-29",
        "requires-python": ">=3.8.0",
        "pythons": ("3.9", "3.10", "3.11", "3.12", "3.13"),
        "pypi-cuda": "12.4",
        "cudnn": "9.1.0.70",
        "variants": ("cu118", "cu121", "cu124"),
        "torchvision": "==0.20.1",
        "torchaudio": "==2.5.1",
        "triton": "==3.1.0",
    }
    builds = rows("torch==2.5.1", "builds")
    assert [(row["index"], row["cuda"], row["runs"], row["ships"]) for row in builds] == [
        ("pypi", "12.4", "525", "550.54.14"),
        ("cu118", "11.8", "450", "520.61.05"),
        ("cu121", "12.1", "525", "530.30.02"),
        ("cu124", "12.4", "525", "550.54.14"),
    ]
    assert builds[-1]["architectures"] == ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")


def test_a_torch_with_a_label_is_the_build_of_that_index() -> None:
    assert [row["index"] for row in rows("torch==2.5.1+cu121", "builds")] == ["cu121"]
    (says,) = rules("torch==2.5.1+cu121")["torch-driver"]
    assert says.endswith(" needs driver>=525")
    assert rows("torch==2.5.1+cpu", "builds") == []
    assert {"torch-driver", "torch-sm"} & rules("torch==2.5.1+cpu").keys() == set()


def test_the_rules_of_a_release_are_those_that_apply_or_refuse_it() -> None:
    touching = rules("torch==2.5.1+cu124")
    assert touching["torchtext-torch"] == ("torchtext<=0.18.0 needs torch<2.4",)
    assert len(touching["torch-sm"]) == 1
    assert "torch-numpy1" not in touching
    assert rules("torch==2.2.2")["torch-numpy1"] == ("torch<2.3 needs numpy<2",)
    assert rules("numpy==1.26.4").keys() & {"scipy-numpy1", "numba-0.58.0-numpy"} == set()
    assert rules("numpy==2.0.0")["scipy-numpy1"] == ("scipy<1.13 needs numpy<2",)


def test_a_bitsandbytes_has_its_libraries_and_how_one_is_chosen() -> None:
    found = facts("bitsandbytes==0.45.0")
    assert found["cuda"] == ("11.7", "11.8", "12.0", "12.1", "12.2", "12.3", "12.4", "12.5", "12.6")
    assert found["selection"] == "the library for torch's CUDA exactly; without it, loading fails"
    assert rules("bitsandbytes==0.45.0")["bitsandbytes-triton-ops"] == ("bitsandbytes<0.45.1 needs triton<3.2",)


def test_a_partner_names_the_torch_that_it_belongs_to() -> None:
    assert facts("torchvision==0.20.1")["belongs-to-torch"] == ("2.5.1",)
    assert facts("triton==3.1.0") == {"belongs-to-torch": ("2.5.0", "2.5.1")}


def test_a_project_with_rules_alone_has_no_table() -> None:
    scipy = page("SciPy")
    assert (scipy.name, scipy.kind, scipy.facts, scipy.tables, scipy.notes) == ("scipy", "project", (), (), ())
    assert rules("scipy") == {"scipy-numpy1": ("scipy<1.13 needs numpy<2",)}


def test_a_release_beyond_the_tables_says_how_far_they_go() -> None:
    newest = max(known().facts.releases)
    assert page("torch==99.0").notes == (f"no table has torch 99.0; the tables go from 1.13.0 to {newest}",)


@pytest.mark.parametrize(
    ("driver", "full", "minor"),
    [("535", "12.2", "12.9"), ("550.54.14", "12.4", "12.9"), ("550.54.13", "12.3", "12.9"), ("470", "11.4", "11.8")],
)
def test_a_driver_runs_toolkits_in_full_or_by_minor_version(driver: str, full: str, minor: str) -> None:
    fits = {str(row["cuda"]): row["fit"] for row in rows(f"driver=={driver}", "toolkits")}
    assert max((cuda for cuda, fit in fits.items() if fit == "in full"), key=Version) == full
    assert max((cuda for cuda, fit in fits.items() if fit != "in full"), key=Version) == minor


def test_a_gpu_has_the_builds_that_have_code_for_it() -> None:
    assert {(row["torch"], row["cuda"]) for row in rows("sm==120", "builds")} >= {("2.7", "12.8"), ("2.8", "12.9")}
    assert "2.6" not in {row["torch"] for row in rows("sm==120", "builds")}
    assert ("2.5", "12.4") in {(row["torch"], row["cuda"]) for row in rows("sm==89", "builds")}


def test_a_python_has_its_wheels_and_distributions() -> None:
    wheels = {str(row["project"]): row["versions"] or () for row in rows("python==3.13", "wheels")}
    assert "2.5.1" in wheels["torch"]
    assert "0.20.1" not in wheels["torchvision"]
    assert [row["distribution"] for row in rows("python==3.13", "distributions")] == ["debian13"]


def test_a_cuda_has_its_drivers_builds_and_libraries() -> None:
    assert facts("cuda==12.4") == {"runs": "525", "ships": "550.54.14"}
    assert {"torch": "2.5.1", "indexes": ("pypi", "cu124")} in rows("cuda==12.4", "builds")
    (libraries,) = rows("cuda==12.4", "libraries")
    assert "0.45.0" in (libraries["versions"] or ())


def test_a_base_image_brings_what_its_tag_says() -> None:
    image = "nvidia/cuda:12.4.1-devel-ubuntu22.04"
    assert facts(image) == {
        "cuda": "12.4",
        "distribution": "ubuntu22.04",
        "glibc": "2.35",
        "system-python": "3.10",
        "packages": "apt",
        "runs": "525",
        "ships": "550.54.14",
    }
    assert {"torch": "2.5.1", "indexes": ("pypi", "cu124")} in rows(image, "builds")
    assert facts(f"registry.example.org/{image}@sha256:{'0' * 64}")["cuda"] == "12.4"
    assert facts("python:3.12-slim-bookworm")["python"] == "3.12"


def test_a_rule_is_shown_with_its_cases_and_what_was_seen() -> None:
    shown = page("scipy-numpy1")
    assert shown == look_up_rule("scipy-numpy1", known())
    assert (shown.kind, shown.probe, len(shown.cases)) == ("rule", "import scipy.special", 5)
    assert [(trial.combination, trial.status == 0) for trial in shown.trials] == [
        ("broken", False),
        ("working", True),
        ("released", True),
    ]


def test_a_proof_of_what_a_rule_was_before_counts_no_more() -> None:
    first = known().packed[0].rule
    proof = known().proofs[first.id]
    changed = Knowledge(
        packed=known().packed,
        derived=(),
        facts=known().facts,
        proofs={first.id: replace(proof, digest="sha256:0")},
        builds=known().builds,
    )
    shown = rule_page(first, changed)
    assert (shown.rules[0].proved, shown.trials, shown.tried_on) == ("stale", (), None)
    assert {entry.proved for entry in list_matrix(changed).rules} == {"stale", "not tried"}


def refusal(thing: str) -> Finding:
    with pytest.raises(UsageError) as raised:
        page(thing)
    (finding,) = raised.value.findings
    return finding


def test_what_nothing_knows_is_told_with_what_it_resembles() -> None:
    assert refusal("skipy") == Finding(
        code="S230", message="the matrix knows nothing of `skipy`: no table and no rule names it", hint="did you mean `scipy`?"
    )
    assert refusal("skipy==1.0").message == "the matrix knows nothing of `skipy==1.0`: no table and no rule names it"
    assert refusal("scipy-nunpy1").hint == "did you mean `scipy-numpy1`?"
    assert refusal("qqqqqq").hint == "`stackc matrix list` shows the rules and the tables"


def test_what_is_no_version_is_told() -> None:
    assert refusal("torch==2.5.x") == Finding(
        code="S231",
        message="`2.5.x` is not a version",
        found="torch==2.5.x",
        hint="write one release, such as `torch==2.5.1`, `python==3.12` or `sm==90`",
    )


def test_an_image_that_cannot_be_read_is_told() -> None:
    assert (refusal("alpine:3.20").code, refusal("nvidia/cuda:latest").code, refusal("a b:c").code) == ("S232", "S232", "S232")
    assert refusal("alpine:3.20").message == "the matrix cannot read the base image `alpine:3.20`"


def test_a_rule_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError) as raised:
        look_up_rule("scipy", known())
    assert raised.value.findings[0].code == "S233"


def test_every_table_is_listed_with_its_newest_row() -> None:
    tables = {table.name: table for table in list_matrix(known()).tables}
    assert tables["torch"].newest == str(max(known().facts.releases))
    assert all(table.rows and table.date for table in tables.values())
