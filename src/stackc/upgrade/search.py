"""Trying moves: each is compiled in memory, for all targets, and what is in the way gives way as far as it may.

Terminology: what *gives way* is an exact pin of a component that the move does not name: it goes to the nearest version that
was seen to fit. What is *given up* is anything else that somebody stated, such as a range or a driver: only if they say so.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import islice
from pathlib import Path

import tomli
from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from stackc.compile import Compiled, Options, compile_targets
from stackc.errors import Finding, IncompatibleError, NoSolutionError, Place, StackcError, UpstreamError, joined
from stackc.init.trios import TRIO
from stackc.manifest.edit import Edit, edited
from stackc.manifest.model import Manifest
from stackc.matrix.facts import PARTNERS
from stackc.project import Project, load_project
from stackc.resolve import Progress, Workshop
from stackc.upgrade.asked import Asked
from stackc.upgrade.builds import Builds
from stackc.upgrade.edits import edits_for
from stackc.upgrade.images import cudas_of
from stackc.upgrade.moves import Move, moves, places_of
from stackc.upgrade.moves import Place as Stand
from stackc.upgrade.nearest import between, refused

__all__ = ["Attempt", "Found", "Given", "Search"]

_MOST_MOVES = 3
_MOST_ROUNDS = 6
_MOST_NEARER = 40
_MOST_FAILURES = 2


class Given(Struct, frozen=True, kw_only=True):
    """One further line that had to change: where it stands, and its values as the file spells them."""

    path: tuple[str, ...]
    old: str
    new: str
    pinned: bool

    @property
    def told(self) -> str:
        """Return the change in one line."""
        return f"{'.'.join(self.path)}: {self.old} → {self.new}"


class Attempt(Struct, frozen=True, kw_only=True):
    """One move as far as it came: the new text, what had to change for it, and how it ended.

    `said` is what was noted while it was compiled, `others` are the moves that came to nothing beside it. `lacking` says that
    it was not tried: some index has not what it takes.
    """

    move: Move
    text: str
    notes: tuple[str, ...]
    given: tuple[Given, ...] = ()
    compiled: tuple[Compiled, ...] = ()
    said: tuple[str, ...] = ()
    error: StackcError | None = None
    others: tuple[Attempt, ...] = ()
    lacking: bool = False

    @property
    def given_up(self) -> tuple[Given, ...]:
        """Return the lines that only somebody's word lets change."""
        return tuple(each for each in self.given if not each.pinned)


class Found(Struct, frozen=True, kw_only=True):
    """The move to take, with the project as it is then."""

    attempt: Attempt
    project: Project


class _Heard:
    """What one compile notes, kept until it is known whether anybody is to hear it; its counts are told at once."""

    def __init__(self, progress: Callable[[str], Progress]) -> None:
        self._progress = progress
        self.lines: list[str] = []

    def of(self, target: str) -> Progress:
        """Return the progress of one target."""
        return _HeardOf(self._progress(target), partial(self._hear, target))

    def _hear(self, target: str, text: str) -> None:
        self.lines.append(f"{target}: {text}")


class _HeardOf(Struct, frozen=True):
    progress: Progress
    note: Callable[[str], None]

    def counts(self, *, pages: int, releases: int, waiting: int) -> None:
        self.progress.counts(pages=pages, releases=releases, waiting=waiting)


