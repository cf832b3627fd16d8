"""Coupled moves as one sentence: the project that leads, what it brings, and what it needs of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.utils import NormalizedName

from stackc.diff.causes import Case, Direct, Key
from stackc.diff.model import Move
from stackc.lock.requirements import parse_need

__all__ = ["couplings"]

Causes = Mapping[Key, tuple[Direct, ...]]
_FEWEST = 2
_FAMILY = 3


def couplings(case: Case, causes: Causes) -> tuple[str, ...]:
    """Return a sentence per project of the manifest whose move left others no choice, that with most followers first."""
    named = frozenset(_named(case))
    roots = {key for key in case.moves if key[0] == "package" and key[1] in named}
    led: dict[Key, list[Key]] = {}
    for key, direct in causes.items():
        for parent in {cause.parent for cause in direct if cause.parent is not None and cause.exact}:
            led.setdefault(parent, []).append(key)
    told: list[str] = []
    taken: set[Key] = set()
    for leader in sorted(led, key=lambda key: (key not in roots, -len(led[key]), key)):
        free = [key for key in led[leader] if key not in taken]
        if leader in taken or len(free) < _FEWEST or leader not in roots or case.moves[leader].level is None:
            continue
        taken |= {leader, *free}
        told.append(_sentence(case.moves[leader], _brought(free, case, roots), _needed(leader, free, case, causes, taken)))
    return tuple(told)


def _named(case: Case) -> Iterator[NormalizedName]:
    for lock in (case.before, case.after):
        for root in lock.roots:
            need = parse_need(root.requirement)
            if need is not None:
                yield need.project


def _sentence(leader: Move, brought: Sequence[str], needed: Sequence[str]) -> str:
    ends = " → ".join(_short(leader))
    needs = f", and needs {_listed(needed)}" if needed else ""
    return f"{leader.name} {ends} brings {_listed(brought)}{needs}"


def _short(move: Move) -> tuple[str, ...]:
    """Return the versions without their labels, unless nothing but the label differs."""
    pins = [pin for pin in (move.before, move.after) if pin is not None]
    short = tuple(pin.version.public for pin in pins)
    return short if len(set(short)) > 1 else tuple(str(pin.version) for pin in pins)


def _brought(keys: Sequence[Key], case: Case, roots: set[Key]) -> list[str]:
    """Return what came along: the manifest's own first, and a family of projects of one prefix as one."""
    ordered = sorted(keys, key=lambda key: (key not in roots, key))
    come = [key for key in ordered if case.moves[key].after is not None]
    gone = [key for key in ordered if case.moves[key].after is None]
    parts = _by_family(come, roots, {key: f"{key[1]} {_short(case.moves[key])[-1]}" for key in come})
    ended = _by_family(gone, roots, {key: str(key[1]) for key in gone})
    return [*parts, f"the end of {_listed(ended)}"] if ended else parts


def _by_family(keys: Sequence[Key], roots: set[Key], words: Mapping[Key, str]) -> list[str]:
    families: dict[str, list[Key]] = {}
    for key in keys:
        families.setdefault(str(key[1]) if key in roots else key[1].partition("-")[0], []).append(key)
    parts: list[str] = []
    for prefix, members in families.items():
        parts += [f"{len(members)} projects of {prefix}"] if len(members) >= _FAMILY else [words[key] for key in members]
    return parts


def _needed(leader: Key, led: Sequence[Key], case: Case, causes: Causes, taken: set[Key]) -> list[str]:
    """Return what the leader, or what it brings, asks of other projects that moved for it."""
    asked: dict[Key, str] = {}
    for key, direct in sorted(causes.items()):
        if key in taken or case.moves[key].before is None:
            continue
        for cause in direct:
            if cause.parent in {leader, *led} and cause.needs and key not in asked:
                asked[key] = f"{key[1]} {_spaced(cause.needs)}"
    return list(asked.values())


def _spaced(specifiers: str) -> str:
    for sign, shown in (("<=", "≤ "), (">=", "≥ "), ("==", "= "), ("<", "< "), (">", "> ")):
        if specifiers.startswith(sign) and "," not in specifiers:
            return shown + specifiers.removeprefix(sign)
    return specifiers


def _listed(parts: Sequence[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last
