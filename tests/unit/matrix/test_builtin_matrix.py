from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from packaging.version import Version

from stackc.manifest.decode import load
from stackc.manifest.model import MatrixChoice
from stackc.matrix.bases import resolve_target
from stackc.matrix.check import check_stack
from stackc.matrix.facts import FACTS, PARTNERS, Facts
from stackc.matrix.load import load_builtin, load_matrix
from stackc.matrix.model import VIRTUAL
from stackc.matrix.packs import Case, PackedRule
from stackc.matrix.partners import fill_partners

STACK = Path(__file__).parents[3] / "stack.toml"
RULES = {packed.rule.id: packed for packed in load_builtin()}
CASES = [
    pytest.param(packed, case, id=f"{name}-{number}")
    for name, packed in RULES.items()
    for number, case in enumerate(packed.cases)
]
FACTS_READ = Facts.load()


@pytest.mark.parametrize(("packed", "case"), CASES)
def test_a_case_of_a_rule_comes_out_as_it_says(packed: PackedRule, case: Case) -> None:
    assert any(clause.holds_in(case.pins) for clause in packed.rule.clauses()) == case.broken


@pytest.mark.parametrize("packed", RULES.values(), ids=RULES.keys())
def test_every_rule_has_a_case_that_passes_and_one_that_fails(packed: PackedRule) -> None:
    assert {case.broken for case in packed.cases} == {True, False}


@pytest.mark.parametrize("packed", RULES.values(), ids=RULES.keys())
def test_a_rule_s_cases_name_nothing_that_no_rule_knows(packed: PackedRule) -> None:
    named = {condition.name for condition in (*packed.rule.when, *packed.rule.requires)}
    pinned = {name for case in packed.cases for name in case.pins}
    assert pinned - named - {"torch"} <= VIRTUAL


def test_builtin_rules_are_the_default() -> None:
    assert MatrixChoice().packs == ("builtin",)


@pytest.mark.parametrize(
    ("rule", "pins", "broken"),
    [
        ("scipy-numpy1", {"scipy": "1.12.0", "numpy": "2.0.0"}, True),
        ("torch-numpy1", {"torch": "2.2.2+cu121", "numpy": "2.0.0"}, True),
        ("torch-numpy1", {"torch": "2.5.1+cu124", "numpy": "2.0.0"}, False),
        ("bitsandbytes-triton-ops", {"bitsandbytes": "0.45.0", "triton": "3.2.0"}, True),
        ("bitsandbytes-triton-ops", {"bitsandbytes": "0.45.0", "triton": "3.1.0"}, False),
    ],
)
def test_the_rules_that_this_project_began_with(rule: str, pins: dict[str, str], broken: bool) -> None:
    versions = {name: Version(version) for name, version in pins.items()}
    clauses = RULES[rule].rule.clauses()
    assert any(all(c.holds(versions[c.name]) for c in clause.conditions) for clause in clauses) == broken


def test_the_stack_of_this_project_passes() -> None:
    manifest = load(STACK)
    target = resolve_target(manifest.targets["gpu"], facts=FACTS_READ, places=manifest.places)
    matrix = load_matrix(
        manifest.matrix, folder=STACK.parent, facts=Facts.load(), today=dt.date(2026, 11, 23), places=manifest.places
    )
    components = fill_partners(manifest.components_for("gpu"), facts=FACTS_READ, places=manifest.places)
    findings = check_stack(
        components, target=target, matrix=matrix, facts=FACTS_READ, policy=manifest.policy, places=manifest.places
    )
    assert findings == ()


def test_the_facts_of_one_torch() -> None:
    row = FACTS_READ.torch(Version("2.5.1+cu124"))
    assert row is not None
    assert (row.version, row.pythons, row.pypi_cuda, row.variants) == (
        Version("2.5.1"),
        ("3.9", "3.10", "3.11", "3.12", "3.13"),
        "12.4",
        ("cu118", "cu121", "cu124"),
    )
    assert [str(row.partner(name)) for name in PARTNERS] == ["==0.20.1", "==2.5.1", "==3.1.0"]
    assert (row.status_of("torchvision"), row.date, bool(row.source)) == ("verified", dt.date(2026, 11, 23), True)


def test_an_unknown_torch_has_no_facts() -> None:
    assert FACTS_READ.torch(Version("99.0")) is None


def test_torch_rows_are_in_order_and_unsure_only_of_what_they_have() -> None:
    assert list(FACTS_READ.torches) == sorted(FACTS_READ.torches)
    keys = {"variants", *PARTNERS}
    assert {key for row in FACTS_READ.torches.values() for key in row.unsure} <= keys
    assert all(row.pythons == tuple(sorted(row.pythons, key=Version)) for row in FACTS_READ.torches.values())


def test_every_distribution_s_names_are_its_own() -> None:
    rows = {row.id: row for row in FACTS_READ.distributions.values()}
    names = [name for row in rows.values() for name in (row.id, *row.aliases)]
    assert len(names) == len(set(names)) == len(FACTS_READ.distributions)


def test_a_table_is_read_without_the_others(tmp_path: Path) -> None:
    shutil.copy(FACTS / "cuda.toml", tmp_path)
    assert Facts(folder=tmp_path).cudas == FACTS_READ.cudas
