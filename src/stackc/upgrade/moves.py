"""Where targets may go: the releases of torch to try, the nearest first, with the CUDA and Python of each target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.errors import Finding, UsageError
from stackc.errors import Place as ManifestPlace
from stackc.init.trios import TRIO
from stackc.lock.routing import index_of
from stackc.manifest.model import Component, Manifest
from stackc.matrix.bases import read_base
from stackc.matrix.builds import cuda_of_label, label_of_index
from stackc.matrix.facts import Facts, TorchFacts
from stackc.matrix.partners import exact_version
from stackc.plan import routes_of
from stackc.upgrade.asked import Asked

__all__ = ["Aim", "Move", "Place", "moves", "places_of"]


class Place(Struct, frozen=True, kw_only=True):
    """Where one target is: its components, the index of torch with the label of its builds, its CUDA and its Python.

    `left_out` are the components that it leaves out, with where that is said. `label` is None where torch comes from an index
    that has several builds; `cuda` None for a target without.
    """

    target: str
    components: tuple[Component, ...]
    left_out: Mapping[NormalizedName, ManifestPlace]
    index: str | None
    label: str | None
    cuda: Version | None
    python: str

    @property
    def torch(self) -> Component | None:
        """Return the component torch."""
        return next((each for each in self.components if each.name == TRIO[0]), None)

    @property
    def partners(self) -> tuple[Component, ...]:
        """Return the components that belong to one torch."""
        return tuple(each for each in self.components if each.name in TRIO[1:])


class Aim(Struct, frozen=True, kw_only=True):
    """Where one target is to go. `label` is that of the builds of torch, None where those of the default index serve."""

    cuda: Version | None
    python: str
    label: str | None


class Move(Struct, frozen=True, kw_only=True):
    """One way: the release of torch (None: the range that stands there stays), and the aim of each target."""

    torch: Version | None
    aims: Mapping[str, Aim]


def places_of(manifest: Manifest, targets: Sequence[str], *, facts: Facts) -> tuple[Place, ...]:
    """Return where targets are."""
    return tuple(_place(manifest, target, facts) for target in targets)


def _place(manifest: Manifest, target: str, facts: Facts) -> Place:
    table, components = manifest.targets[target], manifest.components_for(target)
    own = {each.name: each.index for each in components if each.index is not None}
    index = index_of(TRIO[0], own=own, routes=routes_of(manifest, target))
    url = manifest.indexes[index].url if index is not None and index in manifest.indexes else None
    label = None if url is None else label_of_index(url)
    cuda = table.cuda or read_base(table.base, facts=facts).cuda
    built = cuda_of_label(label) if label is not None else None
    minor = None if cuda is None else Version(".".join(cuda.split(".")[:2]))
    return Place(
        target=target,
        components=components,
        left_out=manifest.left_out(target),
        index=index,
        label=label,
        cuda=built or (None if label is not None else minor),
        python=table.python,
    )


def moves(places: Sequence[Place], asked: Asked, *, facts: Facts, images: Mapping[str, Sequence[Version]]) -> Iterator[Move]:
    """Yield the ways to what is asked for, the nearest first.

    `images` has, for each target whose base image would have to move, the CUDAs that there are such images for. Raises
    UsageError S018 where there is none.
    """
    _require(places, asked)
    for strict in (True, False):
        found = False
        for version in _torches(places, asked, facts):
            row = None if version is None else facts.torches[version]
            aims = {place.target: _aim(place, asked, row, images.get(place.target), strict=strict) for place in places}
            if all(aim is not None for aim in aims.values()):
                found = True
                yield Move(torch=version, aims={target: aim for target, aim in aims.items() if aim is not None})
        if found:
            return
    raise UsageError(_no_way(places, asked, facts))


def _require(places: Sequence[Place], asked: Asked) -> None:
    if asked.torch is not None and not any(place.torch for place in places):
        said = tuple(place.left_out[_TORCH] for place in places if _TORCH in place.left_out)
        hint = "name a target that has it" if said else "add `[components.torch]`, or name a target that has it"
        message = "no target that is to move has torch as a component"
        raise UsageError(Finding(code="S018", message=message, places=said, hint=hint))
    if asked.cuda is not None and not any(place.cuda for place in places):
        hint = "name a target that has a CUDA: its base image, or the index of torch, says so"
        raise UsageError(Finding(code="S018", message="no target that is to move has a CUDA", hint=hint))


def _torches(places: Sequence[Place], asked: Asked, facts: Facts) -> list[Version | None]:
    """Return the releases of torch to try: that which is asked for, else the present ones, then later, then earlier ones."""
    torch = next((place.torch for place in places if place.torch is not None), None)
    if torch is None:
        return [None]
    if asked.torch is not None:
        return [asked.torch]
    version, known = exact_version(torch), list(facts.torches)
    if version is not None:
        present = Version(version.public)
        later, earlier = [each for each in known if each > present], [each for each in reversed(known) if each < present]
        return [*(each for each in known if each == present), *later, *earlier]
    bounds = torch.version if isinstance(torch.version, SpecifierSet) else SpecifierSet()
    inside = [each for each in known if bounds.contains(each)]
    later = [each for each in known if inside and each > inside[-1]]
    earlier = [each for each in reversed(known) if inside and each < inside[0]]
    return [None, *later, *earlier]


def _aim(place: Place, asked: Asked, row: TorchFacts | None, images: Sequence[Version] | None, *, strict: bool) -> Aim | None:
    """Return where a target goes with a torch, None where that has no builds for it; `strict` keeps a CUDA as it is."""
    python = asked.python or place.python
    if place.torch is None or row is None:
        cuda = asked.cuda if asked.cuda is not None and place.cuda is not None else place.cuda
        return Aim(cuda=cuda, python=python, label=_label(place, cuda, row))
    if ".".join(python.split(".")[:2]) not in row.pythons or not all(row.partner(each.name) for each in place.partners):
        return None
    if place.cuda is None:
        return Aim(cuda=None, python=python, label=place.label)
    built = {cuda for label in row.variants if (cuda := cuda_of_label(label)) is not None}
    if place.label is None:
        built.add(Version(row.pypi_cuda))
    wanted = [asked.cuda] if asked.cuda is not None else _nearest(place.cuda, built, strict=strict)
    cuda = next((each for each in wanted if each in built and (each == place.cuda or images is None or each in images)), None)
    return None if cuda is None else Aim(cuda=cuda, python=python, label=_label(place, cuda, row))


def _nearest(present: Version, built: set[Version], *, strict: bool) -> list[Version]:
    """Return the CUDAs to take where none is asked for: the present one, and unless that has to stay the nearest others."""
    if strict:
        return [present]
    later = sorted(cuda for cuda in built if cuda > present)
    return [present, *later, *sorted((cuda for cuda in built if cuda < present), reverse=True)]


def _label(place: Place, cuda: Version | None, row: TorchFacts | None) -> str | None:
    """Return the label of torch's builds for a CUDA; None where the default index has them, or nothing changes."""
    if cuda is None or place.torch is None:
        return place.label
    if place.label is None and (cuda == place.cuda or (row is not None and Version(row.pypi_cuda) == cuda)):
        return None
    return f"cu{cuda.major}{cuda.minor}"


def _no_way(places: Sequence[Place], asked: Asked, facts: Facts) -> Finding:
    names = " and ".join(f"`{place.target}`" for place in places)
    pythons = {asked.python or place.python for place in places}
    rows = [
        f"torch {version}: CUDA {_cudas(row)}; Python {', '.join(row.pythons)}"
        for version, row in facts.torches.items()
        if (asked.torch is None or version == asked.torch) and row.variants
        if asked.torch or asked.cuda is None or any(cuda_of_label(label) == asked.cuda for label in row.variants)
    ]
    shown = rows[-_SHOWN:] or [f"no torch has builds for CUDA {asked.cuda}"]
    python = ", ".join(sorted(pythons))
    return Finding(
        code="S018",
        message=f"no torch with partners, builds and base image is known for {names} with {asked.spelled} (Python {python})",
        hint="\n".join(["the facts know:", *shown]),
    )


def _cudas(row: TorchFacts) -> str:
    return ", ".join(str(cuda_of_label(label)) for label in row.variants)


_SHOWN = 5
_TORCH = canonicalize_name(TRIO[0])
