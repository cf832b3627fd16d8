"""One view: everything that one engine may see for one target, fetched ahead, served on loopback while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import unquote, urljoin, urlsplit

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, UpstreamError
from stackc.plan import Plan
from stackc.upstream.isolation import Isolation
from stackc.upstream.metadata_files import MetadataOutcome, MetadataSource, Unreadable
from stackc.upstream.pages import Absent, Found, PageOutcome, Pages, Unavailable
from stackc.view.crawl import Crawl
from stackc.view.listing import Listing
from stackc.view.metadata import MetadataError, MetadataReader, Need, unusable
from stackc.view.neutral import neutral_metadata, neutral_page
from stackc.view.rules import GUARD_PREFIX, is_guard
from stackc.view.server import Answer, Reply
from stackc.view.shown import ShownProject, ShownRelease

__all__ = ["ViewSession"]

_CRAWL_STRIDE = 4
_PATIENCE = 4
_UNUSABLE = Need(canonicalize_name(f"{GUARD_PREFIX}unusable"), "==0")
"""A requirement that nothing meets: like a guard's, its name is the view's own, and no index is ever asked for it."""


class ViewSession:
    """Joins pages, metadata, rules and the crawl into what the loopback server answers.

    `addresses` gives each index's address. `soon` calls back in the loop's next turn. `failures` collects what went wrong
    upstream: an engine reports such a thing as a conflict, so it is these that the user is told. `withheld` is set once an
    engine was refused a page for such a reason: some engines go on, as if there were no such project. `progress` is called
    after every answer from upstream. The sessions of targets that are resolved side by side need nearly the same: what one of
    them fetches ahead, its `followers` look at too, each for its own target.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        pages: Pages,
        metadata: MetadataSource,
        reader: MetadataReader,
        isolation: Isolation | None = None,
        addresses: Callable[[str], str],
        soon: Callable[[Callable[[], None]], None],
        progress: Callable[[], None],
    ) -> None:
        self.plan = plan
        self.projects: dict[NormalizedName, ShownProject] = {}
        self.failures: list[Finding] = []
        self.withheld = False
        self.pages_known = 0
        self.releases_known = 0
        self._pages = pages
        self._metadata = metadata
        self._addresses = addresses
        self._soon = soon
        self._progress = progress
        self._reader = reader
        self._isolation = isolation
        self._listing = Listing(plan)
        self._crawl = Crawl(plan.preferences)
        self._crawling = False
        self._awake = False
        self._misses = 0
        self._followers: tuple[ViewSession, ...] = ()
        self._led = False

    def lead(self, followers: Sequence[ViewSession]) -> None:
        """Have other sessions look at what this one fetches ahead."""
        self._followers = tuple(followers)
        for follower in followers:
            follower.follow()

    def follow(self) -> None:
        """Look at what another session fetches ahead, and look ahead less."""
        self._led = True

    def start(self) -> None:
        """Ask for all that is surely needed; from the first answer that the cache does not have, fetch ahead."""
        for need in self._roots():
            self.project(need.name)
        for name in self.plan.preferences:
            self.project(name)
        if self._misses == len(self.projects):
            self._wake_crawl()

    def show(self, plan: Plan) -> None:
        """Answer from now on for another plan, with the same indexes and a target that looks at pages in the same way."""
        before, self.plan = self.plan, plan
        listing, self._listing = self._listing, Listing(plan)
        shown_anew = self._listing.differing(listing)
        for project in self.projects.values():
            if project.name in shown_anew:
                self._listing.apply(project)
            if project.name in before.rules.guards or project.name in plan.rules.guards:
                for release in project.known.values():
                    release.body = None
        for name in before.directs.keys() ^ plan.directs.keys():  # these come from elsewhere now
            self.projects.pop(name, None)

    def route(self, path: str, reply: Reply) -> None:
        """Answer one request: `simple/NAME/`, or `files/NAME/VERSION/FILE.metadata`. Archives are refused (410)."""
        parts = [unquote(part) if "%" in part else part for part in path.split("/")]
        if len(parts) == 3 and parts[0] == "simple" and not parts[2]:
            self._serve_page(canonicalize_name(parts[1]), reply)
        elif len(parts) == 4 and parts[0] == "files" and parts[3].endswith(".metadata"):
            self._serve_metadata(canonicalize_name(parts[1]), parts[2], reply)
        else:
            reply(Answer(410 if parts[0] == "files" else 404))

    def project(self, name: NormalizedName, *, ahead: bool = False) -> ShownProject:
        """Return a project, asking its index for it if nobody did before; `ahead` of any need, that is no miss."""
        if name not in self.projects:
            index = self.plan.index_of(name)
            project = self.projects[name] = ShownProject(name, index)
            if (
                self._pages.get(index, self._addresses(index), name, lambda outcome: self._page_came(project, outcome))
                and not ahead
            ):
                self._miss()
        return self.projects[name]

    def release(self, name: NormalizedName, version: Version, done: Callable[[], None], *, ahead: bool = False) -> None:
        """Call `done` when the metadata of a release of a project whose page has come is known, or known to be unusable."""
        project = self.projects[name]
        release = project.releases[version]
        if release.neutral is not None or release.problem is not None:
            done()
        elif release.waiting is not None:
            release.waiting.append(done)
        else:
            release.waiting = [done]
            if self._fetch_metadata(project, release) and not ahead and not self._led:
                self._miss()

    def look_at(self, name: NormalizedName, version: Version | None = None) -> None:
        """Fetch a page ahead, or the metadata of a release if the view is known to show it."""
        if version is None:
            self.project(name, ahead=True)
        elif name in self.projects and version in self.projects[name].releases:
            self.release(name, version, lambda: None, ahead=True)

    def rejections(self, name: NormalizedName) -> list[tuple[str, str]]:
        """Return (version, reason) of the releases of a project that its page lists and the view does not show."""
        project = self.projects[name]
        hidden = self._listing.rejections(project)
        if name in self.plan.directs or name in self.plan.unsourced:
            return hidden
        return [*hidden, *self._pages.shelf.rejections(self._addresses(project.index), name)]

    def _page_came(self, project: ShownProject, outcome: PageOutcome) -> None:
        project.outcome = outcome
        self.pages_known += 1
        if isinstance(outcome, Unavailable):
            self.failures.append(outcome.finding)
        elif isinstance(outcome, Found):
            self._listing.apply(project)
            self._tell_crawl(project)
        self._release_waiters(project)
        self._progress()

    def _roots(self) -> Iterator[Need]:
        return (_root_need(line) for line in (*self.plan.requirements(), *self.plan.tools))

    def _miss(self) -> None:
        """Count an answer that an index has to give; after a handful, or if the cache had nothing at all, crawl.

        Where another session leads, metadata do not count: a few wheels are this target's own. A page that the other did not
        want does.

        While the cache answers nearly everything, guessing would only keep the engine waiting for the processor. An index that
        tells no moments of upload is asked again for each of its few pages.
        """
        self._misses += 1
        if self._misses > _PATIENCE:
            self._wake_crawl()

    def _wake_crawl(self) -> None:
        if self._awake:
            return
        self._awake = True
        self._crawl.start(self._roots())
        for project in tuple(self.projects.values()):
            if isinstance(project.outcome, Found):
                self._tell_crawl(project)
                for release in project.releases.looked_at():
                    if release.neutral is not None:
                        self._crawl.metadata_came(project.name, release.version, release.neutral)
        self._crawl_on()

    def _tell_crawl(self, project: ShownProject) -> None:
        if self._awake:
            self._crawl.page_came(project.name, list(project.releases))
            self._crawl_on()

    def _crawl_on(self) -> None:
        if not self._crawling:
            self._crawling = True
            self._soon(self._crawl_step)

    def _crawl_step(self) -> None:
        """Follow a few of the crawl's wishes, then let the engine's requests have their turn."""
        crawl = self._crawl
        for _ in range(_CRAWL_STRIDE):
            if crawl.wanted_pages:
                wanted = crawl.wanted_pages.popleft()
                self.project(wanted)
                for follower in self._followers:
                    follower.look_at(wanted)
            elif crawl.wanted_releases:
                name, version = crawl.wanted_releases.popleft()
                self.look_at(name, version)
                for follower in self._followers:
                    follower.look_at(name, version)
        self._crawling = False
        if crawl.wanted_pages or crawl.wanted_releases:
            self._crawl_on()

    def _fetch_metadata(self, project: ShownProject, release: ShownRelease) -> bool:
        """Ask for the metadata of a release; say whether somebody has to be asked for it and nobody had yet."""
        outcome = project.outcome
        if not isinstance(outcome, Found):
            raise UpstreamError(Finding(code="S311", message=f"the page of `{project.name}` is not known"))
        known = outcome.metadata or self._metadata.known(release.file)
        if known is not None:
            self._metadata_came(project, release, known)
            return False
        if outcome.catalog is not None:
            self._catalog_metadata(project, release, outcome)
            return False
        try:
            url = urljoin(outcome.url, release.file.url)
            same_host = urlsplit(url)[:2] == urlsplit(outcome.url)[:2]
        except ValueError:
            self._metadata_came(
                project, release, Unreadable(unusable(release.file.filename, "its index gives no address for it"), lasting=True)
            )
            return False
        return self._metadata.get(
            release.file,
            url,
            lambda found: self._metadata_came(project, release, found),
            credentials=outcome.credentials if same_host else None,
            isolation=self._isolation,
        )

    def _catalog_metadata(self, project: ShownProject, release: ShownRelease, outcome: Found) -> None:
        files = outcome.catalog.projects[project.name] if outcome.catalog else ()
        file = next(file for file in files if file.name == release.file.filename)
        try:
            self._metadata_came(project, release, file.metadata())
        except UpstreamError as error:
            self._metadata_came(project, release, Unreadable(error.findings[0], lasting=True))

    def _metadata_came(self, project: ShownProject, release: ShownRelease, found: MetadataOutcome) -> None:
        if isinstance(found, Unreadable):
            release.problem = found.finding
            if not found.lasting:
                self.failures.append(found.finding)
        else:
            self._read(project, release, found)
        self.releases_known += 1
        waiting, release.waiting = release.waiting or [], None
        for done in waiting:
            done()
        if release.neutral is not None and self._awake:
            self._crawl.metadata_came(project.name, release.version, release.neutral)
            self._crawl_on()
        self._progress()

    def _read(self, project: ShownProject, release: ShownRelease, text: str) -> None:
        try:
            release.neutral = self._reader.read(text, project=project.name, version=release.version)
        except MetadataError as error:
            release.problem = unusable(release.file.filename, error.reason)

    def _serve_page(self, name: NormalizedName, reply: Reply) -> None:
        if is_guard(name):
            reply(self._guard_page(name))
            return
        project = self.project(name)
        if project.outcome is None:
            project.waiting.append(lambda: reply(self._page_answer(project)))
        else:
            reply(self._page_answer(project))

    def _page_answer(self, project: ShownProject) -> Answer:
        if isinstance(project.outcome, Unavailable):
            self.withheld = True
            return Answer(502)
        if isinstance(project.outcome, Absent) or not project.releases:
            return Answer(404)
        return neutral_page(project.name, project.spelled)

    def _guard_page(self, name: NormalizedName) -> Answer:
        guard = self.plan.rules.by_name.get(name)
        if guard is None:
            return Answer(404)
        return neutral_page(name, tuple(str(number) for number in range(len(guard.conditions))))

    def _serve_metadata(self, name: NormalizedName, text: str, reply: Reply) -> None:
        if is_guard(name):
            reply(Answer(200, neutral_metadata(name, text, ())))
            return
        try:
            version = Version(text)
        except InvalidVersion:
            reply(Answer(404))
            return
        project = self.projects.get(name)
        if project is None or version not in project.releases:
            reply(Answer(404))
            return
        self.release(name, version, lambda: reply(self._metadata_answer(project, project.releases[version])))

    def _metadata_answer(self, project: ShownProject, release: ShownRelease) -> Answer:
        if release.problem in self.failures:
            return Answer(502)  # that nobody knows it now does not make the release unusable: no older one may replace it
        if release.body is None:
            release.body = neutral_metadata(project.name, str(release.version), self._needs(project.name, release))
        return Answer(200, release.body)

    def _needs(self, name: NormalizedName, release: ShownRelease) -> Iterable[Need]:
        if release.neutral is None:
            return (_UNUSABLE,)
        own = [need.name for need in release.neutral.needs if need.extra is None]
        return (*release.neutral.needs, *self.plan.rules.needs(name, release.version, own))

    def _release_waiters(self, project: ShownProject) -> None:
        waiting, project.waiting = project.waiting, []
        for done in waiting:
            done()


def _root_need(line: str) -> Need:
    requirement = Requirement(line)
    extras = tuple(canonicalize_name(extra) for extra in requirement.extras)
    return Need(canonicalize_name(requirement.name), str(requirement.specifier), extras)
