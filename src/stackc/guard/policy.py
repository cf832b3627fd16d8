# pathlib takes longer to import than a small file to read.
# ruff: noqa: PTH118, PTH119, PTH120, PTH123
"""Which projects are kept out, and where they are installed instead.

Without a manifest it is the torch family of `data/kept_out.toml`. With one it is also every project that an ordered step
installs; a member of the family that the manifest installs from requirements.txt is not kept out. Reads manifests and locks
by their few lines that matter here: a guard that finds nothing decodes neither.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from stackc.guard.names import canonical
from stackc.guard.values import Value
from stackc.layout import LOCK, lock_folder
from stackc.manifest.syntax import parse

TYPE_CHECKING = False  # `typing` takes longer to import than a small file to read
if TYPE_CHECKING:
    from typing import Literal

__all__ = ["Installed", "KeptOut", "Policy", "blocked_family", "load"]

_DATA = os.path.join(os.path.dirname(os.path.dirname(__file__)), "data", "kept_out.toml")
_PINS = (
    r'^\[\[package\]\]\nname = "(?P<name>[^"\n]+)"\nversion = "(?P<version>[^"\n]+)"\n'
    r'(?:index = "(?P<index>[^"\n]+)"|direct = "[^"\n]+")\nstep = (?P<step>\d+)$'
)
_BUILTIN_INDEX = "pypi"
_FILE_KEYS = frozenset({"url", "path"})


class Installed(Value):
    """Where one target's image installs a project: `version` is the locked one if there is a lock.

    `origin` names the index, and is empty for a file that the manifest names itself.
    """

    target: str
    step: int
    origin: str
    version: str | None = None


class KeptOut(Value):
    """A project that is kept out.

    `blocked` by name, `warned` of, or `brought`: not ordered itself, but installed by an ordered step that needs it, so that
    only a requirement that moves it does harm. `wanted` is the manifest's specifier where the manifest has the project.
    """

    name: str
    level: Literal["blocked", "warned", "brought"]
    installed: tuple[Installed, ...] = ()
    wanted: str | None = None


class Policy:
    """What is kept out of the files of one project; `manifest` is None where there is no stack.toml."""

    __slots__ = ("_also", "_conda", "_patterns", "_projects", "_repositories", "indexes", "manifest")

    def __init__(self, projects: Mapping[str, KeptOut], family: Iterable[_Member], *, manifest: str | None = None) -> None:
        self.manifest = manifest
        self.indexes: tuple[str, ...] = ()
        self._projects = {name: kept for name, kept in projects.items() if "*" not in name}
        self._patterns = [kept for name, kept in projects.items() if "*" in name]
        self._also: dict[str, str] = {}
        self._conda: dict[str, str] = {}
        self._repositories: dict[str, str] = {}
        for member in family:
            self._also.update(dict.fromkeys(member.also, member.name))
            self._conda.update(dict.fromkeys(member.conda, member.name))
            self._repositories.update(dict.fromkeys((name.lower() for name in member.repositories), member.name))

    def find(self, candidates: Iterable[str], *, conda: bool = False) -> KeptOut | None:
        """Return what is kept out among some candidates: blocked before warned, and what only comes along last."""
        found = [kept for candidate in candidates if (kept := self._one(candidate, conda=conda)) is not None]
        return min(found, key=lambda kept: _LEVELS.index(kept.level)) if found else None

    def named(self, name: str) -> KeptOut | None:
        """Return what is kept out under the very name of a project."""
        return self._projects.get(name)

    def _one(self, candidate: str, *, conda: bool) -> KeptOut | None:
        if "/" in candidate:
            name = self._repositories.get(candidate)
        elif conda:
            name = self._conda.get(candidate, candidate)
        else:
            name = self._also.get(candidate, candidate)
        if name is None:
            return None
        found = self._projects.get(name)
        if found is None and self._patterns:
            return next((kept for kept in self._patterns if kept.name == name or fnmatchcase(name, kept.name)), None)
        return found

    def words(self) -> Iterator[str]:
        """Yield every name, of projects and of packages of conda, that may not be overlooked."""
        yield from self._projects
        yield from (kept.name.rstrip("*-") for kept in self._patterns)
        yield from self._also
        yield from self._conda


_LEVELS = ("blocked", "warned", "brought")


class _Member(Value):
    """One entry of the data."""

    name: str
    level: Literal["blocked", "warned"]
    also: tuple[str, ...]
    conda: tuple[str, ...]
    repositories: tuple[str, ...]


def load(manifest: str | None) -> Policy:
    """Return what is kept out beside a manifest, or without one. Raises OSError and ManifestError."""
    family = tuple(_family())
    default = {member.name: KeptOut(member.name, member.level) for member in family}
    if manifest is None:
        return Policy(default, family)
    content = parse(_text(manifest), file=manifest)
    stack = _Stack(content, os.path.dirname(manifest))
    kept = {name: each for name, each in default.items() if name not in stack.unordered}
    for name, each in stack.kept().items():
        usual = next((member.level for member in family if fnmatchcase(name, member.name)), None)
        kept[name] = each._replace(level=usual) if usual and each.level == "brought" else each
    policy = Policy(kept, family, manifest=manifest)
    policy.indexes = tuple(stack.urls)
    return policy


def blocked_family() -> frozenset[str]:
    """Return the names of torch and its like, which no requirements file may have."""
    return frozenset(member.name for member in _family() if member.level == "blocked")


def _family() -> Iterator[_Member]:
    content = parse(_text(_DATA), file=os.path.basename(_DATA))
    for entry in _tables(content.get("project")):
        yield _Member(
            name=str(entry["name"]),
            level="warned" if entry["level"] == "warned" else "blocked",
            also=_strings(entry["also"]),
            conda=_strings(entry["conda"]),
            repositories=_strings(entry["repositories"]),
        )


class _Stack:
    """What a manifest says about order, and the locks beside it about versions; what is malformed in it is passed over."""

    def __init__(self, content: Mapping[str, object], folder: str) -> None:
        self._indexes = _named_tables(content.get("indexes"))
        self._components = {canonical(name): table for name, table in _named_tables(content.get("components")).items()}
        targets = _named_tables(content.get("targets"))
        self._pins = {name: _pins(os.path.join(folder, lock_folder(name), LOCK)) for name in targets}
        self._overrides = {
            target: {canonical(name): each for name, each in _named_tables(table.get("components")).items()}
            for target, table in targets.items()
        }
        self._without = {
            target: frozenset(canonical(name) for name in _strings(table.get("without"))) for target, table in targets.items()
        }
        self.urls = [
            str(index["url"]) for index in self._indexes.values() if "url" in index and index.get("default") is not True
        ]
        ordered = {name for name in self._components if any(self._order(name, target) is not None for target in targets)}
        self._ordered = sorted(ordered)
        nowhere = frozenset.intersection(*self._without.values()) if targets else frozenset()
        self.unordered = frozenset(self._components) - ordered - nowhere

    def kept(self) -> dict[str, KeptOut]:
        """Return what the ordered steps install, by name: what a component orders, and what these need."""
        kept = {name: KeptOut(name, "brought", places) for name, places in self._brought().items()}
        for name in self._ordered:
            wanted = self._components[name].get("version")
            kept[name] = KeptOut(name, "blocked", tuple(self._installed(name)), wanted if isinstance(wanted, str) else None)
        return kept

    def _brought(self) -> dict[str, tuple[Installed, ...]]:
        found: dict[str, tuple[Installed, ...]] = {}
        for target, pins in self._pins.items():
            orders = [order for name in self._ordered if (order := self._order(name, target)) is not None]
            for name, pin in pins.items():
                if pin.step <= max(orders, default=0) and name not in self.unordered:
                    found[name] = (*found.get(name, ()), pin._replace(target=target))
        return found

    def _installed(self, name: str) -> Iterator[Installed]:
        for target in self._overrides:
            order = self._order(name, target)
            if order is not None:
                pin = self._pins[target].get(name)
                routed = self._origin(name, target)
                yield Installed(target, order, routed, pin.version if pin is not None and pin.step == order else None)

    def _order(self, name: str, target: str) -> int | None:
        order = None if name in self._without[target] else self._value(name, target, "order")
        return order if isinstance(order, int) else None

    def _value(self, name: str, target: str, key: str) -> object:
        return self._overrides[target].get(name, {}).get(key, self._components[name].get(key))

    def _origin(self, name: str, target: str) -> str:
        """Return the index that a target's component comes from, "" where it names its file itself."""
        override, component = self._overrides[target].get(name, {}), self._components[name]
        table = override if _FILE_KEYS & override.keys() or "version" in override else component
        index = override.get("index", component.get("index"))
        return "" if _FILE_KEYS & table.keys() else index if isinstance(index, str) else self._route(name)

    def _route(self, name: str) -> str:
        """Return the index that serves a project, else the default one."""
        for index, table in self._indexes.items():
            if any(fnmatchcase(name, pattern) for pattern in _strings(table.get("serves", []))):
                return index
        return next((name for name, table in self._indexes.items() if table.get("default") is True), _BUILTIN_INDEX)


def _pins(lock: str) -> dict[str, Installed]:
    """Return the pins of a lock as stackc writes it, by name; none where there is no lock."""
    try:
        text = _text(lock)
    except OSError:
        return {}
    pins = re.finditer(_PINS, text, re.MULTILINE)
    return {pin["name"]: Installed("", int(pin["step"]), pin["index"] or "", pin["version"]) for pin in pins}


def _text(file: str) -> str:
    with open(file, encoding="utf-8", errors="replace") as opened:
        return opened.read()


def _named_tables(value: object) -> dict[str, dict[str, object]]:
    return {name: table for name, table in value.items() if isinstance(table, dict)} if isinstance(value, dict) else {}


def _tables(value: object) -> list[dict[str, object]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _strings(value: object) -> tuple[str, ...]:
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()
