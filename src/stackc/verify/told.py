"""What verify.py tells with `--json`, as values, and its failed checks as findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from stackc.errors import CheckError, Finding
from stackc.verify.places import LockPlaces
from stackc.verify.receipt import Receipt

__all__ = ["Check", "Device", "Driver", "Gpu", "Note", "Told", "decode", "findings_of"]

_CODES: Mapping[str, str] = {
    "missing": "S601",
    "version": "S602",
    "label": "S603",
    "shadow": "S605",
    "python": "S606",
    "machine": "S607",
    "cuda": "S608",
    "requirement": "S609",
    "import": "S610",
    "expression": "S611",
    "build": "S612",
    "end": "S613",
    "gpu": "S640",
    "architecture": "S642",
    "device": "S643",
    "product": "S646",
}


class Check(Struct, frozen=True, kw_only=True):
    """One check: what kind, of which project, whether it holds, and else the remedy."""

    kind: str
    name: str | None
    holds: bool
    text: str
    remedy: str | None = None
    wanted: str | None = None
    found: str | None = None


class Note(Struct, frozen=True, kw_only=True):
    """One thing that was seen and fails nothing."""

    kind: str
    name: str | None
    text: str


class Device(Struct, frozen=True, kw_only=True):
    """One GPU as torch, or as the driver sees it: memory in bytes, and how far its product was from the CPU's."""

    name: str
    capability: str
    memory: int | None = None
    free: int | None = None
    error: float | None = None
    tolerance: float | None = None


class Driver(Struct, frozen=True, kw_only=True):
    """The NVIDIA driver: its version, the newest CUDA that it is for, and the GPUs that it sees."""

    version: str
    cuda: str
    devices: tuple[Device, ...]


class Gpu(Struct, frozen=True, kw_only=True):
    """What was asked of the GPUs: the driver, None where none answers, and each device that torch used."""

    driver: Driver | None
    devices: tuple[Device, ...] = ()


class Told(Struct, frozen=True, kw_only=True):
    """One run of verify.py."""

    format: int
    checks: tuple[Check, ...]
    notes: tuple[Note, ...]
    receipt: Receipt
    gpu: Gpu | None = None


def decode(content: bytes, *, errors: str, status: int) -> Told:
    """Return what verify.py printed. Raises CheckError where that is no such document: the interpreter ended before."""
    try:
        return msgspec.json.decode(content, type=Told)
    except msgspec.DecodeError as error:
        raise CheckError(
            Finding(
                code="S621",
                message=f"the checks did not run to their end in that Python: exit status {status}",
                notes=tuple(errors.splitlines()[-5:]),
                hint="it must be Python 3.8 or later, on Linux or macOS",
            )
        ) from error


def findings_of(told: Told, *, places: LockPlaces) -> Iterator[Finding]:
    """Yield a finding per failed check, at the lock's line of its project, and a warning per unknown distribution."""
    for check in told.checks:
        if not check.holds:
            yield Finding(
                code=_CODES.get(check.kind, "S613"),
                message=check.text,
                places=places.of(check.name) or (places.head,),
                wanted=check.wanted,
                found=check.found,
                hint=check.remedy,
            )
    for note in told.notes:
        if note.kind == "extra":
            yield Finding(
                code="S604",
                message=f"{note.text} is installed, and the lock does not know it",
                hint="put it into stack.toml if it is needed; it brings no file of a locked project",
                severity="warning",
            )
