from __future__ import annotations

import datetime as dt

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.matrix.refresh.releases import ListingError, listed, minors_of
from stackc.upstream.simple import FileRow

TORCH = NormalizedName("torch")


def row(filename: str, *, day: str | None = "2024-10-29", yanked: bool | str = False, python: str | None = None) -> FileRow:
    uploaded = f"{day}T12:00:00.000000Z" if day is not None else None
    return FileRow(filename=filename, url=f"../{filename}", upload_time=uploaded, yanked=yanked, requires_python=python)


def test_the_final_releases_of_a_page_are_listed_in_their_order() -> None:
    page = [
        row("torch-2.10.0-cp311-cp311-manylinux_2_28_x86_64.whl", day="2026-01-22"),
        row("torch-2.10.0-cp310-cp310-manylinux_2_28_x86_64.whl", day="2026-01-21"),
        row("torch-2.9.1-cp311-cp311-manylinux_2_28_x86_64.whl"),
        row("torch-2.11.0rc1-cp311-cp311-manylinux_2_28_x86_64.whl"),
        row("torch-2.12.0.dev20260101-cp311-cp311-manylinux_2_28_x86_64.whl"),
        row("torch-2.9.1.post1.tar.gz"),
        row("torchvision-0.1-py3-none-any.whl"),
        row("torch-notes.txt.zip"),
    ]
    found = [(str(release.version), release.released, release.pythons) for release in listed(TORCH, page, minors=())]
    assert found == [
        ("2.9.1", dt.date(2024, 10, 29), ("3.11",)),
        ("2.9.1.post1", dt.date(2024, 10, 29), ()),
        ("2.10.0", dt.date(2026, 1, 21), ("3.10", "3.11")),
    ]


@pytest.mark.parametrize(
    ("filename", "python", "pythons"),
    [
        ("torch-1-cp310-cp310-manylinux1_x86_64.whl", None, "3.10"),
        ("torch-1-cp37-cp37m-manylinux2014_x86_64.whl", None, "3.7"),
        ("torch-1-cp39.cp310-cp39.cp310-linux_x86_64.whl", None, "3.9 3.10"),
        ("torch-1-cp311-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", None, "3.11"),
        ("torch-1-cp310-abi3-manylinux_2_28_x86_64.whl", None, "3.10 3.11"),
        ("torch-1-cp39-abi3-manylinux_2_28_x86_64.whl", ">=3.9,<3.11", "3.9 3.10"),
        ("torch-1-py310-none-manylinux_2_28_x86_64.whl", None, "3.10 3.11"),
        ("torch-1-py3-none-manylinux_2_28_x86_64.whl", ">=3.10", "3.10 3.11"),
        ("torch-1-py2.py3-none-any.whl", ">=3.9.5,<3.11", "3.9 3.10"),
        ("torch-1-py3-none-any.whl", "no specifier", "3.9 3.10 3.11"),
        ("torch-1-cp313-cp313t-manylinux_2_28_x86_64.whl", None, ""),
        ("torch-1-pp310-pypy310_pp73-manylinux_2_28_x86_64.whl", None, ""),
        ("torch-1-py2-none-any.whl", None, ""),
        ("torch-1-cp311-cp311-manylinux_2_28_aarch64.whl", None, ""),
        ("torch-1-cp311-cp311-musllinux_1_2_x86_64.whl", None, ""),
        ("torch-1-cp311-cp311-win_amd64.whl", None, ""),
        ("torch-1-cp311-cp311-macosx_11_0_x86_64.whl", None, ""),
    ],
)
def test_a_wheel_serves_the_pythons_of_its_tags_on_linux(filename: str, python: str | None, pythons: str) -> None:
    (release,) = listed(TORCH, [row(filename, python=python)], minors=["3.11", "3.9", "3.10"])
    assert release.pythons == tuple(pythons.split())


def test_the_wheel_for_python_3_11_is_read_first_and_then_the_one_for_the_oldest() -> None:
    page = [row(f"torch-1-cp{minor}-cp{minor}-manylinux1_x86_64.whl") for minor in ("313", "310", "39", "311")]
    (release,) = listed(TORCH, page, minors=())
    assert [wheel.pythons[0] for wheel in release.wheels] == ["3.11", "3.9", "3.10", "3.13"]


def test_of_several_builds_of_a_wheel_the_last_is_read_first() -> None:
    page = [row(f"torch-1{build}-cp311-cp311-manylinux1_x86_64.whl") for build in ("", "-10", "-2")]
    (release,) = listed(TORCH, page, minors=())
    assert [wheel.build for wheel in release.wheels] == [10, 2, 0]


def test_a_release_is_yanked_when_all_its_files_are() -> None:
    page = [
        row("torch-1.0-cp311-cp311-manylinux1_x86_64.whl", yanked="broken"),
        row("torch-1.0-cp310-cp310-manylinux1_x86_64.whl", yanked=True),
        row("torch-1.1-cp311-cp311-manylinux1_x86_64.whl", yanked=""),
        row("torch-1.1-cp310-cp310-manylinux1_x86_64.whl"),
    ]
    found = [(str(release.version), release.yanked, release.pythons) for release in listed(TORCH, page, minors=())]
    assert found == [("1.0", True, ()), ("1.1", False, ("3.10",))]


def test_a_page_without_moments_of_upload_is_of_no_use() -> None:
    with pytest.raises(ListingError) as raised:
        listed(TORCH, [row("torch-2.5.1-cp311-cp311-manylinux1_x86_64.whl", day=None)], minors=())
    assert str(raised.value) == f"the index does not say when torch {Version('2.5.1')} was uploaded"


def test_the_pythons_of_a_page_are_those_of_its_tags() -> None:
    names = [
        "torch-1-cp315-cp315-win_amd64.whl",
        "torch-1-cp27-cp27mu-linux_x86_64.whl",
        "torch-1-py3-none-any.whl",
        "torch.whl",
    ]
    assert minors_of(map(row, names)) == {"3.15"}
