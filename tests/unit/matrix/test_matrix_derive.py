"""Rules derived from facts, held against small tables written here; the built-in tables are in test_builtin_matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from packaging.version import Version

from stackc.matrix.builds import Builds, cuda_of_label, label_of_index
from stackc.matrix.check import check_pins
from stackc.matrix.derive import derived_rules, known_builds
from stackc.matrix.facts import Facts
from stackc.matrix.model import Matrix, Rule
from stackc.target import Target

KNOWN = 'status = "verified"\nsource = "a source"\ndate = 2026-11-23\n'
TABLES = {
    "cuda": """
        [[cuda]]
        cuda = "12.4"
        runs = "525"
        ships = "550.54.14"
        {known}
        [[cuda]]
        cuda = "13.0"
        runs = "580"
        ships = "580.65.06"
        {known}
    """,
    "architectures": """
        [[build]]
        torch = "2.5"
        cuda = "12.4"
        sm = ["5.0", "8.0", "8.6", "9.0"]
        {known}
        [[build]]
        torch = "2.6"
        cuda = "12.4"
        sm = ["8.0", "9.0a"]
        ptx = ["9.0"]
        {known}
    """,
    "bitsandbytes": """
        [[bitsandbytes]]
        version = "0.44.0"
        released = 2024-09-24
        cuda = ["11.8", "12.4"]
        {known}
        [[bitsandbytes]]
        version = "0.44.1"
        released = 2024-09-30
        cuda = ["11.8", "12.4"]
        {known}
        [[bitsandbytes]]
        version = "0.50.0"
        released = 2026-08-01
        cuda = ["12.4"]
        {known}
    """,
    "selections": """
        [[bitsandbytes]]
        first = "0"
        last = "0.49.2"
        match = "exact"
        {known}
        [[bitsandbytes]]
        first = "0.50.0"
        match = "major"
        {known}
    """,
    "flash_attn": """
        [[flash-attn]]
        first = "2.7.0"
        last = "2.7.4.post1"
        torch = ["2.4", "2.5"]
        cuda = ["12.4"]
        {known}
    """,
    "transformers": """
        [[releases]]
        first = "4.48.0"
        last = "4.51.3"
        requires = { torch = ">=2.0", tokenizers = "" }
        optional = ["torch"]
        {known}
    """,
}


@pytest.fixture
def rules(tmp_path: Path) -> Mapping[str, Rule]:
    for table in {*TABLES, *Facts.load().needing}:
        content = dedent(TABLES.get(table, "releases = []")).replace("{known}", KNOWN)
        (tmp_path / f"{table}.toml").write_text(content)
    return {rule.id: rule for rule in derived_rules(Facts(tmp_path))}


def target(*, cuda: str | None = None, driver: str | None = None, gpus: tuple[str, ...] = ()) -> Target:
    return Target(
        name="gpu",
        python=Version("3.10"),
        platform="linux/amd64",
        base="nvidia/cuda:12.4.1-devel-ubuntu22.04",
        glibc=(2, 35),
        cuda=Version(cuda) if cuda else None,
        driver=Version(driver) if driver else None,
        gpus=gpus,
    )


def test_each_table_gives_its_rules(rules: Mapping[str, Rule]) -> None:
    assert {name: (rule.severity, rule.complete, len(rule.arms)) for name, rule in rules.items()} == {
        "base-driver": ("warning", False, 2),
        "bitsandbytes-cuda": ("error", True, 2),
        "flash-attn-torch": ("warning", False, 1),
        "torch-base-cuda": ("error", False, 2),
        "torch-driver": ("error", False, 2),
        "torch-sm": ("error", True, 2),
        "transformers-torch": ("warning", False, 1),
    }


@pytest.mark.parametrize(
    ("pins", "on", "broken"),
    [
        ({"torch": "2.5.1+cu124"}, target(driver="470"), ["torch-driver"]),
        ({"torch": "2.5.1+cu124"}, target(driver="525"), []),
        ({"torch": "2.5.1+cu130"}, target(driver="550"), ["torch-driver"]),
        ({"torch": "2.5.1+cpu"}, target(driver="470", cuda="11.8", gpus=("sm_120",)), []),
        ({"torch": "2.5.1+cu124"}, target(cuda="12.4"), []),
        ({"torch": "2.5.1+cu124"}, target(cuda="12.6"), []),
        ({"torch": "2.5.1+cu124"}, target(cuda="12.1"), ["torch-base-cuda"]),
        ({"torch": "2.5.1+cu124"}, target(cuda="13.0"), ["torch-base-cuda"]),
        ({"numpy": "1.26.4"}, target(cuda="12.4", driver="535"), ["base-driver"]),
        ({"numpy": "1.26.4"}, target(cuda="12.4", driver="550"), []),
        ({"torch": "2.5.1+cu124"}, target(gpus=("sm_80", "sm_89", "sm_90a")), []),
        ({"torch": "2.5.1+cu124"}, target(gpus=("sm_80", "sm_120")), ["torch-sm"]),
        ({"torch": "2.5.1+cu124"}, target(gpus=("sm_75",)), ["torch-sm"]),
        ({"torch": "2.6.0+cu124"}, target(gpus=("sm_120",)), []),
        ({"torch": "2.6.0+cu124"}, target(gpus=("sm_75",)), ["torch-sm"]),
        ({"torch": "2.5.1+cu124", "bitsandbytes": "0.44.1"}, target(), []),
        ({"torch": "2.5.1+cu126", "bitsandbytes": "0.44.1"}, target(), ["bitsandbytes-cuda"]),
        ({"torch": "2.5.1+cu126", "bitsandbytes": "0.50.0"}, target(), []),
        ({"torch": "2.5.1+cu118", "bitsandbytes": "0.50.0"}, target(), ["bitsandbytes-cuda"]),
        ({"torch": "2.5.1", "bitsandbytes": "0.44.1"}, target(), ["bitsandbytes-cuda"]),
        ({"torch": "2.6.0", "flash-attn": "2.7.4"}, target(), ["flash-attn-torch"]),
        ({"torch": "1.13.1", "transformers": "4.50.3"}, target(), ["transformers-torch"]),
    ],
)
def test_pins_are_judged_by_the_tables(
    rules: Mapping[str, Rule], pins: Mapping[str, str], on: Target, broken: list[str]
) -> None:
    """The wheel of torch 2.5.1 without a label is one for CUDA 12.6 here."""
    builds = Builds({Version("2.5.1"): Version("12.6")})
    matrix = Matrix(rules=rules, waived=(), digest="", builds=builds)
    found = check_pins({name: Version(version) for name, version in pins.items()}, target=on, matrix=matrix)

    assert [note.split(":")[0].removeprefix("rule ") for finding in found for note in finding.notes] == broken


def test_an_arm_tells_the_source_of_its_row(rules: Mapping[str, Rule]) -> None:
    matrix = Matrix(rules={"bitsandbytes-cuda": rules["bitsandbytes-cuda"]}, waived=(), digest="")
    pins = {"torch": Version("2.5.1+cu121"), "bitsandbytes": Version("0.44.0")}

    note = (
        "rule bitsandbytes-cuda: bitsandbytes>=0.44.0,<=0.44.1 needs torch-cuda in 11.8, 12.4 "
        "(bitsandbytes loads the library in its wheel that was built for torch's CUDA, and fails where there is none) a source"
    )
    assert [finding.notes for finding in check_pins(pins, target=target(), matrix=matrix)] == [(note,)]


@pytest.mark.parametrize(
    ("label", "cuda"),
    [("cu124", "12.4"), ("cu118", "11.8"), ("cu1210", "121.0"), ("cpu", None), ("rocm6.2", None), ("cu", None)],
)
def test_a_label_names_a_cuda(label: str, cuda: str | None) -> None:
    assert cuda_of_label(label) == (Version(cuda) if cuda else None)


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("https://download.pytorch.org/whl/cu124", "cu124"),
        ("https://mirror.example.org/pytorch/cu124/?token=x", "cu124"),
        ("https://download.pytorch.org/whl/cpu/", "cpu"),
        ("https://download.pytorch.org/whl/", None),
        ("https://example.org/simple", None),
    ],
)
def test_the_address_of_an_index_may_name_the_label_of_its_builds(url: str, label: str | None) -> None:
    assert label_of_index(url) == label


def test_only_the_wheels_for_x86_64_are_known_by_version() -> None:
    builds = known_builds(Facts.load())

    assert (builds.cuda(Version("2.5.1"), machine="x86_64"), builds.cuda(Version("2.5.1"), machine="aarch64")) == (
        Version("12.4"),
        None,
    )
