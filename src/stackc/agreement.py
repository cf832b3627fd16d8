"""Two answers to one question: which versions differ, who chose the newer, and what kept the older back."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.lock.model import Lock, Package
from stackc.lock.requirements import admits, parse_needs
from stackc.lock.why import MANIFEST

__all__ = ["Difference", "differences"]

_RULE = "rule "


class Difference(Struct, frozen=True, kw_only=True):
    """One project whose pins differ; None stands for an answer that does without it. `why` tells of the older one.

    `newer` is the engine that chose the newer version, None where one of them chose none. `kind` sorts the reasons:
    `requirement` and `rule` stand in the older answer, `needs` in the newer release, `absent` is a project that one answer does
    without, and `search` is left where nothing of the older answer keeps the newer version out.
    """

    project: NormalizedName
    ours: Version | None
    theirs: Version | None
    newer: str | None
    kind: str
    why: str


def differences(ours: Lock, theirs: Lock) -> tuple[Difference, ...]:
    """Return what differs between the answers of two engines to one question, by project."""
    return tuple(
        _difference(name, ours, theirs)
        for name in sorted(ours.by_name.keys() | theirs.by_name.keys())
        if _differ(name, ours, theirs)
    )


def _differ(name: NormalizedName, ours: Lock, theirs: Lock) -> bool:
    return _version(name, ours) != _version(name, theirs)


def _version(name: NormalizedName, lock: Lock) -> Version | None:
    package = lock.by_name.get(name)
    return None if package is None else package.version


def _difference(name: NormalizedName, ours: Lock, theirs: Lock) -> Difference:
    mine, other = ours.by_name.get(name), theirs.by_name.get(name)
    if mine is None or other is None:
        lock = theirs if mine is None else ours
        newer, (kind, why) = None, ("absent", _needed_by(name, lock))
    else:
        older, newest = (ours, theirs) if mine.version < other.version else (theirs, ours)
        newer, (kind, why) = newest.engine.name, next(_held_back(name, older=older, newer=newest))
    return Difference(project=name, ours=_version(name, ours), theirs=_version(name, theirs), newer=newer, kind=kind, why=why)


def _needed_by(name: NormalizedName, lock: Lock) -> str:
    by = next(
        (package for package in lock.packages if any(need.project == name for need in parse_needs(package.requires))), None
    )
    return f"{by.name} {by.version} of {lock.engine.name} requires it" if by is not None else "stack.toml asks for it"


def _held_back(name: NormalizedName, *, older: Lock, newer: Lock) -> Iterator[tuple[str, str]]:
    """Yield what keeps the older answer from the newer version, the plainest reason first; something is always yielded."""
    version, engine = newer.by_name[name].version, older.engine.name
    for line in older.by_name[name].why:
        source, _, specifiers = line.removeprefix(_RULE).partition(" ")
        if source == MANIFEST or admits(specifiers, version):
            continue
        if line.startswith(_RULE):
            yield "rule", f"{engine}: rule {source} asks for {name}{specifiers} there"
        else:
            yield "requirement", f"{engine} chose {_pin(older, source)}, which requires {name}{specifiers}"
    yield from _needs(newer.by_name[name], older)
    yield "search", f"{engine}: nothing of its answer keeps {version} out; it gave way in the search"


def _needs(release: Package, older: Lock) -> Iterator[tuple[str, str]]:
    """Yield what the newer release requires and the older answer does not give."""
    for need in parse_needs(release.requires):
        pin = older.by_name.get(need.project)
        if pin is None:
            yield "needs", f"{release.name} {release.version} requires {need.text}, which {older.engine.name} does without"
        elif not need.admits(pin.version):
            yield "needs", f"{release.name} {release.version} requires {need.text}, and {older.engine.name} chose {pin.version}"


def _pin(lock: Lock, name: str) -> str:
    package = lock.by_name.get(NormalizedName(name))
    return name if package is None else f"{name} {package.version}"
