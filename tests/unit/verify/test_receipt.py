"""Receipts of images against the present lock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from stackc.errors import CheckError, Finding, Place
from stackc.lock.locked_target import target_of
from stackc.verify.receipt import compare, decode
from unit.verify.log_project import lock, places

INPUTS = lock().inputs
GOOD: Mapping[str, Any] = {
    "format": 1,
    "target": "gpu",
    "inputs": {"manifest": INPUTS.manifest, "matrix": INPUTS.matrix, "templates": INPUTS.templates},
    "python": "3.11.2",
    "platform": "linux/amd64",
    "cuda": {},
    "packages": {
        package.name: {
            "version": str(package.version),
            "locked": str(package.version),
            "index": package.index,
            "file": package.file.name,
        }
        for package in lock().packages
    },
    "tools": {"pip": "26.3", "setuptools": "84.2.1"},
    "extra": {},
    "torch": {"version": "2.5.1+cu124", "cuda": "12.4", "git": None, "cudnn": 90100, "architectures": ["sm_90"]},
    "checks": 12,
}
HEAD = (Place(file="verified.json"), Place(file="locks/gpu/lock.toml"))
AGAIN = "build the image again from the present lock"


def compared(**changes: object) -> tuple[Finding, ...]:
    receipt = decode(json.dumps({**GOOD, **changes}).encode(), file="verified.json")
    return compare(receipt, lock(), target_of(lock()), file="verified.json", places=places())


def packages(**changes: Mapping[str, str] | None) -> Mapping[str, Any]:
    changed = {**GOOD["packages"], **changes}
    return {name: entry for name, entry in changed.items() if entry is not None}


def of(name: str, line: int | None = None) -> tuple[Place, ...]:
    locked = (Place(file="locks/gpu/lock.toml", line=line, path=("package", name)),) if line else ()
    return (Place(file="verified.json", path=("packages", name)), *locked)


def test_a_receipt_of_the_present_lock_differs_in_nothing() -> None:
    assert compared() == ()


def test_another_release_and_another_build_are_told_apart() -> None:
    torch = {**GOOD["packages"]["torch"], "version": "2.5.1+cpu"}
    numpy = {**GOOD["packages"]["numpy"], "version": "2.1.0"}
    assert compared(packages=packages(torch=torch, numpy=numpy)) == (
        Finding(
            code="S602",
            message="numpy is 2.1.0, the lock has 1.26.4",
            places=of("numpy", 71),
            wanted="1.26.4",
            found="2.1.0",
            hint=AGAIN,
        ),
        Finding(
            code="S603",
            message="torch is 2.5.1+cpu, the lock has 2.5.1+cu124: it came from another index than cu124",
            places=of("torch", 86),
            wanted="2.5.1+cu124",
            found="2.5.1+cpu",
            hint=AGAIN,
        ),
    )


def test_what_is_missing_and_what_is_too_much_are_told() -> None:
    six = {"version": "1.16.0", "locked": "1.16.0", "index": "pypi", "file": "six-1.16.0-py2.py3-none-any.whl"}
    assert compared(packages=packages(click=None, six=six), extra={"own-app": "0.1"}) == (
        Finding(
            code="S601",
            message="click is not installed, the lock has 8.1.8",
            places=of("click", 57),
            wanted="8.1.8",
            hint=AGAIN,
        ),
        Finding(
            code="S635",
            message="the image has six, which the lock does not have any more",
            places=of("six"),
            found="1.16.0",
            hint=AGAIN,
        ),
        Finding(
            code="S604",
            message="own-app 0.1 is installed, and the lock does not know it",
            places=(Place(file="verified.json", path=("extra", "own-app")),),
            hint="put it into stack.toml if the image needs it; a file of a locked project it did not bring",
            severity="warning",
        ),
    )


@pytest.mark.parametrize("where", ["extra", "tools"])
def test_what_the_lock_has_only_now_may_have_been_there_before(where: str) -> None:
    changed = {where: {**GOOD[where], "click": "8.1.8"}}
    assert compared(packages=packages(click=None), **changed) == ()
    changed = {where: {**GOOD[where], "click": "8.1.7"}}
    assert [finding.code for finding in compared(packages=packages(click=None), **changed)] == ["S602"]


def test_another_file_of_the_same_release_is_told() -> None:
    numpy = {**GOOD["packages"]["numpy"], "file": "numpy-1.26.4-cp311-cp311-linux_x86_64.whl"}
    (finding,) = compared(packages=packages(numpy=numpy))
    assert (finding.code, finding.found) == ("S634", "numpy-1.26.4-cp311-cp311-linux_x86_64.whl, from index pypi")


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"target": "cpu"}, "S632", "the receipt is of another target"),
        ({"python": "3.10.12"}, "S606", "the image has another Python than the lock"),
        ({"platform": "linux/arm64"}, "S607", "the image is for another platform than the lock"),
        (
            {"inputs": {**GOOD["inputs"], "manifest": "sha256:0", "templates": "sha256:0"}},
            "S633",
            "the image was built from another lock: the manifest and the templates changed since",
        ),
    ],
)
def test_what_the_whole_image_is_of_is_compared(changes: dict[str, object], code: str, message: str) -> None:
    (finding,) = compared(**changes)
    assert (finding.code, finding.message, finding.places) == (code, message, HEAD)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": "1"}', b'{"format": 1}', b"\xff", b"[1]"])
def test_what_is_no_receipt_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(CheckError) as caught:
        decode(content, file="verified.json")
    (finding,) = caught.value.findings
    assert (finding.code, finding.message) == ("S630", "this is not a receipt of verify.py")


def test_a_receipt_of_a_newer_format_is_not_guessed_at() -> None:
    with pytest.raises(CheckError) as caught:
        decode(b'{"format": 2}', file="verified.json")
    (finding,) = caught.value.findings
    assert (finding.code, finding.wanted, finding.found) == ("S631", "format 1", "format 2")
