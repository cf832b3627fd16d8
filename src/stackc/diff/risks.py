"""What of a comparison is dangerous: one finding per kind of danger, or per file that is not the one that it was.

A finding of several projects names them in its notes. Each place is the pin's line in the head's lock, as far as it has one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from stackc.diff.abi import foreign_builds
from stackc.diff.builds import torch_build
from stackc.diff.likeness import imitated
from stackc.diff.model import Change, Move, Pin
from stackc.diff.pins import BY_FILE
from stackc.errors import Finding, Place
from stackc.lock.model import Lock
from stackc.manifest.shown import cut
from stackc.matrix.facts import Facts

__all__ = ["Risky", "Watch", "risks"]

_MOST_NAMED = 12


class Watch(Struct, frozen=True, kw_only=True):
    """What a pin is held against: well-known names with their known imitations, the moment of the comparison, and recent days.

    `known` is asked where a project is new.
    """

    known: Callable[[], Mapping[str, Collection[str]]] = dict
    now: dt.datetime | None = None
    recent_days: int = 7


class Risky(Struct, frozen=True, kw_only=True):
    """The changes, the locks of the targets that have both, and where each pin stands in the head's locks.

    `edited` are the locks beside which generated files were edited, with these files as far as they can be named. `introduced`
    are the pins of projects that no lock of the base has, `settled` the projects that one has.
    """

    changes: Sequence[Change]
    pairs: Sequence[tuple[str, Lock, Lock]]
    introduced: Sequence[tuple[str, Pin]]
    settled: Collection[str]
    edited: Sequence[tuple[Place, tuple[str, ...]]]
    facts: Facts
    at: Callable[[str, str, str], Place]


def risks(case: Risky, watch: Watch) -> tuple[Finding, ...]:
    """Return what is dangerous, the worst first."""
    found = [
        *_replaced(case),
        *_edited(case),
        *_imitations(case, watch),
        *_left_behind(case),
        *_labels(case),
        *_bases(case),
        *_indexes(case),
        *_listed(case, "S805", "goes back to an older release", "go back to an older release", _is_downgrade, _versions),
        *_unfinished(case),
        *_listed(case, "S814", "was yanked from its index", "were yanked from their index", _is_yanked, _yanked),
        *_recent(case, watch),
        *_listed(case, "S807", "moves to another major version", "move to another major version", _is_major, _versions),
    ]
    return tuple(sorted(found, key=lambda finding: finding.severity))


def _replaced(case: Risky) -> Iterator[Finding]:
    """Yield each file or hash that moved under one version, unless the target asked for another wheel."""
    for change in case.changes:
        old, new = change.move.before, change.move.after
        if change.kind != "replaced" or old is None or new is None:
            continue
        if old.file.name == new.file.name:
            yield _other_hash(old, new, places=_places(case, change))
        else:
            yield Finding(
                code="S801",
                message=f"`{new.name}` {new.version} is another file than before, and the target did not ask for one",
                places=_places(case, change),
                wanted=old.file.name,
                found=new.file.name,
                hint="see on its index when the new file was added to the release, and by whom",
                severity="warning",
            )


def _other_hash(old: Pin, new: Pin, *, places: tuple[Place, ...]) -> Finding:
    never = "a published file never changes by right: do not merge before its index or its project has explained it"
    another = f"index `{new.index}` has another file of that name than `{old.index}`: see which the project published"
    return Finding(
        code="S800",
        message=f"`{new.name}` {new.version} has another hash under the same file name",
        places=places,
        wanted=f"sha256:{old.file.sha256}",
        found=f"sha256:{new.file.sha256}",
        notes=(f"the file is {new.file.name}",),
        hint=never if old.index == new.index else another,
    )


def _edited(case: Risky) -> Iterator[Finding]:
    for lock, names in case.edited:
        folder = lock.file.rpartition("/")[0]
        yield Finding(
            code="S815",
            message=f"a generated file in `{folder}` is not the one that the lock was rendered to",
            places=tuple(Place(file=f"{folder}/{name}") for name in names) or (lock,),
            hint="what is built is not what the lock says: `stackc check` shows the edit, and `stackc compile` takes it back",
        )


def _imitations(case: Risky, watch: Watch) -> Iterator[Finding]:
    if not case.introduced:
        return
    first = {str(pin.name): (target, pin) for target, pin in reversed(case.introduced)}
    for name, original in imitated(first, {**dict.fromkeys(case.settled, ()), **watch.known()}).items():
        target, pin = first[name]
        yield Finding(
            code="S808",
            message=f"`{name}` is new, and its name is made like that of the well-known `{original}`",
            places=(case.at(target, pin.part, name),),
            hint=f"if `{original}` was meant, correct what requires it; else look at the project on its index first",
            severity="warning",
        )


def _left_behind(case: Risky) -> Iterator[Finding]:
    for target, before, after in case.pairs:
        known = {(build.name, build.text) for build in foreign_builds(before)}
        for build in foreign_builds(after):
            if (build.name, build.text) not in known or _torch_of(before) != _torch_of(after):
                yield Finding(
                    code="S804",
                    message=f"`{build.name}` is built for {build.built_for}, and {build.beside} stands beside it",
                    places=(case.at(target, "package", build.name),),
                    notes=(f"its file is {build.file}",),
                    hint=f"move `{build.name}` to a build for {build.beside}, or take torch back",
                )


def _torch_of(lock: Lock) -> object:
    package = next((package for package in lock.packages if package.name == "torch"), None)
    return package and package.version


def _labels(case: Risky) -> Iterator[Finding]:
    for target, before, after in case.pairs:
        old, new = torch_build(before, facts=case.facts), torch_build(after, facts=case.facts)
        if old is None or new is None or (old.version.local, old.cuda) == (new.version.local, new.cuda):
            continue
        builds = " → ".join(_built(build.version, build.cuda) for build in (old, new))
        yield Finding(
            code="S803",
            message=f"torch in target `{target}` is another build: {builds}",
            places=(case.at(target, "package", "torch"),),
            hint="check that driver, base image and all that is compiled against torch go with it",
            severity="warning",
        )


def _built(version: object, cuda: object) -> str:
    return f"{version} for CUDA {cuda}" if cuda is not None else f"{version} without CUDA"


def _bases(case: Risky) -> Iterator[Finding]:
    """Yield where base image and wheels are of two CUDA versions after one of them moved alone."""
    for target, before, after in case.pairs:
        old, new = torch_build(before, facts=case.facts), torch_build(after, facts=case.facts)
        if old is None or new is None or new.cuda is None or after.target.cuda in {None, str(new.cuda)}:
            continue
        base_moved, wheels_moved = before.target.cuda != after.target.cuda, old.cuda != new.cuda
        if base_moved == wheels_moved:
            continue
        which = ("S811", "the base image", "torch's wheels") if base_moved else ("S812", "torch's wheels", "the base image")
        code, moved, stayed = which
        yield Finding(
            code=code,
            message=f"{moved} moved to another CUDA in target `{target}`, and {stayed} did not",
            places=(case.at(target, "package", "torch"),),
            notes=(f"the base image has CUDA {after.target.cuda}, torch is built for {new.cuda}",),
            hint="move both in one edit, unless the two are known to go together",
            severity="warning",
        )


def _source(index: str, *, short: bool = False) -> str:
    """Return in words where a pin's file comes from."""
    if index.endswith(BY_FILE):
        return f"the {index}"
    return f"`{index}`" if short else f"index `{index}`"


