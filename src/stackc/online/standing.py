"""How what is locked stands with its indexes: files gone, changed or yanked; projects gone, in quarantine or given up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from packaging.utils import NormalizedName

from stackc.errors import Finding, Place
from stackc.layout import LOCK, lock_folder
from stackc.lock.model import Lock, Package
from stackc.manifest.model import Component, Manifest
from stackc.matrix.places import place_of_version
from stackc.online.answers import Answer, Gone, Listing, NotAsked, Subject
from stackc.upstream.simple import FileRow, ProjectStatus

__all__ = ["Locked", "findings_of", "locked_in", "subject_of"]

_NAMED = 5


class Locked(Struct, frozen=True):
    """One locked file with all places that lock it: a component's line in the manifest first, then the locks."""

    package: Package
    places: tuple[Place, ...]


def subject_of(locked: Locked) -> Subject:
    """Return what has to be asked for a locked file."""
    return Subject(locked.package.index or "", locked.package.name)


def locked_in(locks: Iterable[Lock], manifest: Manifest) -> tuple[Locked, ...]:
    """Return every file of an index that the locks of some targets have, tools included, each once, by index and project."""
    found: dict[tuple[str, NormalizedName, str], tuple[Package, list[Place]]] = {}
    for lock in locks:
        components = {each.name: each for each in manifest.components_for(lock.target.name)}
        for table, packages in (("tool", lock.tools), ("package", lock.packages)):
            for package in packages:
                if package.index is None:
                    continue
                key = (package.index, package.name, package.file.name)
                places = found.setdefault(key, (package, []))[1]
                places.extend(_places(package, components.get(package.name), lock, table, manifest))
    return tuple(Locked(package, _own_first(places)) for _, (package, places) in sorted(found.items()))


def _places(package: Package, component: Component | None, lock: Lock, table: str, manifest: Manifest) -> Iterator[Place]:
    if component is not None:
        yield place_of_version(component, places=manifest.places, target=lock.target.name)
    yield Place(file=f"{lock_folder(lock.target.name)}/{LOCK}", path=(table, package.name))


def _own_first(places: Iterable[Place]) -> tuple[Place, ...]:
    return tuple(sorted(dict.fromkeys(places), key=lambda place: place.file.endswith(LOCK)))


def findings_of(locked: Iterable[Locked], answers: Mapping[Subject, Answer], manifest: Manifest) -> tuple[Finding, ...]:
    """Return what the indexes' answers say of what is locked; nothing means that all of it is as it was locked."""
    by_subject: dict[Subject, list[Locked]] = {}
    for each in locked:
        by_subject.setdefault(subject_of(each), []).append(each)
    unasked = {subject: answer for subject in by_subject if isinstance(answer := answers[subject], NotAsked)}
    told = [finding for subject, found in by_subject.items() for finding in _told(subject, found, answers[subject])]
    return (*told, *_not_asked(unasked, manifest))


def _told(subject: Subject, locked: Sequence[Locked], answer: Answer) -> Iterator[Finding]:
    places = tuple(dict.fromkeys(place for each in locked for place in each.places))
    match answer:
        case Gone():
            yield _gone(subject, places)
        case Listing(_, status) if status.status == "quarantined":
            yield _quarantined(subject, places, status.reason)
        case Listing(files, status):
            for each in locked:
                yield from _of_file(each, files)
            yield from _of_state(subject, places, status)


def _of_file(locked: Locked, files: Mapping[str, FileRow]) -> Iterator[Finding]:
    file, package = locked.package.file, locked.package
    row = files.get(file.name)
    if row is None:
        yield Finding(
            code="S820",
            message=f"`{file.name}` is no longer on index `{package.index}`",
            places=locked.places,
            notes=(f"the index still has {_counted(len(files), 'other file')} of `{package.name}`",),
            hint=f"build from a mirror that kept it, or lock one that the index has: `stackc compile --upgrade {package.name}`",
        )
        return
    listed = (row.hashes.sha256 or "").lower()
    if listed and listed != file.sha256:
        yield Finding(
            code="S821",
            message=f"`{file.name}` on index `{package.index}` is no longer the file that was locked",
            places=locked.places,
            wanted=f"sha256 {file.sha256}",
            found=f"sha256 {listed}",
            hint="install nothing from this index until its publisher explains the change",
        )
    if row.yanked:
        yield _yanked(locked, row.yanked)


def _yanked(locked: Locked, reason: str | bool) -> Finding:  # noqa: FBT001 (an index gives a reason, or none)
    package = locked.package
    return Finding(
        code="S822",
        message=f"`{package.name}` {package.version} was yanked from index `{package.index}`",
        places=locked.places,
        notes=_reason(reason if isinstance(reason, str) else None),
        hint=f"read why, and lock another release: `stackc compile --upgrade {package.name}` takes no yanked one",
        severity="warning",
    )


def _gone(subject: Subject, places: tuple[Place, ...]) -> Finding:
    return Finding(
        code="S823",
        message=f"index `{subject.index}` no longer has the project `{subject.project}`",
        places=places,
        hint="where all projects of an index are gone, look at its address; else find out why before replacing it",
    )


def _quarantined(subject: Subject, places: tuple[Place, ...], reason: str | None) -> Finding:
    return Finding(
        code="S824",
        message=f"index `{subject.index}` has put `{subject.project}` in quarantine, and offers no file of it",
        places=places,
        notes=_reason(reason),
        hint="treat images that hold it as suspect until the index says why, and take it out of the stack",
    )


def _of_state(subject: Subject, places: tuple[Place, ...], status: ProjectStatus) -> Iterator[Finding]:
    """Yield what a project's state means for its users; a state that PEP 792 does not have means nothing here."""
    codes = {"archived": ("S825", "is archived: no release will follow"), "deprecated": ("S826", "is deprecated")}
    if status.status in codes:
        code, what = codes[status.status]
        yield Finding(
            code=code,
            message=f"`{subject.project}` {what}, says index `{subject.index}`",
            places=places,
            notes=_reason(status.reason),
            hint="what is locked can still be installed; look for what takes its place",
            severity="warning",
        )


def _reason(reason: str | None) -> tuple[str, ...]:
    return (f"the index's reason: {reason}",) if reason else ()


def _not_asked(unasked: Mapping[Subject, NotAsked], manifest: Manifest) -> Iterator[Finding]:
    """Yield one finding for each index that could not be asked about all that is locked from it, and for each reason."""
    by_reason: dict[tuple[str, str], list[Subject]] = {}
    for subject, answer in unasked.items():
        by_reason.setdefault((subject.index, _why(subject, answer.finding)), []).append(subject)
    for (index, why), subjects in by_reason.items():
        names = [subject.project for subject in subjects]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield Finding(
            code="S827",
            message=f"index `{index}` could not be asked about {_counted(len(names), 'locked project')}",
            places=(manifest.places.at("indexes", index, "url"),) if manifest.indexes[index].url else (),
            notes=(f"not known of: {', '.join(names[:_NAMED])}{more}", why),
            hint="this says nothing about what is locked: ask again where and when the index answers",
        )


def _why(subject: Subject, finding: Finding) -> str:
    """Return why a question failed, so that what failed alike for many projects reads alike."""
    told = "; ".join((finding.message, *finding.notes))
    return told.replace(f"/{subject.project}/", "/PROJECT/").replace(f"`{subject.project}`", "a project")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
