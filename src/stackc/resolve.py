"""Resolving one target: the view is served, crawled ahead and asked by an engine, all in one loop."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.engine.ends import CERTAIN, outcome_of
from stackc.engine.model import Engine, Question, Running, Solved, Unsolvable
from stackc.errors import EngineError, Finding, NoSolutionError, UpstreamError
from stackc.files import scratch_folder
from stackc.plan import Plan
from stackc.progress import Progress
from stackc.upstream.cache import Cache
from stackc.upstream.client import IndexClient
from stackc.upstream.direct import DirectPages, DirectSource
from stackc.upstream.isolation import Isolation
from stackc.upstream.pages import Found, PageOutcome, Unavailable
from stackc.upstream.settings import NetworkSettings
from stackc.view.curate import Curation, Listed
from stackc.view.metadata import Neutral
from stackc.view.rules import ViewRules, is_guard
from stackc.view.server import LoopbackServer
from stackc.view.session import ViewSession
from stackc.view.shown import ShownProject, ShownRelease

__all__ = ["Conflict", "Progress", "Resolution", "Resolver", "Workshop"]

_LONGEST_TURN = 1.0


class Workshop(Struct, frozen=True, kw_only=True):
    """What resolving works with, chosen by the shell.

    `addresses` returns an index's address by its name; `engine_cache` is a folder that stackc owns, and `scratch` one in which
    each run has a folder of its own while it works. `compiled_templates` keeps templates as Jinja compiled them. `surroundings`
    are the user's variables, of which only a build of metadata uses a few.
    """

    engine: Engine
    cache: Cache
    settings: NetworkSettings
    addresses: Callable[[str], str]
    engine_cache: Path
    scratch: Path
    compiled_templates: Path | None = None
    surroundings: Mapping[str, str] = {}


class Resolution(Struct, frozen=True, kw_only=True):
    """What an engine found, and the projects as the view showed them. `tools` are the pins of pip and the build tools."""

    pins: Mapping[NormalizedName, Version]
    tools: Mapping[NormalizedName, Version]
    projects: Mapping[NormalizedName, ShownProject]


class Conflict(Struct, frozen=True):
    """No solution: the engine's words, the view that it saw, and the rules that were in force, for whoever explains it."""

    text: str
    session: ViewSession
    rules: ViewRules


