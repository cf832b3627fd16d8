"""What one target asks of the view and of the engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from stackc.lock.model import Root, Route
from stackc.manifest.decode import load
from stackc.manifest.model import Index, Manifest
from stackc.plan import Plan, make_plan
from support.workbench import make_target, matrix_of, name_of, rule_of

MANIFEST = """
[stack]
name = "demo"

[indexes.cu124]
url = "https://example.org/whl/cu124"
serves = ["torch", "nvidia-*"]

[indexes.extra]
url = "https://example.org/extra"

[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "nvidia/cuda:12.4.1-devel-ubuntu22.04"

[components.Late]
version = ">=1"

[components.torch]
version = "==2.5.1"
order = 3

[components.NumPy]
version = ">=1.26,<2"
order = 1
extras = ["Dev", "all"]

[components.own]
version = "==1.0,!=2.0"
index = "extra"

[image]
pip = ">=24"
build-tools = ["setuptools<81"]

[policy]
exclude-newer = 2026-11-01T00:00:00Z
sdists = ["zebra", "ape"]
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    (tmp_path / "stack.toml").write_text(MANIFEST, encoding="utf-8")
    return load(tmp_path / "stack.toml")


@pytest.fixture
def plan(manifest: Manifest) -> Plan:
    return make_plan(
        manifest,
        target=make_target(),
        components=manifest.components_for("gpu"),
        matrix=matrix_of(rule_of("scipy-numpy1", {"scipy": "<1.13"}, {"numpy": "<2"})),
        preferences={name_of("numpy"): Version("1.26.4")},
    )


def test_requirements_stand_in_the_order_of_the_steps(plan: Plan) -> None:
    assert plan.requirements() == ("numpy[all,dev]<2,>=1.26", "torch==2.5.1", "late>=1", "own!=2.0,==1.0")


def test_roots_are_what_the_lock_will_remember(plan: Plan) -> None:
    assert plan.roots == (
        Root(requirement="numpy[all,dev]<2,>=1.26", order=1),
        Root(requirement="torch==2.5.1", order=3),
        Root(requirement="late>=1"),
        Root(requirement="own!=2.0,==1.0", index="extra"),
    )


def test_routes_are_sorted_and_hold_no_address(plan: Plan) -> None:
    assert plan.routes == (
        Route(index="cu124", serves=("torch", "nvidia-*")),
        Route(index="extra"),
        Route(index="pypi", default=True),
    )
    assert plan.indexes["cu124"] == Index(name="cu124", url="https://example.org/whl/cu124", serves=("torch", "nvidia-*"))


@pytest.mark.parametrize(
    ("project", "index"),
    [("torch", "cu124"), ("nvidia-cublas-cu12", "cu124"), ("own", "extra"), ("numpy", "pypi"), ("nvidia", "pypi")],
)
def test_each_project_has_its_one_index(plan: Plan, project: str, index: str) -> None:
    assert plan.index_of(name_of(project)) == index


def test_policy_preferences_tools_and_rules_are_passed_on(plan: Plan, manifest: Manifest) -> None:
    assert plan.exclude_newer == manifest.policy.exclude_newer
    assert plan.sdists == ("ape", "zebra")
    assert plan.preferences == {"numpy": Version("1.26.4")}
    assert plan.tools == ("pip>=24", "setuptools<81")
    assert list(plan.rules.by_name) == ["stackc-rule-scipy-numpy1-0"]


def test_only_exact_specifiers_pin_a_release(plan: Plan) -> None:
    assert plan.exact_pins() == {(name_of("torch"), Version("2.5.1")), (name_of("own"), Version("1.0"))}
