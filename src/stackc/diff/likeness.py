"""Names one edit apart: a letter more, less, another, or two neighbours swapped, as the names of imitations are.

Found by the symmetric deletion of one letter: two names within one edit share a text that each of them, or one of them with a
letter taken out, is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

__all__ = ["imitated"]

_SHORTEST = 4
"""Names below this are one edit apart by chance: `six` and `sox`."""

_NUMBER = re.compile(r"[0-9]+$")


def imitated(names: Iterable[str], known: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return the known name that each of `names` is made to look like: one edit away, or an imitation that is listed for it.

    Names that are known themselves imitate none. Nor do two names that differ in the number at their end: `jinja2`, and the
    libraries of two CUDA versions.
    """
    shapes: dict[str, list[str]] = {}
    for original in sorted(known):
        for shape in _shapes(original) if len(original) >= _SHORTEST else ():
            shapes.setdefault(shape, []).append(original)
    listed = {name: original for original, imitations in sorted(known.items()) for name in imitations}
    found: dict[str, str] = {}
    for name in sorted(set(names) - known.keys()):
        near = (original for shape in _shapes(name) for original in shapes.get(shape, ()))
        likely = (original for original in near if _one_edit(name, original) and not _same_family(name, original))
        like = listed.get(name) or next(likely, None)
        if like is not None:
            found[name] = like
    return found


def _shapes(name: str) -> Iterator[str]:
    yield name
    yield from (name[:at] + name[at + 1 :] for at in range(len(name)))


def _one_edit(one: str, other: str) -> bool:
    """Say whether two different names are one insertion, deletion, substitution or swap of neighbours apart."""
    short, long = sorted((one, other), key=len)
    at = next((number for number, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) != len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at : at + 2] == long[at : at + 2][::-1]
    return short[at + 1 :] == long[at + 1 :] or (swapped and short[at + 2 :] == long[at + 2 :])


def _same_family(one: str, other: str) -> bool:
    return _NUMBER.sub("", one) == _NUMBER.sub("", other)
