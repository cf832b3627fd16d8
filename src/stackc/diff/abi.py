"""Wheels that are built against one torch, and say so in their names, beside another."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct
from packaging.version import InvalidVersion, Version

from stackc.lock.model import Lock, Package
from stackc.matrix.builds import cuda_of_label

__all__ = ["ForeignBuild", "foreign_builds"]

# flash-attn 2.7.4.post1+cu12torch2.5cxx11abiFALSE (Dao-AILab/flash-attention, setup.py: get_wheel_url);
# torch-scatter 2.1.2+pt25cu124 (data.pyg.org); causal-conv1d and mamba-ssm name theirs like flash-attn.
_TORCH = re.compile(r"torch(?P<major>[0-9]+)\.(?P<minor>[0-9]+)|(?:^|[^a-z])pt(?P<pt>[0-9])(?P<pt_minor>[0-9]{1,2})(?![0-9])")
_CUDA = re.compile(r"cu(?P<digits>[0-9]{3})(?![0-9])")


class ForeignBuild(Struct, frozen=True, kw_only=True):
    """One wheel for another torch than the lock's: what it is built for, and what stands beside it."""

    name: str
    file: str
    built_for: str
    beside: str

    @property
    def text(self) -> str:
        """Return what makes two of them the same."""
        return f"{self.file} {self.beside}"


def foreign_builds(lock: Lock) -> Iterator[ForeignBuild]:
    """Yield each package whose label names another torch, or another CUDA than torch's own label does."""
    torch = next((package for package in lock.packages if package.name == "torch"), None)
    if torch is None:
        return
    cuda = cuda_of_label((torch.version.local or "").split(".")[0])
    for package in lock.packages:
        if package.name != "torch":
            yield from _foreign(package, torch.version, cuda)


def _foreign(package: Package, torch: Version, cuda: Version | None) -> Iterator[ForeignBuild]:
    label = _label(package)
    if found := _TORCH.search(label):
        major, minor = (found["major"], found["minor"]) if found["major"] else (found["pt"], found["pt_minor"])
        if (int(major), int(minor)) != torch.release[:2]:
            yield _build(package, f"torch {major}.{minor}", f"torch {torch}")
            return
    if (other := _CUDA.search(label)) and cuda is not None:
        built = cuda_of_label(other[0])
        if built is not None and built != cuda:
            yield _build(package, f"CUDA {built}", f"torch {torch}")


def _label(package: Package) -> str:
    """Return the local version label that a file's name carries, else that of the version."""
    parts = package.file.name.split("-")
    try:
        version = Version(parts[1]) if len(parts) > 1 else package.version
    except InvalidVersion:
        version = package.version
    return version.local or package.version.local or ""


def _build(package: Package, built_for: str, beside: str) -> ForeignBuild:
    return ForeignBuild(name=package.name, file=package.file.name, built_for=built_for, beside=beside)
