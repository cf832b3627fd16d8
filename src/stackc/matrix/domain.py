"""Which versions a project can have at all: any, where an index has it; for a virtual project, what a target can say.

A virtual project's versions are points of a grid: `python` is X.Y.Z, `cuda` X.Y, `sm` a whole number. A range such as
`cuda>12.4,<12.5` holds versions, but none that a target can have. Whether a range has a point of the grid is decided by a
sample: the grid's first point, and those at and after every version that a condition spells. No range begins anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from msgspec import Struct
from packaging.ranges import VersionRange
from packaging.version import InvalidVersion, Version

from stackc.matrix.builds import TORCH_CUDA
from stackc.matrix.model import Condition, ProjectName, is_virtual

__all__ = ["Domains"]

_SPELLED = re.compile(r"[0-9][0-9A-Za-z.+!-]*")
_DISTRIBUTION = re.compile(r"([a-z]+)[0-9.]+")
_FIRST: Mapping[str, tuple[int, ...]] = {
    "python": (3, 8, 0),
    "cuda": (0, 0),
    TORCH_CUDA: (0, 0),
    "glibc": (0, 0),
    "driver": (0, 0, 0, 0),
    "sm": (10,),
}
"""The first point of each grid, of as many numbers as its points have. See `manifest.grammar`: what a target may state."""

_OF_BASE = (0, 0)
_ENDS: Mapping[str, tuple[int, ...]] = {"python": (4, 0, 0), "sm": (1000,)}


class Domains(Struct, frozen=True):
    """The versions that decide whether a range of each virtual project has any that a target can have."""

    samples: Mapping[str, tuple[Version, ...]]
    bases: frozenset[str]

    @classmethod
    def of(cls, conditions: Iterable[Condition], *, distributions: Iterable[str]) -> Domains:
        """Return what suffices to judge every range that set algebra makes of those of `conditions`.

        `distributions` are the ids that base images of the matrix have, such as `ubuntu22.04`.
        """
        found = (_DISTRIBUTION.fullmatch(distribution) for distribution in distributions)
        bases = frozenset(f"base-{match[1]}" for match in found if match is not None)
        spelled: dict[str, set[Version]] = {}
        for condition in conditions:
            if is_virtual(condition.name):
                spelled.setdefault(condition.name, set()).update(_spelled(condition.text))
        return cls({name: _sample(name, versions) for name, versions in spelled.items()}, bases)

    def knows(self, name: ProjectName) -> bool:
        """Say whether a target can have a virtual project of that name at all; of a real one nothing is known here."""
        return not is_virtual(name) or name in _FIRST or name in self.bases

    def is_empty(self, name: ProjectName, versions: VersionRange) -> bool:
        """Say whether the project can have no version in the range."""
        if not is_virtual(name):
            return versions.is_empty
        sample = self.samples.get(name) or _sample(name, ())
        return not self.knows(name) or not any(version in versions for version in sample)


def _spelled(text: str) -> Iterator[Version]:
    """Yield the versions that stand in a condition's text; what is no version is the end of no range."""
    for word in _SPELLED.findall(text):
        with suppress(InvalidVersion):
            yield Version(word.rstrip("."))


def _sample(name: str, spelled: Iterable[Version]) -> tuple[Version, ...]:
    first = _FIRST.get(name, _OF_BASE)
    if len(first) == 1:  # ranges of `sm` may end at numbers that their text does not spell, and there are not many
        return tuple(Version(str(number)) for number in range(first[0], _ENDS[name][0]))
    points = {first, *(point for version in spelled for point in _points(version, len(first)))}
    end = _ENDS.get(name)
    inside = sorted(point for point in points if point >= first and (end is None or point < end))
    return tuple(Version(".".join(map(str, point))) for point in inside)


def _points(version: Version, numbers: int) -> Iterator[tuple[int, ...]]:
    """Yield the point of the grid at a version, and the first ones beyond it: beyond `3.12.4` are 3.12.5, 3.13.0 and 4.0.0."""
    at = (*version.release, *(0,) * numbers)[:numbers]
    yield at
    for place in range(numbers):
        yield (*at[:place], at[place] + 1, *(0,) * (numbers - place - 1))
