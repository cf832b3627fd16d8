"""Why nothing fits, in the manifest's own lines: from a refusal, the engine's or the matrix's, to findings with repairs."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress

from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.conflict.absent import absent_lines, around, component_findings, left_out_lines
from stackc.conflict.core import Core, Unanswered
from stackc.conflict.lines import AddressLine, ComponentLine, Line, TargetLine, VersionLine, line_at, place_of, target_lines
from stackc.conflict.links import find_links
from stackc.conflict.members import InForce, Member, Stack, find_core
from stackc.conflict.repairs import Reason, Repaired, Scene, find_repairs, taken_away
from stackc.conflict.trials import Settled, Trials
from stackc.conflict.words import engine_lines, named_in, told_by_engine
from stackc.errors import EngineError, Finding, IncompatibleError, ManifestError, UpstreamError
from stackc.lock.routing import index_of
from stackc.manifest.model import Component
from stackc.matrix.bases import resolve_target
from stackc.matrix.builds import TORCH_CUDA, label_of_index
from stackc.matrix.model import Clause
from stackc.matrix.wording import rule_note
from stackc.plan import root_of, routes_of
from stackc.planning import components_of, plan_target
from stackc.project import Project
from stackc.resolve import Conflict, Progress, Resolution, Resolver, Workshop
from stackc.target import Target
from stackc.view.rules import acting, real_names

__all__ = ["PATIENCE", "explain_conflict", "explain_refusal", "with_repairs"]

PATIENCE = 15.0
"""How many seconds the search for a reason and for repairs may take, unless somebody says otherwise."""

_GIVING_OUT = (Unanswered, UpstreamError, EngineError)
"""What ends a search early: the time is up, or an index or the engine fails."""

_MOST_CORES = 3
_REPAIRABLE = frozenset({"S201", "S202", "S204", "S301", "S303", "S305"})
_Told = tuple[Finding, Reason]
_Demanded = tuple[NormalizedName, SpecifierSet]


def explain_conflict(
    conflict: Conflict,
    *,
    resolver: Resolver,
    project: Project,
    workshop: Workshop,
    progress: Progress,
    settled: Settled | None = None,
    patience: float = PATIENCE,
) -> tuple[Finding, ...]:
    """Return what stands in the way of a target's plan, and the changes of one line that were seen to help.

    Here and below, `patience` is how many seconds the search may take; after that, what was found until then is told. Lines at
    `settled` places are left as they are.
    """
    case = _Case(project, conflict, resolver, ())
    return case.findings(workshop, progress, until=time.monotonic() + patience, settled=settled)


def explain_refusal(
    project: Project,
    target: str,
    requirement: Requirement,
    *,
    workshop: Workshop,
    progress: Progress,
    patience: float = PATIENCE,
) -> tuple[Finding, ...] | Resolution:
    """Return why the manifest does not go together with one more requirement, such as `numpy==2.0.0`.

    A Resolution where it does; what is wrong with the manifest where it has no solution by itself. Raises StackcError where it
    cannot be planned, or an index fails.
    """
    found = resolve_target(project.manifest.targets[target], facts=project.facts, places=project.manifest.places)
    plan, _ = plan_target(project, found, previous=None)
    name = canonicalize_name(requirement.name)
    extras = tuple(map(canonicalize_name, sorted(requirement.extras)))
    asked = Component(name=name, spelled=requirement.name, version=requirement.specifier, extras=extras)
    components = (*plan.components, asked)
    widened = replace(plan, components=components, roots=tuple(map(root_of, components)))
    with Resolver(widened, workshop, progress) as resolver:
        answer = resolver.resolve()
        if isinstance(answer, Resolution):
            return answer
        by_itself = resolver.ask(plan)
        if isinstance(by_itself, Conflict):
            case = _Case(project, by_itself, resolver, ())
        else:
            resolver.session.show(widened)
            case = _Case(project, answer, resolver, (asked,))
        return case.findings(workshop, progress, until=time.monotonic() + patience)


def with_repairs(
    findings: Sequence[Finding],
    project: Project,
    target: Target,
    *,
    workshop: Workshop,
    progress: Progress,
    preferences: Mapping[NormalizedName, Version] | None = None,
    settled: Settled | None = None,
    patience: float = PATIENCE,
) -> tuple[Finding, ...]:
    """Return findings of the matrix, each with the changes of one line that were seen to help.

    Where no index can be asked, those that satisfy the matrix. `preferences` are the pins that an engine keeps where they fit.
    """
    components = components_of(project, target.name)
    scene = Scene(target=target, components=components)
    told = [(finding, _reason_of(finding, project, scene)) for finding in findings]
    with Trials(
        project,
        target.name,
        workshop=workshop,
        progress=progress,
        until=time.monotonic() + patience,
        preferences=preferences or {},
        settled=settled,
    ) as trials:
        repaired = _all_repaired(told, scene, trials)
        if all(finding.repairs for finding in repaired) or trials.engine_failed:
            return repaired
        return _all_repaired([*told, *_beyond(told, trials)], scene, trials)


def _beyond(told: Sequence[_Told], trials: Trials) -> list[_Told]:
    """Return what an engine still has against the manifest once the matrix's findings are settled."""
    changes, set_aside = taken_away(reason for _, reason in told)
    try:
        plan = trials.plan(changes, without_rules=set_aside)
        found = trials.solve(plan)
        if not isinstance(found, Conflict):
            return []
        return _Case(trials.project, found, trials.resolver_for(plan), ()).told(trials)
    except (ManifestError, IncompatibleError, *_GIVING_OUT):
        return []  # the matrix's findings stand by themselves


