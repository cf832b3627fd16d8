"""The facts of the matrix: tables that ship with stackc, each row with a status, a source and a date."""

from __future__ import annotations

from stackc.matrix.facts.rows import (
    NEEDING,
    ArchitectureFacts,
    BitsandbytesFacts,
    CudaFacts,
    Distribution,
    Fact,
    Family,
    FlashAttnFacts,
    ImageFacts,
    NeedsFacts,
    PairFacts,
    PartnerFacts,
    SelectionFacts,
    Status,
    TorchRelease,
    VariantFacts,
    decode,
)
from stackc.matrix.facts.tables import FACTS, Facts
from stackc.matrix.facts.torch import PARTNERS, TorchFacts

__all__ = [
    "FACTS",
    "NEEDING",
    "PARTNERS",
    "ArchitectureFacts",
    "BitsandbytesFacts",
    "CudaFacts",
    "Distribution",
    "Fact",
    "Facts",
    "Family",
    "FlashAttnFacts",
    "ImageFacts",
    "NeedsFacts",
    "PairFacts",
    "PartnerFacts",
    "SelectionFacts",
    "Status",
    "TorchFacts",
    "TorchRelease",
    "VariantFacts",
    "decode",
]
