"""Files of the project that components name: read, hashed, compared with the manifest and with a lock."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from stackc.direct_files import changed_files, settle_direct_files
from stackc.errors import Finding, ManifestError, Place
from stackc.lock.model import DirectFile, Root
from stackc.manifest.decode import decode
from stackc.manifest.model import Component, Manifest
from support.workbench import make_target
from unit.lock.lock_samples import LOCK

WHEEL = "mylib-1.0-py3-none-any.whl"
SHA = hashlib.sha256(b"a wheel").hexdigest()
PLACE = Place(file="stack.toml", line=8, path=("components", "mylib", "path"), source=f'"wheels/{WHEEL}"')
UNREAD = "put it there, relative to the folder of stack.toml; or name it by `url` and `sha256`"


def manifest(*, sha256: str | None = None, file: str = WHEEL) -> Manifest:
    stated = f'sha256 = "{sha256}"\n' if sha256 else ""
    return decode(
        '[stack]\nname = "demo"\n[targets.gpu]\npython = "3.10"\nplatform = "linux/amd64"\nbase = "ubuntu:22.04"\n'
        f'[components.mylib]\npath = "wheels/{file}"\n{stated}',
        file="stack.toml",
    )


def settle(found: Manifest, folder: Path) -> tuple[Component, ...]:
    components = found.components_for("gpu")
    return settle_direct_files(components, target=make_target(), folder=folder, places=found.places)


def problem(found: Manifest, folder: Path) -> Finding:
    with pytest.raises(ManifestError) as raised:
        settle(found, folder)
    (finding,) = raised.value.findings
    return finding


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / WHEEL).write_bytes(b"a wheel")
    return tmp_path


@pytest.mark.parametrize("stated", [None, SHA, SHA.upper()])
def test_a_file_that_is_there_has_its_hash_worked_out(folder: Path, stated: str | None) -> None:
    ((component),) = settle(manifest(sha256=stated), folder)
    assert component.direct is not None
    assert (component.direct.sha256, component.direct.location) == (SHA, str(folder / "wheels" / WHEEL))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    message = "the file that a component names cannot be read: no such file or directory"
    assert problem(manifest(), tmp_path) == Finding(code="S360", message=message, places=(PLACE,), hint=UNREAD)


def test_what_is_no_file_is_not_read(folder: Path) -> None:
    (folder / "wheels" / WHEEL).unlink()
    os.mkfifo(folder / "wheels" / WHEEL)
    message = "the file that a component names cannot be read: it is no regular file"
    assert problem(manifest(), folder) == Finding(code="S360", message=message, places=(PLACE,), hint=UNREAD)


def test_a_link_out_of_the_project_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "file"
    outside.write_bytes(b"a wheel")
    (folder / "wheels" / WHEEL).unlink()
    (folder / "wheels" / WHEEL).symlink_to(outside)
    message = "the file that a component names cannot be read: it leads out of the project, and a build could not copy it"
    assert problem(manifest(), folder) == Finding(code="S360", message=message, places=(PLACE,), hint=UNREAD)


def test_another_file_than_the_manifest_says_is_refused(folder: Path) -> None:
    assert problem(manifest(sha256="0" * 64), folder) == Finding(
        code="S361",
        message=f"`{WHEEL}` is another file than stack.toml says",
        places=(PLACE,),
        wanted=f"sha256 {'0' * 64}",
        found=f"sha256 {SHA}",
        hint="put the right file there; or, if you trust this one, its sha256 into stack.toml",
    )


def test_a_file_for_another_target_is_refused_before_it_is_read(tmp_path: Path) -> None:
    found = problem(manifest(file="mylib-1.0-cp311-cp311-linux_x86_64.whl"), tmp_path)
    assert (found.code, found.message) == ("S146", "`mylib-1.0-cp311-cp311-linux_x86_64.whl` does not fit target `gpu`")


def test_a_lock_whose_file_is_still_there_has_not_changed(folder: Path) -> None:
    lock = replace(LOCK, roots=(Root(requirement="mylib==1.0", direct=DirectFile(kind="path", file=WHEEL, sha256=SHA)),))
    assert list(changed_files(lock, manifest(), folder=folder)) == []


def test_a_file_that_was_replaced_is_told(folder: Path) -> None:
    lock = replace(LOCK, roots=(Root(requirement="mylib==1.0", direct=DirectFile(kind="path", file=WHEEL, sha256=SHA)),))
    (folder / "wheels" / WHEEL).write_bytes(b"another wheel")
    assert list(changed_files(lock, manifest(), folder=folder)) == [
        Finding(
            code="S433",
            message=f"`{WHEEL}` changed after the lock of target `gpu` was compiled",
            places=(PLACE,),
            wanted=f"sha256 {SHA}",
            found=f"sha256 {hashlib.sha256(b'another wheel').hexdigest()}",
            hint="run `stackc compile`; a file that is built anew deserves a version of its own",
        )
    ]
