"""The reader of the fact tables: each is read when it is first asked for, and no other is read with it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import tomli
from msgspec import Struct
from packaging.version import Version

from stackc.matrix.facts.rows import (
    NEEDING,
    ArchitectureFacts,
    BitsandbytesFacts,
    CudaFacts,
    Distribution,
    Family,
    FlashAttnFacts,
    ImageFacts,
    NeedsFacts,
    PairFacts,
    PartnerFacts,
    SelectionFacts,
    TorchRelease,
    VariantFacts,
    decode,
)
from stackc.matrix.facts.torch import Partner, TorchFacts, join, pinned

__all__ = ["FACTS", "Facts"]

FACTS = Path(__file__).parents[2] / "data" / "facts"
"""The folder of the built-in fact tables."""

_Row = TypeVar("_Row")


class Facts(Struct, frozen=True, dict=True):
    """All fact tables of one folder."""

    folder: Path = FACTS

    @classmethod
    def load(cls) -> Facts:
        """Return the built-in facts."""
        return cls()

    def torch(self, version: Version) -> TorchFacts | None:
        """Return the facts of one release of torch; a local version label makes no difference."""
        public = Version(version.public)
        release = self.releases.get(public)
        return self._joined(release) if release is not None else None

    @cached_property
    def torches(self) -> Mapping[Version, TorchFacts]:
        """Return every known release of torch with all that belongs to it, the oldest first; reads five tables."""
        return {version: self._joined(release) for version, release in self.releases.items()}

    @cached_property
    def releases(self) -> Mapping[Version, TorchRelease]:
        """Return every known release of torch as its own metadata gives it, the oldest first."""
        return {row.version: row for row in self._table("torch", list[TorchRelease], key="torch")}

    def partners(self, name: str) -> Mapping[Version, PartnerFacts]:
        """Return the releases of `torchvision` or `torchaudio`, the oldest first; of any other project none."""
        return {"torchvision": lambda: self._torchvisions, "torchaudio": lambda: self._torchaudios}.get(name, dict)()

    @cached_property
    def variants(self) -> Mapping[Version, VariantFacts]:
        """Return the builds on PyTorch's own indexes by torch."""
        return {row.torch: row for row in self._table("variants", list[VariantFacts], key="torch")}

    @cached_property
    def pairs(self) -> tuple[PairFacts, ...]:
        """Return the pairs of a torch and a partner that no metadata gives."""
        return self._table("partners", tuple[PairFacts, ...], key="partner")

    @cached_property
    def cudas(self) -> Mapping[Version, CudaFacts]:
        """Return the drivers of every known CUDA toolkit, by its minor version."""
        return {row.cuda: row for row in self._table("cuda", list[CudaFacts], key="cuda")}

    @cached_property
    def architectures(self) -> tuple[ArchitectureFacts, ...]:
        """Return the architectures of torch's builds."""
        return self._table("architectures", tuple[ArchitectureFacts, ...], key="build")

    @cached_property
    def bitsandbytes(self) -> Mapping[Version, BitsandbytesFacts]:
        """Return every known release of bitsandbytes, the oldest first."""
        return {row.version: row for row in self._table("bitsandbytes", list[BitsandbytesFacts], key="bitsandbytes")}

    @cached_property
    def selections(self) -> tuple[SelectionFacts, ...]:
        """Return how bitsandbytes chooses a library."""
        return self._table("selections", tuple[SelectionFacts, ...], key="bitsandbytes")

    @cached_property
    def flash_attn(self) -> tuple[FlashAttnFacts, ...]:
        """Return the builds that flash-attn has wheels for."""
        return self._table("flash_attn", tuple[FlashAttnFacts, ...], key="flash-attn")

    @property
    def needing(self) -> tuple[str, ...]:
        """Return the projects that `needs` has a table for."""
        return tuple(NEEDING)

    def needs(self, name: str) -> tuple[NeedsFacts, ...]:
        """Return what the releases of one project of `needing` need, in runs of releases that need the same."""
        if name not in self._needs:
            self._needs[name] = self._table(name, tuple[NeedsFacts, ...], key="releases")
        return self._needs[name]

    @cached_property
    def families(self) -> Mapping[str, Family]:
        """Return the known image families by repository."""
        rows = self._table("bases", list[Family], key="family")
        return {row.repository: row for row in rows}

    @cached_property
    def distributions(self) -> Mapping[str, Distribution]:
        """Return the known distributions by id and by every alias."""
        rows = self._table("bases", list[Distribution], key="distribution")
        return {name: row for row in rows for name in (row.id, *row.aliases)}

    @cached_property
    def images(self) -> tuple[ImageFacts, ...]:
        """Return the known images of nvidia/cuda."""
        return self._table("images", tuple[ImageFacts, ...], key="image")

    @cached_property
    def _torchvisions(self) -> Mapping[Version, PartnerFacts]:
        return {row.version: row for row in self._table("torchvision", list[PartnerFacts], key="torchvision")}

    @cached_property
    def _torchaudios(self) -> Mapping[Version, PartnerFacts]:
        return {row.version: row for row in self._table("torchaudio", list[PartnerFacts], key="torchaudio")}

    @cached_property
    def _needs(self) -> dict[str, tuple[NeedsFacts, ...]]:
        return {}

    @cached_property
    def _belonging(self) -> Mapping[Version, dict[str, Partner]]:
        """Return the partners of every torch: those that their own metadata pins to it go before the hand-kept pairs."""
        found: dict[Version, dict[str, Partner]] = {}
        for pair in self.pairs:
            found.setdefault(pair.torch, {})[pair.project] = pair
        for name in ("torchvision", "torchaudio"):
            for torch, row in pinned(self.partners(name).values()).items():
                found.setdefault(torch, {})[name] = row
        return found

    def _joined(self, release: TorchRelease) -> TorchFacts:
        version = release.version
        return join(release, variants=self.variants.get(version), partners=self._belonging.get(version, {}))

    def _table(self, file: str, rows: type[_Row], *, key: str) -> _Row:
        if file not in self._documents:
            self._documents[file] = tomli.loads((self.folder / f"{file}.toml").read_text(encoding="utf-8"))
        return decode(self._documents[file][key], rows)

    @cached_property
    def _documents(self) -> dict[str, dict[str, object]]:
        return {}
