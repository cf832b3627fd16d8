"""Curation: from all files of a project to the releases that one target can install, each with its best file.

Pure, and written for speed: the pages of an ordinary stack list some 90,000 files. Wheel tags, Requires-Python and versions
repeat, so each distinct text is judged once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cache, cached_property
from typing import Literal

from msgspec import Struct
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import InvalidTag, parse_tag
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.target import Target, supported_tags
from stackc.upstream.simple import FileRow
from stackc.view.candidates import Candidate, CandidateLists, Candidates
from stackc.view.filenames import NO_BUILD, Build, parse_version, split_sdist, split_wheel, version_of

__all__ = [
    "TOO_NEW",
    "Curation",
    "Curations",
    "Listed",
    "Misfit",
    "Rejection",
    "moment_of",
]

_REVISION = 3
"""Part of every curation's key: raise it when the rules of this module change, so that cached results are made anew."""

TOO_NEW = "it was uploaded after `exclude-newer`"
"""How a rejection begins that the cut-off alone is the reason for."""

_Order = tuple[int, Build, str]
"""What makes one file of a release better than another, the higher the better."""


_Fit = tuple[int, Build]
"""How well a file's tags fit a target, the lower the better, and its build tag."""

_Fits = tuple[tuple[int, _Fit], ...]
"""The curations that a file fits by their number, and how well."""

_Usable = tuple[str, FileRow, _Fits]
"""A file with its version as its name spells it, and the curations that can use it."""

_UNJUDGED: _Fits = ((-1, (-1, NO_BUILD)),)


class Rejection(Struct, frozen=True):
    """Why a release that its index lists is not shown to the engine."""

    version: Version
    reason: str


class Misfit(Struct, frozen=True):
    """Why no file of a release can be installed on the target, and the key of the manifest that decides it."""

    text: str
    key: Literal["python", "base", "sdists"]


class Listed(Struct, frozen=True, kw_only=True):
    """One release as its index lists it, whether the target can install it or not.

    `misfit` says why no file of it can be installed on the target, None where one can. `too_new` says that those which could,
    or all where none can, were uploaded after the cut-off; `uploaded` is the first moment of these. `yanked` says that all
    files were, with the index's reason if it gives one.
    """

    version: Version
    misfit: Misfit | None = None
    too_new: bool = False
    uploaded: str | None = None
    yanked: bool | str = False


