"""Which requirement files a lock is installed from: one per step and index, the last step's being requirements.txt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from stackc.errors import Finding, RenderError
from stackc.lock.model import Lock, Package
from stackc.render.reasons import requirers

__all__ = [
    "REQUIREMENTS",
    "InstallFile",
    "KeptOut",
    "Pin",
    "default_index",
    "install_files",
    "kept_out",
    "requirement_of",
    "root_name",
]

REQUIREMENTS = "requirements.txt"
"""The file of the last step that the default index serves."""

_TOOLS = "tools"
_UV = "uv"
_REST = "rest"
_DIRECT = "-direct"
_FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Pin(Struct, frozen=True, kw_only=True):
    """One entry of a requirement file."""

    requirement: str
    sha256: str
    via: tuple[str, ...]


class InstallFile(Struct, frozen=True, kw_only=True):
    """One requirement file: what one call of pip installs from one index. `default` says that it is the default index.

    `index` is None for the files that components name themselves; `locations` then has where pip finds them, by project.
    """

    name: str
    step: int
    index: str | None
    default: bool
    packages: tuple[Package, ...]
    locations: Mapping[NormalizedName, str] = {}

    @property
    def is_uv(self) -> bool:
        """Say whether it is uv's own file: one for itself, since a stage that fetches an interpreter needs nothing else."""
        return any(_home(package)[2] for package in self.packages)

    @property
    def pins(self) -> tuple[Pin, ...]:
        """Return the entries of the file, sorted by name."""
        return tuple(
            Pin(
                requirement=requirement_of(package, at=self.locations.get(package.name)),
                sha256=package.file.sha256,
                via=requirers(package.why),
            )
            for package in self.packages
        )


class KeptOut(Struct, frozen=True, kw_only=True):
    """One component that requirements.txt leaves to another file. `label` is its local version label.

    `source` says in words where its file comes from.
    """

    requirement: str
    step: int
    source: str
    file: str
    order: int | None
    label: str | None


def requirement_of(package: Package, *, at: str | None = None) -> str:
    """Return `name[extras]==version` of a pin, or `name[extras] @ ADDRESS` of one whose file is `at` an address."""
    extras = f"[{','.join(sorted(package.extras))}]" if package.extras else ""
    return f"{package.name}{extras}=={package.version}" if at is None else f"{package.name}{extras} @ {at}"


def install_files(lock: Lock, *, locations: Mapping[NormalizedName, str] | None = None) -> tuple[InstallFile, ...]:
    """Return the files in the order of their installation: by step, and the default index first.

    requirements.txt is always among them, empty where no project is left for it. `locations` has where pip finds the files
    that components name themselves.
    """
    default = default_index(lock)
    last = lock.last_step
    grouped = _grouped((*lock.tools, *lock.packages), default=default, labels=_labels(lock), last=last)
    found = [file if file.index is not None else replace(file, locations=locations or {}) for file in grouped]
    if all(file.name != REQUIREMENTS for file in found):
        found.append(InstallFile(name=REQUIREMENTS, step=last, index=default, default=True, packages=()))
    return tuple(sorted(found, key=lambda file: (file.step, not file.default, file.index or "")))


def kept_out(lock: Lock) -> tuple[KeptOut, ...]:
    """Return the components that requirements.txt leaves out, by step and then in the manifest's order."""
    homes = {package.name: file for file in install_files(lock) for package in file.packages if file.step}
    found: list[KeptOut] = []
    for root in lock.roots:
        package = lock.by_name.get(root_name(root.requirement))
        if package is not None and homes[package.name].name != REQUIREMENTS:
            found.append(
                KeptOut(
                    requirement=requirement_of(package),
                    step=package.step,
                    source=package.source,
                    file=homes[package.name].name,
                    order=root.order,
                    label=package.version.local,
                )
            )
    return tuple(sorted(found, key=lambda entry: entry.step))


def default_index(lock: Lock) -> str:
    """Return the name of the lock's default index."""
    for route in lock.routes:
        if route.default:
            return route.index
    raise RenderError(Finding(code="S511", message="the lock names no default index", hint="run `stackc compile`"))


def root_name(requirement: str) -> NormalizedName:
    """Return the normalized project name of a root's requirement."""
    return canonicalize_name(Requirement(requirement).name)


def _labels(lock: Lock) -> Mapping[int, str]:
    """Return what each step is called after: its first component in the manifest's order."""
    labels = {0: _TOOLS}
    for root in lock.roots:
        if root.order is not None:
            labels.setdefault(root.order, root_name(root.requirement))
    return labels


def _grouped(packages: Iterable[Package], *, default: str, labels: Mapping[int, str], last: int) -> Iterator[InstallFile]:
    ordered = sorted(packages, key=lambda package: (*_home(package), package.name))
    for (step, index, alone), group in groupby(ordered, key=_home):
        members = tuple(group)
        label = _REST if step == last else _UV if alone else labels.get(step, members[0].name)
        name = REQUIREMENTS if step == last and index == default else _name(step, label, index, default=default)
        yield InstallFile(name=name, step=step, index=index or None, default=index == default, packages=members)


def _home(package: Package) -> tuple[int, str, bool]:
    """Return what the packages of one file share: the step, the index ("" for none), and whether it is uv as a tool."""
    return package.step, package.index or "", package.step == 0 and package.name == _UV


def _name(step: int, label: str, index: str, *, default: str) -> str:
    """Return the name of a file. The hyphen of `-direct` keeps it apart from an index of that name, whose file has a dot."""
    suffix = "" if index == default else f".{index}" if index else _DIRECT
    name = f"{step:02d}-{label}{suffix}.txt"
    if _FILE_NAME.fullmatch(name):
        return f"steps/{name}"
    raise RenderError(
        Finding(
            code="S512",
            message="the name of an index or a component cannot be part of a file name",
            found=ascii(name),
            hint="use letters, digits, `.`, `_` and `-` in the names of indexes and components",
        )
    )