class Search(Struct, frozen=True, kw_only=True):
    """What moves are tried with. `workshop` gives the workshop for a manifest, whose indexes may be others."""

    path: Path
    text: str
    project: Project
    today: dt.date
    workshop: Callable[[Manifest], Workshop]
    progress: Callable[[str], Progress]

    def find(self, asked: Asked, targets: Sequence[str], *, relax: bool) -> Found | Attempt | None:
        """Return the first move that fits, or else the best attempt; None where everything is there already.

        A move that gives nothing up goes before one that does, which is found only if it may (`relax`). Raises UsageError where
        the facts know no way, and UpstreamError where an index cannot be asked at all.
        """
        manifest, facts = self.project.manifest, self.project.facts
        places = places_of(manifest, targets, facts=facts)
        images = {target: cudas_of(manifest.targets[target], facts=facts) for target in targets}
        known = {target: cudas for target, cudas in images.items() if cudas is not None}
        tried: list[Attempt] = []
        passed: list[Attempt] = []
        with Builds() as builds:
            for move in moves(places, asked, facts=facts, images=known):
                drafted = self._drafted(move, places)
                if drafted.text == self.text:
                    return None
                lacking = self._lacking(drafted, targets, builds)
                if lacking is not None:
                    passed.append(lacking)
                    continue
                attempt = self._attempt(drafted, targets)
                if attempt.error is None and not attempt.given_up:
                    return self._found(replace(attempt, others=(*tried, *passed)))
                tried.append(attempt)
                if len(tried) == _MOST_MOVES:
                    break
        if not tried:
            nearest, *passed = passed
            tried = [self._told(nearest)]
        fitting = [attempt for attempt in tried if attempt.error is None]
        best = min(fitting, key=lambda attempt: len(attempt.given_up), default=tried[0])
        best = replace(best, others=(*(each for each in tried if each is not best), *passed))
        return self._found(best) if relax and best.error is None else best

    def _found(self, attempt: Attempt) -> Found:
        return Found(attempt=attempt, project=self._load(attempt.text))

    def _load(self, text: str) -> Project:
        return load_project(self.path, today=self.today, text=text)

    def _drafted(self, move: Move, places: Sequence[Stand]) -> _Draft:
        """Return a move as edits, and the text that they give."""
        drafted = edits_for(move, places, self.project.manifest, text=self.text, facts=self.project.facts)
        return _Draft(
            move=move,
            text=edited(self.text, drafted.edits, file=str(self.path)),
            notes=drafted.notes,
            fixed=frozenset(edit.path for edit in drafted.edits if isinstance(edit, Edit)),
        )

    def _lacking(self, draft: _Draft, targets: Sequence[str], builds: Builds) -> Attempt | None:
        """Return how a move ends that needs a torch, or a partner of it, which its index has not."""
        project, heard = self._load(draft.text), _Heard(self.progress)
        workshop = self.workshop(project.manifest)
        found = builds.lacking(project, targets, workshop=workshop, progress=heard.of(targets[0]))
        if not found:
            return None
        return draft.ended(said=tuple(heard.lines), error=NoSolutionError(found), lacking=True)

    def _told(self, lacking: Attempt) -> Attempt:
        """Return a move that lacks something with all else that is in its way."""
        heard = _Heard(self.progress)
        error, _ = self._compile(self._load(lacking.text), heard, settled=lambda _: True)
        found = [each for each in (error, lacking.error) if each is not None]
        return replace(lacking, error=joined(found), said=tuple(dict.fromkeys((*lacking.said, *heard.lines))))

    def _attempt(self, draft: _Draft, targets: Sequence[str]) -> Attempt:
        """Return how a move ends, after as many rounds as it takes until nothing more is in the way, or cannot give way."""
        text, given = draft.text, dict[tuple[str, ...], Given]()
        for _ in range(_MOST_ROUNDS):
            project, heard = self._load(text), _Heard(self.progress)
            own = partial(_is_own, fixed=draft.fixed | given.keys(), manifest=project.manifest, targets=targets)
            error, compiled = self._compile(project, heard, settled=own)
            ended = draft.ended(text=text, given=tuple(given.values()), compiled=compiled, said=tuple(heard.lines), error=error)
            if error is None:
                return self._nearer(ended, targets)
            changes = _ways_out(error, project.manifest, targets)
            if not changes:
                break
            given |= {each.path: each for each in changes}
            text = edited(text, [_edit(each) for each in changes], file=str(self.path))
        return ended

    def _nearer(self, attempt: Attempt, targets: Sequence[str]) -> Attempt:
        """Return an attempt whose pins that gave way are as near to the old ones as can be seen at once."""
        for given in attempt.given:
            if given.pinned:
                attempt = self._nearest(attempt, given, targets)
        return attempt

    def _nearest(self, attempt: Attempt, given: Given, targets: Sequence[str]) -> Attempt:
        project, failed = self._load(attempt.text), 0
        old, new = (_plain(text).removeprefix("==") for text in (given.old, given.new))
        name, workshop = given.path[-2], self.workshop(project.manifest)
        having = project.manifest.having(canonicalize_name(name))
        target = next((each for each in targets if each in having), targets[0])
        for version in islice(between(project, workshop, target, name=name, old=old, new=new), _MOST_NEARER):
            nearer = replace(given, new=json.dumps(f"=={version}"))
            text = edited(attempt.text, [_edit(nearer)], file=str(self.path))
            project = self._load(text)
            if refused(project, targets):
                continue
            heard = _Heard(self.progress)
            error, compiled = self._compile(project, heard, settled=lambda _: True)
            if error is None:
                rest = tuple(nearer if each is given else each for each in attempt.given)
                return replace(attempt, text=text, given=rest, compiled=compiled, said=tuple(heard.lines))
            failed += 1
            if failed == _MOST_FAILURES:
                break
        return attempt

    def _compile(
        self, project: Project, heard: _Heard, *, settled: Callable[[Place], bool]
    ) -> tuple[StackcError | None, tuple[Compiled, ...]]:
        try:
            compiled = compile_targets(
                list(project.manifest.targets),
                project,
                workshop=self.workshop(project.manifest),
                progress=heard.of,
                options=Options(dry_run=True, settled=settled),
            )
        except (IncompatibleError, NoSolutionError, UpstreamError) as error:
            return error, ()
        return None, compiled


