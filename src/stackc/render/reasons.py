"""What bounds a pin, read back from the `why` lines of the lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

__all__ = ["MANIFEST", "Bound", "bounds", "requirers"]

MANIFEST = "stack.toml"
"""The source of a bound that the manifest states."""

_RULE = "rule "


class Bound(Struct, frozen=True, kw_only=True):
    """One bound of a pin: who states it, and the specifier, empty where any version will do.

    `source` is `stack.toml`, a project's name, or the id of a rule, in which case `rule` is set.
    """

    source: str
    specifier: str
    rule: bool = False


def bounds(why: Iterable[str]) -> Iterator[Bound]:
    """Yield the bounds of `why` lines: the manifest's first, then rules, then projects, each by name."""
    yield from sorted(
        map(_bound, why), key=lambda bound: (bound.source != MANIFEST, not bound.rule, bound.source, bound.specifier)
    )


def requirers(why: Iterable[str]) -> tuple[str, ...]:
    """Return the sources that ask for the project, sorted; a rule only bounds what others ask for."""
    return tuple(sorted({bound.source for bound in bounds(why) if not bound.rule}))


def _bound(line: str) -> Bound:
    rule = line.startswith(_RULE)
    source, _, specifier = line.removeprefix(_RULE).partition(" ") if rule else line.partition(" ")
    return Bound(source=source, specifier=specifier.strip(), rule=rule)
