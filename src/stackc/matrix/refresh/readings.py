"""Rows of facts out of what an index's own metadata say."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.matrix.facts.rows import NEEDING, BitsandbytesFacts, PartnerFacts, TorchRelease
from stackc.matrix.facts.torch import exact_pin
from stackc.matrix.refresh.releases import Release, Wheel
from stackc.target import Target
from stackc.view.metadata import MetadataError, MetadataReader, Neutral

__all__ = ["EXTRAS", "Needs", "Reading", "ReadingError", "bitsandbytes_row", "needs_of", "partner_row", "read", "torch_row"]

EXTRAS = ("accelerate", "torch")
"""The extras whose requirements count like any other in the tables of needs."""

_TOOLKIT = "cuda-toolkit"
_RUNTIME = re.compile(r"nvidia-cuda-runtime(-cu\d+)?")
_CUDNN = re.compile(r"nvidia-cudnn(-cu\d+)?")
_LIBRARY = re.compile(r"bitsandbytes/libbitsandbytes_cuda(\d+)(\d)(_nocublaslt)?\.so")


class ReadingError(Exception):
    """Metadata that do not give a row."""


class Reading(Struct, frozen=True, kw_only=True):
    """What was read of one release: the metadata of one of its wheels, for Linux x86_64 and a Python that the wheel serves."""

    release: Release
    wheel: Wheel
    metadata: Neutral
    date: dt.date

    @property
    def source(self) -> str:
        """Return where the row is known from."""
        return f"METADATA of {self.wheel.file.filename}"

    def bounds(self, *, extras: Iterable[str] = ()) -> dict[str, SpecifierSet]:
        """Return the specifiers of each required project, all requirements of it taken together."""
        found: dict[str, SpecifierSet] = {}
        for need in self.metadata.active(NormalizedName(extra) for extra in extras):
            found[need.name] = found.get(need.name, SpecifierSet()) & SpecifierSet(need.specifier)
        return found


class Needs(Struct, frozen=True):
    """The bounds that count; `optional` names those that only an extra sets so. A requirement without bounds is left out."""

    requires: Mapping[str, SpecifierSet]
    optional: tuple[str, ...] = ()


def read(release: Release, wheel: Wheel, text: str, *, date: dt.date) -> Reading:
    """Return the reading of a wheel's METADATA. Raises ReadingError."""
    python = "3.11" if "3.11" in wheel.pythons else wheel.pythons[0]
    target = Target(name="facts", python=Version(python), platform="linux/amd64", base="", glibc=(2, 35))
    try:
        metadata = MetadataReader(target.marker_environment()).read(text, project=release.project, version=release.version)
    except MetadataError as error:
        raise ReadingError(f"{wheel.file.filename}: {error.reason}") from error
    return Reading(release=release, wheel=wheel, metadata=metadata, date=date)


def torch_row(reading: Reading) -> TorchRelease:
    """Return the row of one release of torch. Raises ReadingError for a build without CUDA."""
    bounds = reading.bounds()
    cuda = _pin(bounds, _RUNTIME) or exact_pin(bounds.get(_TOOLKIT))
    cudnn = _pin(bounds, _CUDNN)
    if cuda is None:
        raise ReadingError(f"{reading.wheel.file.filename} pins no CUDA runtime")
    return TorchRelease(
        version=reading.release.version,
        released=reading.release.released,
        requires_python=SpecifierSet(reading.metadata.requires_python or ""),
        pythons=reading.release.pythons,
        pypi_cuda=f"{cuda.major}.{cuda.minor}",
        triton=bounds.get("triton"),
        cudnn=str(cudnn) if cudnn is not None else None,
        status="verified",
        source=reading.source,
        date=reading.date,
    )


def _pin(bounds: Mapping[str, SpecifierSet], name: re.Pattern[str]) -> Version | None:
    pins = [exact_pin(specifiers) for project, specifiers in sorted(bounds.items()) if name.fullmatch(project)]
    return next((pin for pin in pins if pin is not None), None)


def partner_row(reading: Reading) -> PartnerFacts:
    """Return the row of one release of torchvision or torchaudio."""
    return PartnerFacts(
        version=reading.release.version,
        released=reading.release.released,
        torch=_bound(reading, "torch"),
        pythons=reading.release.pythons,
        status="verified",
        source=reading.source,
        date=reading.date,
    )


def bitsandbytes_row(reading: Reading, names: Iterable[str]) -> BitsandbytesFacts:
    """Return the row of one release of bitsandbytes; `names` are those of the files in its wheel.

    Raises ReadingError for a wheel without a library for CUDA.
    """
    cudas = {f"{found[1]}.{found[2]}" for name in names if (found := _LIBRARY.fullmatch(name))}
    filename = reading.wheel.file.filename
    if not cudas:
        raise ReadingError(f"{filename} holds no library for CUDA")
    python = reading.metadata.requires_python
    return BitsandbytesFacts(
        version=reading.release.version,
        released=reading.release.released,
        requires_python=SpecifierSet(python) if python is not None else None,
        torch=_bound(reading, "torch"),
        cuda=tuple(sorted(cudas, key=Version)),
        status="verified",
        source=f"names of the libraries in, and METADATA of {filename}",
        date=reading.date,
    )


def needs_of(reading: Reading) -> Needs:
    """Return what one release needs of the projects that count for it."""
    own, bounds = reading.bounds(), reading.bounds(extras=EXTRAS)
    requires = {name: bounds[name] for name in NEEDING[reading.release.project] if name in bounds and len(bounds[name])}
    return Needs(requires, tuple(name for name in sorted(requires) if own.get(name) != requires[name]))


def _bound(reading: Reading, name: str) -> SpecifierSet | None:
    """Return the specifiers of a requirement, None where it has none."""
    found = reading.bounds().get(name)
    return found if found is not None and len(found) else None
