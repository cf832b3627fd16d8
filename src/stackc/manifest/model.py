"""The values that a `stack.toml` decodes to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import Enum
from typing import Literal

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from stackc.errors import Place

__all__ = [
    "BUILTIN_INDEX",
    "FALL_BACK_MINORS",
    "MATRIX",
    "BaseImage",
    "Component",
    "DirectReference",
    "Image",
    "Index",
    "Manifest",
    "MatrixChoice",
    "MatrixVersion",
    "Override",
    "Places",
    "Policy",
    "TargetTable",
    "Waiver",
]


class MatrixVersion(Enum):
    """The version `"matrix"`: the partner that the matrix's facts name."""

    MATRIX = "matrix"


MATRIX = MatrixVersion.MATRIX


class Places(Struct, frozen=True, kw_only=True):
    """Where each key path of one manifest stands: `("components", "torch", "order")` → line, counted from 1."""

    file: str
    lines: Mapping[tuple[str | int, ...], int]
    sources: Mapping[tuple[str | int, ...], str]

    def at(self, *path: str | int) -> Place:
        """Return the place of a key path, or of the nearest table above it that is written down."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return Place(file=self.file, line=self.lines.get(known), path=path, source=self.sources.get(path))


BUILTIN_INDEX = "pypi"
"""The index that needs no entry: it is the default one unless another is, and pip knows its address."""


class Index(Struct, frozen=True, kw_only=True):
    """One `[indexes.NAME]`: where files are listed, and which projects are looked up there.

    `url` is None for the built-in default index `pypi`, whose address pip knows. `serves` holds project names or
    `fnmatch` patterns over normalized names, such as `nvidia-*`.
    """

    name: str
    url: str | None
    serves: tuple[str, ...] = ()
    default: bool = False


class BaseImage(Struct, frozen=True, kw_only=True):
    """An image reference: `[registry/]repository[:tag][@digest]`, as the manifest spells it."""

    reference: str
    repository: str
    tag: str | None
    digest: str | None


class DirectReference(Struct, frozen=True, kw_only=True):
    """The one file that a component names itself: by its `url`, or by its `path` from the manifest's folder on.

    `location` is what the manifest says, `file` the file's name with all quoting undone. `sha256` is None for a path whose
    file has not been read yet.
    """

    kind: Literal["url", "path"]
    location: str
    file: str
    sha256: str | None


class Component(Struct, frozen=True, kw_only=True):
    """One `[components.NAME]`, or what is left of it after a target's overrides.

    With a direct reference, `version` is exactly that of the file's name, and no index is asked.
    """

    name: NormalizedName
    spelled: str
    version: SpecifierSet | MatrixVersion
    index: str | None = None
    order: int | None = None
    extras: tuple[NormalizedName, ...] = ()
    imports: tuple[str, ...] | None = None
    verify: tuple[str, ...] = ()
    direct: DirectReference | None = None


class Override(Struct, frozen=True, kw_only=True):
    """What one `[targets.X.components.NAME]` says; None where it is silent.

    One that states a version, and no file, takes the project from an index, whatever the component says.
    """

    name: NormalizedName
    spelled: str
    version: SpecifierSet | MatrixVersion | None = None
    index: str | None = None
    order: int | None = None
    extras: tuple[NormalizedName, ...] | None = None
    imports: tuple[str, ...] | None = None
    verify: tuple[str, ...] | None = None
    direct: DirectReference | None = None


class TargetTable(Struct, frozen=True, kw_only=True):
    """One `[targets.NAME]` as written; what the base image implies is added by `stackc.target`.

    `without` names the components that this target leaves out, each once, in the manifest's order.
    """

    name: str
    python: str
    platform: str
    base: BaseImage
    cuda: str | None = None
    glibc: str | None = None
    driver: str | None = None
    gpus: tuple[str, ...] = ()
    without: tuple[NormalizedName, ...] = ()
    overrides: tuple[Override, ...] = ()


class Image(Struct, frozen=True, kw_only=True):
    """The `[image]` table: what the Dockerfile holds beside the locked projects.

    `pip` is a specifier, empty for the newest; `build_tools` are requirements installed beside pip before the first step, uv
    among them where the image needs it. `python_from` is None where the base image's own Python is taken if it brings one, and
    the distribution's otherwise. With `runtime_base`, `apt` is for the stage that builds, `runtime_apt` for the one that runs.
    """

    apt: tuple[str, ...] = ()
    workdir: str = "/app"
    copy: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    pip: str = ""
    build_tools: tuple[str, ...] = ()
    installer: Literal["pip", "uv"] = "pip"
    python_from: Literal["base", "distribution", "uv"] | None = None
    cache_mounts: bool = False
    user: str | None = None
    runtime_base: BaseImage | None = None
    runtime_apt: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}


FALL_BACK_MINORS = 3
"""How many minor releases below the newest a component may land unremarked: a project that releases monthly moves on by as many
in a quarter, and NumPy, SciPy and pandas drop the oldest Python about that many before it ends."""


class Policy(Struct, frozen=True, kw_only=True):
    """The `[policy]` table. `exclude_newer` is an aware moment in UTC.

    `fall_back` says what to do about a component that lands more than `fall_back_minors` minor releases below its newest.
    """

    exclude_newer: dt.datetime | None = None
    unknown: Literal["allow", "warn", "error"] = "warn"
    fall_back: Literal["allow", "warn", "error"] = "warn"
    fall_back_minors: int = FALL_BACK_MINORS
    sdists: tuple[NormalizedName, ...] = ()


class Waiver(Struct, frozen=True, kw_only=True):
    """One entry of `[matrix] waive`: a rule that this project sets aside, why, and until when."""

    rule: str
    because: str
    until: dt.date


class MatrixChoice(Struct, frozen=True, kw_only=True):
    """The `[matrix]` table: the rule packs (`builtin`, or glob patterns beside the manifest) and the waivers."""

    packs: tuple[str, ...] = ("builtin",)
    waivers: tuple[Waiver, ...] = ()


class Manifest(Struct, frozen=True, kw_only=True):
    """A whole `stack.toml`, decoded. Everything in it is of the right type; names refer to things that exist.

    `indexes` always holds the built-in `pypi`, and exactly one entry has `default` set. Tables keep the manifest's order.
    """

    name: str
    default_target: str
    indexes: Mapping[str, Index]
    targets: Mapping[str, TargetTable]
    components: Mapping[NormalizedName, Component]
    image: Image
    policy: Policy
    matrix: MatrixChoice
    places: Places

    def components_for(self, target: str) -> tuple[Component, ...]:
        """Return the components as `target` has them: by order, then in the manifest's own order, the unordered last.

        Those that the target leaves out are not among them.
        """
        table = self.targets[target]
        overrides = {override.name: override for override in table.overrides}
        present = [(name, component) for name, component in self.components.items() if name not in table.without]
        merged = [_merge(component, overrides.get(name)) for name, component in present]
        return tuple(sorted(merged, key=lambda component: (component.order is None, component.order or 0)))

    def having(self, component: NormalizedName) -> tuple[str, ...]:
        """Return the targets that do not leave a component out, in the manifest's order."""
        return tuple(name for name, table in self.targets.items() if component not in table.without)

    def left_out(self, target: str) -> Mapping[NormalizedName, Place]:
        """Return the components that `target` leaves out, each with where that is said."""
        named = enumerate(self.targets[target].without)
        return {name: self.places.at("targets", target, "without", number) for number, name in named}

    @property
    def default_index(self) -> Index:
        """Return the index of every project that nothing routes elsewhere."""
        return next(index for index in self.indexes.values() if index.default)


def _merge(component: Component, override: Override | None) -> Component:
    if override is None:
        return component
    return Component(
        name=component.name,
        spelled=component.spelled,
        version=component.version if override.version is None else override.version,
        index=None if override.direct is not None else override.index or component.index,
        order=component.order if override.order is None else override.order,
        extras=component.extras if override.extras is None else override.extras,
        imports=component.imports if override.imports is None else override.imports,
        verify=component.verify if override.verify is None else override.verify,
        direct=component.direct if override.version is None else override.direct,
    )
