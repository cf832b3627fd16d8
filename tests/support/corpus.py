"""A fixed corpus of generated stacks: small universes full of what makes resolving hard, each made of its number alone.

A case is a manifest, a rule pack, and the projects of its index; what is drawn is meant to make both engines step back: ranges
that clash, releases for elsewhere, extras, markers, rules over two and three projects, pre-releases, local version labels,
epochs, yanks, and requirements that go in circles. The draws use `random.random` alone, which gives the same on every Python.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from packaging.version import Version

from support.cli import TOOLS
from support.universe import Release

__all__ = ["SIZE", "Case", "case"]

SIZE = 220
"""How many cases there are: the numbers from 0 on."""

Item = TypeVar("Item")

_NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay", "koi", "lynx", "mole", "newt")
_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
_PLATFORMS = ("linux/amd64", "linux/arm64")
_TAGS = (
    *("py3-none-any",) * 60,
    "cp310-cp310-manylinux_2_17_x86_64",
    "cp311-abi3-manylinux_2_28_x86_64",
    "cp312-cp312-manylinux_2_28_aarch64",
    "cp39-abi3-manylinux_2_17_aarch64",
    "cp311-cp311-win_amd64",
    "cp39-abi3-manylinux_2_39_x86_64",
)
_MARKERS = (
    *("",) * 10,
    " ; python_version >= '3.11'",
    " ; python_version < '3.10'",
    " ; sys_platform == 'win32'",
    " ; platform_machine == 'aarch64'",
    " ; platform_machine == 'x86_64' and sys_platform == 'linux'",
    " ; python_full_version >= '3.12.1'",
    " ; implementation_name == 'pypy'",
)
_HISTORIES = (
    ("1.0", "1.1", "1.2", "2.0", "2.1", "3.0"),
    ("0.9", "1.0", "1.0.post1", "1.5", "2.0", "2.0.1"),
    ("1.0", "2.0rc1", "2.0", "2.1", "3.0.dev4", "3.0a1"),
    ("1.0+cu118", "1.0+cu124", "2.0+cu124", "2.1+cu118", "2.1+cu124"),
    ("1.0a1", "1.0a2", "1.0b1", "1.0rc1"),
    ("2.0", "3.0", "1!0.5", "1!1.0"),
    ("2020.1", "2021.4.2", "2023.12", "2024.2"),
)
_EXTRAS = ("fast", "all")


@dataclass(frozen=True)
class Case:
    """One generated stack. `edited` asks for one component otherwise, and is compiled beside the lock of `manifest`."""

    number: int
    manifest: str
    edited: str
    rules: str
    universe: dict[str, tuple[Release, ...]]


class _Draw:
    """Draws that depend on a case's number alone."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(f"stackc {number}").random

    def below(self, limit: int) -> int:
        return int(self._random() * limit)

    def chance(self, share: float) -> bool:
        return self._random() < share

    def one(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]

    def some(self, items: Sequence[Item], most: int) -> list[Item]:
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(min(self.below(most + 1), len(left)))]


def case(number: int) -> Case:
    """Return one case of the corpus."""
    draw = _Draw(number)
    names = _NAMES[: 4 + draw.below(len(_NAMES) - 3)]
    histories = {name: _history(draw) for name in names}
    universe = {name: tuple(_release(draw, name, version, histories) for version in histories[name]) for name in names}
    rules = "".join(_rule(draw, count, histories) for count in range(draw.below(4)))
    roots = _roots(draw, names, histories)
    edited = {**roots, (first := draw.one(sorted(roots))): _component(draw, first, histories)}
    head = _head(draw, number, rules=bool(rules))
    return Case(
        number=number,
        manifest=head + "".join(roots.values()),
        edited=head + "".join(edited.values()),
        rules=rules,
        universe={**TOOLS, **universe},
    )


def _history(draw: _Draw) -> tuple[str, ...]:
    history = draw.one(_HISTORIES[:2] * 3 + _HISTORIES)
    start = draw.below(3)
    return history[start : start + 2 + draw.below(len(history))]