def _all_repaired(told: Sequence[_Told], scene: Scene, trials: Trials) -> tuple[Finding, ...]:
    """Return findings with the repairs of their reasons, those that point at no line or have no remedy as they are."""
    return tuple(
        _repaired(finding, find_repairs(reason, _others(reason, told), scene=scene, trials=trials), beside=reason.beside)
        if finding.code in _REPAIRABLE
        else finding
        for finding, reason in told
    )


def _reason_of(finding: Finding, project: Project, scene: Scene) -> Reason:
    """Return the lines that a finding of the matrix points at, and the clauses that it tells of."""
    address = _torch_address(project, scene)
    notes = frozenset(finding.notes)
    clauses = tuple(
        clause
        for rule in project.matrix.rules.values()
        for clause in rule.clauses()
        if finding.code == "S201" and rule_note(rule, clause) in notes
    )
    pointed = [line_at(place, address=address) for place in finding.places]
    return Reason(lines=_with_address([line for line in pointed if line is not None], clauses, address), clauses=clauses)


def _with_address(lines: Sequence[Line], clauses: Sequence[Clause], address: AddressLine | None) -> tuple[Line, ...]:
    """Return lines, and the address of torch's index too where the CUDA of torch's build is at issue."""
    built = any(condition.name == TORCH_CUDA for clause in clauses for condition in clause.conditions)
    return tuple(dict.fromkeys((*lines, address) if built and address is not None else lines))


def _torch_address(project: Project, scene: Scene) -> AddressLine | None:
    """Return the address of torch's index, if that says which builds are there."""
    own = {component.name: component.index for component in scene.components if component.index is not None}
    name = index_of(canonicalize_name("torch"), own=own, routes=routes_of(project.manifest, scene.target.name))
    index = project.manifest.indexes.get(name or "")
    return AddressLine(index.name) if index is not None and index.url and label_of_index(index.url) else None


