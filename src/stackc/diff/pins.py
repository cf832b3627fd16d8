"""The pins of two locks against each other: what moved, and how a list of moves is applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace
from packaging.utils import NormalizedName

from stackc.diff.model import Move, Part, Pin
from stackc.lock.model import Lock, LockedFile, Package

__all__ = ["BY_FILE", "Pins", "applied", "moves_between", "narrowed", "pins_of"]

BY_FILE = " in stack.toml"
"""How the source of a pin ends, where its component names the file itself; no index has such a name."""

Pins = Mapping[tuple[Part, NormalizedName], Pin]
"""The pins of one lock. A project may stand among the tools and among the packages."""


def pins_of(lock: Lock | None) -> Pins:
    """Return the pins of a lock, none where there is no lock."""
    if lock is None:
        return {}
    last = lock.last_step
    pins = [_pin(package, "package", last) for package in lock.packages]
    pins += [_pin(tool, "tool", last) for tool in lock.tools]
    return {(pin.part, pin.name): pin for pin in pins}


def _pin(package: Package, part: Part, last: int) -> Pin:
    return Pin(
        part=part,
        name=package.name,
        version=package.version,
        index=package.index or f"{package.direct}{BY_FILE}",
        step=_step(package, part, last),
        file=package.file,
        extras=package.extras,
    )


def _step(package: Package, part: Part, last: int) -> str:
    """Return the step's name: the last one keeps it where an ordered step was added before it."""
    if part == "tool":
        return "tools"
    return f"step {package.step}" if package.step < last else "requirements.txt"


def narrowed(pins: Pins) -> Pins:
    """Return pins with their version, file name and hash alone: what can be read of a lock that is not TOML."""
    return {
        key: replace(pin, index="", step="", extras=(), file=LockedFile(name=pin.file.name, sha256=pin.file.sha256))
        for key, pin in pins.items()
    }


def moves_between(before: Pins, after: Pins) -> tuple[Move, ...]:
    """Return every pin that differs, sorted by part and name."""
    moved = sorted(key for key in {**before, **after} if before.get(key) != after.get(key))
    return tuple(Move(part=key[0], name=key[1], before=before.get(key), after=after.get(key)) for key in moved)


def applied(moves: Iterable[Move], pins: Pins) -> Pins:
    """Return the pins that moves make of others."""
    result = dict(pins)
    for move in moves:
        key = (move.part, move.name)
        if move.after is None:
            result.pop(key, None)
        else:
            result[key] = move.after
    return result