class Curation:
    """The rules by which one target looks at index pages: tags, Requires-Python, cut-off date, yanked files, sdists."""

    def __init__(
        self,
        target: Target,
        *,
        exclude_newer: dt.datetime | None = None,
        sdists: Iterable[NormalizedName] = (),
    ) -> None:
        self._target = target
        self._ranks = {str(tag): rank for rank, tag in enumerate(supported_tags(target))}
        self._python = target.python_full
        self._cutoff = exclude_newer.astimezone(dt.timezone.utc) if exclude_newer else None
        self._cutoff_text = self._cutoff.strftime("%Y-%m-%dT%H:%M:%S") if self._cutoff else None
        self._sdists = frozenset(sdists)
        self._rank_of: dict[str, int | None] = {}
        self._admits: dict[str, bool] = {}
        self._worst = len(self._ranks)
        self._alone = Curations((self,))

    @cached_property
    def key(self) -> str:
        """Return a digest of all that decides a page's outcome, the page itself aside."""
        parts = (
            str(_REVISION),
            str(self._target.python),
            self._target.platform,
            str(self._target.glibc),
            str(self._cutoff),
            " ".join(sorted(self._sdists)),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def curate(self, project: NormalizedName, files: Iterable[FileRow]) -> Candidates:
        """Return the best file of each release that the target can install, the newest release first.

        Yanked files are kept, marked as such: whether one may be used is known only where it is asked for (PEP 592).
        """
        return self._alone.curate(project, files)[self.key]

    def rejections(self, project: NormalizedName, files: Iterable[FileRow]) -> list[Rejection]:
        """Return each release of which no file is shown, with the reason that holds for most of its files, newest first."""
        kept = {Version(candidate.version) for candidate in self.curate(project, files)}
        reasons: dict[Version, dict[str, int]] = {}
        for file in files:
            version, reason = self._judge(project, file)
            if version is not None and version not in kept:
                counts = reasons.setdefault(version, {})
                counts[reason] = counts.get(reason, 0) + 1
        return [
            Rejection(version, max(counts, key=lambda reason: (counts[reason], reason)))
            for version, counts in sorted(reasons.items(), reverse=True)
        ]

    def listed(self, project: NormalizedName, files: Iterable[FileRow], *, above: Version) -> list[Listed]:
        """Return each release above a version that an index lists, the newest first."""
        found: dict[Version, list[tuple[FileRow, Misfit | None]]] = {}
        for file in files:
            version = version_of(project, file.filename)
            if version is not None and version > above:
                found.setdefault(version, []).append((file, self._misfit(project, file)))
        return [self._listed(version, found[version]) for version in sorted(found, reverse=True)]

    def _listed(self, version: Version, files: list[tuple[FileRow, Misfit | None]]) -> Listed:
        misfits = [misfit for _, misfit in files if misfit is not None]
        fits = len(misfits) < len(files)
        usable = [file for file, misfit in files if misfit is None or not fits]
        yanked = [file.yanked for file, _ in files if file.yanked]
        reasons = [reason for reason in yanked if isinstance(reason, str)]
        return Listed(
            version=version,
            misfit=None if fits else max(misfits, key=lambda misfit: (misfits.count(misfit), misfit.text)),
            too_new=all(self.too_new(file.upload_time) for file in usable),
            uploaded=min((file.upload_time for file in usable if file.upload_time is not None), default=None),
            yanked=next(iter(reasons), True) if len(yanked) == len(files) else False,
        )

    def _misfit(self, project: NormalizedName, file: FileRow) -> Misfit | None:
        """Return why a file cannot be installed on the target, whenever it was uploaded; None where it can."""
        if file.requires_python is not None and not self.admits_python(file.requires_python):
            return Misfit(f"it needs Python {file.requires_python}", "python")
        parsed = split_wheel(file.filename)
        if parsed is None:
            return None if project in self._sdists else Misfit(_NO_WHEEL, "sdists")
        return None if self._tag_rank(parsed[3]) is not None else Misfit(f"its wheels do not fit {self._words}", "base")

    def fit(self, tail: str) -> _Fit | None:
        """Return how well a wheel fits by what follows name and version in its file name; None if it does not fit."""
        parsed = _split_tail(tail)
        rank = self._tag_rank(parsed[1]) if parsed is not None else None
        return (rank, parsed[0]) if parsed is not None and rank is not None else None

    def fit_of_sdist(self, project: NormalizedName) -> _Fit | None:
        """Return how well an sdist of a project fits: worse than any wheel, and not at all unless the policy names it."""
        return (self._worst, NO_BUILD) if project in self._sdists else None

    def order(self, file: FileRow, fit: _Fit) -> _Order:
        """Return what to compare a file by that fits: one that was yanked is worse than all that were not."""
        return (-fit[0] - (self._worst + 1 if file.yanked else 0), fit[1], file.filename)

    def _tag_rank(self, tags: str) -> int | None:
        if tags not in self._rank_of:
            self._rank_of[tags] = self._rank_expanded(tags)
        return self._rank_of[tags]

    def _rank_expanded(self, tags: str) -> int | None:
        ranks = self._ranks
        return min((ranks[tag] for tag in _expanded(tags) if tag in ranks), default=None)

    @property
    def cutoff(self) -> dt.datetime | None:
        """Return the moment from which on files are too new."""
        return self._cutoff

    def admits_python(self, text: str) -> bool:
        """Say whether a Requires-Python admits the target's Python."""
        if text not in self._admits:
            try:
                self._admits[text] = SpecifierSet(text).contains(self._python, prereleases=True)
            except InvalidSpecifier:
                self._admits[text] = True  # pip takes an unreadable Requires-Python for none
        return self._admits[text]

    def too_new(self, uploaded: str | None) -> bool:
        """Say whether a file came after the cut-off; a file without a moment of upload counts as old enough."""
        if uploaded is None or self._cutoff_text is None:
            return False
        seconds = uploaded[:19]
        if seconds != self._cutoff_text and uploaded[10:11] == "T" and uploaded[-1] == "Z":
            return seconds > self._cutoff_text
        moment = moment_of(uploaded)
        return moment is not None and self._cutoff is not None and moment > self._cutoff

    def _judge(self, project: NormalizedName, file: FileRow) -> tuple[Version | None, str]:
        parsed = split_wheel(file.filename)
        if parsed is None:
            sdist = split_sdist(project, file.filename)
            version, reason = (sdist[1] if sdist else None), _NO_WHEEL
        else:
            version = parsed[1] if canonicalize_name(parsed[0]) == project else None
            reason = f"its wheels do not fit {self._words}"
        if file.requires_python is not None and not self.admits_python(file.requires_python):
            reason = f"it needs Python {file.requires_python}"
        elif self.too_new(file.upload_time):
            reason = f"{TOO_NEW}, on {(file.upload_time or '')[:10]}"
        try:
            return (Version(version) if version else None), reason
        except InvalidVersion:
            return None, reason

    @property
    def _words(self) -> str:
        python = f"Python {self._target.python_minor[0]}.{self._target.python_minor[1]}"
        return f"{python} on {self._target.platform} with glibc {self._target.glibc[0]}.{self._target.glibc[1]}"


_NO_WHEEL = "it has no wheel, and `[policy] sdists` does not name the project"


@cache
def _split_tail(tail: str) -> tuple[Build, str] | None:
    """Return build tag and compressed tags of a wheel by what follows name and version in its file name."""
    parsed = split_wheel(f"n-0-{tail}")
    return (parsed[2], parsed[3]) if parsed is not None else None


@cache
def _expanded(tags: str) -> tuple[str, ...]:
    """Return each of the tags that compressed tags stand for; none where they cannot be read."""
    try:
        return tuple(str(tag) for tag in parse_tag(tags))
    except (InvalidTag, ValueError):
        return ()


class Curations:
    """Several curations, by which a page is judged in one pass: most of its files are for none of their targets."""

    def __init__(self, curations: Iterable[Curation] = ()) -> None:
        self._all: list[Curation] = list(curations)
        self._fits: dict[str, _Fits] = {}
        self._fits_for: dict[tuple[_Fits, str], _Fits] = {}
        self._same_cutoff = len({curation.cutoff for curation in self._all}) == 1

    def add(self, curation: Curation) -> None:
        """Judge by one more, unless one of the same key is there already."""
        if all(known.key != curation.key for known in self._all):
            self._all.append(curation)
            self._fits.clear()
            self._fits_for.clear()
            self._same_cutoff = len({known.cutoff for known in self._all}) == 1

    def curate(self, project: NormalizedName, files: Iterable[FileRow]) -> dict[str, Candidates]:
        """Return what each curation makes of the files, by its key; see `Curation.curate`. What is the same is one list."""
        usable: dict[str, list[_Usable]] = {}
        ours: dict[str, bool] = {}
        known = self._fits
        sdist_fits = self._having(curation.fit_of_sdist(project) for curation in self._all)
        for file in files:  # most files are for other platforms and Pythons: what follows name and version tells, and recurs
            name, _, rest = file.filename.partition("-")
            version, _, tail = rest.partition("-")
            fits = known.get(tail, _UNJUDGED)
            if fits is _UNJUDGED:
                fits = known[tail] = self._having(curation.fit(tail) for curation in self._all)
            if not fits:
                sdist = split_sdist(project, file.filename) if sdist_fits else None
                if sdist is None:
                    continue
                (name, version), fits = sdist, sdist_fits
            if name not in ours:
                ours[name] = canonicalize_name(name) == project
            if ours[name] and (fits := self._admitting(file, fits)):
                usable.setdefault(version, []).append((version, file, fits))
        lists = CandidateLists(len(self._all))
        for texts in _newest_first(usable):
            release = [each for text in texts for each in usable[text]]
            text, file, fits = release[0]
            if len(release) == 1 and len(fits) == len(self._all):  # as most are: one wheel for all
                lists.append_to_all(Candidate(str(parse_version(text)), file))
            else:
                lists.append(self._best(release))
        return {curation.key: made for curation, made in zip(self._all, lists.all(), strict=True)}

    def _admitting(self, file: FileRow, fits: _Fits) -> _Fits:
        """Return those of the curations whose tags a file fits that admit its Requires-Python and its moment of upload."""
        python = file.requires_python
        if python is not None:
            key = (fits, python)
            if key not in self._fits_for:
                self._fits_for[key] = tuple(each for each in fits if self._all[each[0]].admits_python(python))
            fits = self._fits_for[key]
        if self._same_cutoff:
            return () if self._all[0].too_new(file.upload_time) else fits
        return tuple(each for each in fits if not self._all[each[0]].too_new(file.upload_time))

    def _best(self, usable: list[_Usable]) -> dict[int, Candidate]:
        """Return the best of a release's files for each curation that has any, by its number."""
        best: dict[int, tuple[_Order, Candidate]] = {}
        for text, file, fits in usable:
            candidate = Candidate(str(parse_version(text)), file)
            for number, fit in fits:
                order = self._all[number].order(file, fit)
                if number not in best or order > best[number][0]:
                    best[number] = (order, candidate)
        return {number: candidate for number, (_, candidate) in best.items()}

    @staticmethod
    def _having(fits: Iterable[_Fit | None]) -> _Fits:
        return tuple((number, fit) for number, fit in enumerate(fits) if fit is not None)


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?")


def moment_of(uploaded: str) -> dt.datetime | None:
    """Return an RFC 3339 moment in UTC; None where it is not one. What is finer than a microsecond is rounded up."""
    match = _MOMENT.fullmatch(uploaded)
    if match is None:
        return None
    day, time, fraction, zone = match.groups()
    zone = "+00:00" if zone in {None, "Z", "z"} else zone
    try:
        moment = dt.datetime.fromisoformat(f"{day}T{time}{zone}").astimezone(dt.timezone.utc)
        return moment + dt.timedelta(microseconds=_microseconds(fraction or ""))
    except (ValueError, OverflowError):
        return None


def _microseconds(fraction: str) -> int:
    """Return the decimals of a second as microseconds, rounded up."""
    return int(f"{fraction[:6]:0<6}") + bool(fraction[6:].strip("0"))


def _newest_first(texts: Iterable[str]) -> list[list[str]]:
    """Return the texts that are versions, the newest first, all together that spell the same one."""
    spellings: dict[Version, list[str]] = {}
    for text in texts:
        with suppress(InvalidVersion):
            spellings.setdefault(parse_version(text), []).append(text)
    return [spellings[version] for version in sorted(spellings, reverse=True)]