class _Case:
    """One conflict that an engine found, the view that it saw, and what the question was about."""

    def __init__(self, project: Project, conflict: Conflict, resolver: Resolver, asked: tuple[Component, ...]) -> None:
        self._project = project
        self._conflict = conflict
        self._resolver = resolver
        self._asked = asked
        self._plan = conflict.session.plan
        self._cores: list[Core[Member]] = []
        self._scene = Scene(target=self._plan.target, components=self._plan.components[: -len(asked) or None])

    def findings(
        self, workshop: Workshop, progress: Progress, *, until: float, settled: Settled | None = None
    ) -> tuple[Finding, ...]:
        """Return what is in the way, with repairs; if an index or the engine fails meanwhile, what is known already."""
        with Trials(
            self._project,
            self._plan.target.name,
            workshop=workshop,
            progress=progress,
            until=until,
            preferences=self._plan.preferences,
            asked=self._asked,
            settled=settled,
        ) as trials:
            trials.adopt(self._resolver, self._plan)
            try:
                told = self.told(trials)
                repaired = _all_repaired(told, self._scene, trials)
                if all(finding.repairs for finding in repaired):
                    return repaired
                more = self._sharing(trials)
                return _all_repaired([*told, *more], self._scene, trials) if more else repaired
            except _GIVING_OUT:
                self._conflict.session.show(self._plan)
                return (self._in_engines_words(),)

    def told(self, trials: Trials) -> list[_Told]:
        """Return what is in the way: components that cannot be had, else the cores. Raises UpstreamError and EngineError."""
        places = self._project.manifest.places
        by_itself = component_findings(self._conflict, resolver=self._resolver, places=places)
        if by_itself:
            return [self._by_itself(component, finding) for component, finding in by_itself]
        self._cores = self._disjoint_cores(trials)
        return sorted((self._telling(core, trials) for core in self._cores), key=_first_line)

    def _sharing(self, trials: Trials) -> list[_Told]:
        """Return cores that share lines with the first one: what is left when any one of its lines is settled."""
        stack, found = self._stack(), list(self._cores)
        gone = frozenset(member for core in found[1:] for member in core.members)
        with suppress(*_GIVING_OUT):  # what was found until now is true
            for member in found[0].members if found else ():
                if not isinstance(member, InForce) and not stack.is_file(member):
                    self._more_cores(stack.without(gone | {member}), found, trials)
        return [self._telling(core, trials) for core in found[len(self._cores) :]]

    def _by_itself(self, component: Component, finding: Finding) -> _Told:
        """Return a finding about one component with the lines that may help: a question has none in the manifest."""
        if component in self._asked:
            return replace(finding, places=()), Reason(lines=())
        python = any("Python" in note for note in finding.notes)
        line = VersionLine(component.name)
        return finding, Reason(
            lines=(line, TargetLine("python")) if python else (line,),
            nearest=around(component, self._conflict.session.projects[component.name]),
            beside=self._leaving_out(finding),
        )

    def _leaving_out(self, finding: Finding) -> str:
        """Return that a component which the target has no file of can be left out of it, where another target may have it."""
        no_file = finding.code == "S303" and finding.notes
        several = len(self._project.manifest.targets) > 1
        way = f"; or name it in `without` of `[targets.{self._plan.target.name}]`, to leave it out there"
        return way if no_file and several else ""

    def _in_engines_words(self) -> Finding:
        matrix, places = self._project.matrix, self._project.manifest.places
        return told_by_engine(self._conflict, resolver=self._resolver, matrix=matrix, places=places)

    def _disjoint_cores(self, trials: Trials) -> list[Core[Member]]:
        """Return a minimal core, and those that are left without all of its members."""
        stack = self._stack()
        found = [self._core(stack, self._conflict, trials)]
        with suppress(*_GIVING_OUT):  # what was found until now is true
            self._more_cores(stack.without(found[0].members), found, trials)
        return found

    def _more_cores(self, rest: Stack, found: list[Core[Member]], trials: Trials) -> None:
        """Find cores, each without all members of those before it, until none is left."""
        while len(found) < _MOST_CORES:
            answer = trials.solve(rest.only(rest.whole(rest.units())))
            if not isinstance(answer, Conflict):
                break
            core = self._core(rest, answer, trials)
            rest = rest.without(core.members)
            found.append(core)

    def _stack(self) -> Stack:
        plan = self._plan
        clauses = acting(self._project.matrix.clauses(), plan.target.virtual_versions())
        return Stack(
            plan=replace(plan, components=self._scene.components),
            clauses=tuple(clauses),
            builds=self._project.matrix.builds,
            asked=self._asked,
        )

    def _core(self, stack: Stack, conflict: Conflict, trials: Trials) -> Core[Member]:
        suspects = _suspects(stack, conflict)
        return find_core(stack, lambda plan: not isinstance(trials.solve(plan), Conflict), suspects=suspects)

    def _telling(self, core: Core[Member], trials: Trials) -> tuple[Finding, Reason]:
        """Return what a core is in the manifest's words, and what can be changed about it."""
        stack, target, places = self._stack(), self._plan.target, self._project.manifest.places
        clauses = tuple(stack.clauses[member.clause] for member in core.members if isinstance(member, InForce))
        own: list[Line] = [member for member in core.members if not isinstance(member, InForce)]
        lines = [*own, *target_lines(clauses, target=target, places=places)]
        stand = (place_of(line, components=self._scene.components, target=target, places=places) for line in lines)
        notes, demands = self._links(stack, core, trials)
        finding = Finding(
            code="S305" if self._asked else "S301",
            message=self._message(),
            places=tuple(sorted(stand, key=lambda place: place.line or 0)),
            notes=(
                *sorted({rule_note(self._project.matrix.rules[clause.rule], clause) for clause in clauses}),
                *notes,
                *(() if core.minimal else (_UNFINISHED,)),
            ),
            hint=_way_out(own, clauses, files=self._plan.directs),
        )
        address = _torch_address(self._project, self._scene)
        return finding, Reason(lines=_with_address(lines, clauses, address), clauses=clauses, demands=demands)

    def _message(self) -> str:
        target = f"target `{self._plan.target.name}`"
        asked = ", ".join(f"`{component.spelled}{component.version}`" for component in self._asked)
        return f"{asked} does not go together with the rest of {target}" if asked else f"no versions satisfy {target}"

    def _links(self, stack: Stack, core: Core[Member], trials: Trials) -> tuple[list[str], tuple[_Demanded, ...]]:
        """Return what ties the core together, as the releases of a view of the core alone say; else in the engine's words."""
        present = {ComponentLine(member.name) for member in core.members if not isinstance(member, InForce)}
        files = {ComponentLine(name) for name in self._plan.directs}
        try:
            found = trials.solve(stack.without(files - present).only(frozenset((*core.members, *present))))
        except _GIVING_OUT:
            return [], ()
        session = self._conflict.session
        links = find_links(session)
        named = [session.projects[name] for name in sorted(links.names) if name in session.projects]
        words = engine_lines(found) if isinstance(found, Conflict) and not links.complete else ()
        notes = [*links.lines, *words, *absent_lines(named, self._resolver), *left_out_lines(named, session)]
        return notes, links.demands


