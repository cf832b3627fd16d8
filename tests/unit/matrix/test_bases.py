from __future__ import annotations

import pytest
from packaging.version import Version

from stackc.errors import Finding, IncompatibleError, ManifestError, Place
from stackc.manifest.model import BaseImage, Places, Policy, TargetTable
from stackc.manifest.reference import base_image
from stackc.matrix.bases import check_base, resolve_target
from stackc.matrix.facts import Facts
from stackc.target import Target

FACTS = Facts.load()


def table(reference: str, *, python: str = "3.10", cuda: str | None = None, glibc: str | None = None) -> TargetTable:
    image = base_image(reference)
    assert isinstance(image, BaseImage)
    return TargetTable(name="gpu", python=python, platform="linux/amd64", base=image, cuda=cuda, glibc=glibc)


def test_a_known_base_fills_the_target(places: Places) -> None:
    stated = TargetTable(
        name="gpu",
        python="3.10",
        platform="linux/amd64",
        base=BaseImage(
            reference="nvidia/cuda:12.4.1-devel-ubuntu22.04",
            repository="nvidia/cuda",
            tag="12.4.1-devel-ubuntu22.04",
            digest=None,
        ),
        driver="550",
        gpus=("sm_80",),
    )
    assert resolve_target(stated, facts=FACTS, places=places) == Target(
        name="gpu",
        python=Version("3.10"),
        platform="linux/amd64",
        base="nvidia/cuda:12.4.1-devel-ubuntu22.04",
        glibc=(2, 35),
        cuda=Version("12.4"),
        driver=Version("550"),
        gpus=("sm_80",),
        distribution="ubuntu22.04",
        system_python="3.10",
        image_python=None,
    )


@pytest.mark.parametrize(
    ("reference", "python", "implied"),
    [
        ("docker.io/nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu20.04", "3.8", ("11.8", (2, 31), "ubuntu20.04", "3.8", None)),
        (
            "nvcr.io/nvidia/cuda:13.0.2-base-ubuntu24.04@sha256:" + 64 * "0",
            "3.12",
            ("13.0", (2, 39), "ubuntu24.04", "3.12", None),
        ),
        ("localhost:5000/nvidia/cuda:12.8.1-cudnn-devel-rockylinux9", "3.12", ("12.8", (2, 34), "rockylinux9", None, None)),
        ("nvidia/cuda:12.6.3-runtime-ubi8", "3.11", ("12.6", (2, 28), "ubi8", None, None)),
        ("python:3.10-slim-bookworm", "3.10", (None, (2, 36), "debian12", "3.11", "3.10")),
        ("docker.io/library/python:3.11.9-bookworm", "3.11", (None, (2, 36), "debian12", "3.11", "3.11.9")),
        ("debian:trixie-20260202-slim", "3.13", (None, (2, 41), "debian13", "3.13", None)),
        ("debian:12.13", "3.11", (None, (2, 36), "debian12", "3.11", None)),
        ("ubuntu:jammy-20240911.1", "3.10", (None, (2, 35), "ubuntu22.04", "3.10", None)),
        ("ubuntu:24.04", "3.12", (None, (2, 39), "ubuntu24.04", "3.12", None)),
    ],
)
def test_what_a_tag_says(
    places: Places, reference: str, python: str, implied: tuple[str | None, tuple[int, int], str, str | None, str | None]
) -> None:
    target = resolve_target(table(reference, python=python), facts=FACTS, places=places)
    cuda = None if target.cuda is None else str(target.cuda)
    assert (cuda, target.glibc, target.distribution, target.system_python, target.image_python) == implied
    assert target.base == reference


@pytest.mark.parametrize(
    "reference",
    [
        "example.org/team/base:1",
        "nvidia/cuda:12.4.1-devel",
        "nvidia/cuda:latest",
        "nvidia/cuda",
        "debian:stable-slim",
        "python:3.12-alpine",
        "pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime",
        "nvcr.io/nvidia/pytorch:24.10-py3",
    ],
)
def test_a_base_whose_glibc_is_not_known_takes_the_stated_one(places: Places, reference: str) -> None:
    with pytest.raises(ManifestError) as raised:
        resolve_target(table(reference, python="3.12"), facts=FACTS, places=places)
    assert [finding.code for finding in raised.value.findings] == ["S210"]
    assert resolve_target(table(reference, python="3.12", glibc="2.35"), facts=FACTS, places=places).glibc == (2, 35)


def test_an_unknown_base_is_told_whole(places: Places) -> None:
    with pytest.raises(ManifestError) as raised:
        resolve_target(table("example.org/team/base:1"), facts=FACTS, places=places)
    assert raised.value.findings == (
        Finding(
            code="S210",
            message="the matrix does not know the base image `example.org/team/base:1`",
            places=(Place(file="stack.toml", line=3, path=("targets", "gpu", "base")),),
            notes=("it reads the tags of debian, nvidia/cuda, python, pytorch/pytorch, ubuntu",),
            hint='state `glibc = "X.Y"` under `[targets.gpu]`; `ldd --version` in the image prints it, '
            "and `cuda` too if the image has it",
        ),
    )


