"""Pages about what a target is made of: Python, CUDA, driver, GPU architecture, glibc, and base images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from packaging.version import Version

from stackc.lookup.builds import architecture_row, builds_for
from stackc.lookup.entries import touching
from stackc.lookup.knowledge import Knowledge
from stackc.lookup.page import Cell, KnownFact, Page, Row, Table, weakest
from stackc.manifest.model import BaseImage
from stackc.matrix.bases import Base, read_base
from stackc.matrix.builds import TORCH_CUDA
from stackc.matrix.facts import CudaFacts, Distribution, Fact, Facts, TorchFacts
from stackc.matrix.model import Condition

__all__ = ["base_page", "virtual_page"]

_BASE = "base-"
_TORCH_SM = "torch-sm"


def virtual_page(name: str, version: Version | None, known: Knowledge) -> Page:
    """Return what fits a version of a virtual project, or what the tables say of all its versions."""
    kinds: Mapping[str, Callable[[Version | None, Knowledge], Iterator[Table]]] = {
        "cuda": _of_cuda,
        TORCH_CUDA: _of_cuda,
        "driver": _of_driver,
        "python": _of_python,
        "sm": _of_sm,
        "glibc": _of_glibc,
    }
    tables = (table for table in (kinds[name](version, known) if name in kinds else _of_base(name, known)) if table.rows)
    return Page(
        kind="virtual",
        name=name,
        release=str(version) if version is not None else None,
        facts=tuple(_cuda_facts(version, known.facts)) if name in {"cuda", TORCH_CUDA} else (),
        tables=tuple(tables),
        rules=touching({name: (version,) if version is not None else None}, known),
    )


def base_page(image: BaseImage, known: Knowledge) -> Page | None:
    """Return what the tag of a base image implies, None where the matrix cannot read it."""
    base = read_base(image, facts=known.facts)
    if base.family is None:
        return None
    subject, tables = _implied(base), []
    if base.cuda is not None:
        tables = [Table(key="builds", rows=tuple(builds_for(Version(base.cuda), known.facts)))]
    return Page(
        kind="base",
        name=image.reference,
        facts=tuple(_base_facts(base, known.facts)),
        tables=tuple(tables),
        rules=touching(subject, known),
    )


def _implied(base: Base) -> Mapping[str, Sequence[Version]]:
    found = {"cuda": base.cuda, "python": base.python}
    if base.distribution is not None:
        kind = base.distribution.id.rstrip("0123456789.")
        found |= {"glibc": base.distribution.glibc, f"{_BASE}{kind}": base.distribution.id.removeprefix(kind)}
    return {name: (Version(text),) for name, text in found.items() if text}


def _base_facts(base: Base, facts: Facts) -> Iterator[KnownFact]:
    if base.family is not None:
        yield from (_fact(key, value, base.family) for key, value in (("cuda", base.cuda), ("python", base.python)) if value)
    if base.distribution is not None:
        yield from _distribution_facts(base.distribution)
    if base.cuda is not None:
        yield from _cuda_facts(Version(base.cuda), facts)


def _distribution_facts(row: Distribution) -> Iterator[KnownFact]:
    values = {"distribution": row.id, "glibc": row.glibc, "system-python": row.python3, "packages": row.packages}
    yield from (_fact(key, value, row) for key, value in values.items() if value)


def _cuda_facts(cuda: Version | None, facts: Facts) -> Iterator[KnownFact]:
    row = facts.cudas.get(cuda) if cuda is not None else None
    if row is not None:
        yield _fact("runs", row.runs, row)
        yield _fact("ships", row.ships, row)


def _of_cuda(cuda: Version | None, known: Knowledge) -> Iterator[Table]:
    facts = known.facts
    if cuda is None:
        yield Table(key="toolkits", rows=tuple(map(_toolkit, facts.cudas.values())))
        return
    yield Table(key="builds", rows=tuple(builds_for(cuda, facts)))
    carrying = [row for row in facts.bitsandbytes.values() if str(cuda) in row.cuda]
    yield Table(key="libraries", rows=tuple(_all_of("bitsandbytes", [(row.version, row) for row in carrying])))
    images = [row for row in facts.images if row.cuda.release[:2] == cuda.release[:2]]
    yield Table(
        key="images",
        rows=tuple(
            _row({"cuda": str(row.cuda), "cudnn": row.cudnn, "distributions": row.distributions}, row) for row in images
        ),
    )


def _of_driver(driver: Version | None, known: Knowledge) -> Iterator[Table]:
    rows = known.facts.cudas.values()
    if driver is None:
        yield Table(key="toolkits", rows=tuple(map(_toolkit, rows)))
        return
    fitting = ((row, _fit(row, driver)) for row in rows)
    yield Table(key="toolkits", rows=tuple(_row({**_toolkit_cells(row), "fit": fit}, row) for row, fit in fitting if fit))


def _fit(row: CudaFacts, driver: Version) -> str | None:
    """Return how a driver runs a toolkit; a bare branch, such as 535, counts as the newest driver of it."""
    branch = len(driver.release) == 1

    def reaches(wanted: Version) -> bool:
        return driver.major >= wanted.major if branch else driver >= wanted

    if reaches(Version(row.ships)):
        return "in full"
    return "by minor-version compatibility" if reaches(Version(row.runs)) else None


def _of_python(python: Version | None, known: Knowledge) -> Iterator[Table]:
    facts = known.facts
    if python is None:
        yield Table(key="distributions", rows=tuple(_distribution_rows(facts)))
        return
    minor = f"{python.major}.{python.minor}"
    wheels = list(_all_of("torch", [(row.version, row) for row in facts.torches.values() if minor in row.pythons]))
    for name in ("torchvision", "torchaudio"):
        wheels += _all_of(name, [(row.version, row) for row in facts.partners(name).values() if minor in row.pythons])
    yield Table(key="wheels", rows=tuple(wheels))
    with_it = [row for row in _distributions(facts) if row.python3 == minor]
    yield Table(key="distributions", rows=tuple(map(_distribution_row, with_it)))


def _of_sm(sm: Version | None, known: Knowledge) -> Iterator[Table]:
    fitting = [row for row in known.facts.architectures if sm is None or _has_code(row.torch, row.cuda, sm, known)]
    yield Table(key="builds", rows=tuple(map(architecture_row, fitting)))


def _has_code(torch: str, cuda: Version, sm: Version, known: Knowledge) -> bool:
    """Say whether a build of torch runs on an architecture, as the rule that is made of the table has it."""
    rule = known.rule(_TORCH_SM)
    build = {"torch": Version(torch), TORCH_CUDA: cuda}

    def holds(condition: Condition) -> bool:
        return condition.holds(build[condition.name])

    of_build = [arm for arm in (rule.arms if rule is not None else ()) if all(map(holds, arm.when))]
    return any(required.holds(sm) for arm in of_build for required in arm.requires)


def _of_glibc(glibc: Version | None, known: Knowledge) -> Iterator[Table]:
    having = [row for row in _distributions(known.facts) if glibc is None or Version(row.glibc) == glibc]
    yield Table(key="distributions", rows=tuple(map(_distribution_row, having)))


def _of_base(name: str, known: Knowledge) -> Iterator[Table]:
    kind = name.removeprefix(_BASE)
    having = [row for row in _distributions(known.facts) if row.id.rstrip("0123456789.") == kind]
    yield Table(key="distributions", rows=tuple(map(_distribution_row, having)))


def _distributions(facts: Facts) -> list[Distribution]:
    return list({row.id: row for row in facts.distributions.values()}.values())


def _distribution_rows(facts: Facts) -> Iterator[Row]:
    yield from map(_distribution_row, _distributions(facts))


def _distribution_row(row: Distribution) -> Row:
    return _row({"distribution": row.id, "glibc": row.glibc, "system-python": row.python3, "packages": row.packages}, row)


def _all_of(project: str, releases: Sequence[tuple[Version, TorchFacts | Fact]]) -> Iterator[Row]:
    """Yield one row for all releases of a project that fit, where there is one."""
    if releases:
        yield Row(
            cells={"project": project, "versions": tuple(str(version) for version, _ in releases)},
            status=weakest(row.status for _, row in releases),
            source=f"the rows of facts/{project}.toml",
        )


def _toolkit(row: CudaFacts) -> Row:
    return _row(_toolkit_cells(row), row)


def _toolkit_cells(row: CudaFacts) -> dict[str, Cell]:
    return {"cuda": str(row.cuda), "runs": row.runs, "ships": row.ships}


def _row(cells: Mapping[str, Cell], row: Fact) -> Row:
    return Row(cells=cells, status=row.status, source=row.source)


def _fact(key: str, value: Cell, row: Fact) -> KnownFact:
    return KnownFact(key=key, value=value, status=row.status, source=row.source, date=row.date)
