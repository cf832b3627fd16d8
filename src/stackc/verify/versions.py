"""Whether an installed version is the locked one: another release, or the same release from another index."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, Place
from stackc.lock.model import Package

__all__ = ["version_finding"]


def version_finding(package: Package, installed: str, *, places: tuple[Place, ...], hint: str) -> Iterator[Finding]:
    """Yield S602 for another release, S603 for another local version label of the locked one, nothing where they agree."""
    try:
        found = Version(installed)
    except InvalidVersion:
        found = None
    if found == package.version:
        return
    message = f"{package.name} is {installed}, the lock has {package.version}"
    code = "S602"
    if found is not None and found.public == package.version.public:
        other = "another file than stack.toml names" if package.index is None else f"another index than {package.index}"
        code, message = "S603", f"{message}: it came from {other}"
    yield Finding(code=code, message=message, places=places, wanted=str(package.version), found=installed, hint=hint)
