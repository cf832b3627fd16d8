"""How a comparison speaks, in all of its forms: marks, versions, sections and short names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stackc.diff.model import Cause, Change, Compared, Diff, Edit, Kind, Move, Pin, Point
from stackc.manifest.shown import cut, escaped

__all__ = [
    "SECTIONS",
    "change_words",
    "details",
    "edit_key",
    "edit_words",
    "grouped",
    "kind_words",
    "point_words",
    "reason_words",
    "sectioned",
    "shown_text",
    "state_words",
    "tally",
]

SECTIONS: tuple[tuple[Kind, str], ...] = (
    ("replaced", "same version, another file or hash"),
    ("downgraded", "downgraded"),
    ("relabelled", "same version, another build"),
    ("upgraded", "upgraded"),
    ("moved", "same version, moved"),
    ("refitted", "same version, another wheel for the target"),
    ("added", "added"),
    ("removed", "removed"),
)
"""The kinds of moves in the order in which a reviewer has to look at them, and what their sections are called."""

_DIGITS = 12
_FAMILY = 3
_VISIBLE = {"index", "step", "extras"}


def shown_text(text: str) -> str:
    """Return foreign text as every form may print it: escaped, and never long."""
    return cut(escaped(text))


def sectioned(changes: Sequence[Change]) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Yield each section that has changes, with them."""
    found: dict[Kind, list[Change]] = {}
    for change in changes:
        found.setdefault(change.kind, []).append(change)
    yield from ((title, tuple(found[kind])) for kind, title in SECTIONS if kind in found)


