"""Builds: whether the indexes have torch, and what belongs to it, in the versions that a move would pin them to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from msgspec.structs import replace
from packaging.specifiers import SpecifierSet

from stackc.conflict.absent import component_findings
from stackc.errors import Finding, IncompatibleError, ManifestError, told_once
from stackc.init.trios import TRIO
from stackc.manifest.model import Component
from stackc.matrix.bases import resolve_target
from stackc.matrix.partners import exact_version
from stackc.plan import Plan, root_of
from stackc.planning import plan_target
from stackc.project import Project
from stackc.resolve import Conflict, Progress, Resolver, Workshop
from stackc.upstream.client import IndexClient

__all__ = ["Builds"]


class Builds:
    """What the indexes have of torch and its partners. Each page is asked for once, whichever moves look at it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._client: IndexClient | None = None

    def __enter__(self) -> Builds:  # noqa: PYI034 (typing.Self needs Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def lacking(
        self, project: Project, targets: Sequence[str], *, workshop: Workshop, progress: Progress
    ) -> tuple[Finding, ...]:
        """Return which of them the indexes have not, for targets of a project; nothing where that cannot be told at once."""
        plans = [plan for target in targets if (plan := _plan(project, target)) is not None]
        found = [each for plan in plans for each in self._lacking(plan, project, workshop, progress)]
        return told_once(found)

    def _lacking(self, plan: Plan, project: Project, workshop: Workshop, progress: Progress) -> list[Finding]:
        client = self._client_for(plan, workshop)
        with Resolver(plan, workshop, progress, client=client) as resolver:
            session = resolver.session
            resolver.wait_for(tuple(component.name for component in plan.components))
            if session.failures:
                return []  # whoever compiles the move tells of them
            if any(_unread(component, resolver) for component in plan.components):
                return []
            nothing = Conflict("", session, plan.rules)
            return [finding for _, finding in component_findings(nothing, resolver=resolver, places=project.manifest.places)]

    def _client_for(self, plan: Plan, workshop: Workshop) -> IndexClient:
        if self._client is None:
            client = IndexClient(workshop.cache, workshop.settings, exclude_newer=plan.exclude_newer)
            self._client = self._stack.enter_context(client)
        return self._client


def _unread(component: Component, resolver: Resolver) -> bool:
    """Read the metadata of the release that a component is pinned to; say whether they cannot be had now."""
    if not isinstance(component.version, SpecifierSet) or exact_version(component) is None:
        return False
    shown = resolver.session.projects[component.name].releases
    found = resolver.known(component.name, [version for version in shown if component.version.contains(version)])
    return None in found.values()


def _plan(project: Project, target: str) -> Plan | None:
    """Return the plan of torch and its partners alone, whatever the rules say of them; None where there is none."""
    found = resolve_target(project.manifest.targets[target], facts=project.facts, places=project.manifest.places)
    unruled = replace(project, matrix=replace(project.matrix, rules={}))
    try:
        plan, _ = plan_target(unruled, found, previous=None)
    except (ManifestError, IncompatibleError):
        return None
    components = tuple(component for component in plan.components if component.name in TRIO)
    return replace(plan, components=components, roots=tuple(map(root_of, components)))
