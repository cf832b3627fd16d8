"""Why a version is the one that was locked: what bounds it, which bound is tight, and what newer release that keeps out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_

from msgspec import Struct
from packaging.ranges import VersionRange
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.lock.model import Lock, Package
from stackc.lock.requirements import parse_needs
from stackc.matrix.model import pre_release_range

__all__ = ["Bound", "Explanation", "bounds_of", "chain_to", "explain_pin", "refused_by"]

_RULE = "rule "
_NOT = "not "


class Bound(Struct, frozen=True, kw_only=True):
    """One limit on a pin. `source` is the manifest, a package, or `rule ID`; `text` is the range, empty where it has none.

    `keeps_out` is the oldest release newer than the pin that this bound alone refuses, None where it refuses none.
    """

    source: str
    text: str
    keeps_out: Version | None

    @property
    def rule(self) -> str | None:
        """Return the id of the rule that bounds, None where it is no rule."""
        return self.source.removeprefix(_RULE) if self.source.startswith(_RULE) else None


class Explanation(Struct, frozen=True, kw_only=True):
    """Why one package of a lock has its version.

    `chain` leads from a component of the manifest to the package. `newer` are the stable releases for the target above the pin,
    ascending; None where the index was not asked. A bound is *tight* when it refuses the first of them.
    """

    package: Package
    chain: tuple[NormalizedName, ...]
    bounds: tuple[Bound, ...]
    newer: tuple[Version, ...] | None

    def tight(self) -> tuple[Bound, ...]:
        """Return the bounds that keep out the next newer release."""
        return tuple(bound for bound in self.bounds if self.newer and bound.keeps_out == self.newer[0])


def explain_pin(name: NormalizedName, lock: Lock, *, releases: Sequence[Version] | None) -> Explanation:
    """Explain the pin of a package of the lock; `releases` are those that its index has for the target, None if not asked."""
    package = lock.by_name[name]
    newer = None if releases is None else tuple(_newer(package.version, releases))
    return Explanation(
        package=package,
        chain=chain_to(name, lock),
        bounds=tuple(bounds_of(package.why, newer or ())),
        newer=newer,
    )


def _newer(pin: Version, releases: Sequence[Version]) -> Iterator[Version]:
    for version in sorted(releases):
        if version > pin and (pin.is_prerelease or not version.is_prerelease):
            yield version


def bounds_of(why: Sequence[str], newer: Sequence[Version]) -> Iterator[Bound]:
    """Yield the lines of `Package.why`, `SOURCE RANGE`, `SOURCE` or `rule ID RANGE`, as one bound per source."""
    by_source: dict[str, list[str]] = {}
    for line in why:
        words = line.split(" ")
        length = 2 if line.startswith(_RULE) else 1
        by_source.setdefault(" ".join(words[:length]), []).append(" ".join(words[length:]))
    for source, texts in by_source.items():
        refused = (version for version in newer if not all(_admits(text, version) for text in texts))
        yield Bound(source=source, text=_joined(texts), keeps_out=next(refused, None))


def refused_by(why: Sequence[str], needed: SpecifierSet) -> Iterator[Bound]:
    """Yield the bounds among the lines of `Package.why` that leave no version of those which something else needs."""
    wanted = pre_release_range(needed)
    for bound in bounds_of(why, ()):
        ranges = [found for text in bound.text.split(" and ") if (found := _range(text)) is not None]
        if ranges and reduce(and_, ranges, wanted).is_empty:
            yield bound


def _joined(texts: Sequence[str]) -> str:
    """Return ranges that must all hold as one, the shortest that can be written."""
    if len(texts) == 1 or not all(_readable(text) for text in texts):
        return " and ".join(texts)
    both = reduce(and_, (pre_release_range(SpecifierSet(text)) for text in texts)).to_specifier_set()
    return " and ".join(texts) if both is None else str(both)


def _readable(text: str) -> bool:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True


def _admits(text: str, version: Version) -> bool:
    """Say whether a range admits a version. One that is no specifier is of another project's versions, and refuses none."""
    found = _range(text)
    return found is None or version in found


def _range(text: str) -> VersionRange | None:
    """Return the versions that the range of a bound admits, None where it is no specifier."""
    plain = text.removeprefix(_NOT)
    if not _readable(plain):
        return None
    inside = pre_release_range(SpecifierSet(plain))
    return inside.complement() if text.startswith(_NOT) else inside


def chain_to(name: NormalizedName, lock: Lock) -> tuple[NormalizedName, ...]:
    """Return the shortest chain of requirements from a component to a package, the component first."""
    roots = [canonicalize_name(root.parsed.name) for root in lock.roots]
    before: dict[NormalizedName, NormalizedName | None] = dict.fromkeys(sorted(roots))
    waiting = deque(before)
    while waiting:
        current = waiting.popleft()
        if current == name:
            break
        for need in parse_needs(lock.by_name[current].requires):
            if need.project in lock.by_name and need.project not in before:
                before[need.project] = current
                waiting.append(need.project)
    chain = [name]
    while (previous := before.get(chain[-1])) is not None:
        chain.append(previous)
    return tuple(reversed(chain))
