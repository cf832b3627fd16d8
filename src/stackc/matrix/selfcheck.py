"""The matrix checks itself: rules that cannot fire, contradict each other, repeat each other, or whose own cases disagree.

Two rules contradict where one says something of all that the other speaks of, and together they leave no version of a project.
Rules about different projects whose requirements exclude each other do not: that those projects do not go together is what they
say. A rule follows from others if they forbid all that it forbids, whatever else is installed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace
from packaging.version import Version

from stackc.errors import Finding
from stackc.matrix.builds import TORCH_CUDA, Builds
from stackc.matrix.domain import Domains
from stackc.matrix.model import Clause, Condition, ProjectName, Rule, is_virtual
from stackc.matrix.packs import Case, PackedRule, did_you_mean
from stackc.matrix.region import box_of, covers, is_empty, left_of, without_answer
from stackc.matrix.wording import joined, named

__all__ = ["Rules", "absent", "check_rules", "projects_of"]

_BUILTIN = "builtin/"
_MACHINE = "x86_64"


class Rules(Struct, frozen=True, kw_only=True):
    """What is checked: the rules of all packs, waived ones too, beside those that are derived from facts.

    `distributions` are the ids of those that base images of the matrix have.
    """

    packed: tuple[PackedRule, ...]
    derived: tuple[Rule, ...] = ()
    waived: frozenset[str] = frozenset()
    distributions: tuple[str, ...] = ()
    builds: Builds = Builds()


def check_rules(rules: Rules, *, today: dt.date) -> tuple[Finding, ...]:
    """Return what is wrong with the rules of the packs, by themselves and beside each other."""
    written = [entry.rule for entry in rules.packed]
    every = [*written, *rules.derived]
    conditions = (condition for rule in every for arm in rule.arms for condition in (*arm.when, *arm.requires))
    domains = Domains.of(conditions, distributions=rules.distributions)
    findings: list[Finding] = []
    sound: list[Rule] = []
    for entry in rules.packed:
        wrong = list(_idle(entry.rule, domains))
        findings += [*wrong, *_undated(entry.rule, today), *_cases(entry, rules.builds)]
        if not wrong and entry.rule.id not in rules.waived:
            sound.append(entry.rule)
    derived = [rule for rule in rules.derived if rule.id not in rules.waived]
    beside = _Beside(sound, derived, domains)
    return (*findings, *beside.contradictions(), *beside.repetitions())


def projects_of(rules: Rules) -> tuple[ProjectName, ...]:
    """Return the real projects that the rules of the packs name, sorted."""
    return tuple(sorted({name for entry in rules.packed for name in entry.rule.names() if not is_virtual(name)}))


def absent(rules: Rules, projects: Mapping[ProjectName, str], *, known: Iterable[str]) -> tuple[Finding, ...]:
    """Return the rules that name projects which do not exist; `projects` gives the index that was asked for each."""
    present = sorted({*known, *projects_of(rules)} - projects.keys())
    return tuple(
        Finding(
            code="S168",
            message=f"rule `{entry.rule.id}` names `{name}`, a project that index `{projects[name]}` does not have",
            places=(entry.rule.place,),
            hint=did_you_mean(name, present) or "correct the name, or remove the rule",
        )
        for entry in rules.packed
        for name in sorted(entry.rule.names() & projects.keys())
    )


def _is_builtin(rule: Rule) -> bool:
    """Say whether a rule ships with stackc, so that its user cannot mend it."""
    return rule.place.file.startswith(_BUILTIN)


def _idle(rule: Rule, domains: Domains) -> Iterator[Finding]:
    """Yield why a rule, or one of its requirements, can never act."""
    for condition in rule.when:
        if domains.is_empty(condition.name, condition.range):
            yield Finding(
                code="S162",
                message=f"rule `{rule.id}` can never fire: {_impossible(condition, domains)}",
                places=(rule.place,),
                hint="correct the condition, or remove the rule",
            )
    for condition in rule.requires:
        if not domains.knows(condition.name):
            yield Finding(
                code="S162",
                message=f"rule `{rule.id}` can never fire: {_impossible(condition, domains)}",
                places=(rule.place,),
                hint="correct the requirement, or remove it",
            )
        elif domains.is_empty(condition.name, ~condition.range):
            yield Finding(
                code="S163",
                message=f"rule `{rule.id}` asks nothing of `{condition.name}`: every version satisfies `{named([condition])}`",
                places=(rule.place,),
                hint="give the requirement a bound, or remove it",
            )


def _impossible(condition: Condition, domains: Domains) -> str:
    if not domains.knows(condition.name):
        known = joined(f"`{name}`" for name in sorted(domains.bases)) if domains.bases else "no distribution"
        return f"no base image is `{condition.name}`; the matrix knows {known}"
    return f"no target can have `{named([condition])}`"


def _undated(rule: Rule, today: dt.date) -> Iterator[Finding]:
    if rule.date > today:
        yield Finding(
            code="S167",
            message=f"rule `{rule.id}` has a date in the future, {rule.date.isoformat()}",
            places=(rule.place,),
            hint="write the day on which its source was read",
        )


def _cases(entry: PackedRule, builds: Builds) -> Iterator[Finding]:
    """Yield the cases that come out otherwise than they say, and which kind of case a rule has none of."""
    rule = entry.rule
    lacking = [text for broken, text in ((True, "breaks"), (False, "keeps")) if not _has(entry, broken=broken)]
    if lacking:
        finding = Finding(
            code="S170",
            message=f"rule `{rule.id}` has no case that {joined(lacking, conjunction='or')} it",
            places=(rule.place,),
            hint="add a `[[rule.case]]` with `pins` and `broken`; `stackc explain S170` shows them",
        )
        yield finding if _is_builtin(rule) else replace(finding, severity="warning")
    for number, case in enumerate(entry.cases, start=1):
        broken = _breaks(rule, case, builds)
        if broken != case.broken:
            yield _disagreeing(rule, number, case)


def _has(entry: PackedRule, *, broken: bool) -> bool:
    return any(case.broken == broken for case in entry.cases)


def _breaks(rule: Rule, case: Case, builds: Builds) -> bool:
    """Say whether the pins of a case break the rule; a pinned torch brings its CUDA, unless the case says another."""
    pins: dict[ProjectName, Version] = dict(case.pins)
    torch = pins.get(ProjectName("torch"))
    cuda = builds.cuda(torch, machine=_MACHINE) if torch is not None else None
    if cuda is not None:
        pins.setdefault(ProjectName(TORCH_CUDA), cuda)
    return any(clause.holds_in(pins) for clause in rule.clauses())


def _disagreeing(rule: Rule, number: int, case: Case) -> Finding:
    said, found = ("break", "keep") if case.broken else ("keep", "break")
    pins = joined(f"`{name} {version}`" for name, version in case.pins.items())
    return Finding(
        code="S171",
        message=f"case {number} of rule `{rule.id}` says that the pins {pins} {said} it, and they {found} it",
        places=(rule.place,),
        notes=tuple(f"rule {rule.id}: {named(arm.when)} needs {named(arm.requires)}" for arm in rule.arms),
        hint="correct the case or the rule, whichever is wrong",
    )


class _Beside:
    """The rules beside each other. Only what concerns a rule of a pack is told: tables of facts are nobody's to edit."""

    def __init__(self, written: Sequence[Rule], derived: Sequence[Rule], domains: Domains) -> None:
        self.written = written
        self.names = {rule.id for rule in written}
        self.domains = domains
        self.rules: Mapping[str, Rule] = {rule.id: rule for rule in (*written, *derived)}
        self.clauses = {rule.id: list(rule.clauses()) for rule in self.rules.values()}
        self.boxes = {name: [box_of(clause.conditions) for clause in clauses] for name, clauses in self.clauses.items()}
        self.order = {rule.id: number for number, rule in enumerate(self.rules.values())}

    def contradictions(self) -> Iterator[Finding]:
        told: set[tuple[ProjectName, frozenset[str]]] = set()
        for clause in (clause for clauses in self.clauses.values() for clause in clauses):
            for others in self._excluding(clause):
                project = clause.conditions[-1].name
                both = frozenset((clause.rule, *(other.rule for other in others)))
                if (project, both) not in told:
                    told.add((project, both))
                    yield self._contradiction(clause, others)

    def _excluding(self, clause: Clause) -> Iterator[tuple[Clause, ...]]:
        """Yield the clauses that, together with this one, leave no version of what it requires somewhere in its `when`."""
        *conditions, required = clause.conditions
        when = box_of(conditions)
        about = {*when, required.name}
        others = [
            other
            for name, clauses in self.clauses.items()
            if name != clause.rule and (name in self.names or clause.rule in self.names)
            for other in clauses
            if other.conditions[-1].name == required.name and about.issuperset(c.name for c in other.conditions)
        ]
        if not others or self._bars(clause, ()):
            return
        pairs = [(other,) for other in others if self._bars(clause, (other,))]
        yield from pairs
        if not pairs and self._bars(clause, others):
            yield self._needed(clause, others)

    def _bars(self, clause: Clause, others: Sequence[Clause]) -> bool:
        """Say whether somewhere in its `when` a clause takes away the last versions that the others leave."""
        *conditions, required = clause.conditions
        when = box_of(conditions)
        barred = without_answer(when, required.name, [clause, *others], self.domains)
        without = without_answer(when, required.name, others, self.domains)
        return any(left_of(part, without, self.domains) for part in barred)

    def _needed(self, clause: Clause, others: Sequence[Clause]) -> tuple[Clause, ...]:
        """Return clauses of which none can be left out."""
        needed = tuple(others)
        for other in others:
            fewer = tuple(each for each in needed if each is not other)
            if self._bars(clause, fewer):
                needed = fewer
        return needed

    def _contradiction(self, clause: Clause, others: Sequence[Clause]) -> Finding:
        clauses = sorted((clause, *others), key=lambda each: self.order[each.rule])
        rules = [self.rules[name] for name in dict.fromkeys(each.rule for each in clauses)]
        project = clause.conditions[-1].name
        where = dict.fromkeys(f"{c.name}{c.text}" for each in clauses for c in each.conditions[:-1])
        wanted = joined(f"`{named([_required(each)])}`" for each in clauses)
        warns = any(rule.severity == "warning" for rule in rules)
        return Finding(
            code="S164",
            message=f"rules {joined(f'`{rule.id}`' for rule in rules)} contradict each other: where {joined(where)}, "
            f"`{project}` can have no version, since none satisfies {wanted}",
            places=tuple(rule.place for rule in rules),
            hint="narrow the `when` of one, or, if these do not work at all, say so in one rule",
            severity="warning" if warns else "error",
        )

    def repetitions(self) -> Iterator[Finding]:
        same: set[str] = set()
        for number, rule in enumerate(self.written):
            twin = next((other for other in self.written[:number] if other.id not in same and self._equal(rule, other)), None)
            if twin is not None:
                same.add(rule.id)
                yield _repeated("S166", rule, [twin], f"rule `{rule.id}` says the same as rule `{twin.id}`")
        for rule in self.written:
            others = [other for other in self.rules.values() if other.id not in {*same, rule.id} and self._weighs(other, rule)]
            if rule.id not in same and self._follows(rule, others):
                reasons = self._reasons(rule, others)
                names = joined(f"`{reason.id}`" for reason in reasons)
                already = f"rule `{rule.id}` forbids nothing that {names} {'do' if len(reasons) > 1 else 'does'} not forbid"
                yield _repeated("S165", rule, reasons, already)

    def _equal(self, one: Rule, other: Rule) -> bool:
        return one.severity == other.severity and self._follows(one, [other]) and self._follows(other, [one])

    def _weighs(self, one: Rule, other: Rule) -> bool:
        """Say whether a rule can take another's place: a warning cannot replace an error."""
        return one.severity == "error" or other.severity == "warning"

    def _follows(self, rule: Rule, others: Sequence[Rule]) -> bool:
        forbidden = [box for other in others for box in self.boxes[other.id]]
        return all(covers(forbidden, box, self.domains) for box in self.boxes[rule.id] if not is_empty(box, self.domains))

    def _reasons(self, rule: Rule, others: Sequence[Rule]) -> list[Rule]:
        """Return rules of which none can be left out, and from which `rule` follows."""
        needed = list(others)
        for other in others:
            fewer = [each for each in needed if each is not other]
            if self._follows(rule, fewer):
                needed = fewer
        return needed


def _required(clause: Clause) -> Condition:
    return clause.required or clause.conditions[-1].negated()


def _repeated(code: str, rule: Rule, reasons: Sequence[Rule], message: str) -> Finding:
    finding = Finding(
        code=code,
        message=message,
        places=(rule.place, *(reason.place for reason in reasons)),
        hint=f"remove `{rule.id}`, or write what it adds",
    )
    return finding if _is_builtin(rule) else replace(finding, severity="warning")
