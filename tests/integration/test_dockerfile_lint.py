"""The real hadolint, with its default rules and threshold, on rendered Dockerfiles."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from stackc.lock.model import Engine, Inputs, Lock, LockedFile, LockedTarget, Package, Root, Route
from stackc.manifest.model import BaseImage, Component, Image, Index, Manifest, MatrixChoice, Places, Policy, TargetTable
from stackc.render.outputs import render
from stackc.render.templates import environment
from stackc.target import Target

HADOLINT = Path(sys.executable).parent / "hadolint"
BASE = "nvidia/cuda:12.4.1-devel-ubuntu22.04"
IMAGE = Image(apt=("libgomp1", "build-essential"), copy=("app/",), cmd=("python", "-m", "app"))
JINJA = environment(None)
RUNTIME = "nvidia/cuda:12.4.1-runtime-ubuntu22.04"
FULL = ("numpy", "1.26.4", 1, "pypi"), ("torch", "2.5.1+cu124", 2, "cu124"), ("filelock", "3.16.1", 2, "pypi")


def dockerfile(
    *,
    image: Image = IMAGE,
    base: str = BASE,
    image_python: str | None = None,
    pins: tuple[tuple[str, str, int, str], ...] = (*FULL, ("fastapi", "0.115.0", 3, "pypi")),
) -> bytes:
    zero = f"sha256:{'0' * 64}"
    packages = tuple(
        Package(
            name=canonicalize_name(name),
            version=Version(version),
            index=index,
            step=step,
            file=LockedFile(name=f"{name}-{version}-py3-none-any.whl", sha256="0" * 64),
        )
        for name, version, step, index in pins
    )
    components = (
        Component(name=canonicalize_name("numpy"), spelled="numpy", version=SpecifierSet("<2"), order=1),
        Component(name=canonicalize_name("torch"), spelled="torch", version=SpecifierSet("==2.5.1"), index="cu124", order=2),
    )
    uv = [("uv", "0.13.9")] if "uv" in {image.installer, image.python_from} else []
    target = Target(
        name="gpu",
        python=Version("3.10"),
        platform="linux/amd64",
        base=base,
        glibc=(2, 35),
        distribution="ubuntu22.04",
        system_python="3.10",
        image_python=image_python,
    )
    lock = Lock(
        target=LockedTarget(name="gpu", python="3.10", platform="linux/amd64", base=base),
        stackc="0.1.0",
        inputs=Inputs(manifest=zero, matrix=zero, templates=zero, outputs=zero),
        engine=Engine(name="uv", version="0.13.9"),
        exclude_newer=None,
        routes=(Route(index="cu124"), Route(index="pypi", default=True)),
        roots=tuple(Root(requirement=f"{root.name}{root.version}", order=root.order, index=root.index) for root in components),
        sdists=(),
        tools=tuple(
            Package(
                name=canonicalize_name(name),
                version=Version(version),
                index="pypi",
                step=0,
                file=LockedFile(name=f"{name}-{version}-py3-none-any.whl", sha256="0" * 64),
            )
            for name, version in (("pip", "26.3"), ("setuptools", "80.9.0"), *uv)
        ),
        packages=packages,
    )
    manifest = Manifest(
        name="gpu",
        default_target="gpu",
        indexes={
            "pypi": Index(name="pypi", url=None, default=True),
            "cu124": Index(name="cu124", url="https://user:pass@download.pytorch.org/whl/cu124?a=b&c=d"),
        },
        targets={
            "gpu": TargetTable(
                name="gpu",
                python="3.10",
                platform="linux/amd64",
                base=BaseImage(reference=base, repository="nvidia/cuda", tag=None, digest=None),
            )
        },
        components={component.name: component for component in components},
        image=image,
        policy=Policy(),
        matrix=MatrixChoice(),
        places=Places(file="stack.toml", lines={}, sources={}),
    )
    made = render(lock, manifest=manifest, target=target, folder="locks/gpu", project_templates=None, jinja=JINJA)
    return made["Dockerfile"]


def lint(content: bytes, folder: Path) -> tuple[int, str]:
    """Lint away from any configuration file, of this project or of who runs the test."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(
        [HADOLINT, "-"],
        input=content,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd=folder,
        env=environment,
    )
    return done.returncode, done.stdout.decode()


def test_the_linter_does_find_something_in_a_bad_file(tmp_path: Path) -> None:
    status, text = lint(b"FROM debian\nRUN apt-get install git\n", tmp_path)
    assert status == 1
    assert "DL3006" in text


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(dockerfile(), id="everything"),
        pytest.param(dockerfile(image=Image()), id="a bare image"),
        pytest.param(dockerfile(image_python="3.10.14"), id="python from the image"),
        pytest.param(dockerfile(image=Image(), image_python="3.10"), id="a bare image with its own python"),
        pytest.param(dockerfile(pins=FULL), id="no requirements.txt"),
        pytest.param(dockerfile(pins=(*FULL, ("kernels", "1.0", 3, "cu124"))), id="another index in the last step"),
        pytest.param(dockerfile(base=f"{BASE}@sha256:{'0' * 64}"), id="a base with a digest"),
        pytest.param(
            dockerfile(
                image=Image(
                    apt=("git=1:2.34.1-1ubuntu1.11",),
                    workdir='/a "b" $(reboot)\\',
                    copy=("--from=evil/", "my $(app)/", "*.py", "main.py", "."),
                    cmd=("sh", "-c", 'echo "$HOME" `id`'),
                )
            ),
            id="hostile values",
        ),
    ],
)
def test_the_dockerfile_is_clean(content: bytes, tmp_path: Path) -> None:
    assert lint(content, tmp_path) == (0, "")


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize("mounts", [False, True], ids=["no mounts", "mounts"])
def test_the_dockerfile_is_clean_whatever_options_are_combined(tmp_path: Path, installer: str, mounts: bool) -> None:
    """All that `[image]` can choose between, each with each; the linter is started once for many files."""
    runtime = BaseImage(reference=RUNTIME, repository="nvidia/cuda", tag="12.4.1-runtime-ubuntu22.04", digest=None)
    choices = product(
        (IMAGE, Image()),
        (None, "distribution", "uv"),
        ((None, {}), ("app", {"x.y": 'a "b" $c'})),
        ((None, ()), (runtime, ()), (runtime, ("libgomp1",))),
    )
    written = []
    for number, (image, python_from, (user, labels), (base, apt)) in enumerate(choices):
        chosen = replace(
            image,
            installer=installer,
            python_from=python_from,
            cache_mounts=mounts,
            user=user,
            runtime_base=base,
            runtime_apt=apt,
            labels=labels,
        )
        written.append(tmp_path / f"Dockerfile.{number}")
        written[-1].write_bytes(dockerfile(image=chosen))
    assert len(written) == 36
    done = subprocess.run([HADOLINT, *written], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
