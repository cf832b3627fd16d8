"""The values that are tried for a line, in the order in which they are tried."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.conflict.values import (
    addresses,
    base_images,
    demanded_versions,
    drivers,
    gpus_left,
    nearest_specifier,
    partner_versions,
    pythons,
    rule_versions,
    torch_versions,
)
from stackc.manifest.model import BaseImage, Component
from stackc.matrix.builds import TORCH_CUDA
from stackc.matrix.facts import Facts
from stackc.matrix.model import Clause, Condition, ProjectName
from support.workbench import make_target, name_of

FACTS = Facts.load()


def component(name: str, version: str) -> Component:
    return Component(name=name_of(name), spelled=name, version=SpecifierSet(version))


def condition(name: str, text: str) -> Condition:
    return Condition.of(ProjectName(name), SpecifierSet(text))


def clause(when: tuple[str, str], required: tuple[str, str]) -> Clause:
    needed = condition(*required)
    return Clause("some-rule", (condition(*when), needed.negated()), needed)


SCIPY = clause(("scipy", "<1.13"), ("numpy", "<2"))


@pytest.mark.parametrize(
    ("name", "present", "tried"),
    [
        ("numpy", ">=2", ["<2"]),
        ("numpy", ">=1.26", [">=1.26,<2"]),
        ("numpy", ">=1.26,<3", [">=1.26,<2"]),
        ("numpy", "==2.1.0", ["<2"]),
        ("scipy", "<1.13", [">=1.13"]),
        ("scipy", ">=1.11,<1.13", [">=1.13"]),
        ("scipy", "!=1.12.0", [">=1.13"]),
        ("scipy", "==1.12.0", ["==1.13", ">=1.13"]),
        ("pandas", ">=2", []),
    ],
)
def test_a_rule_gives_its_own_range_within_the_present_one_where_that_leaves_anything(
    name: str, present: str, tried: list[str]
) -> None:
    assert [sorted_text(text) for text in rule_versions(component(name, present), [SCIPY])] == list(map(sorted_text, tried))


def sorted_text(text: str) -> str:
    return ",".join(sorted(text.split(",")))


def test_a_range_that_a_table_words_in_its_own_way_gives_nothing_to_try() -> None:
    worded = Condition(ProjectName("torch"), (">=2",), " in 1.12, 1.13")
    assert (
        list(rule_versions(component("torch", "==2.5.1"), [Clause("x", (condition("a", "<1"), worded.negated()), worded)]))
        == []
    )


@pytest.mark.parametrize(
    ("present", "demand", "tried"),
    [
        (">=2.1", ">=1.21.0,<2.0.0", "<2.0.0"),
        ("==3.0", "<2", "<2"),
        (">=1,<4", ">=5", ">=5"),
        (">=1", "!=1.5,<2", ">=1,!=1.5,<2"),
    ],
)
def test_a_demand_gives_the_bounds_that_oppose_the_present_ones(present: str, demand: str, tried: str) -> None:
    assert [sorted_text(text) for text in demanded_versions(component("numpy", present), [SpecifierSet(demand)])] == [
        sorted_text(tried)
    ]


@pytest.mark.parametrize(
    ("present", "version", "text"),
    [
        (">=2", "1.26.4", "<2"),
        ("<1.13", "1.15.3", ">=1.13"),
        (">=1.11,<1.13", "1.10.1", "<1.11"),
        (">=1.11,<1.13", "1.15.3", ">=1.13"),
        ("==4.30.2", "5.0.0", "==5.0.0"),
        ("==2.6.0", "2.5.1+cu124", "==2.5.1"),
        ("~=4.30", "4.20", "<4.30"),
        ("==4.*", "5.1", "==5.1"),
    ],
)
def test_a_version_that_came_out_is_asked_for_by_the_other_side_of_a_bound_or_exactly(
    present: str, version: str, text: str
) -> None:
    assert nearest_specifier(SpecifierSet(present), Version(version)) == text


def test_the_facts_know_the_partners_of_a_torch_and_the_torch_of_a_partner() -> None:
    stack = (component("torch", "==2.5.1"), component("torchvision", "==0.19.1"))
    assert list(partner_versions(name_of("torchvision"), stack, FACTS)) == ["==0.20.1"]
    assert list(partner_versions(name_of("torch"), stack, FACTS)) == ["==2.4.1"]
    assert list(partner_versions(name_of("numpy"), stack, FACTS)) == []


def test_torches_with_a_wheel_for_the_python_are_tried_from_the_nearest_on() -> None:
    tried = list(torch_versions(component("torch", "==2.5.1"), make_target("3.14"), FACTS))
    assert tried[0] == "==2.9.0"
    assert list(torch_versions(component("torch", ">=2.5"), make_target("3.14"), FACTS)) == []
    older = list(torch_versions(component("torch", "==2.5.1"), make_target("3.8"), FACTS))
    assert older[0] == "==2.4.1"


def test_the_pythons_of_the_torch_are_tried_from_the_nearest_on() -> None:
    stack = (component("torch", "==2.5.1"),)
    assert list(pythons(make_target("3.14"), FACTS, stack, ())) == ["3.13", "3.12", "3.11", "3.10", "3.9"]
    barred = clause(("app", "<2"), ("python", "<3.13"))
    assert next(iter(pythons(make_target("3.14"), FACTS, stack, [barred]))) == "3.12"


def test_the_driver_that_a_rule_asks_for() -> None:
    assert list(drivers([clause((TORCH_CUDA, "==13.0"), ("driver", ">=580")), SCIPY])) == ["580"]


def test_the_architectures_that_no_rule_speaks_against() -> None:
    target = replace(make_target(), gpus=("sm_80", "sm_90a", "sm_120"))
    assert gpus_left(target, [clause(("torch", "<2.7"), ("sm", "<100"))]) == ("sm_80", "sm_90a")


def test_images_of_another_cuda_for_the_same_distribution() -> None:
    reference = "nvidia/cuda:12.4.1-devel-ubuntu22.04"
    image = BaseImage(reference=reference, repository="nvidia/cuda", tag="12.4.1-devel-ubuntu22.04", digest=None)
    target = replace(make_target(), distribution="ubuntu22.04")
    needs = clause((TORCH_CUDA, "==12.8"), ("cuda", ">=12.8,<13"))
    assert next(iter(base_images(image, target, FACTS, [needs]))) == "nvidia/cuda:12.8.1-devel-ubuntu22.04"
    other = replace(image, repository="pytorch/pytorch")
    assert list(base_images(other, target, FACTS, [needs])) == []


def test_addresses_of_the_builds_that_no_rule_speaks_against() -> None:
    url = "https://download.pytorch.org/whl/cu124"
    needs = clause((TORCH_CUDA, ">=12.2"), ("driver", ">=550"))
    assert list(addresses(url, component("torch", "==2.5.1"), FACTS, [needs])) == [
        "https://download.pytorch.org/whl/cu121",
        "https://download.pytorch.org/whl/cu118",
    ]
    assert list(addresses("https://example.org/simple", component("torch", "==2.5.1"), FACTS, [needs])) == []
