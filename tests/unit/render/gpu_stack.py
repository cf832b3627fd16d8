"""The lock and manifest of a small GPU stack, built by hand, for the tests of rendering and export."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.lock.model import Engine, Inputs, Lock, LockedFile, LockedTarget, Package, Root, Route
from stackc.manifest.model import BaseImage, Component, Image, Index, Manifest, MatrixChoice, Places, Policy, TargetTable
from stackc.target import Target

BASE = "nvidia/cuda:12.4.1-devel-ubuntu22.04"
DIGEST = f"sha256:{'0' * 64}"
NVIDIA = "py3-none-manylinux2014_x86_64"
CP310 = "cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64"


def name(text: str) -> NormalizedName:
    return canonicalize_name(text)


def package(
    project: str,
    version: str,
    *,
    step: int,
    index: str = "pypi",
    tags: str = "py3-none-any",
    size: int | None = None,
    requires: tuple[str, ...] = (),
    why: tuple[str, ...] = (),
    extras: tuple[str, ...] = (),
    sdist: bool = False,
) -> Package:
    """Return a pin whose file has the sha256 of its own name."""
    stem = f"{project.replace('-', '_')}-{version}"
    file = f"{stem}.tar.gz" if sdist else f"{stem}-{tags}.whl"
    return Package(
        name=name(project),
        version=Version(version),
        index=index,
        step=step,
        file=LockedFile(name=file, sha256=hashlib.sha256(file.encode()).hexdigest(), size=size),
        extras=tuple(map(name, extras)),
        requires=requires,
        why=why,
    )


PACKAGES = (
    package(
        "accelerate",
        "1.0.1",
        step=4,
        size=330_864,
        requires=("numpy<3.0.0,>=1.17", "torch>=1.10.0"),
        why=("stack.toml <1.1,>=0.28",),
    ),
    package(
        "bitsandbytes",
        "0.45.0",
        step=4,
        size=69_093_137,
        requires=("numpy", "torch"),
        why=("stack.toml ==0.45.0",),
        tags="py3-none-manylinux_2_24_x86_64",
    ),
    package("filelock", "3.16.1", step=3, size=16_163, why=("torch", "transformers", "triton")),
    package(
        "numpy",
        "1.26.4",
        step=1,
        size=18_242_275,
        tags=CP310,
        why=(
            "accelerate <3.0.0,>=1.17",
            "bitsandbytes",
            "rule scipy-numpy1 <2",
            "scipy <1.29.0,>=1.22.4",
            "stack.toml <2.0.0,>=1.26.0",
            "torchvision",
            "transformers >=1.17",
        ),
    ),
    package(
        "nvidia-cublas-cu12", "12.4.5.8", step=3, size=363_438_805, tags=NVIDIA, why=("nvidia-cudnn-cu12", "torch ==12.4.5.8")
    ),
    package(
        "nvidia-cudnn-cu12",
        "9.1.0.70",
        step=3,
        size=664_752_741,
        tags=NVIDIA,
        requires=("nvidia-cublas-cu12",),
        why=("torch ==9.1.0.70",),
    ),
    package(
        "scipy",
        "1.12.0",
        step=2,
        size=38_420_000,
        tags=CP310,
        requires=("numpy<1.29.0,>=1.22.4",),
        why=("stack.toml <1.13.0,>=1.11.0",),
    ),
    package(
        "tokenizers",
        "0.21.4",
        step=4,
        size=3_100_000,
        tags="cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
        why=("transformers <0.22,>=0.21",),
    ),
    package(
        "torch",
        "2.5.1+cu124",
        step=3,
        index="cu124",
        tags="cp310-cp310-linux_x86_64",
        requires=("filelock", "nvidia-cublas-cu12==12.4.5.8", "nvidia-cudnn-cu12==9.1.0.70", "triton==3.1.0"),
        why=(
            "accelerate >=1.10.0",
            "bitsandbytes",
            "rule torch-cuda ==2.5.*",
            "stack.toml ==2.5.1",
            "torchaudio ==2.5.1",
            "torchvision ==2.5.1",
            "transformers >=2.0",
        ),
    ),
    package(
        "torchaudio",
        "2.5.1+cu124",
        step=3,
        index="cu124",
        tags="cp310-cp310-linux_x86_64",
        requires=("torch==2.5.1",),
        why=("stack.toml ==2.5.1",),
    ),
    package(
        "torchvision",
        "0.20.1+cu124",
        step=3,
        index="cu124",
        tags="cp310-cp310-linux_x86_64",
        requires=("numpy", "torch==2.5.1"),
        why=("stack.toml ==0.20.1",),
    ),
    package(
        "transformers",
        "4.50.3",
        step=4,
        size=10_180_000,
        extras=("torch",),
        requires=("filelock", "numpy>=1.17", "tokenizers<0.22,>=0.21", "torch>=2.0"),
        why=("stack.toml <4.51,>=4.38",),
    ),
    package(
        "triton",
        "3.1.0",
        step=3,
        size=209_506_424,
        tags="cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64",
        requires=("filelock",),
        why=("torch ==3.1.0",),
    ),
)

COMPONENTS = (
    Component(name=name("numpy"), spelled="numpy", version=SpecifierSet(">=1.26.0,<2.0.0"), order=1),
    Component(
        name=name("scipy"), spelled="scipy", version=SpecifierSet(">=1.11.0,<1.13.0"), order=2, imports=("scipy.special",)
    ),
    Component(
        name=name("torch"),
        spelled="torch",
        version=SpecifierSet("==2.5.1"),
        index="cu124",
        order=3,
        verify=("torch.version.cuda == '12.4'",),
    ),
    Component(name=name("torchvision"), spelled="torchvision", version=SpecifierSet("==0.20.1"), index="cu124", order=3),
    Component(name=name("torchaudio"), spelled="torchaudio", version=SpecifierSet("==2.5.1"), index="cu124", order=3),
    Component(name=name("bitsandbytes"), spelled="bitsandbytes", version=SpecifierSet("==0.45.0")),
    Component(name=name("transformers"), spelled="transformers", version=SpecifierSet(">=4.38,<4.51"), extras=(name("torch"),)),
    Component(name=name("accelerate"), spelled="accelerate", version=SpecifierSet(">=0.28,<1.1")),
)

IMAGE = Image(apt=("libgomp1", "build-essential"), workdir="/app", copy=("app/",), cmd=("python", "-m", "app"))


def gpu_target(**changes: object) -> Target:
    known: dict[str, object] = {
        "name": "gpu",
        "python": Version("3.10"),
        "platform": "linux/amd64",
        "base": BASE,
        "glibc": (2, 35),
        "cuda": Version("12.4"),
        "driver": Version("550"),
        "gpus": ("sm_80", "sm_90"),
        "distribution": "ubuntu22.04",
        "system_python": "3.10",
    }
    return Target(**{**known, **changes})  # type: ignore[arg-type]


def gpu_manifest(
    *,
    image: Image = IMAGE,
    components: tuple[Component, ...] = COMPONENTS,
    cu124: str = "https://download.pytorch.org/whl/cu124",
    lines: Mapping[tuple[str | int, ...], int] | None = None,
) -> Manifest:
    base = BaseImage(reference=BASE, repository="nvidia/cuda", tag="12.4.1-devel-ubuntu22.04", digest=None)
    return Manifest(
        name="zopilot-gpu",
        default_target="gpu",
        indexes={
            "pypi": Index(name="pypi", url=None, default=True),
            "cu124": Index(name="cu124", url=cu124, serves=("torch", "torchaudio", "torchvision")),
        },
        targets={
            "gpu": TargetTable(
                name="gpu", python="3.10", platform="linux/amd64", base=base, driver="550", gpus=("sm_80", "sm_90")
            )
        },
        components={component.name: component for component in components},
        image=image,
        policy=Policy(exclude_newer=dt.datetime(2026, 11, 20, tzinfo=dt.timezone.utc)),
        matrix=MatrixChoice(),
        places=Places(file="stack.toml", lines=lines or {}, sources={}),
    )


def roots_of(components: tuple[Component, ...]) -> tuple[Root, ...]:
    ordered = sorted(components, key=lambda component: (component.order is None, component.order or 0))
    return tuple(Root(requirement=f"{c.spelled}{c.version}", order=c.order, index=c.index) for c in ordered)


def gpu_lock(
    *,
    packages: tuple[Package, ...] = PACKAGES,
    tools: tuple[Package, ...] | None = None,
    components: tuple[Component, ...] = COMPONENTS,
    target: Target | None = None,
) -> Lock:
    chosen = target or gpu_target()
    own = (package("pip", "26.3", step=0, size=1_800_000), package("setuptools", "80.9.0", step=0, why=("stack.toml >=75",)))
    return Lock(
        target=LockedTarget(
            name=chosen.name,
            python=str(chosen.python),
            platform=chosen.platform,
            base=chosen.base,
            cuda=str(chosen.cuda) if chosen.cuda else None,
            glibc="{}.{}".format(*chosen.glibc),
            driver=str(chosen.driver) if chosen.driver else None,
            gpus=chosen.gpus,
        ),
        stackc="0.1.0",
        inputs=Inputs(manifest=DIGEST, matrix=DIGEST, templates=DIGEST, outputs=DIGEST),
        engine=Engine(name="uv", version="0.13.9"),
        exclude_newer=dt.datetime(2026, 11, 20, tzinfo=dt.timezone.utc),
        routes=(Route(index="cu124", serves=("torch", "torchaudio", "torchvision")), Route(index="pypi", default=True)),
        roots=roots_of(components),
        sdists=(),
        tools=own if tools is None else tools,
        packages=packages,
    )


def without_refusals(dockerfile: str) -> str:
    """Return a Dockerfile without what each installation says when it fails; that is tested by itself."""
    return re.sub(r" \\\n \|\| \{ echo 'stackc: [^\n]* exit 1; \}", "", dockerfile)