def _indexes(case: Risky) -> Iterator[Finding]:
    routes: dict[tuple[str, str], list[Change]] = {}
    for change in case.changes:
        old, new = change.move.before, change.move.after
        if old is not None and new is not None and old.index != new.index:
            routes.setdefault((old.index, new.index), []).append(change)
    for (old_index, new_index), changes in routes.items():
        several = len(changes) > 1
        subject = f"{len(changes)} projects come" if several else f"`{changes[0].move.name}` comes"
        yield Finding(
            code="S802",
            message=f"{subject} from {_source(new_index)} now, no longer from {_source(old_index, short=True)}",
            places=_all_places(case, changes),
            notes=tuple(_named(changes, _versions)) if several else (),
            hint="another index may hold another file under the same name and version: check that the edit means it",
            severity="warning",
        )


def _unfinished(case: Risky) -> Iterator[Finding]:
    def unfinished(move: Move) -> bool:
        return move.after is not None and move.after.version.is_prerelease and not _same_version(move)

    yield from _listed(case, "S806", "is a pre-release", "are pre-releases", unfinished, _versions)


def _recent(case: Risky, watch: Watch) -> Iterator[Finding]:
    """Yield what was uploaded shortly before the moment at which the indexes were looked at, or before now."""
    moments = [after.exclude_newer for _target, _before, after in case.pairs if after.exclude_newer is not None]
    moment = min([*moments, *((watch.now,) if watch.now is not None else ())], default=None)
    if moment is None:
        return
    since = moment - dt.timedelta(days=watch.recent_days)

    def recent(move: Move) -> bool:
        new = move.after
        if new is None or new.file.uploaded is None or new.file.uploaded <= since:
            return False
        return move.before is None or move.before.file != new.file

    days = f"{watch.recent_days} day{'' if watch.recent_days == 1 else 's'}"
    words = f"uploaded less than {days} before being locked"
    yield from _listed(case, "S809", f"was {words}", f"were {words}", recent, _upload)


