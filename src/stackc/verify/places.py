"""Where each package stands in the text of a lock."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from stackc.errors import Place

__all__ = ["LockPlaces", "lock_places"]

_PACKAGE = re.compile(r'^\[\[package\]\]\nname = "([^"\\\n]+)"', re.MULTILINE)


class LockPlaces(Struct, frozen=True, kw_only=True):
    """The places of one lock: its head, and each package by its normalized name."""

    head: Place
    packages: Mapping[str, Place]

    def of(self, name: str | None) -> tuple[Place, ...]:
        """Return the place of a package, none where the lock does not have it."""
        place = self.packages.get(name) if name is not None else None
        return (place,) if place is not None else ()


def lock_places(text: str, *, file: str) -> LockPlaces:
    """Return the places of the packages that stackc wrote into a lock."""
    found: dict[str, Place] = {}
    line, position = 1, 0
    for package in _PACKAGE.finditer(text):
        line += text.count("\n", position, package.start())
        position = package.start()
        found[package[1]] = Place(file=file, line=line, path=("package", package[1]))
    return LockPlaces(head=Place(file=file), packages=found)
