from __future__ import annotations

import datetime as dt

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.matrix.facts import PairFacts, PartnerFacts, TorchFacts, TorchRelease, VariantFacts
from stackc.matrix.facts.torch import exact_pin, join, pinned

RELEASE = TorchRelease(
    version=Version("2.5.1"),
    released=dt.date(2024, 10, 29),
    requires_python=SpecifierSet(">=3.8.0"),
    pythons=("3.9", "3.10"),
    pypi_cuda="12.4",
    triton=SpecifierSet("==3.1.0"),
    cudnn="9.1.0.70",
    status="verified",
    source="torch's metadata",
    date=dt.date(2026, 1, 1),
)
VARIANTS = VariantFacts(
    torch=Version("2.5.1"),
    variants=("cu121", "cu124"),
    pythons=("3.13", "3.9"),
    status="copy",
    source="a copied page",
    date=dt.date(2026, 1, 3),
)
PAIR = PairFacts(
    torch=Version("2.5.1"),
    project="torchaudio",
    version=SpecifierSet("==2.5.1"),
    status="inferred",
    source="upload dates",
    date=dt.date(2026, 1, 2),
)


def vision(version: str, torch: str | None) -> PartnerFacts:
    return PartnerFacts(
        version=Version(version),
        released=dt.date(2024, 10, 29),
        torch=SpecifierSet(torch) if torch is not None else None,
        pythons=("3.9",),
        status="verified",
        source="torchvision's metadata",
        date=dt.date(2026, 1, 1),
    )


def test_a_torch_is_joined_from_the_rows_of_all_that_belongs_to_it() -> None:
    joined = join(RELEASE, variants=VARIANTS, partners={"torchvision": vision("0.20.1", "==2.5.1"), "torchaudio": PAIR})
    assert joined == TorchFacts(
        version=Version("2.5.1"),
        released=dt.date(2024, 10, 29),
        requires_python=SpecifierSet(">=3.8.0"),
        pythons=("3.9", "3.10", "3.13"),
        pypi_cuda="12.4",
        cudnn="9.1.0.70",
        variants=("cu121", "cu124"),
        torchvision=SpecifierSet("==0.20.1"),
        torchaudio=SpecifierSet("==2.5.1"),
        triton=SpecifierSet("==3.1.0"),
        unsure={"torchaudio": "inferred", "variants": "copy"},
        sources={
            "version": "torch's metadata",
            "torchvision": "torchvision's metadata",
            "torchaudio": "upload dates",
            "triton": "torch's metadata",
            "variants": "a copied page",
        },
        status="verified",
        date=dt.date(2026, 1, 3),
    )
    assert joined.source == "torch's metadata; torchvision's metadata; upload dates; a copied page"
    assert (joined.source_of("torchaudio"), joined.source_of("pythons")) == ("upload dates", "torch's metadata")
    assert (joined.status_of("torchaudio"), joined.status_of("pythons")) == ("inferred", "verified")


def test_a_torch_that_nobody_wrote_more_of_has_no_more() -> None:
    joined = join(RELEASE, variants=None, partners={})
    found = (joined.variants, joined.torchvision, joined.torchaudio, joined.source, joined.unsure, joined.date)
    assert found == ((), None, None, "torch's metadata", {}, dt.date(2026, 1, 1))


@pytest.mark.parametrize(
    ("specifiers", "pin"),
    [("==2.5.1", "2.5.1"), ("==2.5.*", "None"), (">=2.5.1", "None"), ("==2.5.1,<3", "None"), ("", "None"), (None, "None")],
)
def test_only_one_equality_pins(specifiers: str | None, pin: str) -> None:
    assert str(exact_pin(SpecifierSet(specifiers) if specifiers is not None else None)) == pin


def test_of_several_partners_that_pin_a_torch_the_newest_belongs_to_it() -> None:
    rows = [vision("0.20.1", "==2.5.1"), vision("0.20.10", "==2.5.1"), vision("0.21.0", ">=2.5"), vision("0.9", None)]
    assert {str(torch): str(row.version) for torch, row in pinned(rows).items()} == {"2.5.1": "0.20.10"}
