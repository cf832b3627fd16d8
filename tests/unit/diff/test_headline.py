"""The headline of two locks: torch, the target, what is downloaded and built again, and what the files are rendered by."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from packaging.version import Version

from stackc.diff.compare import compare
from stackc.diff.headline import headline
from stackc.diff.model import Diff, End, Reading
from stackc.diff.weight import Size, spelled_size
from stackc.diff.words import point_words
from stackc.lock.model import Lock, LockedFile
from stackc.matrix.facts import Facts
from unit.lock.lock_samples import CLICK, FILELOCK, LOCK, NUMPY, TORCH

FACTS = Facts.load()


def with_torch(version: str, *, platform: str = "linux/amd64") -> Lock:
    torch = replace(TORCH, version=Version(version))
    target = replace(LOCK.target, platform=platform)
    return replace(LOCK, target=target, packages=tuple(torch if each is TORCH else each for each in LOCK.packages))


def told(before: Lock, after: Lock) -> dict[str, str]:
    return {point.subject: point_words(point) for point in headline(before, after, facts=FACTS)}


def builds(before: str, after: str, **more: str) -> dict[str, str]:
    found = told(with_torch(before, **more), with_torch(after, **more))
    return {subject: words for subject, words in found.items() if subject not in {"download", "build cache"}}


def test_a_build_is_told_with_its_cuda_its_driver_and_its_architectures() -> None:
    assert builds("2.5.1+cu118", "2.7.1+cu128") == {
        "torch build": "2.5.1+cu118 → 2.7.1+cu128",
        "torch's CUDA": "11.8 → 12.8",
        "driver floor": "450 → 525",
        "GPU code": "gains sm_100, sm_120; drops sm_37, sm_50, sm_60, sm_70",
    }


def test_the_other_way_round_what_was_gained_is_dropped() -> None:
    assert builds("2.7.1+cu128", "2.5.1+cu118")["GPU code"] == "gains sm_37, sm_50, sm_60, sm_70; drops sm_100, sm_120"


def test_a_build_of_the_default_index_has_the_cuda_of_the_facts_and_one_for_the_cpu_has_none() -> None:
    assert builds("2.5.1+cu124", "2.5.1") == {"torch build": "2.5.1+cu124 → 2.5.1"}
    assert builds("2.5.1+cu124", "2.5.1+cpu") == {
        "torch build": "2.5.1+cu124 → 2.5.1+cpu",
        "torch's CUDA": "12.4 → none",
        "driver floor": "525 → none",
        "GPU code": "drops sm_50, sm_60, sm_70, sm_75, sm_80, sm_86, sm_90",
    }


def test_what_the_facts_do_not_know_is_not_made_up() -> None:
    assert builds("2.5.1+cu124", "99.0+cu999") == {
        "torch build": "2.5.1+cu124 → 99.0+cu999",
        "torch's CUDA": "12.4 → 99.9",
        "driver floor": "525 → not known",
        "GPU code": "not known for torch 99.0+cu999",
    }
    assert "GPU code" not in builds("2.5.1+cu124", "2.7.1+cu128", platform="linux/arm64")


def test_a_torch_that_comes_or_goes_is_told() -> None:
    without = replace(LOCK, packages=(CLICK, FILELOCK, NUMPY))
    assert told(without, LOCK)["torch build"] == "none → 2.5.1+cu124"
    assert told(LOCK, without)["torch build"] == "2.5.1+cu124 → none"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"python": "3.11"}, "for all 6 files, since Python moved: at least 18.2 MB"),
        ({"base": "debian:12", "python": "3.11"}, "for all 6 files, since the base image and Python moved: at least 18.2 MB"),
    ],
)
def test_what_moves_below_the_steps_loses_the_cache_of_all(fields: dict[str, str], expected: str) -> None:
    after = replace(LOCK, target=replace(LOCK.target, **fields))
    assert told(LOCK, after)["build cache"] == f"lost {expected} to install again"


def test_a_step_that_moves_loses_its_cache_and_that_of_all_after_it() -> None:
    numpy = replace(NUMPY, file=LockedFile(name=NUMPY.file.name, sha256="f" * 64, size=2 * 10**7))
    after = replace(LOCK, packages=tuple(numpy if each is NUMPY else each for each in LOCK.packages))
    found = told(LOCK, after)
    assert found["build cache"] == "lost from steps/01-numpy.txt on, 5 of 6 files: at least 20.0 MB to install again"
    assert found["download"] == "18.2 MB → 20.0 MB (+1.8 MB; not counting 6 files of unknown size)"


def test_a_comment_that_moves_loses_the_cache_too_and_is_said_to_be_one() -> None:
    filelock = replace(FILELOCK, why=("scipy", "torch"))
    after = replace(LOCK, packages=tuple(filelock if each is FILELOCK else each for each in LOCK.packages))
    assert told(LOCK, after) == {
        "build cache": "lost from steps/03-torch.txt on, 3 of 6 files, by a comment in the first: sizes are not known"
    }


@pytest.mark.parametrize(
    ("number", "spelled"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_449_999, "1.4 MB"), (-123_456_789, "-123 MB"), (5 * 10**15, "5000 TB")],
)
def test_sizes_are_spelled_in_the_largest_unit_of_which_there_is_one(number: int, spelled: str) -> None:
    assert spelled_size(number) == spelled


def test_a_sum_says_whose_size_it_leaves_out() -> None:
    assert Size(1).rest == ""
    assert Size(1, ("torch", "x")).rest == "not counting torch, x of unknown size"
    assert Size(1, ("a", "b", "c", "d")).rest == "not counting 4 files of unknown size"


def rendered(before: Lock, after: Lock, *, manifests: tuple[str, str] = ("", "")) -> Diff:
    ends = [
        End(label=label, locks={"gpu": Reading(lock=lock, text=label)}, manifest=text)
        for label, lock, text in zip(("base", "head"), (before, after), manifests, strict=True)
    ]
    return compare(ends[0], ends[1], facts=FACTS)


def with_inputs(**digests: str) -> Lock:
    return replace(LOCK, inputs=replace(LOCK.inputs, **digests))


OTHER = f"sha256:{'9' * 64}"
DIFFER = {"other files": "what is rendered from the lock differs, and no pin does"}
TEMPLATES = {"templates": "moved: what is rendered from the pins differs by more than pins"}


def points(diff: Diff) -> dict[str, str]:
    return {point.subject: point_words(point) for point in diff.headline}


def test_templates_that_moved_are_told_though_no_pin_did() -> None:
    found = rendered(LOCK, with_inputs(templates=OTHER, outputs=OTHER))
    assert (points(found), found.empty, found.targets[0].state) == (TEMPLATES, False, "changed")


def test_files_that_are_rendered_otherwise_are_told_whatever_made_them_so() -> None:
    image = "[image]\napt = [{}]\n"
    found = rendered(LOCK, with_inputs(manifest=OTHER, outputs=OTHER), manifests=(image.format(""), image.format('"git"')))
    assert (points(found), len(found.edits), found.targets[0].state) == (DIFFER, 1, "changed")
    alone = rendered(LOCK, with_inputs(outputs=OTHER))
    assert (points(alone), alone.empty) == (DIFFER, False)


def test_files_that_follow_from_pins_that_moved_are_no_news() -> None:
    assert "other files" not in points(
        rendered(with_torch("2.5.1+cu124"), replace(with_torch("2.5.1+cpu"), inputs=LOCK.inputs))
    )
    moved = replace(with_torch("2.5.1+cpu"), inputs=with_inputs(outputs=OTHER).inputs)
    assert "other files" not in points(rendered(with_torch("2.5.1+cu124"), moved))


def test_what_only_the_digest_of_the_manifest_tells_is_no_difference() -> None:
    assert rendered(LOCK, with_inputs(manifest=OTHER)).empty
