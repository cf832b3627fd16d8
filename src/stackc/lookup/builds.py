"""The builds of torch as tables: their index, CUDA, drivers and GPU architectures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from packaging.version import Version

from stackc.lookup.page import Cell, Row, weakest
from stackc.manifest.model import BUILTIN_INDEX
from stackc.matrix.builds import cuda_of_label
from stackc.matrix.facts import ArchitectureFacts, Facts, TorchFacts

__all__ = ["architecture_row", "build_rows", "builds_for", "names_of"]


def build_rows(row: TorchFacts, *, label: str | None, facts: Facts) -> list[Row]:
    """Return the CUDA builds of one torch, that of the default index first; `label` asks for the one on its index alone."""
    builds = {} if label is not None else {BUILTIN_INDEX: Version(row.pypi_cuda)}
    for variant in row.variants:
        cuda = cuda_of_label(variant)
        if cuda is not None and label in {None, variant}:
            builds[variant] = cuda
    return [_build_row(row, index, cuda, facts) for index, cuda in builds.items()]


def builds_for(cuda: Version, facts: Facts) -> Iterator[Row]:
    """Yield the releases of torch that have a build for a CUDA, and the indexes that have it."""
    for row in facts.torches.values():
        indexes = [BUILTIN_INDEX] * (Version(row.pypi_cuda) == cuda)
        indexes += [variant for variant in row.variants if cuda_of_label(variant) == cuda]
        if indexes:
            key = "version" if BUILTIN_INDEX in indexes else "variants"
            cells: Mapping[str, Cell] = {"torch": str(row.version), "indexes": tuple(indexes)}
            yield Row(cells=cells, status=row.status_of(key), source=row.source_of(key))


def architecture_row(row: ArchitectureFacts) -> Row:
    """Return what one build of torch has code and PTX for."""
    cells: Mapping[str, Cell] = {
        "torch": row.torch,
        "cuda": str(row.cuda),
        "architectures": names_of(row.sm),
        "ptx": names_of(row.ptx),
    }
    return Row(cells=cells, status=row.status, source=row.source)


def names_of(capabilities: Iterable[str]) -> tuple[str, ...]:
    """Return `sm_86` for the compute capability `8.6`."""
    return tuple(f"sm_{capability.replace('.', '')}" for capability in capabilities)


def _build_row(torch: TorchFacts, index: str, cuda: Version, facts: Facts) -> Row:
    key = "version" if index == BUILTIN_INDEX else "variants"
    drivers, architectures = facts.cudas.get(cuda), _architectures(torch, cuda, facts)
    cells: Mapping[str, Cell] = {
        "index": index,
        "cuda": str(cuda),
        "runs": drivers.runs if drivers else None,
        "ships": drivers.ships if drivers else None,
        "architectures": names_of(architectures.sm) if architectures else None,
        "ptx": names_of(architectures.ptx) if architectures else None,
    }
    parts = [part for part in (drivers, architectures) if part is not None]
    sources = dict.fromkeys((torch.source_of(key), *(part.source for part in parts)))
    return Row(
        cells=cells,
        status=weakest((torch.status_of(key), *(part.status for part in parts))),
        source="; ".join(sources),
    )


def _architectures(torch: TorchFacts, cuda: Version, facts: Facts) -> ArchitectureFacts | None:
    minor = f"{torch.version.major}.{torch.version.minor}"
    return next((row for row in facts.architectures if row.torch == minor and row.cuda == cuda), None)