def _suspects(stack: Stack, conflict: Conflict) -> list[frozenset[Member]]:
    """Return the components that an engine's words name: with the guards that they name too, then with all that may matter.

    A clause may matter if the words name each of its projects, since the view puts some clauses into requirements.
    """
    words = named_in(conflict.text)
    guarded = {guard.clause for guard in conflict.rules.by_name.values() if guard.name in words}
    clauses = [(clause in guarded, clause in guarded or words.issuperset(real_names(clause))) for clause in stack.clauses]
    units = stack.units()
    named = [unit for unit in units if isinstance(unit, ComponentLine) and unit.name in words]
    return [
        frozenset((*named, *(unit for unit in units if isinstance(unit, InForce) and clauses[unit.clause][tier])))
        for tier in (0, 1)
    ]


def _first_line(told: _Told) -> int:
    finding, _ = told
    return finding.places[0].line or 0 if finding.places else 0


def _others(reason: Reason, told: Sequence[_Told]) -> list[Reason]:
    return [other for _, other in told if other != reason]


def _way_out(lines: Sequence[Line], clauses: Sequence[Clause], *, files: Container[NormalizedName]) -> str:
    """Return what is left to do where no change of one line helps; `files` are the projects whose components name a file."""
    if not all(isinstance(line, ComponentLine) for line in lines):
        hint = "no change of one line was found that makes it solvable: change several, or leave a component out"
    elif len(lines) > 1:
        hint = "whatever their versions, these do not go together: leave one of them out"
    elif any(isinstance(line, ComponentLine) and line.name in files for line in lines):
        hint = "its file does not fit: name another one, or leave the component out"
    else:
        hint = "no version of it fits the target: leave it out, or see to what it requires"
    return f"{hint}; or waive the rule under `[matrix] waive`, if it does not apply to this project" if clauses else hint


def _repaired(finding: Finding, found: Repaired, *, beside: str) -> Finding:
    if not found.repairs:
        return replace(finding, hint=f"{finding.hint}{beside}") if beside else finding
    these = "any one of these" if len(found.repairs) > 1 else "this"
    says = _WHOLE if found.whole and found.by_engine else _BY_MATRIX if found.whole else _PART
    return replace(finding, repairs=found.repairs, hint=f"{these} {says}{beside}")


_WHOLE = "makes it solvable"
_BY_MATRIX = "satisfies the matrix; no index could be asked whether anything else is in the way"
_PART = "settles this conflict; the others that are told need a change too"
_UNFINISHED = "the search for the smallest reason took too long and was stopped: not all of these lines may be needed"
