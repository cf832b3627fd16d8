"""The values of the compatibility matrix: rules, and the facts that rules and targets read.

Terminology: a *condition* names a project, real or virtual, and a range of its versions. A *clause* is a set of conditions
that must not all hold at once: `when A<x requires B<y` forbids A<x together with B>=y, and asks nothing where B is absent.
An *arm* is one `when … requires …`: a rule that somebody wrote has one, a rule derived from a table of facts one per row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import lru_cache, reduce
from operator import or_
from typing import Literal, NewType

from msgspec import Struct
from packaging.ranges import VersionRange
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.errors import Place
from stackc.matrix.builds import TORCH_CUDA, Builds

__all__ = ["VIRTUAL", "Arm", "Clause", "Condition", "Matrix", "ProjectName", "Rule", "is_virtual", "pre_release_range"]

ProjectName = NewType("ProjectName", str)
"""The normalized name of a project, or a virtual project's name."""

VIRTUAL = frozenset({"python", "cuda", "driver", "glibc", "sm", TORCH_CUDA})
"""Virtual projects: what a rule may name that no index has. A target gives each a version, or leaves it unknown; `torch-cuda`
is the CUDA that the chosen build of torch brings. `base-ubuntu`, `base-debian` and so on are virtual too: see `is_virtual`."""

_BASE = "base-"


def is_virtual(name: str) -> bool:
    """Say whether a name is a virtual project's: one of VIRTUAL, or `base-` and a distribution, with its release."""
    return name in VIRTUAL or name.startswith(_BASE)


class Condition(Struct, frozen=True):
    """A project and a range of its versions: those that meet one of the specifiers `any_of`, or none of them if `outside`.

    `text` is the range as people read it, such as `<2`. The range itself is made when it is first asked for: of the hundreds of
    conditions that a matrix has, most are about projects that a stack does not.
    """

    name: ProjectName
    any_of: tuple[str, ...]
    text: str
    outside: bool = False

    @classmethod
    def of(cls, name: ProjectName, specifiers: SpecifierSet, *, text: str | None = None) -> Condition:
        """Return the condition that `name`'s version satisfies `specifiers`, pre-releases included."""
        return cls(name, (str(specifiers),), str(specifiers) if text is None else text)

    @property
    def range(self) -> VersionRange:
        """Return the versions that meet the condition."""
        return _range(self.any_of, self.outside)

    def negated(self) -> Condition:
        """Return the condition that the project is there at a version outside this range."""
        return Condition(self.name, self.any_of, f"not {self.text}", not self.outside)

    def holds(self, version: Version) -> bool:
        """Say whether `version` lies in the range."""
        return _holds(self.any_of, self.outside, version)


@lru_cache(maxsize=4096)
def _range(any_of: tuple[str, ...], outside: bool) -> VersionRange:  # noqa: FBT001 (one half of a condition's key)
    found = reduce(or_, (pre_release_range(SpecifierSet(text)) for text in any_of))
    return found.complement() if outside else found


@lru_cache(maxsize=65536)  # targets have most of their pins in common, and view, lock and proof all ask
def _holds(any_of: tuple[str, ...], outside: bool, version: Version) -> bool:  # noqa: FBT001 (as above)
    return version in _range(any_of, outside)


def pre_release_range(specifiers: SpecifierSet) -> VersionRange:
    """Return the versions that `specifiers` admits by order alone, so that a pre-release counts like any other version."""
    return SpecifierSet(str(specifiers), prereleases=True).to_range()


class Clause(Struct, frozen=True):
    """Conditions that must not all hold at once, and the rule that says so. Every condition names another project.

    `required` is the condition that the last one negates: what the rule asks for. `source` is that of the arm.
    """

    rule: str
    conditions: tuple[Condition, ...]
    required: Condition | None = None
    source: str | None = None

    def holds_in(self, pins: Mapping[ProjectName, Version]) -> bool:
        """Say whether the clause is broken by `pins`: each of its projects is there, in its range."""
        return all(
            (version := pins.get(condition.name)) is not None and condition.holds(version) for condition in self.conditions
        )


class Arm(Struct, frozen=True, kw_only=True):
    """Where every `when` holds, each project of `requires` must fit, if it is there at all. `source` is that of a row."""

    when: tuple[Condition, ...]
    requires: tuple[Condition, ...]
    source: str | None = None

    def clauses(self, rule: str) -> Iterator[Clause]:
        """Yield one clause per requirement."""
        for required in self.requires:
            yield Clause(rule, (*self.when, required.negated()), required, self.source)


class Rule(Struct, frozen=True, kw_only=True):
    """Conditional requirements with one reason. A rule that somebody wrote has one arm.

    `complete` says that the arms are a whole table: what none of them covers is unknown, not allowed.
    """

    id: str
    arms: tuple[Arm, ...]
    because: str
    source: str
    date: dt.date
    place: Place
    probe: str | None = None
    severity: Literal["error", "warning"] = "error"
    complete: bool = False

    @property
    def when(self) -> tuple[Condition, ...]:
        """Return the `when` of a rule with one arm."""
        (arm,) = self.arms
        return arm.when

    @property
    def requires(self) -> tuple[Condition, ...]:
        """Return the `requires` of a rule with one arm."""
        (arm,) = self.arms
        return arm.requires

    def clauses(self) -> Iterator[Clause]:
        """Yield one clause per requirement of each arm."""
        for arm in self.arms:
            yield from arm.clauses(self.id)

    def names(self) -> frozenset[ProjectName]:
        """Return the projects, real and virtual, that the rule speaks of."""
        return frozenset(condition.name for arm in self.arms for condition in (*arm.when, *arm.requires))


class Matrix(Struct, frozen=True, kw_only=True):
    """The rules in force for one project, by id, and the digest of the files that they come from.

    Waived rules are not among `rules`; `waived` names them. `digest` covers rule packs and facts alike. `builds` says which
    CUDA a build of torch brings.
    """

    rules: Mapping[str, Rule]
    waived: tuple[str, ...]
    digest: str
    builds: Builds = Builds()

    def clauses(self) -> Iterator[Clause]:
        """Yield every clause of every rule of severity error, in the order of the rules."""
        for rule in self.rules.values():
            if rule.severity == "error":
                yield from rule.clauses()
