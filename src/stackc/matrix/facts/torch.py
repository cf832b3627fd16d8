"""One torch and all that belongs to it: its own row joined with those of its variants and partners."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.matrix.facts.rows import Fact, PairFacts, PartnerFacts, Status, TorchRelease, VariantFacts

__all__ = ["PARTNERS", "Partner", "TorchFacts", "exact_pin", "join", "pinned"]

PARTNERS = ("torchvision", "torchaudio", "triton")
"""The projects of which each release belongs to one torch."""


class TorchFacts(Struct, frozen=True, kw_only=True):
    """One release of torch and what belongs to it; `sources` says where the value under a key is known from."""

    version: Version
    released: dt.date
    requires_python: SpecifierSet
    pythons: tuple[str, ...]
    pypi_cuda: str
    cudnn: str | None = None
    variants: tuple[str, ...] = ()
    torchvision: SpecifierSet | None = None
    torchaudio: SpecifierSet | None = None
    triton: SpecifierSet | None = None
    unsure: Mapping[str, Status] = {}
    sources: Mapping[str, str] = {}
    status: Status
    date: dt.date

    @property
    def source(self) -> str:
        """Return every source that the row is joined from, that of torch itself first."""
        return "; ".join(dict.fromkeys(self.sources.values()))

    def partner(self, name: str) -> SpecifierSet | None:
        """Return the release of `name` that belongs to this torch, None where no table says."""
        partners = {"torchvision": self.torchvision, "torchaudio": self.torchaudio, "triton": self.triton}
        return partners.get(name)

    def status_of(self, key: str) -> Status:
        """Return how the value under one key of the row is known."""
        return self.unsure.get(key, self.status)

    def source_of(self, key: str) -> str:
        """Return where the value under one key of the row is known from."""
        return self.sources.get(key, self.sources["version"])


Partner = PartnerFacts | PairFacts
"""How a partner is known: its own metadata names the torch, or a pair kept by hand does."""


def exact_pin(specifiers: SpecifierSet | None) -> Version | None:
    """Return the one release that a requirement admits, None where it admits more or none is asked for."""
    if specifiers is None or len(specifiers) != 1:
        return None
    (specifier,) = specifiers
    exact = specifier.operator == "==" and not specifier.version.endswith(".*")
    return Version(specifier.version) if exact else None


def pinned(rows: Iterable[PartnerFacts]) -> Mapping[Version, PartnerFacts]:
    """Return, for every torch that a partner's metadata names exactly, the newest release that does."""
    oldest_first = sorted(rows, key=lambda row: row.version)
    return {torch: row for row in oldest_first if (torch := exact_pin(row.torch)) is not None}


def join(release: TorchRelease, *, variants: VariantFacts | None, partners: Mapping[str, Partner]) -> TorchFacts:
    """Return one torch with its variants, and with the partners that metadata or the hand-kept pairs name."""
    rows: dict[str, Fact] = {"version": release, **partners}
    if release.triton is not None:
        rows["triton"] = release
    if variants is not None:
        rows["variants"] = variants
    found = {name: _release(row) for name, row in partners.items()}
    return TorchFacts(
        version=release.version,
        released=release.released,
        requires_python=release.requires_python,
        pythons=_joined(release.pythons, variants.pythons if variants else ()),
        pypi_cuda=release.pypi_cuda,
        cudnn=release.cudnn,
        variants=variants.variants if variants else (),
        torchvision=found.get("torchvision"),
        torchaudio=found.get("torchaudio"),
        triton=release.triton or found.get("triton"),
        unsure={key: row.status for key, row in rows.items() if row.status != release.status},
        sources={key: row.source for key, row in rows.items()},
        status=release.status,
        date=max(row.date for row in rows.values()),
    )


def _release(row: Partner) -> SpecifierSet:
    return row.version if isinstance(row, PairFacts) else SpecifierSet(f"=={row.version}")


def _joined(*pythons: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({python for some in pythons for python in some}, key=Version))
