"""The cross-check: the same question asked of another engine, whose answer is proved too and held against the first."""

from __future__ import annotations

from msgspec import Struct

from stackc.agreement import Difference, differences
from stackc.errors import Finding
from stackc.least_change import freed_from, least_change, opening
from stackc.lock.model import Engine, Lock
from stackc.lockset import prove_pins
from stackc.matrix.bases import resolve_target
from stackc.plan import Plan
from stackc.planning import Upgrade, plan_target
from stackc.project import Project
from stackc.resolve import Conflict, Progress, Resolver, Workshop

__all__ = ["Checked", "Question", "answer_of", "cross_check"]


class Question(Struct, frozen=True, kw_only=True):
    """What an engine is asked for one target: the manifest as it stands, and the pins of the previous lock to prefer."""

    project: Project
    target: str
    previous: Lock | None
    upgrade: Upgrade

    def plan(self) -> Plan:
        """Return the plan. Raises ManifestError and IncompatibleError."""
        project = self.project
        target = resolve_target(project.manifest.targets[self.target], facts=project.facts, places=project.manifest.places)
        return plan_target(project, target, previous=self.previous, upgrade=self.upgrade)[0]


class Checked(Struct, frozen=True, kw_only=True):
    """Two answers to one question: locks that prove, or None where an engine finds that nothing fits."""

    target: str
    ours: Lock | None
    theirs: Lock | None
    other: Engine

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Return what differs between two solutions."""
        return differences(self.ours, self.theirs) if self.ours is not None and self.theirs is not None else ()

    def finding(self, *, engine: str) -> Finding | None:
        """Return what is wrong where one engine finds a solution and the other none; `engine` is the one that was chosen."""
        if (self.ours is None) == (self.theirs is None):
            return None
        finds, finds_none = (engine, self.other.name) if self.theirs is None else (self.other.name, engine)
        return Finding(
            code="S350",
            message=f"engine `{finds}` finds a solution for target `{self.target}`, and engine `{finds_none}` finds none",
            notes=("the solution was proved: it is the other engine that is wrong",),
            hint=f"compile with `--engine {finds}`, and please report this, with the manifest",
        )


def cross_check(question: Question, ours: Lock | None, *, workshop: Workshop, progress: Progress) -> Checked:
    """Ask the engine of a workshop what another engine, or nobody, gave the lock `ours` for. Raises StackcError."""
    theirs = answer_of(question, workshop=workshop, progress=progress)
    return Checked(target=question.target, ours=ours, theirs=theirs, other=_engine(workshop))


def answer_of(question: Question, *, workshop: Workshop, progress: Progress) -> Lock | None:
    """Return what the engine of a workshop finds, proved, None where nothing fits. Raises StackcError."""
    plan = question.plan()
    freed = freed_from(question.previous, question.upgrade.names)
    with Resolver(opening(plan, freed), workshop, progress) as resolver:
        outcome = least_change(resolver.resolve(), plan, resolver=resolver, freed=freed, progress=progress)
    if isinstance(outcome, Conflict):
        return None
    return prove_pins(outcome, question.project, plan, engine=_engine(workshop))


def _engine(workshop: Workshop) -> Engine:
    return Engine(name=workshop.engine.name, version=workshop.engine.version())