def _upload(move: Move) -> str:
    new = move.after
    moment = new.file.uploaded if new is not None else None
    return f"{new.version if new else ''}, {moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _is_yanked(move: Move) -> bool:
    """Say whether a move is to a yanked file; one that was known to be yanked is no news."""
    new = move.after
    return new is not None and bool(new.file.yanked) and not (_same_version(move) and move.before and move.before.file.yanked)


def _yanked(move: Move) -> str:
    reason = move.after.file.yanked if move.after is not None else True
    versions = str(move.after.version) if move.after is not None and _same_version(move) else _versions(move)
    return f"{versions}, {cut(reason)}" if isinstance(reason, str) else versions


def _is_downgrade(move: Move) -> bool:
    return move.kind == "downgraded"


def _is_major(move: Move) -> bool:
    return move.kind == "upgraded" and move.level in {"major", "epoch"}


def _same_version(move: Move) -> bool:
    return move.before is not None and move.after is not None and move.before.version == move.after.version


def _versions(move: Move) -> str:
    return " → ".join(str(pin.version) for pin in (move.before, move.after) if pin is not None)


def _listed(
    case: Risky, code: str, one: str, many: str, wanted: Callable[[Move], bool], words: Callable[[Move], str]
) -> Iterator[Finding]:
    """Yield one warning for all changes of a kind, if there are any."""
    changes = [change for change in case.changes if any(map(wanted, change.moves))]
    if not changes:
        return
    name = changes[0].move.name
    alone = len(changes) == 1
    yield Finding(
        code=code,
        message=f"`{name}` {one}: {words(changes[0].move)}" if alone else f"{len(changes)} projects {many}",
        places=_all_places(case, changes),
        notes=() if alone else tuple(_named(changes, words)),
        severity="warning",
    )


def _named(changes: Sequence[Change], words: Callable[[Move], str]) -> Iterator[str]:
    for change in changes[:_MOST_NAMED]:
        tool = " (tool)" if change.move.part == "tool" else ""
        yield f"{change.move.name}{tool} {words(change.move)}"
    if len(changes) > _MOST_NAMED:
        yield f"and {len(changes) - _MOST_NAMED} more"


def _places(case: Risky, change: Change) -> tuple[Place, ...]:
    return tuple(case.at(target, change.move.part, change.move.name) for target in change.targets)


def _all_places(case: Risky, changes: Iterable[Change]) -> tuple[Place, ...]:
    """Return where the first of the changes stands: the notes name them all."""
    return tuple(dict.fromkeys(place for change in list(changes)[:1] for place in _places(case, change)))
