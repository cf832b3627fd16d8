"""The values of one `locks/<target>/lock.toml`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

__all__ = [
    "FORMAT",
    "DirectFile",
    "DirectKind",
    "Engine",
    "Inputs",
    "Lock",
    "LockedFile",
    "LockedTarget",
    "Package",
    "Root",
    "Route",
]

FORMAT = 1
"""The version of the lock's format that this stackc writes; a higher one is refused, never rewritten."""


DirectKind = Literal["url", "path"]
"""How a component names a file of its own: by its address, or by its path in the project."""


class LockedFile(Struct, frozen=True, kw_only=True):
    """One distribution file, named and never addressed.

    `sha256` is 64 lower-case hexadecimal digits; `size` is in bytes; `uploaded` is an aware moment in UTC. Size and moment
    are None where the index does not say. `yanked` is what the index said of it when it was locked (PEP 592): the reason, or
    True where it gave none.
    """

    name: str
    sha256: str
    size: int | None = None
    uploaded: dt.datetime | None = None
    yanked: bool | str = False


class Package(Struct, frozen=True, kw_only=True):
    """One pin: a release, the one file of it that the target's installer would pick, and what bounds it.

    `requires` holds the requirements that stand for the target with `extras` active: markers evaluated away, sorted, each as
    `str(Requirement)` of a normalized name. `why` holds one `SOURCE SPECIFIER` line per bound, sorted: the source is
    `stack.toml`, a project's name, or `rule ID`. `index` is None where a component names the file itself, which `direct` says.
    """

    name: NormalizedName
    version: Version
    index: str | None
    step: int
    file: LockedFile
    extras: tuple[NormalizedName, ...] = ()
    requires_python: str | None = None
    requires: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    direct: DirectKind | None = None

    @property
    def source(self) -> str:
        """Return in words where the file comes from."""
        return f"index {self.index}" if self.direct is None else f"the {self.direct} in stack.toml"


class DirectFile(Struct, frozen=True, kw_only=True):
    """The one file that a component names itself, without its address: an address and a path are the manifest's business."""

    kind: DirectKind
    file: str
    sha256: str


class Root(Struct, frozen=True, kw_only=True):
    """One component as the manifest asks for it: a requirement, and the step it is ordered into (None: the last step)."""

    requirement: str
    order: int | None = None
    index: str | None = None
    direct: DirectFile | None = None

    @property
    def parsed(self) -> Requirement:
        """Return the requirement, parsed."""
        return Requirement(self.requirement)


class Route(Struct, frozen=True, kw_only=True):
    """What one index serves, without its address. The route whose `default` is set serves all that no other does."""

    index: str
    serves: tuple[str, ...] = ()
    default: bool = False


class LockedTarget(Struct, frozen=True, kw_only=True):
    """The target as it was resolved; the fields are those of `stackc.target.Target`, as strings."""

    name: str
    python: str
    platform: str
    base: str
    cuda: str | None = None
    glibc: str | None = None
    distribution: str | None = None
    driver: str | None = None
    gpus: tuple[str, ...] = ()


class Inputs(Struct, frozen=True, kw_only=True):
    """The sha256 digests of what the lock was compiled from, as `sha256:<64 hexadecimal digits>`.

    `outputs` is the digest of the files rendered from the lock, so that drift shows without rendering again.
    """

    manifest: str
    matrix: str
    templates: str
    outputs: str


class Engine(Struct, frozen=True, kw_only=True):
    """The resolver that found the pins, by name and version."""

    name: str
    version: str


class Lock(Struct, frozen=True, kw_only=True, dict=True):
    """All pins for one target.

    `packages` and `tools` are sorted by name. `tools` are what the image needs before the first step (pip and the build
    tools): pinned and hashed like the rest, in step 0, with no requirements of their own. `routes` are sorted by index.
    `roots` keep the order of `Manifest.components_for`, and `sdists` names the projects that may be sdists.
    """

    target: LockedTarget
    stackc: str
    inputs: Inputs
    engine: Engine
    exclude_newer: dt.datetime | None
    routes: tuple[Route, ...]
    roots: tuple[Root, ...]
    sdists: tuple[NormalizedName, ...]
    tools: tuple[Package, ...]
    packages: tuple[Package, ...]
    format: int = FORMAT

    @cached_property
    def by_name(self) -> Mapping[NormalizedName, Package]:
        """Return the packages by their normalized name."""
        return {package.name: package for package in self.packages}

    @property
    def last_step(self) -> int:
        """Return the number of the step that requirements.txt installs: one after the last ordered step."""
        return max((root.order or 0 for root in self.roots), default=0) + 1
