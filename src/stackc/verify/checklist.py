"""The questions that people walk a build's log with, answered: yes, no, or unknown where the log does not say.

Terminology: a project's *home* is the step of the log that installs from the requirement file which the lock gives it.
A step *shows* what it did unless it came from the build cache, its output was clipped, or the log ends within it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, Place
from stackc.lock.filename import parse_filename
from stackc.lock.model import Lock, Package
from stackc.matrix.wording import joined
from stackc.render.layout import InstallFile, install_files, root_name
from stackc.verify.log_events import Fetched, Installed, LogStep, Removed
from stackc.verify.log_story import StepStory, Story, project_of
from stackc.verify.log_whole import wholeness
from stackc.verify.places import LockPlaces

__all__ = ["Answer", "Question", "Sources", "Verdict", "answers"]

Verdict = Literal["yes", "no", "unknown"]
Question = Literal["whole", "own-step", "kept", "once", "others", "verified"]

_REBUILD = "build again with --no-cache, and read that log"
_ANYWHERE = re.compile(r"--extra-index-url\b|--find-links\b|(?<!\S)-f\b|--index-strategy[ =]unsafe")
_INDEX = re.compile(r"(?:--index-url|--default-index|(?<!\S)-i)[ =]['\"]?([^\s'\"]+)")


class Answer(Struct, frozen=True, kw_only=True):
    """One question of the list, and its answer in one line. `project` is whom it is about, None for the whole build."""

    question: Question
    verdict: Verdict
    text: str
    project: str | None = None
    findings: tuple[Finding, ...] = ()


class Sources(Struct, frozen=True, kw_only=True):
    """What findings name: the log, where each package stands in the lock, and the address of each index that has one."""

    log: str
    lock: LockPlaces
    urls: Mapping[str, str]


def answers(story: Story, lock: Lock, sources: Sources) -> tuple[Answer, ...]:
    """Return the answers, the whole log's first.

    Where the log is not whole, what it does not show is unknown, never a yes, and the one reason for that is told once.
    """
    whole = _whole(story, sources)
    walk = _Walk(story, lock, sources)
    ordered = [root_name(root.requirement) for root in lock.roots if root.order is not None]
    named = [lock.by_name[name] for name in dict.fromkeys(ordered) if name in lock.by_name]
    found = [answer for package in named for answer in walk.about(package)]
    others = [package for package in lock.packages if package not in named]
    if others:
        found.append(walk.others(others))
    verified = walk.verified()
    if whole.verdict != "yes":
        found = [_doubted(answer) for answer in found]
        verified = _doubted(verified) if verified.verdict == "unknown" else verified
    return (whole, *found, verified)


def _doubted(answer: Answer) -> Answer:
    if answer.verdict == "no":
        return answer
    text = f"not shown by this log, and not contradicted: {answer.text}" if answer.verdict == "yes" else answer.text
    return Answer(question=answer.question, verdict="unknown", text=text, project=answer.project)


def _whole(story: Story, sources: Sources) -> Answer:
    findings = tuple(wholeness(story, log=sources.log))
    if not findings:
        steps = len(story.steps)
        return Answer(question="whole", verdict="yes", text=f"the log is whole: {steps} steps, and the image was made")
    verdict: Verdict = "no" if any(finding.code == "S652" for finding in findings) else "unknown"
    return Answer(question="whole", verdict=verdict, text=findings[0].message, findings=findings)


class _Doubt(Struct, frozen=True):
    """Why a log does not answer: a finding that says what it does not show."""

    finding: Finding


_Touch = Fetched | Installed | Removed


class _Walk:
    """One log walked along one lock."""

    def __init__(self, story: Story, lock: Lock, sources: Sources) -> None:
        self.story = story
        self.lock = lock
        self.sources = sources
        self.files = _files(lock)
        self.installing = {story.step.id: story.installs_from for story in story.steps}
        self.touched = _touched(story)

    def about(self, package: Package) -> Iterator[Answer]:
        """Yield the answers about one ordered component: two where its index is not the default one."""
        where = f"step {package.step}"
        first, later = list(self._at_home(package)), list(self._elsewhere(package))
        pin = f"{package.name} {package.version}"
        if self.files[package.name][0].default:
            found = [*first, *self._unseen_later(package), *later]
            yield _answer("once", f"{pin} was installed once, in {where}", package, found)
        else:
            yield _answer("own-step", f"{pin} was downloaded in {where}, from {package.source} alone", package, first)
            text = f"no other step downloaded, replaced or removed {package.name}"
            lacking = [] if self._homes(package) else first
            yield _answer("kept", text, package, [*lacking, *self._unseen_later(package), *later])

    def others(self, packages: Sequence[Package]) -> Answer:
        """Return the one answer about all that is no ordered component."""
        found: list[Finding | _Doubt] = []
        for package in packages:
            found += [*self._at_home(package), *self._unseen_later(package), *self._elsewhere(package)]
        counted = "the one other package was" if len(packages) == 1 else f"the other {len(packages)} packages were each"
        versions = "its locked version" if len(packages) == 1 else "their locked versions"
        return _answer("others", f"{counted} installed once, at {versions}", None, found)

    def verified(self) -> Answer:
        """Return whether verify.py ran after the last install, and each of its lines holds."""
        steps = [story for story in self.story.steps if story.verifies]
        found: list[Finding | _Doubt] = []
        if not steps:
            place = (Place(file=self.sources.log),)
            message = "no step of the log runs verify.py"
            found.append(_Doubt(_finding("S656", message, place, hint="build from the Dockerfile of the lock, to its end")))
        for story in steps:
            found += self._verification(story)
        locked = {file.name for files in self.files.values() for file in files}
        last = max((number for number, names in self.installing.items() if names & locked), default=0)
        if steps and max(story.step.id for story in steps) < last:
            message = "the last verification ran before the last install step"
            found.append(_finding("S656", message, (self._place(steps[-1]),), hint="move verify.py behind every install step"))
        lines = sum(story.holding for story in steps)
        return _answer("verified", f"all {lines} lines of the verification hold", None, found)

    def _verification(self, story: StepStory) -> Iterator[Finding | _Doubt]:
        place = (self._place(story),)
        concluded = story.concluded
        if story.failing or (concluded is not None and concluded.checks is None):
            lines = tuple(line.text for line in story.failing)
            told = concluded.text.removeprefix("verify: ") if concluded else lines[0]
            at = (Place(file=self.sources.log, line=concluded.line if concluded else story.failing[0].line),)
            yield _finding("S656", f"the verification failed: {told}", at, notes=lines[1:], hint="do what its last line says")
        elif unseen := _unseen(story):
            yield _Doubt(_finding("S657", f"the log does not show the verification: {unseen}", place, hint=_REBUILD))
        elif concluded is None or concluded.checks != story.holding:
            message = f"the verification's last line does not count the {story.holding} lines before it"
            yield _Doubt(_finding("S657", message, place, hint=_REBUILD))

    def _homes(self, package: Package) -> list[StepStory]:
        names = {file.name for file in self.files[package.name]}
        return [story for story in self.story.steps if self.installing[story.step.id] & names]

    def _at_home(self, package: Package) -> Iterator[Finding | _Doubt]:
        """Yield what is wrong, or not shown, in the step that installs a package's requirement file."""
        homes, file = self._homes(package), self.files[package.name][0]
        ids = {story.step.id for story in homes}
        touched = self.touched.get(package.name, _NOTHING)
        installed = [event for event in touched.installed if event.step.id in ids]
        fetched = [event for event in touched.fetched if event.step.id in ids]
        yield from self._wrong_files(package, fetched)
        yield from self._wrong_versions(package, installed)
        for story in homes:
            yield from self._indexes(package, file, story)
        unseen = next((story for story in homes if _unseen(story)), None)
        if not homes:
            message = f"no step of the log installs from {file.name}, which brings {package.name}"
            yield self._doubt(package, message, None, hint="build from the Dockerfile of the lock, or read the whole log")
        elif unseen is not None:
            yield self._doubt(package, f"the log does not show where {package.name} came from: {_unseen(unseen)}", unseen)
        elif not installed:
            yield self._doubt(package, f"{_step(homes[-1])} does not say that it installed {package.name}", homes[-1])
        elif not fetched and not _by_uv(homes[-1]):
            yield self._doubt(package, f"{_step(homes[-1])} does not say which file of {package.name} it took", homes[-1])

    def _wrong_files(self, package: Package, fetched: Iterable[Fetched]) -> Iterator[Finding]:
        for event in fetched:
            if event.file != package.file.name and canonicalize_name(event.file) != package.name:
                message = f"{_step_of(event)} downloaded another file of {package.name} than the lock has"
                yield self._wrong("S653", package, message, event, wanted=package.file.name, found=event.file)

    def _wrong_versions(self, package: Package, installed: Iterable[Installed]) -> Iterator[Finding]:
        for event in installed:
            if not _same(event.version, package.version) and not _named_so(event.version, package):
                message = f"{_step_of(event)} installed {package.name} {event.version}, the lock has {package.version}"
                yield self._wrong("S655", package, message, event, wanted=str(package.version), found=event.version)

    def _indexes(self, package: Package, file: InstallFile, story: StepStory) -> Iterator[Finding | _Doubt]:
        """Yield what a step says of its indexes that is not the lock's one index for the package."""
        flag = _ANYWHERE.search(story.step.command)
        told = [index for asked in story.asked for index in asked.indexes] or _INDEX.findall(story.step.command)
        looked = {_bare(url) for url in told}
        wanted = None if package.index is None else self.sources.urls.get(package.index)
        place = self._place(story)
        if flag is not None or len(looked) > 1:
            found = ", ".join(sorted(looked)) if flag is None else flag[0]
            message = f"{_step(story)} looked for {package.name} on more than one index"
            yield self._wrong("S653", package, message, place, wanted=f"{package.source} alone", found=found)
        elif looked and wanted is not None and looked != {_bare(wanted)}:
            message = f"{_step(story)} looked for {package.name} on another index than {package.index}"
            yield self._wrong("S653", package, message, place, wanted=_bare(wanted), found=", ".join(looked))
        elif not looked and wanted is not None and not file.default:
            yield self._doubt(package, f"{_step(story)} does not say on which index it looked for {package.name}", story)

    def _elsewhere(self, package: Package) -> Iterator[Finding]:
        """Yield what any other step did to a package; what is removed before its own step was the base image's."""
        homes = [story.step.id for story in self._homes(package)]
        first = min(homes, default=0)
        touched = self.touched.get(package.name, _NOTHING)
        foreign: dict[int, list[_Touch]] = {}
        events: tuple[_Touch, ...] = (*touched.fetched, *touched.removed, *touched.installed)
        for event in events:
            if event.step.id not in homes and not (isinstance(event, Removed) and event.step.id < first):
                foreign.setdefault(event.step.id, []).append(event)
        for number, done in sorted(foreign.items()):
            code = "S654" if homes and number > first else "S658"
            message = f"{_step_of(done[0])} {joined(map(_did, done))}"
            wanted = f"{package.name} {package.version}, by {self.files[package.name][0].name} alone"
            yield self._wrong(code, package, message, done[0], wanted=wanted, found=done[0].step.command)

    def _unseen_later(self, package: Package) -> Iterator[_Doubt]:
        """Yield each installer that ran after a package's own step and does not show what it did."""
        own = {story.step.id for story in self._homes(package)}
        for story in self.story.steps:
            unseen = _unseen(story) or (f"{_step(story)} does not say what it did" if story.silent else None)
            if own and story.step.id > min(own) and story.installs and unseen:
                message = f"the log does not show what an installer did later: {unseen}"
                yield _Doubt(_finding("S657", message, (self._place(story),), hint=_REBUILD))

    def _wrong(self, code: str, package: Package, message: str, at: _Touch | Place, *, wanted: str, found: str) -> Finding:
        place = at if isinstance(at, Place) else Place(file=self.sources.log, line=at.line)
        hint = f"leave {package.name} to {self.files[package.name][0].name} and its index, and build again"
        places = (place, *self.sources.lock.of(package.name))
        return Finding(code=code, message=message, places=places, wanted=wanted, found=found, hint=hint)

    def _doubt(self, package: Package, message: str, story: StepStory | None, *, hint: str = _REBUILD) -> _Doubt:
        place = Place(file=self.sources.log) if story is None else self._place(story)
        return _Doubt(_finding("S657", message, (place, *self.sources.lock.of(package.name)), hint=hint))

    def _place(self, story: StepStory) -> Place:
        return Place(file=self.sources.log, line=story.step.line)


