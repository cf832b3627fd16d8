from __future__ import annotations

import pytest
from msgspec.structs import replace
from packaging.version import Version

from stackc.diff.abi import foreign_builds
from stackc.lock.model import Lock, LockedFile
from unit.lock.lock_samples import LOCK, TORCH, package


def beside_torch(version: str, file: str, *, torch: str = "2.5.1+cu124") -> Lock:
    """The sample's torch at a version, and one more wheel."""
    wheel = replace(package("extension", version, step=4), file=LockedFile(name=file, sha256="a" * 64))
    return replace(LOCK, packages=(wheel, replace(TORCH, version=Version(torch))))


@pytest.mark.parametrize(
    ("version", "file", "built_for"),
    [
        ("2.7.4.post1", "flash_attn-2.7.4.post1+cu12torch2.4cxx11abiFALSE-cp310-cp310-linux_x86_64.whl", "torch 2.4"),
        ("2.1.2+pt24cu124", "torch_scatter-2.1.2+pt24cu124-cp310-cp310-linux_x86_64.whl", "torch 2.4"),
        ("2.1.2+pt210cu126", "torch_scatter-2.1.2+pt210cu126-cp310-cp310-linux_x86_64.whl", "torch 2.10"),
        ("2.1.2+pt25cu121", "torch_scatter-2.1.2+pt25cu121-cp310-cp310-linux_x86_64.whl", "CUDA 12.1"),
        ("0.20.1+cu121", "torchvision-0.20.1+cu121-cp310-cp310-linux_x86_64.whl", "CUDA 12.1"),
    ],
)
def test_a_wheel_that_names_another_torch_or_cuda_is_foreign(version: str, file: str, built_for: str) -> None:
    (build,) = foreign_builds(beside_torch(version, file))
    assert (build.name, build.file, build.built_for, build.beside) == ("extension", file, built_for, "torch 2.5.1+cu124")


@pytest.mark.parametrize(
    ("version", "file"),
    [
        ("2.7.4.post1", "flash_attn-2.7.4.post1+cu12torch2.5cxx11abiFALSE-cp310-cp310-linux_x86_64.whl"),
        ("2.1.2+pt25cu124", "torch_scatter-2.1.2+pt25cu124-cp310-cp310-linux_x86_64.whl"),
        ("0.20.1+cu124", "torchvision-0.20.1+cu124-cp310-cp310-linux_x86_64.whl"),
        ("12.4.5.8", "nvidia_cublas_cu11-12.4.5.8-py3-none-manylinux2014_x86_64.whl"),
        ("1.0+opt2400", "opt-1.0+opt2400-py3-none-any.whl"),
        ("1.0", "no wheel at all"),
    ],
)
def test_a_wheel_that_names_this_torch_or_none_is_not(version: str, file: str) -> None:
    assert list(foreign_builds(beside_torch(version, file))) == []


def test_without_torch_or_its_label_there_is_nothing_to_be_foreign_to() -> None:
    wheel = "torchvision-0.20.1+cu121-cp310-cp310-linux_x86_64.whl"
    assert list(foreign_builds(beside_torch("0.20.1+cu121", wheel, torch="2.5.1"))) == []
    assert list(foreign_builds(replace(LOCK, packages=LOCK.packages[:1]))) == []