class _Draft(Struct, frozen=True, kw_only=True):
    """A move as an edit of the text, and the key paths that it sets."""

    move: Move
    text: str
    notes: tuple[str, ...]
    fixed: frozenset[tuple[str, ...]]

    def ended(
        self,
        *,
        text: str | None = None,
        given: tuple[Given, ...] = (),
        compiled: tuple[Compiled, ...] = (),
        said: tuple[str, ...] = (),
        error: StackcError | None = None,
        lacking: bool = False,
    ) -> Attempt:
        """Return how it ended."""
        return Attempt(
            move=self.move,
            text=self.text if text is None else text,
            notes=self.notes,
            given=given,
            compiled=compiled,
            said=said,
            error=error,
            lacking=lacking,
        )


def _is_own(place: Place, *, fixed: AbstractSet[tuple[str, ...]], manifest: Manifest, targets: Sequence[str]) -> bool:
    """Say whether a place is the move's own: torch, what belongs to it, its index, and all else that was changed for it."""
    path = tuple(map(str, place.path))
    match path:
        case ("indexes", *_):
            return True
        case (*_, "components", name, _) if canonicalize_name(name) in {TRIO[0], *PARTNERS}:
            return True
        case ("components", _):
            return False  # that a component is there at all, which no repair changes
        case _:
            return not fixed.isdisjoint(_for_targets(path, manifest, targets))


def _ways_out(error: StackcError, manifest: Manifest, targets: Sequence[str]) -> list[Given]:
    """Return the changes for what is in the way, nothing if a part of it has none that may be taken."""
    found: dict[tuple[str, ...], Given] = {}
    for finding in error.findings:
        if finding.severity != "error":
            continue
        best = min(_ways(finding, manifest), key=lambda way: not way.pinned, default=None)
        if best is None:
            return []
        found |= {path: replace(best, path=path) for path in _for_targets(best.path, manifest, targets)}
    return list(found.values())


def _ways(finding: Finding, manifest: Manifest) -> Iterator[Given]:
    """Yield the repairs of a finding as changes of the manifest's lines."""
    by_line = {_subject(place.path): place for place in finding.places}
    for repair in finding.repairs:
        place = by_line.get(repair.what)
        if place is None or not all(isinstance(key, str) for key in place.path):
            continue
        path = tuple(map(str, place.path))
        component = manifest.components.get(canonicalize_name(path[-2])) if "components" in path else None
        pinned = path[-1] == "version" and component is not None and _exact(repair.old)
        yield Given(path=path, old=repair.old, new=repair.new, pinned=pinned)


def _for_targets(path: tuple[str, ...], manifest: Manifest, targets: Sequence[str]) -> list[tuple[str, ...]]:
    """Return where a line is changed for the targets that move alone: what others share stays as it is for them."""
    if path[0] != "components":
        return [path]
    having = manifest.having(canonicalize_name(path[1]))
    if set(having) <= set(targets):
        return [path]
    moving = [target for target in targets if target in having and not _overrides(manifest, target, path)]
    return [("targets", target, *path) for target in moving]


def _overrides(manifest: Manifest, target: str, path: tuple[str, ...]) -> bool:
    _, name, key = path
    overrides = manifest.targets[target].overrides
    return any(each.name == canonicalize_name(name) and getattr(each, key) is not None for each in overrides)


def _subject(path: tuple[str | int, ...]) -> str:
    """Return how a repair names the line of a key path."""
    match path:
        case (*_, "components", str(name), "version"):
            return name
        case (*_, "components", str(name), "extras"):
            return f"{name} extras"
        case (*_, key):
            return str(key)
        case _:
            return ""


def _exact(spelled: str) -> bool:
    text = _plain(spelled)
    return text.startswith("==") and "," not in text and not text.endswith(".*")


def _plain(spelled: str) -> str:
    return str(tomli.loads(f"value = {spelled}")["value"])


def _edit(given: Given) -> Edit:
    value = tomli.loads(f"value = {given.new}")["value"]
    return Edit(given.path, tuple(value) if isinstance(value, list) else value)
