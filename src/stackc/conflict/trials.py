"""Trials: is the manifest solvable with some lines changed, and with which pins? Nothing is promised that was not tried.

What depends on the matrix alone is settled first. Then the engine is asked, on a view that stays open from one trial to the
next as long as the target looks at pages in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import ExitStack

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.conflict.core import Unanswered
from stackc.conflict.lines import Change, changed
from stackc.errors import EngineError, IncompatibleError, ManifestError, Place, RenderError, UpstreamError
from stackc.manifest.model import Component
from stackc.matrix.bases import resolve_target
from stackc.plan import Plan, root_of
from stackc.planning import plan_target
from stackc.progress import Progress, Quiet
from stackc.project import Project
from stackc.render.interpreter import Python
from stackc.resolve import Conflict, Resolver, Workshop
from stackc.target import Target

__all__ = ["Settled", "Trials", "Tried"]

Settled = Callable[[Place], bool]
"""Says of a place of the manifest that nothing else is to stand there: no change of it is any help."""


class Tried(Struct, frozen=True):
    """What helped. `pins` are None where no engine could be asked: then it is the matrix alone that has nothing against it."""

    pins: Mapping[NormalizedName, Version] | None


class Trials:
    """The trials of one target of a project, until a moment of the monotonic clock. Closes its views when it is left."""

    def __init__(
        self,
        project: Project,
        target: str,
        *,
        workshop: Workshop,
        progress: Progress,
        until: float,
        preferences: Mapping[NormalizedName, Version],
        asked: tuple[Component, ...] = (),
        settled: Settled | None = None,
    ) -> None:
        self.project = project
        self.target = target
        self.asked = asked
        self.settled = settled or _nothing
        self.engine_failed = False
        self._answered = False
        self._workshop = workshop
        self._progress = progress
        self._until = until
        self._preferences = preferences
        self._views: dict[Hashable, Resolver] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Trials:  # noqa: PYI034 (typing.Self needs Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def adopt(self, resolver: Resolver, plan: Plan) -> None:
        """Use a view that is open already, and that somebody else closes."""
        self._views[_looks(plan)] = resolver
        self._answered = True

    def solve(self, plan: Plan) -> Mapping[NormalizedName, Version] | Conflict:
        """Return what the engine makes of a plan. Raises Unanswered when the time is up, UpstreamError and EngineError."""
        if time.monotonic() >= self._until:
            raise Unanswered
        try:
            return self.resolver_for(plan).ask(plan, until=self._until)
        except TimeoutError:
            raise Unanswered from None

    def resolver_for(self, plan: Plan) -> Resolver:
        """Return the open view that can show a plan, or open one."""
        looks = _looks(plan)
        if looks not in self._views:
            resolver = Resolver(plan, self._workshop_for(plan), Quiet(self._progress))
            self._views[looks] = self._stack.enter_context(resolver)
        return self._views[looks]

    def attempt(self, changes: Iterable[Change], *, without_rules: frozenset[str] = frozenset()) -> Tried | None:
        """Return what the whole manifest gives with some lines changed and some rules set aside, None where nothing fits.

        Raises Unanswered when the time is up.
        """
        try:
            plan = self.plan(changes, without_rules=without_rules)
        except (ManifestError, IncompatibleError):
            return None
        if not self._has_python(plan.target):
            return None
        if self.engine_failed:
            return Tried(None)
        try:
            found = self.solve(plan)
        except (UpstreamError, EngineError):
            self.engine_failed = not self._answered
            return None if self._answered else Tried(None)
        self._answered = True
        return None if isinstance(found, Conflict) else Tried(found)

    def _has_python(self, target: Target) -> bool:
        """Say whether the image can have the Python of a changed target, if it is another than the manifest's."""
        manifest = self.project.manifest
        if manifest.targets[self.target].python == str(target.python):
            return True
        try:
            return bool(Python(target=target, places=(), asked=manifest.image.python_from).origin)
        except RenderError:
            return False

    def plan(self, changes: Iterable[Change], *, without_rules: frozenset[str]) -> Plan:
        """Return the plan of the manifest with some lines changed. Raises ManifestError and IncompatibleError."""
        manifest = self.project.manifest
        for change in changes:
            manifest = changed(manifest, change, target=self.target)
        rules = {name: rule for name, rule in self.project.matrix.rules.items() if name not in without_rules}
        project = replace(self.project, manifest=manifest, matrix=replace(self.project.matrix, rules=rules))
        target = resolve_target(manifest.targets[self.target], facts=project.facts, places=manifest.places)
        plan, _ = plan_target(project, target, previous=None)
        components = (*plan.components, *self.asked)
        return replace(plan, components=components, roots=tuple(map(root_of, components)), preferences=self._preferences)

    def _workshop_for(self, plan: Plan) -> Workshop:
        """Return the workshop for indexes some of which may be moved."""
        moved = {
            name: index.url
            for name, index in plan.indexes.items()
            if index.url is not None and index != self.project.manifest.indexes.get(name)
        }
        return replace(self._workshop, addresses=_addresses(self._workshop.addresses, moved))


def _nothing(_: Place) -> bool:
    return False


def _addresses(known: Callable[[str], str], moved: Mapping[str, str]) -> Callable[[str], str]:
    return lambda name: moved.get(name) or known(name)


def _looks(plan: Plan) -> Hashable:
    """Return all that a view depends on and that cannot change while it is open."""
    target = plan.target
    routes = tuple((name, index.url, index.serves, index.default) for name, index in sorted(plan.indexes.items()))
    own = tuple(sorted(plan.own_indexes.items()))
    return (target.python, target.platform, target.glibc, plan.exclude_newer, plan.sdists, routes, own)
