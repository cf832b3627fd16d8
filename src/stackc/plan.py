"""The plan: what one target asks of the view and of the engine, worked out from manifest, target and matrix."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.errors import Place
from stackc.lock.model import DirectFile, Root, Route
from stackc.lock.routing import index_of, serving
from stackc.manifest.model import Component, DirectReference, Index, Manifest
from stackc.matrix.model import Matrix
from stackc.matrix.places import place_of_version
from stackc.target import Target
from stackc.view.rules import ViewRules, view_rules

__all__ = ["Plan", "make_plan", "root_of", "routes_of"]


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be resolved for one target.

    `own_indexes` are the indexes that components name for themselves; `preferences` are the pins of the previous lock; `held`
    are releases beside which none of the same project is to be seen; `tools` are the requirements for pip and the build tools,
    which are chosen apart from the rest. `foremost` are projects that the engine is to think of first. `directs` are the files
    that components name themselves, for whose projects no index is asked, and `direct_places` where the manifest names each.
    `left_out` are the components that the target leaves out, each with where that is said; of those `unsourced` come from
    nowhere, since the manifest has a file for them and no index.
    """

    target: Target
    components: tuple[Component, ...]
    roots: tuple[Root, ...]
    indexes: Mapping[str, Index]
    own_indexes: Mapping[NormalizedName, str]
    default_index: str
    routes: tuple[Route, ...]
    rules: ViewRules
    exclude_newer: dt.datetime | None
    sdists: tuple[NormalizedName, ...]
    preferences: Mapping[NormalizedName, Version]
    tools: tuple[str, ...]
    held: Mapping[NormalizedName, Version] = {}
    foremost: frozenset[NormalizedName] = frozenset()
    directs: Mapping[NormalizedName, DirectReference] = {}
    direct_places: Mapping[NormalizedName, Place] = {}
    left_out: Mapping[NormalizedName, Place] = {}
    unsourced: frozenset[NormalizedName] = frozenset()

    def index_of(self, project: NormalizedName) -> str:
        """Return the name of the one index that a project is looked up on."""
        return index_of(project, own=self.own_indexes, routes=self.routes) or self.default_index

    def requirements(self) -> tuple[str, ...]:
        """Return the lines that the engine is given, in one stable order: it chooses versions in about this order."""
        lines = [(component.name, root.requirement) for component, root in zip(self.components, self.roots, strict=True)]
        asked = {name: [line for asked, line in lines if asked == name] or [str(name)] for name in sorted(self.foremost)}
        first = [line for found in asked.values() for line in found]
        return (*first, *(line for name, line in lines if name not in self.foremost))

    def exact_pins(self) -> frozenset[tuple[NormalizedName, Version]]:
        """Return the releases that the manifest itself pins exactly: these alone may be yanked (PEP 592)."""
        found: set[tuple[NormalizedName, Version]] = set()
        for component in self.components:
            if isinstance(component.version, SpecifierSet):
                exact = (
                    spec.version for spec in component.version if spec.operator in {"==", "==="} and "*" not in spec.version
                )
                found.update((component.name, Version(version)) for version in exact)
        return frozenset(found)

    def pre_releases(self) -> frozenset[NormalizedName]:
        """Return the projects of which the manifest itself names a pre-release: of these alone one may be chosen (PEP 440)."""
        lines = map(Requirement, (*self.requirements(), *self.tools))
        return frozenset(canonicalize_name(line.name) for line in lines if line.specifier.prereleases)


def make_plan(
    manifest: Manifest,
    *,
    target: Target,
    components: tuple[Component, ...],
    matrix: Matrix,
    preferences: Mapping[NormalizedName, Version],
) -> Plan:
    """Return the plan for `target`; `components` are the target's own, with the matrix's partners filled in."""
    components = tuple(map(_without_label, components))
    return Plan(
        target=target,
        components=components,
        roots=tuple(root_of(component) for component in components),
        indexes=manifest.indexes,
        own_indexes={component.name: component.index for component in components if component.index is not None},
        default_index=manifest.default_index.name,
        routes=routes_of(manifest, target.name),
        rules=view_rules(matrix.clauses(), target.virtual_versions(), builds=matrix.builds, machine=target.machine),
        exclude_newer=manifest.policy.exclude_newer,
        sdists=tuple(sorted(manifest.policy.sdists)),
        preferences=preferences,
        tools=(f"pip{manifest.image.pip}", *manifest.image.build_tools),
        directs={component.name: component.direct for component in components if component.direct is not None},
        direct_places={
            component.name: place_of_version(component, places=manifest.places, target=target.name)
            for component in components
            if component.direct is not None
        },
        left_out=manifest.left_out(target.name),
        unsourced=_unsourced(manifest, target.name),
    )


def routes_of(manifest: Manifest, target: str | None = None) -> tuple[Route, ...]:
    """Return what each index of the manifest serves, by the indexes' names.

    A component that `target` leaves out is served by the index that it names for itself: what else needs it brings it from
    there, and never from the default index.
    """
    own = {} if target is None else _own_of_left_out(manifest, target)
    return tuple(
        Route(index=index.name, serves=_served(index, own), default=index.default)
        for index in sorted(manifest.indexes.values(), key=lambda index: index.name)
    )


def _unsourced(manifest: Manifest, target: str) -> frozenset[NormalizedName]:
    """Return the components that `target` leaves out and that no index has: they name a file, and no `serves` names them."""
    routes = routes_of(manifest, target)
    left_out = (manifest.components[name] for name in manifest.left_out(target))
    return frozenset(each.name for each in left_out if each.direct is not None and serving(each.name, routes) is None)


def _own_of_left_out(manifest: Manifest, target: str) -> Mapping[NormalizedName, str]:
    left_out = (manifest.components[name] for name in manifest.left_out(target))
    return {component.name: component.index for component in left_out if component.index is not None}


def _served(index: Index, own: Mapping[NormalizedName, str]) -> tuple[str, ...]:
    """Return what an index serves where some projects have an index of their own."""
    kept = [each for each in index.serves if own.get(canonicalize_name(each), index.name) == index.name]
    named = {canonicalize_name(each) for each in kept}
    return (*kept, *sorted(name for name, chosen in own.items() if chosen == index.name and name not in named))


def root_of(component: Component) -> Root:
    """Return what a component asks of the resolver and of the steps. Raises ValueError for a file whose sha256 is not known."""
    extras = f"[{','.join(sorted(component.extras))}]" if component.extras else ""
    direct = None if component.direct is None else _direct_file(component.direct)
    requirement = f"{component.name}{extras}{component.version}"
    return Root(requirement=requirement, order=component.order, index=component.index, direct=direct)


def _without_label(component: Component) -> Component:
    """Return a component that asks for its own file without the label in the file's name, which its metadata may lack."""
    if component.direct is None or not isinstance(component.version, SpecifierSet):
        return component
    public = ",".join(sorted(f"=={Version(each.version).public}" for each in component.version))
    return replace(component, version=SpecifierSet(public))


def _direct_file(direct: DirectReference) -> DirectFile:
    if direct.sha256 is None:
        raise ValueError(f"the sha256 of {direct.file} is not known")
    return DirectFile(kind=direct.kind, file=direct.file, sha256=direct.sha256)
