"""Repairs: for each line that a conflict rests on, the nearest value that was seen to help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.conflict.core import Unanswered
from stackc.conflict.lines import (
    AddressLine,
    Change,
    ComponentLine,
    ExtrasLine,
    Line,
    TargetLine,
    VersionLine,
    place_of,
)
from stackc.conflict.trials import Trials, Tried
from stackc.conflict.values import (
    addresses,
    base_images,
    demanded_versions,
    drivers,
    gpus_left,
    nearest_specifier,
    partner_versions,
    pythons,
    rule_versions,
    torch_versions,
)
from stackc.errors import Place, Repair
from stackc.manifest.model import Component
from stackc.matrix.model import Clause
from stackc.matrix.partners import exact_version
from stackc.target import Target
from stackc.view.rules import real_names

__all__ = ["Reason", "Repaired", "Scene", "find_repairs", "taken_away"]

_ATTEMPTS = 4
_TORCH = NormalizedName("torch")


class Reason(Struct, frozen=True, kw_only=True):
    """One thing that cannot be: lines of the manifest, and the clauses of the matrix that they break together.

    `demands` are what projects ask of others, as far as that is at issue; `nearest` are the releases around a pinned one that
    cannot be had. `beside` says in words what can be done instead of changing a line.
    """

    lines: tuple[Line, ...]
    clauses: tuple[Clause, ...] = ()
    demands: tuple[tuple[NormalizedName, SpecifierSet], ...] = ()
    nearest: tuple[Version, ...] = ()
    beside: str = ""


class Repaired(Struct, frozen=True):
    """Repairs of one reason. `whole` says that each settles everything, `by_engine` that an engine chose versions."""

    repairs: tuple[Repair, ...] = ()
    whole: bool = True
    by_engine: bool = True


class Scene(Struct, frozen=True, kw_only=True):
    """The target as it stands, and the components that it has, the matrix's partners filled in."""

    target: Target
    components: tuple[Component, ...]


def find_repairs(reason: Reason, others: Sequence[Reason], *, scene: Scene, trials: Trials) -> Repaired:
    """Return the changes of one line of `reason` that make the whole manifest solvable.

    Where there are none because of `others`, those that help once the lines of the others are taken away.
    """
    search = _Search(reason, scene, trials)
    lines = [line for line in reason.lines if not trials.settled(search.place(line))]
    whole = search.repairs(line for line in lines if all(line in other.lines for other in others))
    if whole or not others or trials.engine_failed:
        return Repaired(whole, by_engine=not trials.engine_failed)
    return Repaired(search.repairs(lines, *taken_away(others, but=reason)), whole=False)


def taken_away(reasons: Iterable[Reason], *, but: Reason | None = None) -> tuple[tuple[Change, ...], frozenset[str]]:
    """Return the changes, and the rules to set aside, that settle `reasons` without touching what `but` is made of."""
    kept = but or Reason(lines=())
    lines = dict.fromkeys(line for reason in reasons for line in reason.lines if _may_go(line) and line not in kept.lines)
    rules = frozenset(clause.rule for reason in reasons for clause in reason.clauses)
    return tuple(Change(line, None) for line in lines), rules - {clause.rule for clause in kept.clauses}


def _may_go(line: Line) -> bool:
    return isinstance(line, VersionLine | ExtrasLine) or line in {TargetLine("driver"), TargetLine("gpus")}


