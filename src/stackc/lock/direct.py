"""The proof's part about direct references: a pin is one exactly where its component is, and its file is the component's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from packaging.utils import NormalizedName

from stackc.errors import Finding, Place
from stackc.lock.document import AGAIN
from stackc.lock.model import DirectFile, Lock, Package
from stackc.lock.requirements import parse_need

__all__ = ["check_direct", "direct_files"]

At = Callable[..., Place]


def direct_files(lock: Lock) -> dict[NormalizedName, DirectFile]:
    """Return the files that components name themselves, by project."""
    needs = ((parse_need(root.requirement), root.direct) for root in lock.roots)
    return {need.project: direct for need, direct in needs if need is not None and direct is not None}


def check_direct(lock: Lock, at: At) -> Iterator[Finding]:
    """Yield where a pin's file is not the one that its component names; `at` returns a place in the lock."""
    files = direct_files(lock)
    for root in lock.roots:
        if root.direct is not None and root.index is not None:
            need = parse_need(root.requirement)
            place = at("plan", "roots", root.requirement if need is None else need.project)
            message = "a root has a file of its own and an index too"
            yield Finding(code="S430", message=message, places=(place,), found=f"index {root.index}", hint=AGAIN)
    for package in lock.packages:
        yield from _check_package(package, files.get(package.name), at)
    for tool in lock.tools:
        yield from _check_package(tool, None, at, key="tool")


def _check_package(package: Package, named: DirectFile | None, at: At, *, key: str = "package") -> Iterator[Finding]:
    wanted = None if named is None else named.kind
    if package.direct != wanted or (package.index is None) != (package.direct is not None):
        yield Finding(
            code="S430",
            message=f"`{package.name}` does not come from where its component says",
            places=(at(key, package.name, "index" if package.direct is None else "direct"),),
            wanted="an index" if wanted is None else f"the {wanted} in stack.toml",
            found=package.source,
            hint=AGAIN,
        )
    elif named is not None and (package.file.name, package.file.sha256) != (named.file, named.sha256):
        yield Finding(
            code="S431",
            message=f"the file of `{package.name}` is not the one that its component names",
            places=(at(key, package.name, "file"),),
            wanted=f"{named.file}, sha256 {named.sha256}",
            found=f"{package.file.name}, sha256 {package.file.sha256}",
            hint=AGAIN,
        )
