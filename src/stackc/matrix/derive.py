"""Rules derived from the tables of facts: one rule per table, one arm per row or run of equal rows.

They act like the rules that somebody wrote: at any depth, with a place, a source and a waiver. What a table does not know is
unknown, not forbidden.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Protocol

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.errors import Place
from stackc.matrix.builds import TORCH_CUDA, Builds
from stackc.matrix.facts import ArchitectureFacts, BitsandbytesFacts, CudaFacts, Facts, FlashAttnFacts, NeedsFacts
from stackc.matrix.model import Arm, Condition, ProjectName, Rule
from stackc.matrix.wording import spelled

__all__ = ["derived_rules", "known_builds"]

_CUDA = ProjectName("cuda")
_DRIVER = ProjectName("driver")
_SM = ProjectName("sm")
_TORCH = ProjectName("torch")
_BUILD = ProjectName(TORCH_CUDA)
_BITSANDBYTES = ProjectName("bitsandbytes")
_FLASH_ATTN = ProjectName("flash-attn")


def derived_rules(facts: Facts) -> tuple[Rule, ...]:
    """Return the rules that the tables of facts imply, sorted by id."""
    cudas = list(facts.cudas.values())
    found = [
        _torch_driver(cudas),
        _torch_base(cudas),
        _base_driver(cudas),
        _torch_sm(facts.architectures),
        _bitsandbytes_cuda(facts),
        _flash_attn_torch(facts.flash_attn),
    ]
    for name in facts.needing:
        found += _needs(ProjectName(name), facts.needs(name))
    return tuple(sorted((rule for rule in found if rule.arms), key=lambda rule: rule.id))


def known_builds(facts: Facts) -> Builds:
    """Return which CUDA the wheels of the default index bring, by torch's version."""
    return Builds({row.version: Version(row.pypi_cuda) for row in facts.releases.values()})


class _Dated(Protocol):
    @property
    def source(self) -> str: ...
    @property
    def date(self) -> dt.date: ...


def _rule(
    name: str,
    arms: Iterable[Arm],
    because: str,
    *,
    table: str,
    rows: Iterable[_Dated],
    warning: bool = False,
    complete: bool = False,
) -> Rule:
    """Return a rule over a whole table: its date is that of the newest row, and each arm has its own row's source."""
    return Rule(
        id=name,
        arms=tuple(arms),
        because=because,
        source=f"the rows of facts/{table}.toml",
        date=max((row.date for row in rows), default=dt.date.min),
        place=Place(file=f"builtin/facts/{table}.toml"),
        severity="warning" if warning else "error",
        complete=complete,
    )


def _torch_driver(cudas: Sequence[CudaFacts]) -> Rule:
    arms = []
    for runs, run in groupby(cudas, key=lambda row: row.runs):
        first, *rest = run
        last = rest[-1] if rest else first
        arms.append(
            Arm(when=(_between(_BUILD, first.cuda, last.cuda),), requires=(_within(_DRIVER, f">={runs}"),), source=last.source)
        )
    because = "a driver runs the CUDA of its own time and before, and later ones of the same major from this branch on"
    return _rule("torch-driver", arms, because, table="cuda", rows=cudas)


def _torch_base(cudas: Sequence[CudaFacts]) -> Rule:
    arms = [
        Arm(when=(_at(_BUILD, row.cuda),), requires=(_within(_CUDA, f">={row.cuda},<{row.cuda.major + 1}"),), source=_JITLINK)
        for row in cudas
    ]
    because = (
        "where the image's own CUDA is found first, torch's libraries meet older ones: `undefined symbol` in libcusparse; "
        "and what is compiled in the image is compiled for another CUDA than torch"
    )
    return _rule("torch-base-cuda", arms, because, table="cuda", rows=cudas)


_JITLINK = "pytorch/pytorch#111469; pytorch/pytorch#140797; pytorch/pytorch#144244"


def _base_driver(cudas: Sequence[CudaFacts]) -> Rule:
    arms = [
        Arm(when=(_at(_CUDA, row.cuda),), requires=(_within(_DRIVER, f">={Version(row.ships).major}"),), source=row.source)
        for row in cudas
    ]
    because = (
        "an image of this CUDA starts on any driver from this branch on, and on an older one only where its own "
        "NVIDIA_REQUIRE_CUDA lists the branch"
    )
    return _rule("base-driver", arms, because, table="cuda", rows=cudas, warning=True)