def _release(draw: _Draw, name: str, version: str, histories: dict[str, tuple[str, ...]]) -> Release:
    later = [other for other in histories if other > name]
    others = draw.some(later, 3) + (draw.some(sorted(histories), 1) if draw.chance(0.15) else [])
    requires = [
        f"{_asked(draw, other)}{_range(draw, histories[other])}{draw.one(_MARKERS)}" for other in others if other != name
    ]
    requires += [f"{other}{_range(draw, histories[other])} ; extra == 'fast'" for other in draw.some(later, 1)]
    requires += [f"{other} ; extra == 'all'" for other in draw.some(later, 2)]
    return Release(
        version=version,
        requires=tuple(requires),
        extras=_EXTRAS,
        tags=draw.one(_TAGS),
        requires_python=draw.one((*(None,) * 12, ">=3.9", ">=3.11", "<3.12")),
        yanked=draw.chance(0.03),
    )


def _asked(draw: _Draw, name: str) -> str:
    return f"{name}[{draw.one(_EXTRAS)}]" if draw.chance(0.12) else name


def _range(draw: _Draw, history: tuple[str, ...]) -> str:
    """Return a specifier that mostly leaves some releases; about one in eight leaves few or none on purpose."""
    low, high = (
        Version(history[draw.below((len(history) + 1) // 2)]),
        Version(history[-1 - draw.below((len(history) + 1) // 2)]),
    )
    any_one = Version(draw.one(history))
    return draw.one(
        ("",) * 8
        + (f">={low.public}",) * 5
        + (f"<={high.public}",) * 3
        + (f"<{high.public}",) * 2
        + (f"!={any_one.public}", f">={low.public},<={high.public}", f"=={any_one.public}", f">{low.public}")
        + ((f"~={low.public}",) if len(low.release) > 1 else ())
        + ((f"=={any_one}",) if any_one.local else ())
        + (f"=={high.base_version}.*",)
    )


def _rule(draw: _Draw, count: int, histories: dict[str, tuple[str, ...]]) -> str:
    first, second, *rest = draw.some(sorted(histories), len(histories)) + sorted(histories)
    others = [name for name in rest if name not in {first, second}]
    if first == second:
        return ""
    when = [f"{first}{_bound(draw, histories[first], '<')}"]
    if others and draw.chance(0.3):
        when.append(f"{others[0]}{_bound(draw, histories[others[0]], '>=')}")
    listed = ", ".join(f'"{each}"' for each in when)
    return (
        f'[[rule]]\nid = "drawn-{count}"\nwhen = [{listed}]\nrequires = ["{second}{_bound(draw, histories[second], "<")}"]\n'
        'because = "it was drawn"\nsource = "example/example#1"\ndate = 2024-06-16\n\n'
    )


def _bound(draw: _Draw, history: tuple[str, ...], operator: str) -> str:
    return f"{operator}{Version(draw.one(history[1:] or history)).public}"


def _roots(draw: _Draw, names: Sequence[str], histories: dict[str, tuple[str, ...]]) -> dict[str, str]:
    chosen = [names[0], *draw.some(names[1:], 4)]
    return {name: _component(draw, name, histories) for name in chosen}


def _component(draw: _Draw, name: str, histories: dict[str, tuple[str, ...]]) -> str:
    extras = f'extras = ["{draw.one(_EXTRAS)}"]\n' if draw.chance(0.2) else ""
    return f'[components.{name}]\nversion = "{_range(draw, histories[name]) or ">=0"}"\n{extras}\n'


def _head(draw: _Draw, number: int, *, rules: bool) -> str:
    packs = '["rules.toml"]' if rules else "[]"
    return (
        f'[stack]\nname = "drawn-{number}"\n\n[targets.drawn]\npython = "{draw.one(_PYTHONS)}"\n'
        f'platform = "{draw.one(_PLATFORMS)}"\nbase = "debian:12"\n\n[matrix]\npacks = {packs}\n\n'
    )
