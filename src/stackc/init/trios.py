"""The whole trios of torch, torchvision and torchaudio that the facts have verified, with the builds that all three have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.manifest.grammar import PYTHON
from stackc.matrix.builds import cuda_of_label
from stackc.matrix.facts import Facts, TorchFacts
from stackc.matrix.facts.torch import exact_pin

__all__ = ["TRIO", "Trio", "trios"]

TRIO = (NormalizedName("torch"), NormalizedName("torchvision"), NormalizedName("torchaudio"))
"""The projects that come from PyTorch's own indexes, in one step."""

_TORCH, *_PARTNERS = TRIO


class Trio(Struct, frozen=True, kw_only=True):
    """One torch with both its partners. `cudas` and `pythons` are those that all three have builds for, the oldest first."""

    versions: Mapping[NormalizedName, Version]
    cudas: tuple[Version, ...]
    pythons: tuple[str, ...]

    @property
    def torch(self) -> Version:
        """Return the version of torch itself."""
        return self.versions[_TORCH]


def trios(facts: Facts) -> tuple[Trio, ...]:
    """Return every trio of which all is verified, the newest torch first."""
    natives = _natives(facts)
    found = (_trio(torch, facts, natives) for torch in reversed(list(facts.torches.values())) if _verified(torch))
    return tuple(trio for trio in found if trio is not None)


def _verified(torch: TorchFacts) -> bool:
    """Say whether somebody looked up the builds of a torch, and both its partners are sure."""
    return bool(torch.variants) and all(torch.status_of(key) == "verified" for key in ("version", "variants", *_PARTNERS))


def _trio(torch: TorchFacts, facts: Facts, natives: Mapping[tuple[str, Version], TorchFacts]) -> Trio | None:
    partners = dict(_releases(torch))
    rows = {name: facts.partners(name).get(version) for name, version in partners.items()}
    pythons = [set(row.pythons) for row in rows.values() if row is not None]
    if len(pythons) < len(_PARTNERS):
        return None
    built = [set(torch.variants), *(set(natives[name, version].variants) for name, version in partners.items())]
    cudas = {cuda for label in set.intersection(*built) if (cuda := cuda_of_label(label)) is not None}
    return Trio(
        versions={_TORCH: torch.version, **partners},
        cudas=tuple(sorted(cudas)),
        pythons=tuple(filter(_locked_for, sorted(set(torch.pythons).intersection(*pythons), key=Version))),
    )


def _natives(facts: Facts) -> Mapping[tuple[str, Version], TorchFacts]:
    """Return the oldest torch of each release of a partner: the two were built together, for the same CUDAs."""
    found: dict[tuple[str, Version], TorchFacts] = {}
    for torch in facts.torches.values():
        for partner in _releases(torch):
            found.setdefault(partner, torch)
    return found


def _releases(torch: TorchFacts) -> Iterator[tuple[NormalizedName, Version]]:
    """Yield each partner of a torch that is known by its one release."""
    for name in _PARTNERS:
        release = exact_pin(torch.partner(name))
        if release is not None:
            yield name, release


def _locked_for(python: str) -> bool:
    """Say whether a manifest may name a Python."""
    return re.fullmatch(PYTHON.pattern or "", python) is not None
