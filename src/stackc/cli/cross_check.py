"""`stackc compile --cross-check`: asks the other engine the same question, and tells whether the two agree."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import click
from msgspec import Struct

from stackc.agreement import Difference
from stackc.cli.columns import in_columns
from stackc.cli.report import safe
from stackc.cli.terminal import ProgressLine, columns
from stackc.cli.workshop import open_workshop
from stackc.compile import Compiled, previous_lock
from stackc.cross_check import Checked, Question, answer_of, cross_check
from stackc.engine import ENGINES
from stackc.errors import EngineError, NoSolutionError, StackcError, joined
from stackc.layout import lock_folder
from stackc.lock.model import Lock
from stackc.planning import Upgrade
from stackc.progress import Progress, Quiet
from stackc.project import Project
from stackc.resolve import Workshop

__all__ = ["CrossCheck"]

_UNBOUNDED = 10_000


class CrossCheck(Struct, frozen=True, kw_only=True):
    """The cross-check of one run whose locks `engine` finds; the other engine is asked when these are written."""

    project: Project
    engine: str
    upgrade: Upgrade
    offline: bool
    environment: Mapping[str, str]

    def tell(self, compiled: Iterable[Compiled]) -> None:
        """Print whether the other engine comes to the same. Raises EngineError (S350) where it finds that nothing fits."""
        checked = self._checked([(self._question(each.target, each.previous), each.lock) for each in compiled])
        for each in checked:
            click.echo("\n".join(_lines(each, engine=self.engine)))
        if wrong := self._disagreement(checked):
            raise wrong

    def explain(self, names: Sequence[str], error: NoSolutionError) -> StackcError:
        """Return the error of a run that found no solution, with the targets for which the other engine finds one."""
        root, quiet = self.project.folder, Quiet(ProgressLine().of(""))
        questions = [self._question(name, previous_lock(root / lock_folder(name), name, quiet)) for name in names]
        checked = self._checked(list(zip(questions, self._answers(questions), strict=True)))
        for each in checked:
            if each.ours is None and each.theirs is None:
                click.echo(f"{safe(each.target)}: {_named(each)} finds no solution either\n", err=True)
        wrong = self._disagreement(checked)
        return error if wrong is None else joined([error, wrong])

    def _question(self, target: str, previous: Lock | None) -> Question:
        return Question(project=self.project, target=target, previous=previous, upgrade=self.upgrade)

    def _checked(self, asked: Sequence[tuple[Question, Lock | None]]) -> list[Checked]:
        """Return what the other engine makes of questions, beside the answers that there are."""
        other = next(name for name in ENGINES if name != self.engine)
        with self._asking(other) as (workshop, progress):
            return [cross_check(each, ours, workshop=workshop, progress=progress(each.target)) for each, ours in asked]

    def _answers(self, questions: Sequence[Question]) -> list[Lock | None]:
        with self._asking(self.engine) as (workshop, progress):
            return [answer_of(each, workshop=workshop, progress=progress(each.target)) for each in questions]

    @contextmanager
    def _asking(self, engine: str) -> Iterator[tuple[Workshop, Callable[[str], Progress]]]:
        line = ProgressLine()
        manifest, offline, environment = self.project.manifest, self.offline, self.environment
        with open_workshop(manifest, engine=engine, offline=offline, environment=environment) as workshop:
            try:
                yield workshop, lambda target: Quiet(line.of(target))
            finally:
                line.clear()

    def _disagreement(self, checked: Iterable[Checked]) -> EngineError | None:
        found = [finding for each in checked if (finding := each.finding(engine=self.engine)) is not None]
        return EngineError(found) if found else None


def _lines(checked: Checked, *, engine: str) -> Iterator[str]:
    target, found = safe(checked.target), checked.differences
    if checked.ours is None or checked.theirs is None:
        yield f"{target}: {_named(checked)} finds no solution"
        return
    size = len(checked.ours.packages)
    if not found:
        yield f"{target}: {_named(checked)} finds the same {size} versions, proved too"
        return
    yield f"{target}: {_named(checked)} finds another solution, proved too: {len(found)} of {size} versions differ"
    yield ""
    headings = ("project", engine, checked.other.name, "newer", "why")
    rows = [headings, *(_row(each) for each in found)]
    yield from in_columns(rows, width=columns(sys.stdout) or _UNBOUNDED, folding=(False, False, False, False, True))


def _row(found: Difference) -> tuple[str, ...]:
    ours, theirs = (str(version) if version is not None else "-" for version in (found.ours, found.theirs))
    return tuple(map(safe, (found.project, ours, theirs, found.newer or "-", found.why)))


def _named(checked: Checked) -> str:
    return f"{checked.other.name} {checked.other.version}"
