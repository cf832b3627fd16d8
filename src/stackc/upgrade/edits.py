"""A move as edits of the manifest: each value where it stands, and for one target alone where others share it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import RenderError
from stackc.init.scaffold import INDEXES
from stackc.init.trios import TRIO
from stackc.lock.routing import index_of
from stackc.manifest.cursor import Refusal
from stackc.manifest.edit import Edit, Rename, Value, renamable
from stackc.manifest.model import BaseImage, Component, Manifest
from stackc.manifest.reference import base_image
from stackc.matrix.bases import resolve_target
from stackc.matrix.builds import cuda_of_label, label_of_index
from stackc.matrix.facts import Facts
from stackc.matrix.partners import exact_version
from stackc.matrix.wording import spelled
from stackc.plan import routes_of
from stackc.render.interpreter import Python
from stackc.upgrade.expressions import moved_expression
from stackc.upgrade.images import image_with_cuda, image_with_python
from stackc.upgrade.moves import Aim, Move, Place

__all__ = ["Edits", "edits_for"]

Key = tuple[NormalizedName, str]
Wanted = dict[Key, dict[str, Value]]
"""By component and key: by target, the value that is to stand there."""


class Edits(Struct, frozen=True, kw_only=True):
    """What a move changes in the manifest, and what somebody should know of it, in lines."""

    edits: tuple[Edit | Rename, ...]
    notes: tuple[str, ...]


def edits_for(move: Move, places: Sequence[Place], manifest: Manifest, *, text: str, facts: Facts) -> Edits:
    """Return the edits that lead all targets of a move to their aims; `text` is that of the manifest."""
    return _Draft(move, places, manifest, text, facts).edits()


class _Draft:
    def __init__(self, move: Move, places: Sequence[Place], manifest: Manifest, text: str, facts: Facts) -> None:
        self._move = move
        self._places = {place.target: place for place in places}
        self._manifest = manifest
        self._text = text
        self._facts = facts
        self._wanted: Wanted = {}
        self._edits: list[Edit | Rename] = []
        self._notes: list[str] = []

    def edits(self) -> Edits:
        for target, place in self._places.items():
            self._versions(target, place)
        self._routes()
        for target, place in self._places.items():
            self._verifications(target, place, self._move.aims[target])
            self._target(target, place, self._move.aims[target])
        self._image()
        for (name, key), values in self._wanted.items():
            self._edits += self._component_edits(name, key, values)
        return Edits(edits=tuple(self._edits), notes=tuple(dict.fromkeys(self._notes)))

    def _want(self, target: str, component: Component, key: str, value: Value) -> None:
        self._wanted.setdefault((component.name, key), {})[target] = value

    def _versions(self, target: str, place: Place) -> None:
        torch, version = place.torch, self._move.torch
        if torch is None or version is None:
            return
        row = self._facts.torches[version]
        for component in (torch, *place.partners):
            belongs = SpecifierSet(f"=={version}") if component is torch else row.partner(component.name)
            if belongs is not None and isinstance(component.version, SpecifierSet) and not _admits(component, belongs):
                self._want(target, component, "version", _spelled(component, belongs, self._move.aims[target]))

    def _routes(self) -> None:
        """Lead torch and its like to the index of the new builds: the present index moves, if all of its users do."""
        leaving = {t: p for t, p in self._places.items() if p.torch is not None and self._move.aims[t].label != p.label}
        for index in dict.fromkeys(place.index for place in leaving.values()):
            users = [target for target in leaving if leaving[target].index == index]
            labels = {self._move.aims[target].label for target in users}
            if index is not None and len(labels) == 1 and set(users) == self._users(index) and self._url(index) is not None:
                self._move_index(index, users, str(labels.pop()))
            else:
                for target in users:
                    self._reroute(target, leaving[target], str(self._move.aims[target].label))

    def _users(self, index: str) -> set[str]:
        """Return the targets of the manifest whose torch comes from an index, were it only as somebody's requirement.

        A target that leaves torch out is none: there torch comes, if it does, from wherever the component's index leads.
        """
        routes = routes_of(self._manifest)
        own = {
            target: {each.name: each.index for each in self._manifest.components_for(target) if each.index is not None}
            for target, table in self._manifest.targets.items()
            if TRIO[0] not in table.without
        }
        return {target for target, indexes in own.items() if index_of(TRIO[0], own=indexes, routes=routes) == index}

    def _url(self, index: str) -> str | None:
        return self._manifest.indexes[index].url

    def _move_index(self, index: str, users: Sequence[str], label: str) -> None:
        """Give an index another address, and another name too where its name is that of its builds."""
        url = self._url(index)
        there = self._index_of(label)
        if url is None or there is not None:
            for target in users:
                self._reroute(target, self._places[target], label)
            return
        self._edits.append(Edit(("indexes", index, "url"), _readdressed(url, label)))
        rename = Rename(("indexes", index), label)
        if index != label_of_index(url):
            return
        if label in self._manifest.indexes or not renamable(self._text, rename):
            self._notes.append(f"indexes.{index}: it keeps its name, and is the index of the builds {label} from now on")
            return
        self._edits.append(rename)
        for target in self._manifest.targets:
            for component in self._manifest.components_for(target):
                if component.index == index:
                    self._want(target, component, "index", label)

    def _reroute(self, target: str, place: Place, label: str) -> None:
        """Let one target alone look torch and its like up on an index of the new builds, made where there is none yet."""
        name = self._index_of(label) or self._new_index(place, label)
        routes = routes_of(self._manifest, target)
        own = {each.name: each.index for each in place.components if each.index is not None}
        for component in place.components:
            there = index_of(component.name, own=own, routes=routes)
            if (there == place.index and place.label is not None) or component.name in TRIO:
                self._want(target, component, "index", name)

    def _index_of(self, label: str) -> str | None:
        found = (name for name, index in self._manifest.indexes.items() if index.url and label_of_index(index.url) == label)
        return next(found, None)

    def _new_index(self, place: Place, label: str) -> str:
        url = None if place.index is None or place.label is None else self._url(place.index)
        cuda = cuda_of_label(label)
        edit = Edit(
            ("indexes", label, "url"),
            f"{INDEXES}/{label}" if url is None else _readdressed(url, label),
            f"PyTorch's builds for CUDA {cuda}",
        )
        if edit not in self._edits:
            self._edits.append(edit)
        return label

    def _verifications(self, target: str, place: Place, aim: Aim) -> None:
        """Let the expressions that are verified in the image speak of the new versions."""
        changes = dict(self._spoken(place, aim))
        for component in place.components:
            moved = tuple(moved_expression(text, changes) for text in component.verify)
            if moved != component.verify:
                self._want(target, component, "verify", moved)

    def _spoken(self, place: Place, aim: Aim) -> Iterator[tuple[str, str]]:
        """Yield what an expression may say of the old builds, with what it is to say instead."""
        if place.cuda is not None and aim.cuda is not None and place.cuda != aim.cuda:
            yield str(place.cuda), str(aim.cuda)
        if place.label is not None and aim.label is not None and place.label != aim.label:
            yield place.label, aim.label
        torch, version = place.torch, self._move.torch
        old = None if torch is None else exact_version(torch)
        if old is None or version is None:
            return
        old, labels = Version(old.public), (place.label or "", aim.label or "")
        pairs = [(old, version)]
        before, after = self._facts.torches.get(old), self._facts.torches[version]
        for name in TRIO[1:] if before is not None else ():
            one, other = _only(before.partner(name) if before else None), _only(after.partner(name))
            pairs += [(one, other)] if one is not None and other is not None else []
        for one, other in pairs:
            yield f"{one}+{labels[0]}", f"{other}+{labels[1]}"
            yield str(one), str(other)

    def _target(self, target: str, place: Place, aim: Aim) -> None:
        table = self._manifest.targets[target]
        image = table.base
        if aim.cuda is not None and aim.cuda != place.cuda:
            image = _parsed(image_with_cuda(image, aim.cuda, facts=self._facts), image)
            if table.cuda is not None:
                self._edits.append(Edit(("targets", target, "cuda"), str(aim.cuda)))
            self._driver(target, aim.cuda)
        if aim.python != place.python:
            self._edits.append(Edit(("targets", target, "python"), aim.python))
            image = _parsed(image_with_python(image, aim.python, facts=self._facts), image)
        if image != table.base:
            self._edits.append(Edit(("targets", target, "base"), image.reference))
            if table.base.digest is not None:
                self._notes.append(f"targets.{target}.base: its digest was that of another image, and is left out")
        self._tell_way(target, place, aim)

    def _driver(self, target: str, cuda: Version) -> None:
        """Raise the driver floor to the oldest that runs a CUDA."""
        stated, runs = self._manifest.targets[target].driver, self._facts.cudas[cuda].runs
        if stated is not None and Version(stated) < Version(runs):
            self._edits.append(Edit(("targets", target, "driver"), runs))
            self._notes.append(f"targets.{target}.driver: CUDA {cuda} needs driver {runs}, and {stated} no longer serves")

    def _tell_way(self, target: str, place: Place, aim: Aim) -> None:
        torch, version = place.torch, self._move.torch
        old = None if torch is None else exact_version(torch)
        down = [
            *([f"CUDA {place.cuda} to {aim.cuda}"] if place.cuda and aim.cuda and aim.cuda < place.cuda else []),
            *([f"torch {old.public} to {version}"] if old and version and version < Version(old.public) else []),
            *([f"Python {place.python} to {aim.python}"] if Version(aim.python) < Version(place.python) else []),
        ]
        self._notes += [f"target {target} goes down from {each}" for each in down]
        self._notes += [
            f"components.{each.spelled}: it is one file, for the torch, CUDA or Python before perhaps: see that it still fits"
            for each in place.components
            if each.direct is not None
        ]

    def _image(self) -> None:
        """Move the runtime base with the base of all targets, and let uv bring a Python that a base image does not have."""
        runtime = self._manifest.image.runtime_base
        aims = {aim.cuda for aim in self._move.aims.values()}
        if runtime is not None and len(aims) == 1 and (cuda := next(iter(aims))) is not None:
            moved = image_with_cuda(runtime, cuda, facts=self._facts)
            if moved != runtime.reference and self._places.keys() == self._manifest.targets.keys():
                self._edits.append(Edit(("image", "runtime-base"), moved))
            elif moved != runtime.reference:
                self._notes.append("image.runtime-base: it is that of all targets, of which only some move, and stays")
        lacking = [target for target in self._places if self._lacks_python(target)]
        if lacking:
            self._edits.append(Edit(("image", "python-from"), "uv"))
            self._notes.append("image.python-from: uv brings the Python, for all targets, since a base image does not have it")

    def _lacks_python(self, target: str) -> bool:
        values = {
            edit.path[2]: edit.value
            for edit in self._edits
            if isinstance(edit, Edit) and edit.path[:2] == ("targets", target) and len(edit.path) == 3
        }
        table = self._manifest.targets[target]
        if "python" not in values:
            return False
        base = _parsed(str(values.get("base", table.base.reference)), table.base)
        cuda = str(values["cuda"]) if "cuda" in values else table.cuda
        found = resolve_target(
            replace(table, python=str(values["python"]), base=base, cuda=cuda), facts=self._facts, places=self._manifest.places
        )
        try:
            return not Python(target=found, places=(), asked=self._manifest.image.python_from).origin
        except RenderError:
            return True

    def _component_edits(self, name: NormalizedName, key: str, values: Mapping[str, Value]) -> Iterator[Edit]:
        """Yield the edits that give one key of a component its new values, in the place that each target reads it from."""
        component = self._manifest.components[name]
        own = {
            target: override.spelled
            for target, table in self._manifest.targets.items()
            for override in table.overrides
            if override.name == name and getattr(override, key) is not None
        }
        sharing = [target for target in self._manifest.having(name) if target not in own]
        shared = {values.get(target) for target in sharing}
        together = len(shared) == 1 and None not in shared
        if together:
            yield Edit(("components", component.spelled, key), next(value for value in shared if value is not None))
        for target, value in values.items():
            if target in own or not together:
                spelled_there = own.get(target) or self._spelled_in(target, name) or component.spelled
                yield Edit(("targets", target, "components", spelled_there, key), value)

    def _spelled_in(self, target: str, name: NormalizedName) -> str | None:
        overrides = self._manifest.targets[target].overrides
        return next((each.spelled for each in overrides if each.name == name), None)


def _admits(component: Component, belongs: SpecifierSet) -> bool:
    """Say whether what a component asks for admits the release that belongs to the move."""
    version = _only(belongs)
    return version is not None and isinstance(component.version, SpecifierSet) and component.version.contains(version)


def _only(specifiers: SpecifierSet | None) -> Version | None:
    texts = [each.version for each in specifiers or () if each.operator == "==" and "*" not in each.version]
    return Version(texts[0]) if len(texts) == 1 else None


def _spelled(component: Component, belongs: SpecifierSet, aim: Aim) -> str:
    """Return how to ask for a release, with the local version label where the present pin has one."""
    pinned, version = exact_version(component), _only(belongs)
    if pinned is not None and pinned.local is not None and version is not None and aim.label is not None:
        return f"=={version}+{aim.label}"
    return spelled(belongs)


def _readdressed(url: str, label: str) -> str:
    old = label_of_index(url) or ""
    return re.sub(rf"{re.escape(old)}(/?)$", rf"{label}\1", url)


def _parsed(reference: str, otherwise: BaseImage) -> BaseImage:
    found = base_image(reference)
    return otherwise if isinstance(found, Refusal) else found
