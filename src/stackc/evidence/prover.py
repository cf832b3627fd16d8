"""Proving a rule: its experiments are tried one after the other until one can tell."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from msgspec import Struct

from stackc.errors import CheckError, EngineError, Finding, StackcError
from stackc.evidence.combination import Combination, Experiment, beyond_this_machine, experiments
from stackc.evidence.interpreter import host_target
from stackc.evidence.listing import Listing
from stackc.evidence.proof import Proof, Trial, digest_of
from stackc.evidence.trial import Bench, try_combination
from stackc.matrix.model import Rule
from stackc.matrix.wording import joined

__all__ = ["CannotRun", "Narrator", "Prover"]

_MOST_EXPERIMENTS = 4


class Narrator(Protocol):
    """Who is told what is being tried."""

    def trying(self, rule: Rule, kind: str, combination: Combination) -> None:
        """Tell that the broken, working or released combination of a rule is tried now."""


class CannotRun(Struct, frozen=True):
    """The rule is about something that no throw-away environment has."""

    reason: str


class Prover(Struct, frozen=True, kw_only=True):
    """What rules are proved with, and the day that proofs bear."""

    listing: Listing
    bench: Bench
    narrator: Narrator
    today: dt.date

    def prove(self, rule: Rule) -> Proof | CannotRun:
        """Return what was seen when the rule was tried.

        A Python for which the environments cannot be built, or with which even the admitted combination fails, tells nothing:
        then the next is tried. Raises CheckError (S241 without a probe, S242 where no combination exists), or what the last
        experiment raised.
        """
        if rule.probe is None:
            raise CheckError(_no_probe(rule))
        beyond = beyond_this_machine(rule)
        if beyond:
            return CannotRun(f"{joined(f'`{name}`' for name in beyond)} cannot be chosen in a throw-away environment")
        failed: StackcError = CheckError(_no_combination(rule))
        undecided: tuple[Experiment, Trial] | None = None
        for experiment in experiments(rule, self.listing)[:_MOST_EXPERIMENTS]:
            found = self._prove_by(experiment, rule, rule.probe)
            if isinstance(found, Proof):
                return found
            if isinstance(found, Trial):
                undecided = undecided or (experiment, found)
            else:
                failed = found
        if undecided is None:
            raise failed
        return self._complete(*undecided, rule, rule.probe)

    def _prove_by(self, experiment: Experiment, rule: Rule, probe: str) -> Proof | Trial | EngineError:
        """Return the proof, the working combination's trial if that fails, or why an environment cannot be built."""
        try:
            working = self._try(rule, probe, "working", experiment.working)
            return self._complete(experiment, working, rule, probe) if working.passed else working
        except EngineError as error:
            return error

    def _complete(self, experiment: Experiment, working: Trial, rule: Rule, probe: str) -> Proof:
        broken = self._try(rule, probe, "broken", experiment.broken)
        released = experiment.released
        return Proof(
            rule=rule.id,
            digest=digest_of(rule),
            date=self.today,
            platform=host_target(experiment.broken.python).platform,
            broken=broken,
            working=working,
            released=self._try(rule, probe, "released", released) if released is not None else None,
        )

    def _try(self, rule: Rule, probe: str, kind: str, combination: Combination) -> Trial:
        self.narrator.trying(rule, kind, combination)
        return try_combination(combination, probe, complete_on=self.listing.complete_on(combination), bench=self.bench)


def _no_probe(rule: Rule) -> Finding:
    return Finding(
        code="S241",
        message=f"rule `{rule.id}` has no probe, so there is nothing to run",
        places=(rule.place,),
        hint="give it a `probe`: Python that ends with an error where the rule is broken",
    )


def _no_combination(rule: Rule) -> Finding:
    return Finding(
        code="S242",
        message=f"no combination of releases can show whether rule `{rule.id}` holds",
        places=(rule.place,),
        notes=("one Python of this machine must have a wheel of each project, both within the rule's bounds and beyond them",),
        hint="put another CPython on the search path, or correct the rule's bounds",
    )
