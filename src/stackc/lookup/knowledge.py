"""All that the matrix of one project knows, or the built-in matrix where there is no project."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from stackc.errors import Finding
from stackc.evidence.proof import Proof
from stackc.evidence.record import load_proofs
from stackc.manifest.decode import load
from stackc.manifest.model import Manifest
from stackc.matrix.builds import Builds
from stackc.matrix.derive import derived_rules, known_builds
from stackc.matrix.facts import PARTNERS, Facts
from stackc.matrix.files import BUILTIN
from stackc.matrix.load import expired_waivers, load_builtin, load_matrix, load_packs
from stackc.matrix.model import Rule
from stackc.matrix.packs import Case, PackedRule
from stackc.upstream import catalog

__all__ = ["Knowledge", "load_knowledge"]


class Knowledge(Struct, frozen=True, kw_only=True):
    """The rules of the packs with their cases, those derived from facts, the facts, and the stored proofs.

    `waived` are the rules that the manifest sets aside today. `findings` are warnings about the manifest's own waivers.
    """

    packed: tuple[PackedRule, ...]
    derived: tuple[Rule, ...]
    facts: Facts
    proofs: Mapping[str, Proof]
    builds: Builds
    manifest: Manifest | None = None
    waived: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()

    def rules(self) -> tuple[Rule, ...]:
        """Return every rule, those of the packs first."""
        return (*(entry.rule for entry in self.packed), *self.derived)

    def rule(self, name: str) -> Rule | None:
        """Return the rule of that id, None where there is none."""
        return next((rule for rule in self.rules() if rule.id == name), None)

    def cases(self, rule: Rule) -> tuple[Case, ...]:
        """Return the cases of a rule; a derived one has none."""
        return next((entry.cases for entry in self.packed if entry.rule.id == rule.id), ())

    def proof(self, rule: Rule) -> Proof | None:
        """Return the stored proof of a rule as it is now, None where there is none or the rule has changed since."""
        proof = self.proofs.get(rule.id)
        return proof if proof is not None and proof.is_of(rule) else None

    def known_projects(self) -> frozenset[str]:
        """Return the projects that are known to exist: facts, trials or the embedded catalog speak of them."""
        return frozenset(self._named())

    def _named(self) -> Iterator[str]:
        yield from ("torch", "bitsandbytes", *PARTNERS, *self.facts.needing)
        for name in self.facts.needing:
            for row in self.facts.needs(name):
                yield from row.requires
        for file in catalog.FOLDER.glob("*.toml"):
            yield from catalog.load(file).projects
        for proof in self.proofs.values():
            for trial in proof.trials.values():
                yield from trial.versions
                yield from (line.partition("==")[0] for line in trial.beside)


def load_knowledge(manifest: Path | None, *, today: dt.date) -> Knowledge:
    """Load the matrix of a manifest, or the built-in one for None.

    Raises ManifestError with all that is wrong in the manifest or its packs, and LockError for stored proofs that do not read.
    """
    facts = Facts.load()
    derived, builds, proofs = derived_rules(facts), known_builds(facts), load_proofs()
    if manifest is None:
        return Knowledge(packed=load_builtin(), derived=derived, facts=facts, proofs=proofs, builds=builds)
    stack, folder = load(manifest), manifest.parent
    matrix = load_matrix(stack.matrix, folder=folder, facts=facts, today=today, places=stack.places)
    return Knowledge(
        packed=load_packs(stack.matrix, folder=folder, places=stack.places),
        derived=derived if BUILTIN in stack.matrix.packs else (),
        facts=facts,
        proofs=proofs,
        builds=matrix.builds,
        manifest=stack,
        waived=frozenset(matrix.waived),
        findings=expired_waivers(stack.matrix, today, places=stack.places),
    )