class _Touched(Struct, kw_only=True):
    """What a log says of one project, over all steps."""

    fetched: list[Fetched] = []
    installed: list[Installed] = []
    removed: list[Removed] = []


_NOTHING = _Touched()


def _files(lock: Lock) -> Mapping[NormalizedName, tuple[InstallFile, ...]]:
    """Return the requirement files that bring each package: its own, and that of the tools if it is one of them too."""
    files = install_files(lock)
    own = {package.name: file for file in files if file.step for package in file.packages}
    tools = {package.name: file for file in files if not file.step for package in file.packages}
    return {name: (file, *((tools[name],) if name in tools else ())) for name, file in own.items()}


def _touched(story: Story) -> Mapping[NormalizedName, _Touched]:
    found: dict[NormalizedName, _Touched] = {}
    for step in story.steps:
        for fetched in step.fetched.values():
            found.setdefault(project_of(fetched.file), _Touched()).fetched.append(fetched)
        for put in step.installed.values():
            found.setdefault(canonicalize_name(put.name), _Touched()).installed.append(put)
        for gone in step.removed.values():
            found.setdefault(canonicalize_name(gone.name), _Touched()).removed.append(gone)
    return found


def _answer(question: Question, text: str, package: Package | None, found: Iterable[Finding | _Doubt]) -> Answer:
    told = list(found)
    wrong = tuple(entry for entry in told if isinstance(entry, Finding))
    doubts = tuple(entry.finding for entry in told if isinstance(entry, _Doubt))
    verdict: Verdict = "no" if wrong else "unknown" if doubts else "yes"
    shown = wrong or doubts
    text = shown[0].message if shown else text
    return Answer(question=question, verdict=verdict, text=text, project=package.name if package else None, findings=shown)