def grouped(changes: Sequence[Change]) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Yield changes with the reason to head them: nothing for those that tell their own, which come first.

    Where one sentence is the reason of several projects that the manifest does not name, it is told once.
    """
    alike: dict[str, list[Change]] = {}
    for change in changes:
        if not change.component and change.reason.steps:
            alike.setdefault(reason_words(change), []).append(change)
    families = {words: tuple(found) for words, found in alike.items() if len(found) >= _FAMILY}
    told = {id(change) for found in families.values() for change in found}
    alone = tuple(change for change in changes if id(change) not in told)
    yield from (("", alone),) if alone else ()
    yield from families.items()


def change_words(move: Move) -> str:
    """Return the versions of a move: `1.0 → 1.1`, or the one that there is."""
    versions = [shown_text(str(pin.version)) for pin in (move.before, move.after) if pin is not None]
    return " → ".join(dict.fromkeys(versions))


def details(move: Move) -> Iterator[str]:
    """Yield what a move changes beside the version: file, hash, index, step and extras."""
    old, new = move.before, move.after
    if old is None or new is None:
        extras = [extra for pin in (old, new) if pin for extra in pin.extras]
        yield from (f"extras {', '.join(map(shown_text, extras))}",) if extras else ()
        yield from _yanked(new) if new is not None else ()
        return
    if move.kind == "replaced":
        yield from _file(old, new)
    for what, was, now in (
        ("index", old.index, new.index),
        ("step", _bare(old.step), _bare(new.step)),
        ("extras", ", ".join(old.extras) or "none", ", ".join(new.extras) or "none"),
        ("size", str(old.file.size), str(new.file.size)),
        ("upload time", str(old.file.uploaded), str(new.file.uploaded)),
    ):
        if was != now and (what in _VISIBLE or move.kind == "moved"):
            yield f"{what} {shown_text(was)} → {shown_text(now)}"
    if old.file.yanked != new.file.yanked:
        yield from _yanked(new) or (("no longer yanked",) if new.version == old.version else ())


def _yanked(pin: Pin) -> tuple[str, ...]:
    reason = pin.file.yanked
    return (f"yanked: {shown_text(reason)}",) if isinstance(reason, str) else ("yanked",) if reason else ()


def _file(old: Pin, new: Pin) -> Iterator[str]:
    if old.file.name != new.file.name:
        yield f"file {shown_text(old.file.name)} → {shown_text(new.file.name)}"
    else:
        yield f"file {shown_text(new.file.name)}"
        yield f"sha256 {shown_text(old.file.sha256[:_DIGITS])}… → {shown_text(new.file.sha256[:_DIGITS])}…"


def _bare(step: str) -> str:
    return step.removeprefix("step ")


def reason_words(change: Change) -> str:
    """Return why something moved, the numbers of the edits first."""
    reason = change.reason
    first = " ".join(f"[{number}]" for number in reason.edits) or _FIRST[reason.kind]
    if reason.kind == "unforced" and change.move.level is None and not reason.steps:
        return "nothing in the inputs asks for it"
    words = ", ".join(map(escaped, reason.steps))
    first = f"{first}:" if words and reason.kind in {"window", "unforced"} and not reason.edits else first
    return " ".join(part for part in (first, words) if part)


_FIRST: dict[Cause, str] = {"edit": "", "rule": "", "window": "exclude-newer", "unforced": "unforced"}


def point_words(point: Point) -> str:
    """Return what a point says: `12.4 → 12.6`, its note behind it."""
    if point.before is None and point.after is None:
        return escaped(point.note or "")
    ends = " → ".join(shown_text(end) if end is not None else "none" for end in (point.before, point.after))
    return f"{ends} ({escaped(point.note)})" if point.note else ends


def edit_key(edit: Edit) -> str:
    """Return what was edited, and where that stands: `stack.toml:10 components.numpy.version`."""
    place = edit.place
    where = f"{shown_text(place.file)}:{place.line} " if place is not None and place.line is not None else ""
    return where + ".".join(shown_text(str(part)) for part in edit.path)


def edit_words(edit: Edit) -> str:
    """Return an edit as `stack.toml:10 components.numpy.version: ">=1.26" → ">=1.26,<3"`."""
    before, after = (shown_text(end) if end is not None else None for end in (edit.before, edit.after))
    if before is None or after is None:
        return f"{edit_key(edit)}: {after if before is None else before} {'added' if before is None else 'removed'}"
    return f"{edit_key(edit)}: {before} → {after}"


def kind_words(change: Change) -> str:
    """Return what a change is in a word or two, such as `↑ minor`."""
    level = change.move.level
    if level is None:
        return _WORDS[change.kind]
    return f"↑ {level}" if change.kind == "upgraded" else f"{_WORDS[change.kind]}, {level}"


def state_words(target: Compared) -> str:
    """Return what became of a target, in words."""
    match target.state:
        case "added":
            beside = f", compared with `{shown_text(target.like)}`" if target.like is not None else ""
            return f"new target, {_counted(target.after)}{beside}"
        case "removed":
            return f"removed target, {_counted(target.before)}"
        case "unlocked":
            gone = target.before is not None
            return "its lock is gone" if gone else "no lock yet: `stackc compile` writes it"
        case "unreadable":
            return "not compared: a lock cannot be read"
        case "same":
            return "no change"
    count = f"{target.before} → {target.after} packages" if target.before != target.after else _counted(target.after)
    return f"changed, {count}"


def tally(diff: Diff) -> str:
    """Return how many changes there are of each kind."""
    parts = [f"{len(found)} {_SHORT[found[0].kind]}" for _title, found in sectioned(diff.changes)]
    return ", ".join(parts) or "no pin moved"


_WORDS: dict[Kind, str] = {
    "replaced": "**another file or hash**",
    "downgraded": "**↓ downgraded**",
    "relabelled": "another build",
    "upgraded": "upgraded",
    "moved": "moved",
    "refitted": "with another wheel",
    "added": "added",
    "removed": "removed",
}
_SHORT: dict[Kind, str] = {
    "replaced": "with another file or hash",
    "downgraded": "downgraded",
    "relabelled": "with another build",
    "upgraded": "upgraded",
    "moved": "moved",
    "refitted": "with another wheel",
    "added": "added",
    "removed": "removed",
}


def _counted(number: int | None) -> str:
    return f"{number} package{'' if number == 1 else 's'}"