class _Search:
    """The trials for the lines of one reason."""

    def __init__(self, reason: Reason, scene: Scene, trials: Trials) -> None:
        self._reason = reason
        self._scene = scene
        self._trials = trials

    def repairs(
        self, lines: Iterable[Line], relaxed: tuple[Change, ...] = (), set_aside: frozenset[str] = frozenset()
    ) -> tuple[Repair, ...]:
        """Return a repair for each line that has one; `relaxed` and `set_aside` say what else is taken away meanwhile."""
        found: list[Repair] = []
        with suppress(Unanswered):  # what was found until now is true
            for line in lines:
                repair = self._repair(line, relaxed, set_aside)
                if repair is not None:
                    found.append(repair)
        return tuple(found)

    def place(self, line: Line) -> Place:
        """Return where a line stands."""
        scene, places = self._scene, self._trials.project.manifest.places
        return place_of(line, components=scene.components, target=scene.target, places=places)

    def _repair(self, line: Line, relaxed: tuple[Change, ...], set_aside: frozenset[str]) -> Repair | None:
        for value in islice(dict.fromkeys(self._values(line)), _ATTEMPTS):
            repair = self._attempt(Change(line, value), relaxed, set_aside)
            if repair is not None:
                return repair
        if isinstance(line, VersionLine) and not self._trials.engine_failed:
            return self._freed(line, relaxed, set_aside)
        return None

    def _attempt(self, change: Change, relaxed: tuple[Change, ...], set_aside: frozenset[str]) -> Repair | None:
        tried = self._trials.attempt((*relaxed, change), without_rules=set_aside)
        if tried is None:
            return None
        if self._unheard_of(change, tried):
            return None
        exact = self._exactly(change, tried)
        if exact is not None and exact != change:
            return self._attempt(exact, relaxed, set_aside)
        return self._worded(change, tried)

    def _freed(self, line: VersionLine, relaxed: tuple[Change, ...], set_aside: frozenset[str]) -> Repair | None:
        """Take a bound away, see what comes out, and ask for that."""
        tried = self._trials.attempt((*relaxed, Change(line, None)), without_rules=set_aside)
        version = (tried.pins or {}).get(line.name) if tried is not None else None
        present = self._component(line.name).version
        if version is None or not isinstance(present, SpecifierSet):
            return None
        for value in dict.fromkeys((nearest_specifier(present, version), f"=={version.public}")):
            repair = self._attempt(Change(line, value), relaxed, set_aside)
            if repair is not None:
                return repair
        return None

    def _unheard_of(self, change: Change, tried: Tried) -> bool:
        """Say whether the way out is a torch that the facts do not know: no rule speaks of it, and that may be all."""
        torch = (tried.pins or {}).get(_TORCH)
        return change.line == VersionLine(_TORCH) and torch is not None and self._trials.project.facts.torch(torch) is None

    def _exactly(self, change: Change, tried: Tried) -> Change | None:
        """Return the change to the very version that came out, for a component that is pinned to one."""
        if not isinstance(change.line, VersionLine) or tried.pins is None:
            return None
        name = change.line.name
        if exact_version(self._component(name)) is None or name not in tried.pins:
            return None
        return Change(change.line, f"=={tried.pins[name].public}")

    def _worded(self, change: Change, tried: Tried) -> Repair:
        line = change.line
        return Repair(
            what=self._what(line),
            old=self.place(line).source or "",
            new=change.spelled,
            gives=self._gives(line, tried.pins or {}),
        )

    def _what(self, line: Line) -> str:
        match line:
            case TargetLine(key):
                return key
            case AddressLine(index):
                return f"indexes.{index}.url"
            case ExtrasLine(name):
                return f"{self._component(name).spelled} extras"
            case ComponentLine(name) | VersionLine(name):
                return self._component(name).spelled

    def _gives(self, line: Line, pins: Mapping[NormalizedName, Version]) -> str | None:
        """Return the version that came out of what the line, or else the conflict, is about."""
        own = [line.name] if isinstance(line, VersionLine | ExtrasLine) else []
        named = [each.name for each in self._reason.lines if isinstance(each, VersionLine)]
        ruled = [name for clause in self._reason.clauses for name in real_names(clause)]
        return next((f"{name} {pins[name]}" for name in (*own, *named, *ruled) if name in pins), None)

    def _values(self, line: Line) -> Iterator[str | tuple[str, ...]]:
        facts, clauses = self._trials.project.facts, self._reason.clauses
        components, target = self._scene.components, self._scene.target
        match line:
            case VersionLine(name):
                component = self._component(name)
                yield from partner_versions(name, components, facts)
                yield from (f"=={version.public}" for version in self._reason.nearest)
                yield from rule_versions(component, clauses)
                yield from demanded_versions(component, (asked for asked_of, asked in self._reason.demands if asked_of == name))
                if name == "torch" and TargetLine("python") in self._reason.lines:
                    yield from torch_versions(component, target, facts)
            case ExtrasLine(name):
                extras = self._component(name).extras
                yield from (tuple(extra for extra in extras if extra != gone) for gone in extras)
            case TargetLine("driver"):
                yield from drivers(clauses)
            case TargetLine("gpus"):
                left = gpus_left(target, clauses)
                yield from (left,) if left and left != target.gpus else ()
            case TargetLine("python"):
                yield from pythons(target, facts, components, clauses)
            case TargetLine("base"):
                image = self._trials.project.manifest.targets[target.name].base
                yield from base_images(image, target, facts, clauses)
            case AddressLine(index):
                url = self._trials.project.manifest.indexes[index].url
                torch = next((each for each in components if each.name == "torch"), None)
                yield from addresses(url, torch, facts, clauses) if url is not None and torch is not None else ()
            case _:
                return

    def _component(self, name: NormalizedName) -> Component:
        return next(each for each in self._scene.components if each.name == name)
