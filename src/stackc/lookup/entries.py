"""Rules as look-ups show them: which parts touch a thing, in words, and what trials say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.version import Version

from stackc.evidence.proof import Proof
from stackc.lookup.knowledge import Knowledge
from stackc.lookup.page import Entry, Page, Proved, Sample, TrialSeen
from stackc.matrix.model import Arm, Condition, Rule
from stackc.matrix.wording import named

__all__ = ["Subject", "entry_of", "proved", "rule_page", "touching"]

Subject = Mapping[str, Sequence[Version] | None]
"""What is looked up: versions by project, real or virtual; None stands for all that it may have, an empty list for none."""


_MOST_SOURCES = 3
"""Of a rule with many parts the sources stand in its table; a look-up repeats those of a few."""


def touching(subject: Subject, known: Knowledge) -> tuple[Entry, ...]:
    """Return the rules that speak of the subject: those whose `when` holds for it, and those whose requirement refuses it."""
    found = ((rule, [arm for arm in rule.arms if _touches(arm, subject)]) for rule in known.rules())
    return tuple(entry_of(rule, known, arms=arms) for rule, arms in found if arms)


def entry_of(rule: Rule, known: Knowledge, *, arms: Sequence[Arm] | None = None) -> Entry:
    """Return a rule as an entry, with some of its arms or all of them."""
    chosen = rule.arms if arms is None else arms
    sources = dict.fromkeys(arm.source for arm in chosen if arm.source is not None)
    return Entry(
        id=rule.id,
        severity=rule.severity,
        says=tuple(f"{named(arm.when)} needs {named(arm.requires)}" for arm in chosen),
        because=rule.because,
        source="; ".join(sources) if 0 < len(sources) <= _MOST_SOURCES else rule.source,
        date=rule.date,
        origin=rule.place.file,
        proved=proved(rule, known),
        waived=rule.id in known.waived,
    )


def proved(rule: Rule, known: Knowledge) -> Proved:
    """Return what trials say of a rule as it is now."""
    if any(rule is derived for derived in known.derived):
        return "from facts"
    if known.proofs.get(rule.id) is None:
        return "not tried"
    proof = known.proof(rule)
    return "stale" if proof is None else proof.verdict


def rule_page(rule: Rule, known: Knowledge) -> Page:
    """Return all that is known of one rule."""
    proof = known.proof(rule)
    return Page(
        kind="rule",
        name=rule.id,
        rules=(entry_of(rule, known),),
        probe=rule.probe,
        cases=tuple(
            Sample(pins={name: str(version) for name, version in case.pins.items()}, broken=case.broken)
            for case in known.cases(rule)
        ),
        platform=proof.platform if proof is not None else None,
        tried_on=proof.date if proof is not None else None,
        trials=_trials(proof) if proof is not None else (),
    )


def _trials(proof: Proof) -> tuple[TrialSeen, ...]:
    return tuple(
        TrialSeen(
            combination=name,
            python=trial.python,
            versions=trial.versions,
            status=trial.status,
            last_line=trial.last_line,
        )
        for name, trial in proof.trials.items()
    )


def _touches(arm: Arm, subject: Subject) -> bool:
    if not all(_admits(condition, subject) for condition in arm.when):
        return False
    applies = any(condition.name in subject for condition in arm.when)
    return applies or any(_refuses(condition, subject) for condition in arm.requires)


def _admits(condition: Condition, subject: Subject) -> bool:
    """Say whether a condition can hold for the subject: it is about something else, or one of the versions is in its range."""
    versions = subject.get(condition.name)
    return versions is None or any(condition.holds(version) for version in versions)


def _refuses(condition: Condition, subject: Subject) -> bool:
    if condition.name not in subject:
        return False
    versions = subject[condition.name]
    return versions is None or any(not condition.holds(version) for version in versions)
