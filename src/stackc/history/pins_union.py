"""What two locks of one target know together: their pins, and the choices among them that are a solution.

Nothing is resolved: a choice takes each project from one of the two locks, with the requirements, the file and the hash that
stand there. What one side alone moved is taken from that side. Where both sides moved a project, and not alike, the newer
version comes first. From there on only what is in the way is taken from the other side instead, as little as possible.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from stackc.errors import Finding, Place
from stackc.layout import LOCK, lock_folder
from stackc.lock.model import Lock, LockedFile, Package
from stackc.lock.requirements import Need, parse_need, parse_needs

__all__ = ["Union", "other_files", "union_of"]

_MOST_TRIED = 400

Choice = Mapping[NormalizedName, int]
"""Which of its candidates each contested project takes; none named means the first."""


class Union(Struct, frozen=True, kw_only=True):
    """The candidates of each project, the preferred first, and a lock that has all else that both sides share."""

    lock: Lock
    candidates: Mapping[NormalizedName, tuple[Package, ...]]
    tools: tuple[Package, ...]

    def solutions(self, roots: Sequence[str]) -> Iterator[Lock]:
        """Yield locks whose pins meet each other's requirements and those of the roots, the nearest to the preferred first."""
        waiting: deque[Choice] = deque([{}])
        seen: set[frozenset[tuple[NormalizedName, int]]] = set()
        while waiting and len(seen) < _MOST_TRIED:
            choice = waiting.popleft()
            key = frozenset(choice.items())
            if key in seen:
                continue
            seen.add(key)
            involved = self._in_the_way(roots, choice)
            if involved is None:
                yield self._chosen(choice)
            else:
                waiting.extend(self._others(choice, involved))

    def _pin(self, name: NormalizedName, choice: Choice) -> Package | None:
        known = self.candidates.get(name)
        return known[choice.get(name, 0)] if known else None

    def _in_the_way(self, roots: Sequence[str], choice: Choice) -> tuple[NormalizedName, ...] | None:
        """Return the projects of which another solution takes at least one otherwise, None where this is a solution.

        They are those of the first requirement that is not met, and all on the way from a root to who states it: unless one of
        them changes, the requirement stands and is not met.
        """
        asked: dict[NormalizedName, set[NormalizedName]] = {}
        ways: dict[NormalizedName, tuple[NormalizedName, ...]] = {}
        waiting: deque[tuple[tuple[NormalizedName, ...], Need | None]] = deque(((), parse_need(root)) for root in roots)
        while waiting:
            way, need = waiting.popleft()
            pin = None if need is None else self._pin(need.project, choice)
            if need is None or pin is None or not need.admits(pin.version):
                return way if need is None else (need.project, *way)
            if need.project not in asked:
                asked[need.project], ways[need.project] = set(), (need.project, *way)
                waiting += [(ways[need.project], each) for each in parse_needs(pin.requires)]
            asked[need.project] |= need.extras
            if not need.extras <= set(pin.extras):
                return (need.project, *way)
        pins = {name: self._pin(name, choice) for name in asked}
        return next((ways[name] for name, pin in pins.items() if pin is not None and set(pin.extras) != asked[name]), None)

    def _others(self, choice: Choice, names: Sequence[NormalizedName]) -> Iterator[Choice]:
        """Yield the choices that take another candidate of one of these projects."""
        for name in names:
            for at in range(len(self.candidates.get(name, ()))):
                if at != choice.get(name, 0):
                    yield {**choice, name: at}

    def _chosen(self, choice: Choice) -> Lock:
        pins = (self._pin(name, choice) for name in sorted(self.candidates))
        return replace(self.lock, packages=tuple(pin for pin in pins if pin is not None), tools=self.tools)


def union_of(base: Lock | None, ours: Lock, theirs: Lock) -> Union:
    """Return what two locks of one target know together; `base` is the one that both began from, where there was one."""
    sides = [{package.name: package for package in lock.packages} if lock else {} for lock in (base, ours, theirs)]
    names = sorted(sides[1].keys() | sides[2].keys())
    tools = [{tool.name: tool for tool in lock.tools} if lock else {} for lock in (base, ours, theirs)]
    return Union(
        lock=ours,
        candidates={name: _ordered(*(side.get(name) for side in sides)) for name in names},
        tools=tuple(_ordered(*(side.get(name) for side in tools))[0] for name in sorted(tools[1].keys() | tools[2].keys())),
    )


def other_files(ours: Lock, theirs: Lock) -> tuple[Finding, ...]:
    """Return a finding for each release of which the two locks name another file or hash: that is nothing to choose from."""
    known = {(each.name, each.version): each.file for each in (*ours.packages, *ours.tools)}
    return tuple(
        _other_file(each, known[each.name, each.version], ours)
        for each in (*theirs.packages, *theirs.tools)
        if _content(known.get((each.name, each.version), each.file)) != _content(each.file)
    )


def _content(file: LockedFile) -> tuple[str, str]:
    return file.name, file.sha256


def _ordered(base: Package | None, ours: Package | None, theirs: Package | None) -> tuple[Package, ...]:
    """Return the candidates for one project, the preferred first."""
    if ours is None or theirs is None:
        return tuple(side for side in (ours, theirs) if side is not None)
    if _alike(ours, theirs):
        return (ours,)
    if (ours.version, ours.index) == (theirs.version, theirs.index) and ours.extras != theirs.extras:
        return _with_all_extras(ours, theirs), ours, theirs
    if base is not None and _alike(theirs, base):
        return ours, theirs
    if base is not None and _alike(ours, base):
        return theirs, ours
    return (ours, theirs) if ours.version > theirs.version else (theirs, ours)


def _alike(one: Package, other: Package) -> bool:
    """Say whether two pins are of the same release with the same extras; where they stand and why is worked out anew."""
    return replace(one, step=0, why=()) == replace(other, step=0, why=())


def _with_all_extras(ours: Package, theirs: Package) -> Package:
    """Return the pin with the extras of both: their requirements add up, for each extra only adds some."""
    return replace(
        ours,
        extras=tuple(sorted({*ours.extras, *theirs.extras})),
        requires=tuple(sorted({*ours.requires, *theirs.requires})),
    )


def _other_file(package: Package, known: LockedFile, ours: Lock) -> Finding:
    return Finding(
        code="S477",
        message=f"both sides locked `{package.name}` {package.version}, but not the same file of it",
        places=(Place(file=f"{lock_folder(ours.target.name)}/{LOCK}", path=("package", package.name, "sha256")),),
        notes=(f"ours:   {known.name} {known.sha256}", f"theirs: {package.file.name} {package.file.sha256}"),
        hint="find out which of the two the index lists before you trust either: `stackc compile` asks it",
    )