def test_a_tag_that_moves_between_distributions_is_told_whole(places: Places) -> None:
    with pytest.raises(ManifestError) as raised:
        resolve_target(table("python:3.12-slim", python="3.12"), facts=FACTS, places=places)
    assert raised.value.findings == (
        Finding(
            code="S210",
            message="the tag of the base image `python:3.12-slim` does not say which distribution is inside",
            places=(Place(file="stack.toml", line=3, path=("targets", "gpu", "base")),),
            notes=("a tag without the distribution's name moves to a newer one with time",),
            hint="name the distribution, such as `python:3.12-slim-bookworm`, or "
            'state `glibc = "X.Y"` under `[targets.gpu]`; `ldd --version` in the image prints it',
        ),
    )


def test_what_a_tag_says_in_part_is_kept(places: Places) -> None:
    slim = resolve_target(table("python:3.12.1-slim", python="3.12", glibc="2.36"), facts=FACTS, places=places)
    torch = resolve_target(table("pytorch/pytorch:2.5.1-cuda12.4-cudnn9-devel", glibc="2.35"), facts=FACTS, places=places)
    assert (slim.image_python, slim.distribution, torch.cuda) == ("3.12.1", None, Version("12.4"))


def test_cuda_may_be_stated_where_the_base_has_none(places: Places) -> None:
    target = resolve_target(table("debian:bookworm", python="3.11", cuda="12.4"), facts=FACTS, places=places)
    assert target.cuda == Version("12.4")


def test_what_is_stated_and_agrees_is_fine(places: Places) -> None:
    stated = table("nvidia/cuda:12.4.1-devel-ubuntu22.04", cuda="12.4", glibc="2.35")
    assert resolve_target(stated, facts=FACTS, places=places).cuda == Version("12.4")


def test_all_that_the_base_contradicts_is_told_together(places: Places) -> None:
    with pytest.raises(IncompatibleError) as raised:
        resolve_target(table("nvidia/cuda:12.4.1-devel-ubuntu22.04", cuda="12.6", glibc="2.36"), facts=FACTS, places=places)
    assert [finding.message for finding in raised.value.findings] == [
        "target `gpu` states CUDA 12.6, and its base image has CUDA 12.4",
        "target `gpu` states glibc 2.36, and its base image has glibc 2.35",
    ]


@pytest.mark.parametrize("python", ["3.12", "3.11.4"])
def test_a_python_that_the_image_does_not_have_is_told_whole(places: Places, python: str) -> None:
    with pytest.raises(IncompatibleError) as raised:
        resolve_target(table("python:3.11.9-bookworm", python=python), facts=FACTS, places=places)
    assert raised.value.findings == (
        Finding(
            code="S211",
            message=f"target `gpu` states Python {python}, and its base image has Python 3.11.9",
            places=(
                Place(file="stack.toml", line=2, path=("targets", "gpu", "python")),
                Place(file="stack.toml", line=3, path=("targets", "gpu", "base")),
            ),
            wanted=f"Python {python}",
            found="Python 3.11.9 in `python:3.11.9-bookworm`",
            hint=f'choose a base image with Python {python}, or state `python = "3.11.9"`',
        ),
    )


@pytest.mark.parametrize(
    ("reference", "known"),
    [
        ("nvidia/cuda:12.4.1-devel-ubuntu22.04", None),
        ("nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04", None),
        ("nvidia/cuda:12.4.7-devel-ubuntu22.04", "12.4.1"),
        ("nvidia/cuda:12.6.9-base-ubuntu24.04", "12.6.0, 12.6.1, 12.6.2 and 12.6.3"),
        ("nvidia/cuda:12.1.1-devel-ubuntu24.04", "13.2.1"),
        ("nvidia/cuda:12.4.7-devel-ubuntu22.04@sha256:" + 64 * "0", None),
        ("nvidia/cuda:99.0.0-devel-ubuntu22.04", None),
        ("nvidia/cuda:12.4-devel-ubuntu22.04", None),
        ("nvidia/cuda:12.4.7-devel-ubi9", None),
        ("example.org/nvidia/cuda:12.4.7-devel-ubuntu22.04", "12.4.1"),
        ("python:3.10-slim-bookworm", None),
    ],
)
def test_an_image_that_nobody_knows_of_is_told(places: Places, reference: str, known: str | None) -> None:
    found = check_base(table(reference), facts=FACTS, policy=Policy(), places=places)

    assert [(finding.code, finding.severity) for finding in found] == ([("S212", "warning")] if known else [])
    assert [f"it knows {known} on" in (finding.hint or "") for finding in found] == ([True] if known else [])
    assert check_base(table(reference), facts=FACTS, policy=Policy(unknown="allow"), places=places) == ()
