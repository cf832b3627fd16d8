"""The receipt that verify.py leaves in an image, and what differs between it and the present lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from stackc.errors import CheckError, Finding, Place
from stackc.lock.model import Lock, Package
from stackc.target import Target
from stackc.verify.places import LockPlaces
from stackc.verify.versions import version_finding

__all__ = ["FORMAT", "Receipt", "ReceiptInputs", "ReceiptPackage", "TorchFacts", "compare", "decode"]

FORMAT = 1
"""The version of the receipt's format that this stackc reads."""

_AGAIN = "build the image again from the present lock"


class ReceiptInputs(Struct, frozen=True, kw_only=True):
    """The digests of what the image's lock was compiled from, as the lock has them."""

    manifest: str
    matrix: str
    templates: str


class ReceiptPackage(Struct, frozen=True, kw_only=True):
    """One installed project: the version found and the one locked, the index by name, and the locked distribution file."""

    version: str
    locked: str
    index: str | None
    file: str


class TorchFacts(Struct, frozen=True, kw_only=True):
    """What torch says of its own build; None where that build has no answer. `architectures` are such as `sm_90`."""

    version: str | None = None
    cuda: str | None = None
    git: str | None = None
    cudnn: int | None = None
    architectures: tuple[str, ...] | None = None


class Receipt(Struct, frozen=True, kw_only=True):
    """What verify.py found in one environment. `cuda` has what the base image says of its CUDA, by where it says so."""

    format: int
    target: str
    inputs: ReceiptInputs
    python: str
    platform: str
    cuda: Mapping[str, str]
    packages: Mapping[str, ReceiptPackage]
    tools: Mapping[str, str]
    extra: Mapping[str, str]
    torch: TorchFacts | None
    checks: int


class _Format(Struct, frozen=True):
    format: int


def decode(content: bytes, *, file: str) -> Receipt:
    """Return the receipt that `content` holds. Raises CheckError where it holds none, or one of a newer stackc."""
    place = (Place(file=file),)
    try:
        written = msgspec.json.decode(content, type=_Format).format
        if written <= FORMAT:
            return msgspec.json.decode(content, type=Receipt)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = "copy /opt/stack/verified.json out of the image, whole"
        message = "this is not a receipt of verify.py"
        raise CheckError(Finding(code="S630", message=message, places=place, notes=(str(error),), hint=hint)) from error
    raise CheckError(
        Finding(
            code="S631",
            message="the receipt was left by a newer stackc",
            places=place,
            wanted=f"format {FORMAT}",
            found=f"format {written}",
            hint="upgrade stackc here to the one that the image was made with",
        )
    )


def compare(receipt: Receipt, lock: Lock, target: Target, *, file: str, places: LockPlaces) -> tuple[Finding, ...]:
    """Return what the image that left a receipt has other than the lock; `places` are the lock's, `file` is the receipt's."""
    head = (Place(file=file), places.head)
    found = [*_head(receipt, lock, target, head)]
    for name in sorted({*receipt.packages, *lock.by_name}):
        package = lock.by_name.get(canonicalize_name(name))
        place = Place(file=file, path=("packages", name))
        found += _package(name, package, receipt, (place, *places.of(name)))
    for name, version in sorted(receipt.extra.items()):
        if canonicalize_name(name) not in lock.by_name:
            found.append(_extra(name, version, file))
    return tuple(found)


def _head(receipt: Receipt, lock: Lock, target: Target, places: tuple[Place, ...]) -> Iterator[Finding]:
    if receipt.target != target.name:
        yield _differs("S632", "the receipt is of another target", places, wanted=target.name, found=receipt.target)
    minor = "{}.{}".format(*target.python_minor)
    if ".".join(receipt.python.split(".")[:2]) != minor:
        yield _differs("S606", "the image has another Python than the lock", places, wanted=minor, found=receipt.python)
    if receipt.platform != target.platform:
        message = "the image is for another platform than the lock"
        yield _differs("S607", message, places, wanted=target.platform, found=receipt.platform)
    moved = _moved(receipt.inputs, lock)
    if moved:
        message = f"the image was built from another lock: {' and '.join(moved)} changed since"
        yield Finding(code="S633", message=message, places=places, hint=_AGAIN)


def _moved(inputs: ReceiptInputs, lock: Lock) -> Sequence[str]:
    now = lock.inputs
    pairs = (
        ("the manifest", inputs.manifest, now.manifest),
        ("the matrix", inputs.matrix, now.matrix),
        ("the templates", inputs.templates, now.templates),
    )
    return [label for label, then, present in pairs if then != present]


def _package(name: str, package: Package | None, receipt: Receipt, places: tuple[Place, ...]) -> Iterator[Finding]:
    """Yield how one project differs. What the lock has now may have been a tool or unknown when the image was built."""
    found = receipt.packages.get(name)
    version = found.version if found is not None else receipt.extra.get(name, receipt.tools.get(name))
    if package is None:
        message = f"the image has {name}, which the lock does not have any more"
        yield Finding(code="S635", message=message, places=places, found=version, hint=_AGAIN)
    elif version is None:
        message = f"{name} is not installed, the lock has {package.version}"
        yield Finding(code="S601", message=message, places=places, wanted=str(package.version), hint=_AGAIN)
    elif differing := tuple(version_finding(package, version, places=places, hint=_AGAIN)):
        yield from differing
    elif found is not None and (found.index, found.file) != (package.index, package.file.name):
        yield Finding(
            code="S634",
            message=f"the image has another file of {name} {package.version} than the lock",
            places=places,
            wanted=f"{package.file.name}, from {package.source}",
            found=f"{found.file}, {'named in stack.toml' if found.index is None else f'from index {found.index}'}",
            hint=_AGAIN,
        )


def _extra(name: str, version: str, file: str) -> Finding:
    return Finding(
        code="S604",
        message=f"{name} {version} is installed, and the lock does not know it",
        places=(Place(file=file, path=("extra", name)),),
        hint="put it into stack.toml if the image needs it; a file of a locked project it did not bring",
        severity="warning",
    )


def _differs(code: str, message: str, places: tuple[Place, ...], *, wanted: str, found: str) -> Finding:
    return Finding(code=code, message=message, places=places, wanted=wanted, found=found, hint=_AGAIN)
