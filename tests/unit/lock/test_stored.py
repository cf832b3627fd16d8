"""The lock of a target as it lies in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackc.errors import Finding, LockError, Place
from stackc.lock.codec import encode
from stackc.lock.stored import load_lock
from unit.lock.lock_samples import LOCK

RESTORE = "restore the file from version control, or delete it and run `stackc compile`"


def refused(folder: Path) -> tuple[Finding, ...]:
    with pytest.raises(LockError) as caught:
        load_lock(folder, "gpu")
    return caught.value.findings


def test_the_lock_of_a_folder_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "lock.toml").write_text(encode(LOCK), encoding="utf-8")

    assert load_lock(tmp_path, "gpu") == LOCK


@pytest.mark.parametrize("folder", ["", "missing"])
def test_where_there_is_no_lock_there_is_none(tmp_path: Path, folder: str) -> None:
    assert load_lock(tmp_path / folder, "gpu") is None


def test_a_lock_that_is_no_text_is_told_by_its_place_in_the_project(tmp_path: Path) -> None:
    (tmp_path / "lock.toml").write_bytes(b"\xff\xfe")

    assert refused(tmp_path) == (
        Finding(
            code="S450",
            message="the lock cannot be read: it is not utf-8",
            places=(Place(file="locks/gpu/lock.toml"),),
            hint=RESTORE,
        ),
    )


def test_a_folder_in_the_lock_s_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "lock.toml").mkdir()

    assert [(found.code, found.message, found.hint) for found in refused(tmp_path)] == [
        ("S450", "the lock cannot be read: is a directory", RESTORE)
    ]


def test_a_lock_that_was_edited_is_told_by_its_place_in_the_project(tmp_path: Path) -> None:
    (tmp_path / "lock.toml").write_text(encode(LOCK).replace("1.26.4", "1.26.5"), encoding="utf-8")

    found = refused(tmp_path)

    assert [finding.code for finding in found] == ["S408"]
    assert {place.file for finding in found for place in finding.places} == {"locks/gpu/lock.toml"}
