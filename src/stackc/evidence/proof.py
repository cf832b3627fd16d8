"""What was seen when a rule was tried: values, and the verdict that follows from them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from stackc.matrix.model import Rule

__all__ = ["Proof", "Trial", "Verdict", "digest_of"]

Verdict = Literal["proved", "refuted"]


class Trial(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One combination in an environment of its own, and how its probe ended.

    `versions` are those of the rule's projects as they were installed; `beside` holds what came with them, as `name==version`.
    `status` is the probe's exit status, negative for the signal that ended it; `last_line` what it wrote last before it failed,
    empty where it passed, since that would differ from run to run. `declared` says that the probe failed where the
    metadata of the releases forbids them together already.
    """

    python: str
    versions: dict[str, str]
    beside: tuple[str, ...] = ()
    status: int
    last_line: str = ""
    declared: bool = False

    @property
    def passed(self) -> bool:
        """Say whether the probe ended well."""
        return self.status == 0


class Proof(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The trials of one rule. `digest` is that of the rule as it was then: see `digest_of`."""

    rule: str
    digest: str
    date: dt.date
    platform: str
    broken: Trial
    working: Trial
    released: Trial | None = None

    @property
    def verdict(self) -> Verdict:
        """Return whether the trials bear the rule out."""
        return "proved" if not any(self.objections()) else "refuted"

    def objections(self) -> Iterator[str]:
        """Yield what speaks against the rule, in words."""
        if not self.working.passed:
            yield "the combination that the rule admits fails too: `requires` is too wide, or something else is wrong"
        if self.broken.passed:
            yield "the combination that the rule forbids works: the rule is wrong, or its probe does not touch what breaks"
        if self.released is not None and not self.released.passed and not self.released.declared:
            yield "the first release beyond `when` fails as well, and does not say so: the range of `when` ends too early"

    @property
    def trials(self) -> Mapping[str, Trial]:
        """Return the trials by what they are called, in their one order."""
        named = {"broken": self.broken, "working": self.working, "released": self.released}
        return {name: trial for name, trial in named.items() if trial is not None}

    def is_of(self, rule: Rule) -> bool:
        """Say whether the rule still is what was tried: a changed bound or probe makes a proof stale."""
        return self.rule == rule.id and self.digest == digest_of(rule)


def digest_of(rule: Rule) -> str:
    """Return `sha256:<hex>` over what a proof is about: the rule's conditions and its probe, not its words."""
    clauses = [" & ".join(f"{condition.name} {condition.text}" for condition in clause.conditions) for clause in rule.clauses()]
    text = "\n".join((*clauses, "", rule.probe or ""))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
