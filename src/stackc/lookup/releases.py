"""Pages about projects and their releases: what the tables know of them, and the rules that touch them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.lookup.builds import build_rows
from stackc.lookup.entries import Subject, touching
from stackc.lookup.knowledge import Knowledge
from stackc.lookup.page import Cell, KnownFact, Page, Row, Table
from stackc.matrix.builds import TORCH_CUDA
from stackc.matrix.facts import PARTNERS, BitsandbytesFacts, Fact, Facts, FlashAttnFacts, NeedsFacts, PartnerFacts, TorchFacts
from stackc.matrix.wording import spelled

__all__ = ["in_tables", "known_releases", "project_page", "release_page"]

_BITSANDBYTES = "bitsandbytes"
_FLASH_ATTN = "flash-attn"
_TORCH = "torch"
_SELECTIONS = {
    "exact": "the library for torch's CUDA exactly; without it, loading fails",
    "major": "the library for torch's CUDA, else one of the same major version",
}


def in_tables(facts: Facts) -> tuple[str, ...]:
    """Return the real projects that tables of facts are about."""
    return tuple(sorted({_TORCH, _BITSANDBYTES, _FLASH_ATTN, *PARTNERS, *facts.needing}))


def release_page(name: str, version: Version, known: Knowledge) -> Page:
    """Return what is known of one release of a real project."""
    facts = tuple(fact for fact in _facts_of(name, version, known.facts) if fact.value)
    builds: list[Row] = []
    subject: dict[str, tuple[Version, ...]] = {name: (version,)}
    row = known.facts.torch(version) if name == _TORCH else None
    if row is not None:
        builds = build_rows(row, label=version.local, facts=known.facts)
        subject[TORCH_CUDA] = tuple(sorted({Version(str(build.cells["cuda"])) for build in builds}))
    return Page(
        kind="release",
        name=name,
        release=str(version),
        facts=facts,
        tables=(Table(key="builds", rows=tuple(builds)),) if builds else (),
        rules=touching(subject, known),
        notes=tuple(_unknown(name, version, known.facts)) if not facts else (),
    )


def project_page(name: str, known: Knowledge) -> Page:
    """Return what is known of all releases of a real project."""
    rows = tuple(_releases(name, known.facts))
    subject: Subject = {name: None}
    return Page(
        kind="project",
        name=name,
        tables=(Table(key="releases", rows=rows),) if rows else (),
        rules=touching(subject, known),
    )


def known_releases(name: str, facts: Facts) -> tuple[Version, ...]:
    """Return the releases that the tables have a row for, the oldest first."""
    match name:
        case "torch":
            return tuple(facts.releases)
        case "bitsandbytes":
            return tuple(facts.bitsandbytes)
        case "triton":
            return tuple(sorted({version for row in facts.torches.values() for version in _exact(row.triton)}))
        case "flash-attn":
            return tuple(sorted({version for row in facts.flash_attn for version in (row.first, row.last)}))
        case _ if name in facts.needing:
            return tuple(sorted({version for row in facts.needs(name) for version in (row.first, row.last)}))
        case _:
            return tuple(facts.partners(name))


def _unknown(name: str, version: Version, facts: Facts) -> Iterator[str]:
    releases = known_releases(name, facts)
    if releases:
        yield f"no table has {name} {version.public}; the tables go from {releases[0]} to {releases[-1]}"


def _facts_of(name: str, version: Version, facts: Facts) -> Iterator[KnownFact]:
    public = Version(version.public)
    if name == _TORCH and (torch := facts.torch(version)) is not None:
        yield from _torch_facts(torch)
    if name in PARTNERS:
        yield from _partner_facts(name, public, facts)
    if name == _BITSANDBYTES and (row := facts.bitsandbytes.get(public)) is not None:
        yield from _bitsandbytes_facts(row, facts)
    if name == _FLASH_ATTN:
        for built in facts.flash_attn:
            if built.first <= public <= built.last:
                yield from (_fact("torch", built.torch, built), _fact("cuda", built.cuda, built))
    if name in facts.needing:
        for needs in facts.needs(name):
            if needs.first <= public <= needs.last:
                yield from (_fact(f"needs-{other}", spelled(text), needs) for other, text in needs.requires.items())


def _torch_facts(row: TorchFacts) -> Iterator[KnownFact]:
    values: Mapping[str, Cell] = {
        "released": row.released.isoformat(),
        "requires-python": spelled(row.requires_python),
        "pythons": row.pythons,
        "pypi-cuda": row.pypi_cuda,
        "cudnn": row.cudnn,
        "variants": row.variants,
        **{name: _text(row.partner(name)) for name in PARTNERS},
    }
    for key, value in values.items():
        yield KnownFact(key=key, value=value, status=row.status_of(key), source=row.source_of(key), date=row.date)


def _partner_facts(name: str, version: Version, facts: Facts) -> Iterator[KnownFact]:
    row = facts.partners(name).get(version)
    if row is not None:
        yield _fact("released", row.released.isoformat(), row)
        yield _fact("requires-torch", _text(row.torch), row)
        yield _fact("pythons", row.pythons, row)
    belongs = [torch for torch in facts.torches.values() if version in _exact(torch.partner(name))]
    if belongs:
        newest = belongs[-1]
        yield KnownFact(
            key="belongs-to-torch",
            value=tuple(str(torch.version) for torch in belongs),
            status=newest.status_of(name),
            source=newest.source_of(name),
            date=newest.date,
        )


def _bitsandbytes_facts(row: BitsandbytesFacts, facts: Facts) -> Iterator[KnownFact]:
    yield _fact("released", row.released.isoformat(), row)
    yield _fact("requires-python", _text(row.requires_python), row)
    yield _fact("requires-torch", _text(row.torch), row)
    yield _fact("cuda", row.cuda, row)
    for selection in facts.selections:
        if selection.first <= row.version and (selection.last is None or row.version <= selection.last):
            yield _fact("selection", _SELECTIONS[selection.match], selection)


def _releases(name: str, facts: Facts) -> Iterator[Row]:
    match name:
        case "torch":
            yield from map(_torch_row, facts.torches.values())
        case "bitsandbytes":
            yield from map(_bitsandbytes_row, facts.bitsandbytes.values())
        case "triton":
            for version in known_releases(name, facts):
                belongs = [torch for torch in facts.torches.values() if version in _exact(torch.triton)]
                cells: Mapping[str, Cell] = {
                    "version": str(version),
                    "belongs-to-torch": tuple(str(torch.version) for torch in belongs),
                }
                yield Row(cells=cells, status=belongs[-1].status_of(name), source=belongs[-1].source_of(name))
        case "flash-attn":
            yield from map(_flash_attn_row, facts.flash_attn)
        case _ if name in facts.needing:
            yield from map(_needs_row, facts.needs(name))
        case _:
            yield from map(_partner_row, facts.partners(name).values())


def _torch_row(row: TorchFacts) -> Row:
    cells: Mapping[str, Cell] = {
        "version": str(row.version),
        "released": row.released.isoformat(),
        "pythons": row.pythons,
        "pypi-cuda": row.pypi_cuda,
        "variants": row.variants,
        **{name: _text(row.partner(name)) for name in PARTNERS},
    }
    return Row(cells=cells, status=row.status, source=row.source)


def _partner_row(row: PartnerFacts) -> Row:
    cells: Mapping[str, Cell] = {
        "version": str(row.version),
        "released": row.released.isoformat(),
        "requires-torch": _text(row.torch),
        "pythons": row.pythons,
    }
    return Row(cells=cells, status=row.status, source=row.source)


def _bitsandbytes_row(row: BitsandbytesFacts) -> Row:
    cells: Mapping[str, Cell] = {
        "version": str(row.version),
        "released": row.released.isoformat(),
        "requires-torch": _text(row.torch),
        "cuda": row.cuda,
    }
    return Row(cells=cells, status=row.status, source=row.source)


def _flash_attn_row(row: FlashAttnFacts) -> Row:
    cells: Mapping[str, Cell] = {"first": str(row.first), "last": str(row.last), "torch": row.torch, "cuda": row.cuda}
    return Row(cells=cells, status=row.status, source=row.source)


def _needs_row(row: NeedsFacts) -> Row:
    cells: dict[str, Cell] = {"first": str(row.first), "last": str(row.last)}
    cells |= {other: spelled(text) for other, text in row.requires.items()}
    return Row(cells=cells, status=row.status, source=row.source)


def _fact(key: str, value: Cell, row: Fact) -> KnownFact:
    return KnownFact(key=key, value=value, status=row.status, source=row.source, date=row.date)


def _text(specifiers: SpecifierSet | None) -> str | None:
    return spelled(specifiers) if specifiers is not None else None


def _exact(specifiers: SpecifierSet | None) -> tuple[Version, ...]:
    """Return the versions that `==` names."""
    exact = (each.version for each in specifiers or () if each.operator == "==" and not each.version.endswith(".*"))
    return tuple(map(Version, exact))
