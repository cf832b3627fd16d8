"""Stacks put to both engines: do both find a solution or neither, does each prove, and who chose the newer version and why."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stackc.agreement import Difference
from stackc.cross_check import Checked, Question, answer_of, cross_check
from stackc.engine import ENGINES
from stackc.engine.model import Engine
from stackc.errors import IncompatibleError, StackcError
from stackc.lock.model import Lock
from stackc.planning import Upgrade
from stackc.project import Project, load_project
from stackc.resolve import Workshop
from stackc.upstream.cache import Cache
from support.corpus import Case, case
from support.index_server import IndexServer, Site
from support.recorded import PROJECT, TORCH_INDEX, pointed, recorded_pages, torch_pages
from support.universe import publish
from support.workbench import Notes, settings

__all__ = [
    "RECORDED",
    "STACKS",
    "Engines",
    "Tally",
    "Verdict",
    "both_engines",
    "corpus_site",
    "judged",
    "judged_stack",
    "stacks_site",
    "surprises",
    "tally_text",
]

RECORDED = PROJECT / "tests" / "recorded" / "stacks"
STACKS = tuple(path.stem for path in sorted(RECORDED.glob("*.toml")))
"""The recorded stacks: real manifests, which share one recording of the default index."""

UNSOLVABLE = frozenset((PROJECT / "tests" / "recorded" / "unsolvable.txt").read_text(encoding="utf-8").splitlines())
"""The questions that have no solution; every other one has."""

TODAY = dt.date(2026, 11, 28)
Engines = Mapping[str, Engine]
"""The engines by name, in the order in which they are asked."""


@dataclass(frozen=True)
class Verdict:
    """What came of one question. `problem` is what must not be, None where all is well."""

    name: str
    outcome: str
    differences: tuple[Difference, ...] = ()
    problem: str | None = None
    lock: Lock | None = None


@contextmanager
def both_engines() -> Iterator[Engines]:
    """Make both engines, uv first, and end what they keep."""
    made = {name: ENGINES[name](None) for name in ("uv", "pip-tools")}
    try:
        yield made
    finally:
        for engine in made.values():
            engine.close()


def corpus_site(numbers: Iterable[int]) -> Site:
    """Return a site with the universes of some cases, each an index of its own."""
    site = Site()
    for number in numbers:
        publish(site, case(number).universe, root=f"/u{number}/simple")
    return site


def judged(drawn: Case, server: IndexServer, engines: Engines, folder: Path) -> Iterator[Verdict]:
    """Yield the verdict on a case, and, if it has a solution, on its edit beside that solution's lock."""
    index = f'\n[indexes.pypi]\nurl = "{server.url}/u{drawn.number}/simple"\n'
    name, rules = str(drawn.number), drawn.rules
    first = _compared(name, drawn.manifest + index, rules=rules, engines=engines, folder=folder / "first")
    yield first
    if first.lock is not None and drawn.edited != drawn.manifest:
        edited = drawn.edited + index
        yield _compared(f"{name} edited", edited, rules=rules, engines=engines, folder=folder / "edited", previous=first.lock)


def judged_stack(name: str, server: IndexServer, engines: Engines, folder: Path) -> Verdict:
    """Return the verdict on a recorded stack."""
    manifest = pointed((RECORDED / f"{name}.toml").read_text(encoding="utf-8"), server.url)
    return _compared(name, manifest, rules="", engines=engines, folder=folder)


def stacks_site() -> Site:
    """Return a site with the recording that the stacks share, and the indexes of torch that they name."""
    site = Site()
    variants = {
        found for name in STACKS for found in TORCH_INDEX.findall((RECORDED / f"{name}.toml").read_text(encoding="utf-8"))
    }
    for body in (*recorded_pages(RECORDED / "index"), *(body for each in sorted(variants) for body in torch_pages(each))):
        site.put(body.path, body.content, content_type=body.content_type)
    return site


def surprises(verdicts: Iterable[Verdict]) -> list[str]:
    """Return what must not be: engines that contradict each other, answers that do not prove, and unforeseen outcomes."""
    listed = list(verdicts)
    found = [f"{each.name}: {each.problem}" for each in listed if each.problem is not None]
    foreseen = [each for each in listed if each.problem is None and (each.lock is None) == (each.name in UNSOLVABLE)]
    return found + [f"{each.name}: {each.outcome}" for each in listed if each.problem is None and each not in foreseen]


def _compared(name: str, manifest: str, *, rules: str, engines: Engines, folder: Path, previous: Lock | None = None) -> Verdict:
    """Put one manifest to both engines."""
    folder.mkdir(parents=True)
    (folder / "rules.toml").write_text(rules, encoding="utf-8")
    (folder / "stack.toml").write_text(manifest, encoding="utf-8")
    project = load_project(folder / "stack.toml", today=TODAY)
    (target,) = project.manifest.targets
    question = Question(project=project, target=target, previous=previous, upgrade=Upgrade())
    cache = Cache(None)
    try:
        question.plan()
        first, second = (_workshop(engine, cache, project, folder) for engine in engines.values())
        ours = answer_of(question, workshop=first, progress=Notes())
        return _verdict(name, cross_check(question, ours, workshop=second, progress=Notes()))
    except IncompatibleError:
        return Verdict(name, "refused by the matrix")
    except StackcError as error:
        return Verdict(name, "failed", problem="; ".join(f"{each.code} {each.message} {each.notes}" for each in error.findings))
    finally:
        cache.close()


def _workshop(engine: Engine, cache: Cache, project: Project, folder: Path) -> Workshop:
    return Workshop(
        engine=engine,
        cache=cache,
        settings=settings(attempts=2, stall_timeout=60, connect_timeout=60.0),
        addresses=lambda index: project.manifest.indexes[index].url or "",
        engine_cache=folder.parents[1] / "engine",
        scratch=folder,
    )


def _verdict(name: str, checked: Checked) -> Verdict:
    finding = checked.finding(engine="uv")
    if finding is not None:
        return Verdict(name, "contradiction", problem=finding.message)
    if checked.ours is None:
        return Verdict(name, "neither")
    found = checked.differences
    return Verdict(name, "different" if found else "the same", found, lock=checked.ours)


@dataclass(frozen=True)
class Tally:
    """The counts of a run: outcomes, and pins that differ, by the engine that chose the newer and the kind of reason."""

    outcomes: Counter[str]
    pins: Counter[tuple[str, str]]
    problems: tuple[str, ...]

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Tally:
        listed = list(verdicts)
        return cls(
            Counter(each.outcome for each in listed),
            Counter((found.newer or "-", found.kind) for each in listed for found in each.differences),
            tuple(f"{each.name}: {each.problem}" for each in listed if each.problem is not None),
        )


def tally_text(tally: Tally) -> str:
    """Return the counts as a table."""
    lines = [f"{'questions':44}{sum(tally.outcomes.values()):6}"]
    lines += [f"  {outcome:42}{count:6}" for outcome, count in sorted(tally.outcomes.items())]
    lines.append(f"{'pins that differ':44}{sum(tally.pins.values()):6}")
    lines += [f"  newer by {newer:12} {_KINDS[kind]:45}{count:6}" for (newer, kind), count in sorted(tally.pins.items())]
    lines += [f"PROBLEM {problem}" for problem in tally.problems]
    return "".join(f"{line}\n" for line in lines)


_KINDS = {
    "requirement": "a requirement of what the other chose",
    "rule": "a rule, beside what the other chose",
    "needs": "a requirement of the newer release itself",
    "absent": "one answer does without the project",
    "search": "it gave way in the search",
}