def _torch_sm(rows: Sequence[ArchitectureFacts]) -> Rule:
    arms = [
        Arm(
            when=(_within(_TORCH, f"=={row.torch}.*"), _at(_BUILD, row.cuda)),
            requires=(Condition(_SM, _devices(row), f" in {', '.join(map(str, _numbers(row.sm)))}"),),
            source=row.source,
        )
        for row in rows
    ]
    because = "a build of torch runs on the GPU architectures that it has code for: `no kernel image is available` on others"
    return _rule("torch-sm", arms, because, table="architectures", rows=rows, complete=True)


def _devices(row: ArchitectureFacts) -> tuple[str, ...]:
    """Return the devices that a build runs on: those of each major number from its architecture on, and all beyond PTX."""
    lowest = {number // 10: number for number in sorted(_numbers(row.sm), reverse=True)}
    texts = [f">={number},<{major * 10 + 10}" for major, number in lowest.items()]
    return (*texts, *(f">={number}" for number in _numbers(row.ptx)))


def _numbers(capabilities: Iterable[str]) -> list[int]:
    """Return 86 for the compute capability `8.6`, and 90 for `9.0a`."""
    return [int(text.rstrip("af").replace(".", "")) for text in capabilities]


def _bitsandbytes_cuda(facts: Facts) -> Rule:
    rows = list(facts.bitsandbytes.values())
    arms = []
    for (versions, match), run in groupby(rows, key=lambda row: (row.cuda, _match(row, facts))):
        if match is None:
            continue
        first, *rest = run
        last = rest[-1] if rest else first
        arms.append(
            Arm(
                when=(_between(_BITSANDBYTES, first.version, last.version),),
                requires=(_one_of(_BUILD, _majors(versions) if match == "major" else versions),),
                source=last.source,
            )
        )
    because = "bitsandbytes loads the library in its wheel that was built for torch's CUDA, and fails where there is none"
    return _rule("bitsandbytes-cuda", arms, because, table="bitsandbytes", rows=rows, complete=True)


def _match(row: BitsandbytesFacts, facts: Facts) -> str | None:
    """Return how this release chooses among its libraries, None for an old one that does not look at torch's CUDA."""
    return next(
        (
            each.match
            for each in facts.selections
            if each.first <= row.version and (each.last is None or row.version <= each.last)
        ),
        None,
    )


def _one_of(name: ProjectName, texts: Sequence[str]) -> Condition:
    """Return the condition that a version is one of these, such as `12.4`, `12.*` or `2.5.*`."""
    return Condition(name, tuple(f"=={text}" for text in texts), f" in {', '.join(texts)}")


def _majors(cudas: Iterable[str]) -> list[str]:
    return [f"{major}.*" for major in sorted({Version(cuda).major for cuda in cudas})]


def _flash_attn_torch(rows: Sequence[FlashAttnFacts]) -> Rule:
    arms = [
        Arm(
            when=(_between(_FLASH_ATTN, row.first, row.last),),
            requires=(_one_of(_TORCH, [f"{minor}.*" for minor in row.torch]),),
            source=row.source,
        )
        for row in rows
    ]
    because = "flash-attn's wheels are each for one minor version of torch; for another one it has to be compiled in the image"
    return _rule("flash-attn-torch", arms, because, table="flash_attn", rows=rows, warning=True)


def _needs(name: ProjectName, rows: Sequence[NeedsFacts]) -> Iterator[Rule]:
    """Yield one rule per project that only extras bound, and one on torch; all else their own metadata enforces already.

    What an extra asks for is a recommendation to all others: such a rule only warns.
    """
    for other in sorted({_TORCH, *(project for row in rows for project in row.optional)}):
        bounding = [row for row in rows if str(row.requires.get(other, ""))]
        optional = any(other in row.optional for row in rows)
        because = f"{name} says so in an extra, which binds only those who ask for it" if optional else f"{name} says so itself"
        arms = _runs(name, ProjectName(other), rows)
        yield _rule(f"{name}-{other}", arms, because, table=name, rows=bounding, warning=optional)


def _runs(name: ProjectName, other: ProjectName, rows: Sequence[NeedsFacts]) -> Iterator[Arm]:
    """Yield one arm per run of rows that bound `other` alike."""
    for specifiers, run in groupby(rows, key=lambda row: spelled(row.requires.get(other, _ANY))):
        first, *rest = run
        last = rest[-1] if rest else first
        if specifiers:
            yield Arm(
                when=(_between(name, first.first, last.last),), requires=(_within(other, specifiers),), source=last.source
            )


_ANY = SpecifierSet()


def _at(name: ProjectName, version: Version) -> Condition:
    return _within(name, f"=={version}")


def _between(name: ProjectName, first: Version, last: Version) -> Condition:
    return _within(name, f"=={first}" if first == last else f">={first},<={last}")


def _within(name: ProjectName, specifiers: str) -> Condition:
    return Condition(name, (specifiers,), specifiers)
