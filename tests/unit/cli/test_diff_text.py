"""A comparison on terminals that are narrower than usual."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.cli.diff_text import as_text
from stackc.diff.compare import compare
from stackc.diff.model import Diff, End, Reading
from stackc.matrix.facts import Facts
from unit.lock.lock_samples import CLICK, LOCK, NUMPY

ENDED = ("nvidia-cublas-cu12", "nvidia-cuda-nvrtc-cu12", "nvidia-cuda-runtime-cu12")


def found() -> Diff:
    """One of two targets moves: three projects end with the one that pinned them, and one is upgraded."""
    gone = replace(CLICK, version=Version("12.4.127"), why=("numpy ==12.4.127",))
    pins = tuple(replace(gone, name=NormalizedName(name)) for name in ENDED)
    asking = replace(NUMPY, requires=tuple(f"{name}==12.4.127" for name in ENDED))
    base = replace(LOCK, packages=(asking, *pins))
    head = replace(LOCK, packages=(replace(NUMPY, version=Version("1.26.5")),))
    ends = [
        End(label=label, locks={"gpu": Reading(lock=lock), "a-second-target": Reading(lock=lock), "same": Reading(lock=LOCK)})
        for label, lock in (("base", base), ("head", head))
    ]
    other = replace(head, packages=(replace(NUMPY, version=Version("1.26.6")),))
    return compare(ends[0], replace(ends[1], locks={**ends[1].locks, "same": Reading(lock=other)}), facts=Facts.load())


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("color", [False, True])
def test_no_line_of_a_row_is_blank_and_none_is_wider_than_the_terminal(width: int, color: bool) -> None:
    text = as_text(found(), width=width, color=color)
    lines = text.split("\n")
    assert [line for line in lines if line and not line.strip()] == []
    assert "\n\n\n" not in text
    if not color:
        assert [line for line in lines if len(line) > width] == []


def test_a_row_that_is_too_wide_goes_on_below_its_first_word() -> None:
    text = as_text(found(), width=40)
    assert (
        """\
  - nvidia-cublas-cu12        12.4.127
      in gpu, a-second-target
"""
        in text
    )