def _finding(code: str, message: str, places: tuple[Place, ...], *, hint: str, notes: tuple[str, ...] = ()) -> Finding:
    return Finding(code=code, message=message, places=places, notes=notes, hint=hint)


def _unseen(story: StepStory) -> str | None:
    """Return why a step does not show what it did, None where it does."""
    if story.state == "cached":
        return f"{_step(story)} came from the build cache"
    if story.clipped is not None:
        return f"the output of {_step(story)} was clipped"
    if story.state in {"failed", "canceled"}:
        return f"{_step(story)} {'failed' if story.state == 'failed' else 'was canceled'}"
    return None if story.state == "done" else f"the log ends within {_step(story)}"


def _step(story: StepStory) -> str:
    return _named(story.step)


def _step_of(event: _Touch) -> str:
    return _named(event.step)


def _named(step: LogStep) -> str:
    """Return how the log itself names a step."""
    number = f"{step.number}/{step.total}" if step.total else str(step.number)
    return f"log step [{step.scope} {number}]" if step.scope else f"log step {number}"


def _did(event: _Touch) -> str:
    if isinstance(event, Fetched):
        return f"downloaded {event.file}"
    return f"{'installed' if isinstance(event, Installed) else 'uninstalled'} {event.name} {event.version}"


def _by_uv(story: StepStory) -> bool:
    """Say whether a step's installer is uv, which names files neither when it downloads nor when it installs."""
    return re.search(r"\buv\b", story.step.command) is not None


def _same(found: str, wanted: Version) -> bool:
    try:
        return Version(found) == wanted
    except InvalidVersion:
        return False


def _named_so(found: str, package: Package) -> bool:
    """Say whether an installer told the version in the name of a file that stack.toml names, as uv does."""
    named = parse_filename(package.file.name) if package.direct is not None else None
    return named is not None and _same(found, named.version)


def _bare(url: str) -> str:
    """Return an index's address as it may be compared: without credentials and without a slash at its end."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
