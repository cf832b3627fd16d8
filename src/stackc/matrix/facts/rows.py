"""The rows of the fact tables: one kind per table. The head of each file says what its keys mean."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec
from packaging.specifiers import SpecifierSet
from packaging.version import Version

__all__ = [
    "NEEDING",
    "ArchitectureFacts",
    "BitsandbytesFacts",
    "CudaFacts",
    "Distribution",
    "Fact",
    "Family",
    "FlashAttnFacts",
    "ImageFacts",
    "NeedsFacts",
    "PairFacts",
    "PartnerFacts",
    "SelectionFacts",
    "Status",
    "TorchRelease",
    "VariantFacts",
    "decode",
]

Status = Literal["verified", "single-source", "reported", "inferred", "copy"]
"""How a fact is known: `verified` in the named source, or less than that."""

NEEDING: Mapping[str, tuple[str, ...]] = {
    "accelerate": ("huggingface-hub", "torch"),
    "diffusers": ("accelerate", "huggingface-hub", "torch"),
    "peft": ("accelerate", "huggingface-hub", "torch", "transformers"),
    "sentence-transformers": ("huggingface-hub", "torch", "transformers"),
    "transformers": ("accelerate", "huggingface-hub", "tokenizers", "torch"),
    "trl": ("accelerate", "torch", "transformers"),
    "vllm": ("torch", "torchaudio", "torchvision", "transformers", "xformers"),
    "xformers": ("torch",),
}
"""The projects that have a table of what their releases need, and of whom: what else they need, they say themselves."""

_Row = TypeVar("_Row")


class Fact(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What every row has: how it is known, from where, and when that was read."""

    status: Status
    source: str
    date: dt.date


class TorchRelease(Fact, frozen=True, kw_only=True):
    """One release of torch as the default index has it."""

    version: Version
    released: dt.date
    requires_python: SpecifierSet
    pythons: tuple[str, ...]
    pypi_cuda: str
    triton: SpecifierSet | None = None
    cudnn: str | None = None


class VariantFacts(Fact, frozen=True, kw_only=True):
    """The CUDA builds of one torch on PyTorch's own indexes, and the Pythons that only they have."""

    torch: Version
    variants: tuple[str, ...]
    pythons: tuple[str, ...] = ()


class PartnerFacts(Fact, frozen=True, kw_only=True):
    """One release of torchvision or torchaudio, and the torch that it names; None where it names none."""

    version: Version
    released: dt.date
    torch: SpecifierSet | None = None
    pythons: tuple[str, ...]


class PairFacts(Fact, frozen=True, kw_only=True):
    """A release of `project` that belongs to a torch although its metadata does not say so."""

    torch: Version
    project: Literal["torchvision", "torchaudio", "triton"]
    version: SpecifierSet


class CudaFacts(Fact, frozen=True, kw_only=True):
    """One CUDA toolkit: the oldest driver that `runs` it by minor-version compatibility, and the one that `ships` with it.

    Drivers are texts, since NVIDIA writes `520.61.05`, and no version keeps the zero.
    """

    cuda: Version
    runs: str
    ships: str


class ArchitectureFacts(Fact, frozen=True, kw_only=True):
    """The compute capabilities that the builds of one minor release of torch for one CUDA have code for, or PTX."""

    torch: str
    cuda: Version
    sm: tuple[str, ...]
    ptx: tuple[str, ...] = ()


class BitsandbytesFacts(Fact, frozen=True, kw_only=True):
    """One release of bitsandbytes, and the CUDA versions that its wheel has a library for."""

    version: Version
    released: dt.date
    requires_python: SpecifierSet | None = None
    torch: SpecifierSet | None = None
    cuda: tuple[str, ...]


class SelectionFacts(Fact, frozen=True, kw_only=True):
    """How releases of bitsandbytes choose a library: one for torch's CUDA exactly, or any of the same major version."""

    first: Version
    last: Version | None = None
    match: Literal["exact", "major"]


class NeedsFacts(Fact, frozen=True, kw_only=True):
    """What the consecutive releases from `first` to `last` need of other projects.

    `optional` names those of `requires` that only an extra bounds so: nobody enforces it on who does not ask for the extra.
    """

    first: Version
    last: Version
    requires: Mapping[str, SpecifierSet]
    optional: tuple[str, ...] = ()


class FlashAttnFacts(Fact, frozen=True, kw_only=True):
    """The builds that the releases of flash-attn from `first` to `last` have published wheels for."""

    first: Version
    last: Version
    torch: tuple[str, ...]
    cuda: tuple[str, ...]


class Family(Fact, frozen=True, kw_only=True):
    """The images of one repository, and what a tag of theirs says through its named groups."""

    repository: str
    tag: re.Pattern[str]


class Distribution(Fact, frozen=True, kw_only=True):
    """One Linux distribution: its glibc, what it installs as `python3`, and its package manager."""

    id: str
    aliases: tuple[str, ...] = ()
    glibc: str
    python3: str | None = None
    packages: Literal["apt", "dnf"]


class ImageFacts(Fact, frozen=True, kw_only=True):
    """The nvidia/cuda images of one CUDA release with cuDNN: on which distributions they are built."""

    cuda: Version
    cudnn: str
    distributions: tuple[str, ...]


def decode(value: object, kind: type[_Row]) -> _Row:
    """Return what a TOML parser read as rows. Raises msgspec.ValidationError."""
    return msgspec.convert(value, kind, dec_hook=_decode)


def _decode(kind: type[object], value: object) -> object:
    """Build the values that TOML has no type for; msgspec calls this for every such field."""
    if not isinstance(value, str):
        raise TypeError(f"expected a string, got {type(value).__name__}")
    if kind is Version:
        return Version(value)
    if kind is SpecifierSet:
        return SpecifierSet(value)
    return re.compile(value)
