"""The lines of a manifest that a conflict may rest on: where each stands, and the manifest with one of them changed.

A line is known by what it says, not by its number: the version of a component, or a key of the target. `Change` gives it
another value; the value None takes it away, where a manifest may do without.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from stackc.errors import Place
from stackc.manifest.cursor import Refusal
from stackc.manifest.model import Component, Manifest, Override, Places, TargetTable
from stackc.manifest.reference import base_image
from stackc.matrix.model import Clause, is_virtual
from stackc.matrix.places import place_of_extras, place_of_version, place_of_virtual
from stackc.target import Target

__all__ = [
    "AddressLine",
    "Change",
    "ComponentLine",
    "ExtrasLine",
    "Line",
    "TargetLine",
    "VersionLine",
    "changed",
    "line_at",
    "place_of",
    "target_lines",
]


class ComponentLine(Struct, frozen=True, tag=True):
    """That a component is there at all."""

    name: NormalizedName


class VersionLine(Struct, frozen=True, tag=True):
    """The version of a component."""

    name: NormalizedName


class ExtrasLine(Struct, frozen=True, tag=True):
    """The extras of a component."""

    name: NormalizedName


class TargetLine(Struct, frozen=True, tag=True):
    """One key of the target, such as `driver`."""

    key: str


class AddressLine(Struct, frozen=True, tag=True):
    """The address of an index."""

    index: str


Line = ComponentLine | VersionLine | ExtrasLine | TargetLine | AddressLine


class Change(Struct, frozen=True):
    """A new value for a line: a text, a list of texts, or None to take the line away."""

    line: Line
    value: str | tuple[str, ...] | None

    @property
    def spelled(self) -> str:
        """Return the value as TOML spells it."""
        return _toml(self.value)


def place_of(line: Line, *, components: Sequence[Component], target: Target, places: Places) -> Place:
    """Return where a line stands in the manifest."""
    match line:
        case TargetLine(key):
            return places.at("targets", target.name, key)
        case AddressLine(index):
            return places.at("indexes", index, "url")
        case ComponentLine(name) | VersionLine(name) | ExtrasLine(name):
            component = next(each for each in components if each.name == name)
    match line:
        case VersionLine():
            return place_of_version(component, places=places, target=target.name)
        case ExtrasLine():
            return place_of_extras(component, places=places, target=target.name)
        case _ if component.direct is not None:
            return place_of_version(component, places=places, target=target.name)
        case _:
            return places.at("components", component.spelled)


def line_at(place: Place, *, address: AddressLine | None) -> Line | None:
    """Return the line that a finding of the matrix points at; torch's `index` stands for the `address` of that index."""
    match place.path:
        case ("targets", _, "components", str(name), key) | ("components", str(name), key):
            if key == "index":
                return address
            return VersionLine(canonicalize_name(name)) if key == "version" else None
        case ("targets", _, str(key)):
            return TargetLine(key)
        case _:
            return None


def target_lines(clauses: Iterable[Clause], *, target: Target, places: Places) -> list[TargetLine]:
    """Return the keys of the target that give the virtual projects of some clauses their versions."""
    names = [condition.name for clause in clauses for condition in clause.conditions if is_virtual(condition.name)]
    fixed = target.virtual_versions()
    found = [place_of_virtual(name, target=target, places=places).path[-1] for name in names if name in fixed]
    return [TargetLine(str(key)) for key in dict.fromkeys(found)]


def changed(manifest: Manifest, change: Change, *, target: str) -> Manifest:
    """Return the manifest with one line changed for one target: in the target's override of a component, if that has one."""
    match change.line:
        case AddressLine(index):
            moved = replace(manifest.indexes[index], url=str(change.value))
            return replace(manifest, indexes={**manifest.indexes, index: moved})
        case TargetLine(key):
            table = _changed_target(manifest.targets[target], key, change)
            return replace(manifest, targets={**manifest.targets, target: table})
        case ComponentLine(name) | VersionLine(name) | ExtrasLine(name):
            return _changed_component(manifest, name, change, target)


def _changed_target(table: TargetTable, key: str, change: Change) -> TargetTable:
    match key, change.value:
        case "gpus", value:
            return replace(table, gpus=value if isinstance(value, tuple) else ())
        case "base", str(reference):
            image = base_image(reference)
            return table if isinstance(image, Refusal) else replace(table, base=image)
        case "driver" | "python" | "cuda" | "glibc", value:
            return replace(table, **{key: value})
        case _:
            return table


def _changed_component(manifest: Manifest, name: NormalizedName, change: Change, target: str) -> Manifest:
    key = "extras" if isinstance(change.line, ExtrasLine) else "version"
    value = _component_value(change)
    table = manifest.targets[target]
    if any(each.name == name and getattr(each, key) is not None for each in table.overrides):
        overrides = tuple(_with(each, key, value) if each.name == name else each for each in table.overrides)
        return replace(manifest, targets={**manifest.targets, target: replace(table, overrides=overrides)})
    return replace(manifest, components={**manifest.components, name: _with(manifest.components[name], key, value)})


def _component_value(change: Change) -> SpecifierSet | tuple[NormalizedName, ...]:
    if isinstance(change.value, str):
        return SpecifierSet(change.value)
    if isinstance(change.line, ExtrasLine):
        return tuple(map(canonicalize_name, change.value or ()))
    return SpecifierSet()


_Entry = TypeVar("_Entry", Component, Override)


def _toml(value: str | tuple[str, ...] | None) -> str:
    return json.dumps(value if isinstance(value, str) else list(value or ()), ensure_ascii=False)


def _with(entry: _Entry, key: str, value: object) -> _Entry:
    return replace(entry, **{key: value})