class Resolver:
    """One plan being resolved. The view lives until the context is left, so that a conflict can still be explained.

    `client` is the run's own where several plans are resolved side by side, see `stackc.side_by_side`; else one is made.
    """

    def __init__(self, plan: Plan, workshop: Workshop, progress: Progress, *, client: IndexClient | None = None) -> None:
        self._plan = plan
        self._workshop = workshop
        self._progress = progress
        self._stack = ExitStack()
        self._asking = ExitStack()
        self._running: Running | None = None
        self._ended = False
        self._server: LoopbackServer | None = None
        self._client = client or self._stack.enter_context(
            IndexClient(workshop.cache, workshop.settings, exclude_newer=plan.exclude_newer)
        )
        self._loop = self._client.loop
        self._pages = self._client.pages(
            Curation(plan.target, exclude_newer=plan.exclude_newer, sdists=plan.sdists), note=progress.note
        )
        isolation = self._isolation() if plan.sdists else None
        self._direct = DirectSource(self._loop, workshop.cache, workshop.settings, target=plan.target, isolation=isolation)
        self._stack.callback(self._direct.close)
        self._routed = DirectPages(
            self._pages, self._direct, directs=plan.directs, places=plan.direct_places, unsourced=plan.unsourced
        )
        self.session = ViewSession(
            plan,
            pages=self._routed,
            metadata=self._client.metadata,
            reader=self._client.reader(plan.target.marker_environment()),
            isolation=isolation,
            addresses=workshop.addresses,
            soon=partial(self._loop.call_later, 0.0),
            progress=self._report,
        )

    def _isolation(self) -> Isolation:
        """Return how metadata of sdists are built, should they have to be."""
        plan, workshop = self._plan, self._workshop
        return Isolation(
            target=plan.target,
            address=workshop.addresses(plan.default_index),
            exclude_newer=plan.exclude_newer,
            settings=workshop.settings,
            scratch=workshop.scratch,
            surroundings=workshop.surroundings,
            note=self._progress.note,
        )

    def __enter__(self) -> Resolver:  # noqa: PYI034 (typing.Self needs Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self._asking.close()
        self._stack.close()

    def resolve(self, *, meanwhile: Iterable[Callable[[], object]] = ()) -> Resolution | Conflict:
        """Return what the engine found. Raises UpstreamError and EngineError.

        The tasks of `meanwhile` are done one by one whenever there is nothing to do but wait, and may all be left undone.
        """
        self._loop.do_idly(meanwhile)
        return self.found(self._answer(until=None))

    def ask(self, plan: Plan, *, until: float | None = None) -> Mapping[NormalizedName, Version] | Conflict:
        """Return the pins for another plan, whose target has the same Python and platform and whose indexes are the same.

        What is known of projects serves again, so that on a warm view an answer takes but the engine's own time. From here on
        it is this plan that the session shows. Raises TimeoutError where there is no answer `until` a moment of the monotonic
        clock, and what `resolve` raises.
        """
        self._plan = plan
        self._routed.directs = plan.directs
        self.session.show(plan)
        answer = self._answer(until=until)
        return _pins(answer) if isinstance(answer, Solved) else Conflict(answer.text, self.session, self._plan.rules)

    def begin(self) -> None:
        """Start an engine on the view. Raises EngineError."""
        self.session.withheld = False
        self._server = self._asking.enter_context(self._serving())
        self._running = self._asking.enter_context(self._engine(f"{self._server.url}simple/"))
        self.session.start()

    @property
    def heard(self) -> bool:
        """Say whether the engine that was begun has asked for anything yet, or has ended."""
        return self._server is None or self._server.asked > 0

    def answer(self) -> Solved | Unsolvable | None:
        """Return what the engine that was begun found, None while there is nothing. Raises UpstreamError and EngineError."""
        answer = self._running.poll() if self._running is not None and self._ended else None
        if answer is None:
            self._stop_early()
            return None
        asked = self._server is not None and self._server.asked > 0
        self.end()
        ended = outcome_of(answer, engine=self._workshop.engine.name, asked=asked)
        if isinstance(ended, Solved) and not self.session.withheld:
            return ended
        if self.session.failures and not (isinstance(ended, Finding) and ended.code in CERTAIN):
            raise UpstreamError.of(self.session.failures)
        if isinstance(ended, Finding):
            raise EngineError(ended)
        return ended

    def outcome(self) -> Resolution | Conflict | None:
        """Return what came of the engine that was begun, None while there is nothing. Raises as `answer` and `found` do."""
        answer = self.answer()
        return None if answer is None else self.found(answer)

    def end(self) -> None:
        """End the engine, if it still runs, and what it was served by."""
        self._running = self._server = None
        self._asking.close()

    def _answer(self, *, until: float | None) -> Solved | Unsolvable:
        try:
            self.begin()
            while (answer := self.answer()) is None:
                left = _LONGEST_TURN if until is None else until - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self._loop.turn(min(left, _LONGEST_TURN))
        finally:
            self.end()
        return answer

    def found(self, answer: Solved | Unsolvable) -> Resolution | Conflict:
        """Return an answer with all that the view knows of it. Raises UpstreamError and NoSolutionError."""
        if not isinstance(answer, Solved):
            return Conflict(answer.text, self.session, self._plan.rules)
        found = self.resolution(self._plan, _pins(answer))
        self._tell_left_out({**found.pins, **found.tools})
        return found

    def wait_for(self, names: tuple[NormalizedName, ...]) -> None:
        """Work until the pages of these projects have come."""
        projects = [self.session.project(name) for name in names]
        while any(project.outcome is None for project in projects):
            self._loop.turn(_LONGEST_TURN)

    def indexes_with(self, name: NormalizedName, *, but: str) -> list[str]:
        """Return the declared indexes, `but` aside, that have a project; for an error's hint, never for resolving."""
        asked: dict[str, PageOutcome] = {}
        others = [index for index in self._plan.indexes if index != but]
        for index in others:
            self._pages.get(index, self._workshop.addresses(index), name, partial(asked.__setitem__, index))
        while len(asked) < len(others):
            self._loop.turn(_LONGEST_TURN)
        return [index for index in others if isinstance(asked[index], Found)]

    def file_addresses(self, names: Iterable[NormalizedName]) -> dict[str, str]:
        """Return file name → absolute address of every file that the pages of these projects list. Raises UpstreamError."""
        wanted = tuple(names)
        self.wait_for(wanted)
        if self.session.failures:
            raise UpstreamError.of(self.session.failures)
        addresses = ((self._workshop.addresses(self._plan.index_of(name)), name) for name in wanted)
        return {file: url for address, name in addresses for file, url in self._pages.shelf.files(address, name).items()}

    def versions(self, name: NormalizedName) -> list[Version]:
        """Return the versions of all releases that the index of a project lists, once its page has come."""
        return self._pages.shelf.versions(self._address_of(name), name)

    def yanked(self, name: NormalizedName, version: Version) -> bool:
        """Say whether the file of a release that would serve the target was yanked, once its page has come."""
        outcome = self.session.projects[name].outcome
        candidates = outcome.candidates if isinstance(outcome, Found) else ()
        return any(each.file.yanked for each in candidates if Version(each.version) == version)

    def listed(self, name: NormalizedName, *, above: Version) -> list[Listed]:
        """Return the releases above a version that the index of a project lists, once its page has come."""
        return self._pages.shelf.listed(self._address_of(name), name, above=above)

    def known(self, name: NormalizedName, versions: Iterable[Version]) -> dict[Version, Neutral | Finding | None]:
        """Return what some releases of a project need, or why their metadata are of no use.

        Of those that are not shown there is nothing, as of those whose metadata cannot be had now: that is nobody's fault.
        """
        shown, failures = self.session.projects[name].releases, self.session.failures
        before = len(failures)
        awaited = {version for version in versions if version in shown}
        found = {version: shown[version] for version in awaited}
        for version in sorted(found):
            self.session.release(name, version, partial(awaited.discard, version))
        while awaited:
            self._loop.turn(_LONGEST_TURN)
        unread = failures[before:]
        del failures[before:]
        return {version: _of_use(release, unread) for version, release in found.items()}

    def _address_of(self, name: NormalizedName) -> str:
        return self._workshop.addresses(self._plan.index_of(name))

    @contextmanager
    def _serving(self) -> Iterator[LoopbackServer]:
        server = LoopbackServer(self._loop, self.session.route)
        try:
            yield server
        finally:
            server.close()

    @contextmanager
    def _engine(self, url: str) -> Iterator[Running]:
        with scratch_folder(self._workshop.scratch) as folder:
            question = Question(
                index_url=url,
                requirements=self._plan.requirements(),
                preferences=self._plan.preferences,
                folder=folder,
                cache=self._workshop.engine_cache,
            )
            running = self._workshop.engine.start(question)
            self._ended = False
            self._loop.selector.register(running, selectors.EVENT_READ, self._note_end)
            try:
                yield running
            finally:
                self._loop.selector.unregister(running)
                running.stop()

    def _note_end(self, _running: object, _mask: int) -> None:
        """Take note that the engine has ended, or is about to: until then there is no answer to ask it for."""
        self._ended = True

    def _stop_early(self) -> None:
        """Raise at once if a component's own index fails: the engine would only try the same again."""
        if self.session.failures:
            failed = {name for name, project in self.session.projects.items() if _unavailable(project)}
            if failed.intersection(component.name for component in self._plan.components):
                raise UpstreamError.of(self.session.failures)

    def resolution(self, plan: Plan, pins: Mapping[NormalizedName, Version]) -> Resolution:
        """Return what is to be locked of pins that the engine found, with the tools of a plan. Raises UpstreamError."""
        if plan is not self._plan:
            self._plan = plan
            self.session.show(plan)
        self._complete(pins)
        tools = {name: self._newest(name, requirement, pins) for name, requirement in self._tool_requirements()}
        self._complete(tools)
        return Resolution(pins=pins, tools=tools, projects=self.session.projects)

    def _tell_left_out(self, pins: Mapping[NormalizedName, Version]) -> None:
        """Tell of each release newer than the pin that was passed over because its file cannot be used."""
        for name, version in sorted(pins.items()):
            for release in self.session.projects[name].releases.looked_at():
                if release.problem is not None and release.version > version:
                    why = "; ".join(release.problem.notes)
                    self._progress.note(f"{name} {release.version} was left out: {release.problem.message} ({why})")

    def _tool_requirements(self) -> list[tuple[NormalizedName, Requirement]]:
        parsed = [Requirement(line) for line in self._plan.tools]
        found = [(canonicalize_name(requirement.name), requirement) for requirement in parsed]
        self.wait_for(tuple(name for name, _ in found))
        return found

    def _newest(self, name: NormalizedName, requirement: Requirement, pins: Mapping[NormalizedName, Version]) -> Version:
        if name in pins:
            return pins[name]
        preferred, releases = self._plan.preferences.get(name), self.session.projects[name].releases
        if preferred is not None and preferred in releases and requirement.specifier.contains(preferred):
            return preferred
        for newest_first in ((version for version in releases if version.is_prerelease is early) for early in (False, True)):
            found = next((version for version in newest_first if requirement.specifier.contains(version)), None)
            if found is not None:
                return found
        if self.session.failures:
            raise UpstreamError.of(self.session.failures)
        raise NoSolutionError(_no_tool(requirement, self._plan.index_of(name)))

    def _complete(self, pins: Mapping[NormalizedName, Version]) -> None:
        """Make sure that the metadata of every pin has come."""
        awaited = {(name, version) for name, version in pins.items()}
        for name, version in sorted(awaited):
            self.session.release(name, version, partial(awaited.discard, (name, version)))
        while awaited:
            self._loop.turn(_LONGEST_TURN)
        for name, version in pins.items():
            problem = self.session.projects[name].releases[version].problem
            if problem is not None:
                raise UpstreamError(problem)

    def _report(self) -> None:
        self._progress.counts(
            pages=self.session.pages_known,
            releases=self.session.releases_known,
            waiting=self._client.transfers.waiting,
        )


def _pins(answer: Solved) -> dict[NormalizedName, Version]:
    return {name: version for name, version in answer.pins.items() if not is_guard(name)}


def _of_use(release: ShownRelease, unread: Sequence[Finding]) -> Neutral | Finding | None:
    return release.neutral if release.neutral is not None or release.problem in unread else release.problem


def _unavailable(project: ShownProject) -> bool:
    return isinstance(project.outcome, Unavailable)


def _no_tool(requirement: Requirement, index: str) -> Finding:
    return Finding(
        code="S304",
        message=f"index `{index}` has no release of `{requirement}` for the target, and the image needs one first",
        hint="widen `pip` or `build-tools` in `[image]`, or let an index that has it serve the project",
    )
