"""Where a project's files lie, and which of them are stackc's own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from stackc.layout import generated, lock_folder, outputs_digest, read_outputs, templates_folder


def test_folders_are_where_the_documentation_says() -> None:
    assert (lock_folder("gpu"), templates_folder(Path("project"))) == ("locks/gpu", Path("project/templates"))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("lock.toml", True),
        ("requirements.txt", True),
        ("constraints.txt", True),
        ("Dockerfile", True),
        ("verify.py", True),
        ("STACK.md", True),
        ("steps/01-numpy.txt", True),
        ("steps/deeper/01-numpy.txt", False),
        ("steps/README.md", False),
        ("steps", False),
        ("notes.txt", False),
        (".dockerignore", False),
        ("other/lock.toml", False),
        ("LOCK.toml", False),
    ],
)
def test_only_generated_files_are_stackc_s_own(name: str, ours: bool) -> None:
    assert generated(name) is ours


def test_the_digest_of_outputs_covers_names_and_bytes_and_leaves_the_lock_out() -> None:
    files = {"b.txt": b"two", "a.txt": b"one", "lock.toml": b"lock"}

    assert outputs_digest(files) == f"sha256:{hashlib.sha256(b'5:a.txt3:one5:b.txt3:two').hexdigest()}"
    assert outputs_digest(dict(sorted(files.items()))) == outputs_digest(files)
    assert outputs_digest({**files, "lock.toml": b"other"}) == outputs_digest(files)
    assert len({outputs_digest(other) for other in ({}, {"a": b"bc"}, {"ab": b"c"}, {"a": b"b", "c": b""}, {"a": b""})}) == 5


def test_outputs_are_read_without_what_the_user_put_beside_them(tmp_path: Path) -> None:
    for name in ("lock.toml", "Dockerfile", "steps/02-b.txt", "steps/01-a.txt", "steps/own.md", "notes.txt", "own/lock.toml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "STACK.md").mkdir()

    assert list(read_outputs(tmp_path).items()) == [
        (name, name.encode()) for name in ("Dockerfile", "lock.toml", "steps/01-a.txt", "steps/02-b.txt")
    ]


def test_a_folder_that_is_not_there_has_no_outputs(tmp_path: Path) -> None:
    assert read_outputs(tmp_path / "missing") == {}
