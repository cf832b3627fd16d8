"""What `stackc init` offers, and how it refuses what the facts do not have. The facts here are a small folder of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Finding, UsageError
from stackc.init.offer import Offer, Shop
from stackc.init.wanted import Wanted, want
from stackc.matrix.facts import Facts

KNOWN = 'status = "verified"\nsource = "a test"\ndate = 2026-01-01\n'
TORCHES = {"3.0.0": ["3.10", "3.11"], "3.1.0": ["3.10", "3.11", "3.12"], "3.2.0": ["3.11", "3.12"], "3.3.0": ["3.12"]}


def rows(key: str, *tables: str) -> str:
    return "".join(f"[[{key}]]\n{table}\n{KNOWN if 'status' not in table else ''}\n" for table in tables)


def torch(version: str, pythons: list[str]) -> str:
    return f'version = "{version}"\nreleased = 2025-01-01\nrequires-python = ">=3.10"\npythons = {pythons}\npypi-cuda = "20.1"'


def partner(version: str, of: str | None, pythons: list[str]) -> str:
    named = "" if of is None else f'torch = "=={of}"\n'
    return f'version = "{version}"\nreleased = 2025-01-01\n{named}pythons = {pythons}'


FILES = {
    "torch": rows("torch", *(torch(version, pythons) for version, pythons in TORCHES.items())),
    "variants": rows(
        "torch",
        'torch = "3.0.0"\nvariants = ["cu200"]',
        'torch = "3.1.0"\nvariants = ["cu200", "cu201"]',
        'torch = "3.2.0"\nvariants = ["cu201", "cu202"]',
        'torch = "3.3.0"\nvariants = ["cu201"]\nstatus = "reported"\nsource = "hearsay"\ndate = 2026-01-01',
    ),
    "torchvision": rows(
        "torchvision", *(partner(f"1.{version[2]}.0", version, pythons) for version, pythons in TORCHES.items())
    ),
    "torchaudio": rows(
        "torchaudio", partner("3.0.0", "3.0.0", ["3.10", "3.11"]), partner("3.1.0", "3.1.0", ["3.10", "3.11", "3.12"])
    ),
    "partners": rows("partner", 'torch = "3.2.0"\nproject = "torchaudio"\nversion = "==3.1.0"'),
    "cuda": rows("cuda", *(f'cuda = "20.{minor}"\nruns = "700"\nships = "70{minor}.1"' for minor in (0, 1, 2))),
    "images": rows(
        "image",
        'cuda = "20.0.1"\ncudnn = "9"\ndistributions = ["ubuntu22.04"]',
        'cuda = "20.1.0"\ncudnn = "9"\ndistributions = ["ubuntu16.04", "ubuntu22.04", "ubuntu24.04"]',
        'cuda = "20.1.1"\ncudnn = "9"\ndistributions = ["ubuntu24.04"]',
        'cuda = "20.2.0"\ncudnn = "9"\ndistributions = ["ubuntu24.04"]',
    ),
    "bases": rows(
        "distribution",
        *(
            f'id = "{name}"\naliases = ["{alias}"]\nglibc = "2.35"\npython3 = "{python}"\npackages = "apt"'
            for name, alias, python in (
                ("ubuntu22.04", "jammy", "3.10"),
                ("ubuntu24.04", "noble", "3.12"),
                ("debian12", "bookworm", "3.11"),
                ("debian13", "trixie", "3.13"),
            )
        ),
    ),
    "architectures": rows("build", 'torch = "3.2"\ncuda = "20.1"\nsm = ["9.0", "10.0"]'),
}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    for name, text in FILES.items():
        (tmp_path / f"{name}.toml").write_text(text.replace("'", '"'), encoding="utf-8")
    return Shop(Facts(tmp_path))


def told(offer: Offer) -> Mapping[str, object]:
    return {
        "label": offer.label,
        "trio": [str(version) for version in offer.trio.versions.values()],
        "base": offer.base.reference,
        "own": offer.base.own,
        "driver": None if offer.driver is None else offer.driver.ships,
        "capabilities": offer.capabilities,
    }


def refusal(ask: Callable[[], object]) -> tuple[Finding, ...]:
    with pytest.raises(UsageError) as caught:
        ask()
    return caught.value.findings


def test_a_cuda_is_offered_if_all_three_are_built_for_it(shop: Shop) -> None:
    assert shop.cudas() == ("20.1", "20.0")  # torchaudio 3.1.0 was built with torch 3.1.0, when there was no CUDA 20.2


def test_the_pythons_are_those_of_all_three(shop: Shop) -> None:
    assert {cuda: shop.pythons(cuda) for cuda in (None, "20.0", "20.1")} == {
        None: ("3.10", "3.11", "3.12"),
        "20.0": ("3.10", "3.11", "3.12"),
        "20.1": ("3.10", "3.11", "3.12"),
    }


def test_the_usual_python_is_the_newest_that_the_base_brings(shop: Shop) -> None:
    assert {cuda: shop.default_python(cuda) for cuda in (None, "20.0", "20.1")} == {
        None: "3.11",
        "20.0": "3.10",
        "20.1": "3.12",
    }


def test_the_newest_verified_trio_and_the_newest_image_are_taken(shop: Shop) -> None:
    assert told(shop.offer(cuda="20.1", python="3.12", bounds={})) == {
        "label": "cu201",
        "trio": ["3.2.0", "1.2.0", "3.1.0"],
        "base": "nvidia/cuda:20.1.1-devel-ubuntu24.04",
        "own": True,
        "driver": "701.1",
        "capabilities": ("9.0", "10.0"),
    }


def test_an_older_image_is_taken_if_its_distribution_brings_the_python(shop: Shop) -> None:
    assert told(shop.offer(cuda="20.1", python="3.10", bounds={})) == {
        "label": "cu201",
        "trio": ["3.1.0", "1.1.0", "3.1.0"],
        "base": "nvidia/cuda:20.1.0-devel-ubuntu22.04",
        "own": True,
        "driver": "701.1",
        "capabilities": (),
    }


def test_a_python_that_no_distribution_brings_goes_on_the_newest_image(shop: Shop) -> None:
    made = told(shop.offer(cuda="20.1", python="3.11", bounds={}))
    assert (made["base"], made["own"]) == ("nvidia/cuda:20.1.1-devel-ubuntu24.04", False)


@pytest.mark.parametrize(("python", "base"), [("3.10", "python:3.10-slim-bookworm"), ("3.12", "python:3.12-slim-bookworm")])
def test_without_a_cuda_the_base_is_pythons_own_image(shop: Shop, python: str, base: str) -> None:
    made = told(shop.offer(cuda=None, python=python, bounds={}))
    assert (made["label"], made["base"], made["own"], made["driver"]) == ("cpu", base, True, None)


def test_bounds_choose_an_older_trio(shop: Shop) -> None:
    bounds = {NormalizedName("torchvision"): SpecifierSet("<1.2")}
    assert shop.offer(cuda="20.1", python="3.12", bounds=bounds).trio.torch == Version("3.1.0")


def test_a_cuda_that_the_facts_do_not_have_is_refused_with_those_that_they_have(shop: Shop) -> None:
    expected = Finding(
        code="S011",
        message="the facts have no image and no torch with its partners for CUDA `20.2`",
        hint="choose one of 20.1, 20.0 with `--cuda`, or `--cpu`",
    )
    assert refusal(lambda: shop.offer(cuda="20.2", python="3.12", bounds={})) == (expected,)


@pytest.mark.parametrize(("cuda", "where"), [(None, "without CUDA"), ("20.1", "and CUDA 20.1")])
def test_a_python_that_the_facts_do_not_have_is_refused_with_those_that_they_have(
    shop: Shop, cuda: str | None, where: str
) -> None:
    expected = Finding(
        code="S011",
        message=f"the facts have no torch with its partners for Python `3.13` {where}",
        hint="choose one of 3.10, 3.11, 3.12 with `--python`",
    )
    assert refusal(lambda: shop.offer(cuda=cuda, python="3.13", bounds={})) == (expected,)


def test_a_torch_that_the_facts_do_not_have_is_refused_with_those_that_they_have(shop: Shop) -> None:
    expected = Finding(
        code="S011",
        message="the facts have no torch with its partners within `torch==9` for Python 3.12 and CUDA 20.1",
        hint="these belong together there:\ntorch 3.2.0, torchvision 1.2.0, torchaudio 3.1.0\n"
        "torch 3.1.0, torchvision 1.1.0, torchaudio 3.1.0",
    )
    bounds = {NormalizedName("torch"): SpecifierSet("==9")}
    assert refusal(lambda: shop.offer(cuda="20.1", python="3.12", bounds=bounds)) == (expected,)


def test_projects_are_taken_by_name_versions_and_extras() -> None:
    assert want(["Transformers", "accelerate[b,a]==1.0.1"]) == {
        "transformers": Wanted(spelled="Transformers", versions=SpecifierSet()),
        "accelerate": Wanted(spelled="accelerate", versions=SpecifierSet("==1.0.1"), extras=("a", "b")),
    }


def test_what_is_no_project_is_refused_all_at_once() -> None:
    texts = ["x @ https://example.org/x.whl", "y; python_version < '3'", "./z", "a_b", "A-B>1"]
    hint = "write it as `transformers`, `accelerate==1.0.1` or `transformers[torch]>=4.50,<5`"
    none = [
        Finding(code="S012", message=f"`{text}` is no project with versions and extras alone", hint=hint) for text in texts[:3]
    ]
    twice = Finding(code="S012", message="`A-B>1` names a project a second time", hint="name it once, with all of its bounds")
    assert refusal(lambda: want(texts)) == (*none, twice)
