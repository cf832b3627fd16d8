"""What holds of every table that stackc ships."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import TypeVar

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.matrix.builds import cuda_of_label
from stackc.matrix.facts import (
    FACTS,
    NEEDING,
    Fact,
    Facts,
    FlashAttnFacts,
    NeedsFacts,
    PartnerFacts,
    TorchRelease,
)
from stackc.matrix.facts.torch import pinned
from stackc.matrix.refresh.text import TABLES, table_text

READ = Facts.load()
GENERATED: dict[str, list[Fact]] = {
    "torch": [*READ.releases.values()],
    "torchvision": [*READ.partners("torchvision").values()],
    "torchaudio": [*READ.partners("torchaudio").values()],
    "bitsandbytes": [*READ.bitsandbytes.values()],
    **{name: [*READ.needs(name)] for name in READ.needing},
}
BY_HAND: dict[str, list[Fact]] = {
    "architectures": [*READ.architectures],
    "bases": [*READ.families.values(), *READ.distributions.values()],
    "cuda": [*READ.cudas.values()],
    "flash_attn": [*READ.flash_attn],
    "images": [*READ.images],
    "partners": [*READ.pairs],
    "selections": [*READ.selections],
    "variants": [*READ.variants.values()],
}
ALL = GENERATED | BY_HAND


def minor(version: Version) -> str:
    return f"{version.major}.{version.minor}"


def test_every_file_is_a_table_that_is_read() -> None:
    assert {path.stem for path in FACTS.iterdir()} == ALL.keys()


def test_the_generated_tables_are_those_that_the_tool_writes() -> None:
    assert GENERATED.keys() == TABLES.keys()


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_table_written_again_has_the_same_bytes(name: str) -> None:
    assert table_text(name, GENERATED[name]).encode() == (FACTS / f"{name}.toml").read_bytes()


@pytest.mark.parametrize("name", BY_HAND)
def test_a_table_kept_by_hand_says_so_or_says_what_it_is(name: str) -> None:
    first = (FACTS / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert "refresh_matrix" not in first


@pytest.mark.parametrize("name", ALL)
def test_every_row_has_a_source_and_the_date_when_it_was_read(name: str) -> None:
    assert ALL[name]
    assert [row for row in ALL[name] if not row.source.strip() or row.date < dt.date(2026, 11, 23)] == []


@pytest.mark.parametrize("name", ALL)
def test_no_table_names_an_address(name: str) -> None:
    assert re.findall(r"\w+://\S+", (FACTS / f"{name}.toml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", ["torch", "torchvision", "torchaudio", "bitsandbytes"])
def test_releases_are_in_order_each_once(name: str) -> None:
    rows = (row for row in GENERATED[name] if hasattr(row, "version"))
    in_file = re.findall(r'^version = "(.+)"$', (FACTS / f"{name}.toml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert in_file == [str(row.version) for row in rows]
    assert all(earlier < later for earlier, later in pairwise(map(Version, in_file)))


_Key = TypeVar("_Key", Version, tuple[Version, Version])


def in_order(keys: list[_Key]) -> bool:
    return keys == sorted(set(keys))


def test_keys_of_tables_kept_by_hand_are_in_order_each_once() -> None:
    assert in_order([row.torch for row in READ.variants.values()])
    assert in_order([row.cuda for row in READ.cudas.values()])
    assert in_order([row.cuda for row in READ.images])
    assert in_order([(Version(row.torch), row.cuda) for row in READ.architectures])
    assert len({(row.torch, row.project) for row in READ.pairs}) == len(READ.pairs)
    assert [row.torch for row in READ.pairs] == sorted(row.torch for row in READ.pairs)


def test_no_version_of_a_table_stands_twice() -> None:
    counts = {
        "variants": len(READ.variants),
        "cuda": len(READ.cudas),
        "torch": len(READ.releases),
        "bitsandbytes": len(READ.bitsandbytes),
    }
    for name, count in counts.items():
        assert (FACTS / f"{name}.toml").read_text(encoding="utf-8").count("\n[[") == count


@pytest.mark.parametrize("rows", [*(READ.needs(name) for name in READ.needing), READ.flash_attn])
def test_runs_of_releases_are_in_order_and_do_not_overlap(rows: Iterable[NeedsFacts | FlashAttnFacts]) -> None:
    ends = [version for row in rows for version in (row.first, row.last)]
    assert ends == sorted(ends)
    assert all(earlier.last < later.first for earlier, later in pairwise(rows))


def test_the_ways_to_choose_a_library_do_not_overlap() -> None:
    *earlier, newest = READ.selections
    assert newest.last is None
    assert all(row.last is not None and row.last < after.first for row, after in pairwise(READ.selections))
    assert all(row.last in READ.bitsandbytes for row in earlier)
    assert all(row.first in READ.bitsandbytes for row in READ.selections)


@pytest.mark.parametrize("name", READ.needing)
def test_a_table_of_needs_names_only_what_counts_for_its_project(name: str) -> None:
    for row in READ.needs(name):
        assert row.requires.keys() <= set(NEEDING[name])
        assert set(row.optional) <= row.requires.keys()
        assert all(len(specifiers) for specifiers in row.requires.values())


def test_every_cuda_that_torch_is_built_for_has_its_drivers() -> None:
    labelled = {cuda_of_label(label) for row in READ.variants.values() for label in row.variants}
    default = {Version(row.pypi_cuda) for row in READ.releases.values()}
    assert labelled | default | {row.cuda for row in READ.architectures} <= READ.cudas.keys()


def test_a_driver_that_ships_with_a_cuda_runs_it() -> None:
    assert [row.cuda for row in READ.cudas.values() if Version(row.ships) < Version(row.runs)] == []


def test_the_architectures_of_every_build_on_the_default_index_are_known() -> None:
    known = {(row.torch, row.cuda) for row in READ.architectures}
    assert {(minor(row.version), Version(row.pypi_cuda)) for row in READ.releases.values()} <= known


def test_the_architectures_of_every_variant_are_known() -> None:
    known = {(row.torch, row.cuda) for row in READ.architectures}
    wanted = {(minor(row.torch), cuda_of_label(label)) for row in READ.variants.values() for label in row.variants}
    assert {build for build in wanted if build not in known} == set()


def test_ptx_is_of_an_architecture_that_has_code() -> None:
    assert [row for row in READ.architectures if not set(row.ptx) <= set(row.sm)] == []


def test_variants_and_pairs_are_of_a_torch_that_is_known() -> None:
    assert {*READ.variants, *(pair.torch for pair in READ.pairs)} <= READ.releases.keys()


def test_no_pair_is_kept_by_hand_that_metadata_give() -> None:
    given = {(torch, name) for name in ("torchvision", "torchaudio") for torch in pinned(READ.partners(name).values())}
    assert given & {(pair.torch, pair.project) for pair in READ.pairs} == set()


def test_a_pair_names_a_release_that_there_is_and_that_admits_its_torch() -> None:
    for pair in READ.pairs:
        (row,) = [row for row in READ.partners(pair.project).values() if pair.version.contains(row.version)]
        assert row.torch is None or row.torch.contains(pair.torch)


def test_every_torch_has_its_partners() -> None:
    partners = {version: (row.torchvision, row.torchaudio) for version, row in READ.torches.items()}
    assert [str(version) for version, found in partners.items() if None in found] == []


def test_a_torch_s_wheels_are_for_pythons_that_it_admits() -> None:
    for row in READ.releases.values():
        assert all(row.requires_python.contains(f"{python}.99") for python in row.pythons)


def test_pythons_are_in_order() -> None:
    rows: list[TorchRelease | PartnerFacts] = [
        *READ.releases.values(),
        *READ.partners("torchvision").values(),
        *READ.partners("torchaudio").values(),
    ]
    assert [row.version for row in rows if list(row.pythons) != sorted(row.pythons, key=Version) or not row.pythons] == []


def test_every_image_s_tag_is_read_as_the_table_says() -> None:
    nvidia = READ.families["nvidia/cuda"]
    for row in READ.images:
        for distribution in row.distributions:
            spelled = {"8": "-cudnn8", "9": "-cudnn9" if row.cuda < Version("12.4") else "-cudnn"}[row.cudnn]
            found = nvidia.tag.fullmatch(f"{row.cuda}{spelled}-devel-{distribution}")
            assert found is not None
            assert found.groupdict() == {
                "cuda": minor(row.cuda),
                "cudnn": spelled.removeprefix("-cudnn"),
                "distribution": distribution,
            }


def test_the_cuda_of_every_image_has_its_drivers() -> None:
    assert {Version(minor(row.cuda)) for row in READ.images} <= READ.cudas.keys()


@pytest.mark.parametrize(
    ("torch", "torchvision", "torchaudio", "unsure"),
    [
        ("2.0.0", "==0.15.1", "==2.0.1", {}),
        ("2.5.1+cu124", "==0.20.1", "==2.5.1", {}),
        ("2.14.0", "==0.29.0", "==2.11.0", {"variants": "copy"}),
        ("2.14.1", "==0.29.1", "==2.11.0", {"torchvision": "inferred", "torchaudio": "inferred"}),
    ],
)
def test_the_partners_of_a_torch(torch: str, torchvision: str, torchaudio: str, unsure: dict[str, str]) -> None:
    row = READ.torch(Version(torch))
    assert row is not None
    assert (row.torchvision, row.torchaudio, row.unsure) == (SpecifierSet(torchvision), SpecifierSet(torchaudio), unsure)
