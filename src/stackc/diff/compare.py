"""Two ends against each other: every target's locks, and what the targets have in common told once."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from msgspec.structs import replace

from stackc.diff.edits import edits_between, implied_edits
from stackc.diff.model import Change, Diff, Edit, End, Move, Note, Point, Reason
from stackc.diff.pins import pins_of
from stackc.diff.reading import MISSING, lines_of
from stackc.diff.risks import Risky, Watch, risks
from stackc.diff.target_told import TargetTold, Teller
from stackc.diff.words import SECTIONS
from stackc.errors import ManifestError, Place
from stackc.lock.locked_target import lock_file
from stackc.lock.requirements import parse_needs
from stackc.matrix.facts import Facts

__all__ = ["compare"]


def compare(
    base: End,
    head: End,
    *,
    facts: Facts,
    rules: Mapping[str, frozenset[str]] | None = None,
    watch: Watch | None = None,
    only: Container[str] | None = None,
) -> Diff:
    """Return all that differs between two ends. Nothing is read but what they hold.

    `rules` says which projects each rule of the matrix speaks of, to tell by what a rule was set off. Without a `watch`
    no risks are told. `only` names the targets that are asked for.
    """
    names = dict.fromkeys((*head.locks, *head.declared, *base.locks))
    edits, notes = _edits(base, head)
    teller = Teller(base=base, head=head, facts=facts, rules=rules or {}, edits=edits)
    told = [teller.tell(name) for name in names if only is None or name in only]
    changes = tuple(sorted(_merged_changes(told, _components(base, head)), key=_weight))
    return Diff(
        base=base.label,
        head=head.label,
        targets=tuple(each.target for each in told),
        notes=tuple(note for note in (*notes, *_notes(base, head), *_notes(head, base)) if _concerns(note, only)),
        edits=edits,
        headline=tuple(_merged_points(told)),
        couplings=tuple(dict.fromkeys(sentence for each in told for sentence in each.couplings)),
        changes=changes,
        risks=() if watch is None else risks(_risky(told, base, head, changes, facts), watch),
    )


def _risky(told: Sequence[TargetTold], base: End, head: End, changes: Sequence[Change], facts: Facts) -> Risky:
    old = [reading.lock for reading in base.locks.values()]
    settled = {pin.name for lock in old for pin in pins_of(lock).values()}
    new = {each.target.name: head.locks[each.target.name].lock for each in told if each.target.name in head.locks}
    lines = _Lines(head)
    pins = [(name, pin) for name, lock in new.items() if None not in old for pin in pins_of(lock).values()]
    return Risky(
        changes=changes,
        pairs=[(each.target.name, *each.pair) for each in told if each.pair is not None],
        introduced=[(name, pin) for name, pin in pins if pin.name not in settled],
        settled=settled,
        edited=[(lines.lock(each.target.name), each.edited) for each in told if each.edited is not None],
        facts=facts,
        at=lines.place,
    )


class _Lines:
    """Where the pins of an end stand in its locks, each text being searched once."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._found: dict[str, Mapping[tuple[str, str], int]] = {}

    def lock(self, target: str) -> Place:
        return Place(file=self._end.locks[target].path or lock_file(target))

    def place(self, target: str, part: str, name: str) -> Place:
        reading = self._end.locks[target]
        if target not in self._found:
            self._found[target] = lines_of(reading.text)
        return Place(file=reading.path or lock_file(target), line=self._found[target].get((part, name)), path=(part, name))


def _edits(base: End, head: End) -> tuple[tuple[Edit, ...], tuple[Note, ...]]:
    """Return what was edited, by the manifests where there are two that are TOML, else by the locks; and what is wrong."""
    notes = [*_bare(base, head), *_left(base, head)]
    if base.manifest is not None and head.manifest is not None:
        try:
            return edits_between(base.manifest, head.manifest, file=head.file), tuple(notes)
        except ManifestError as error:
            text = f"the edits are told by the locks, since {head.file} is not TOML at both ends"
            notes.append(Note(end=head.label, target="", text=text, findings=error.findings))
    pairs = ((base.locks.get(name, MISSING), reading) for name, reading in head.locks.items())
    whole = [(old.lock, new.lock) for old, new in pairs if not (old.partial or new.partial)]
    found = (edit for old, new in whole if old is not None and new is not None for edit in implied_edits(old, new))
    return tuple(dict.fromkeys(found)), tuple(notes)


def _bare(base: End, head: End) -> Iterator[Note]:
    """Yield that one end alone has the manifest."""
    for end, other in ((base, head), (head, base)):
        if end.bare and other.manifest is not None:
            name = PurePosixPath(other.file).name
            text = f"{end.label} has no {name}: the edits are told by the locks"
            yield Note(end=end.label, target="", text=text, findings=(), differs=True)


def _left(base: End, head: End) -> Iterator[Note]:
    """Yield each target that left the manifest and not the locks."""
    for name in base.declared:
        if head.declared and name not in head.declared and name in head.locks:
            text = f"target `{name}` left the manifest, and its lock is still there"
            yield Note(end=head.label, target=name, text=text, findings=(), differs=True)


def _concerns(note: Note, only: Container[str] | None) -> bool:
    return only is None or not note.target or note.target in only


def _notes(end: End, other: End) -> Iterator[Note]:
    """Yield what is wrong with the locks of one end; what the other end has byte for byte makes no difference."""
    for finding in end.refused:
        yield Note(end=end.label, target="", text=f"{finding.message} ({finding.code})", findings=(finding,), differs=True)
    for target, reading in end.locks.items():
        if reading.findings:
            how = "cannot be read" if reading.lock is None else "is compared as far as it can be read"
            said = dict.fromkeys(
                f"{finding.message} ({finding.code})" for finding in (*reading.findings[:1], *reading.findings[-1:])
            )
            text = f"the lock of target `{target}` in {end.label} {how}: {'; '.join(said)}"
            differs = target not in other.locks or other.locks[target].text != reading.text
            yield Note(end=end.label, target=target, text=text, findings=reading.findings, differs=differs)


def _merged_points(told: Iterable[TargetTold]) -> Iterator[Point]:
    """Yield each point once, with all targets that have it, in the order of the first of them."""
    found: dict[Point, list[str]] = {}
    for each in told:
        for point in each.headline:
            found.setdefault(point, []).append(each.target.name)
    for point, targets in found.items():
        yield replace(point, targets=tuple(targets))


def _components(*ends: End) -> frozenset[str]:
    """Return the projects that the manifest of either end names."""
    locks = (reading.lock for end in ends for reading in end.locks.values() if reading.lock is not None)
    return frozenset(need.project for lock in locks for need in parse_needs(root.requirement for root in lock.roots))


def _merged_changes(told: Iterable[TargetTold], components: Container[str]) -> Iterator[Change]:
    found: dict[tuple[object, ...], list[tuple[str, Move]]] = {}
    why: dict[tuple[object, ...], tuple[Reason, bool]] = {}
    for each in told:
        for move, reason in each.moves:
            fitted = each.retargeted and _is_other_file(move)
            key = (*_likeness(move, reason), fitted)
            found.setdefault(key, []).append((each.target.name, move))
            why[key] = reason, fitted
    for key, moved in found.items():
        targets, moves = zip(*moved, strict=True)
        reason, fitted = why[key]
        component = moves[0].part == "package" and moves[0].name in components
        yield Change(targets=targets, moves=moves, reason=reason, component=component, fitted=fitted)


def _is_other_file(move: Move) -> bool:
    """Say whether a move is to another file under one version, not to another hash of the same one."""
    old, new = move.before, move.after
    return move.kind == "replaced" and old is not None and new is not None and old.file.name != new.file.name


def _likeness(move: Move, reason: Reason) -> tuple[object, ...]:
    """Return what moves have in common that are told as one: all but their files, unless it is a file that moved."""
    if move.kind == "replaced":
        return (move, reason)
    ends = (
        (pin.version, pin.index, pin.step, pin.extras, pin.file.yanked) if pin else None for pin in (move.before, move.after)
    )
    return (move.part, move.name, *ends, reason)


_KINDS = tuple(kind for kind, _title in SECTIONS)
_LEVELS = ("epoch", "major", "minor", "patch", "pre", "post", "local", None)


def _weight(change: Change) -> tuple[object, ...]:
    """Return what sorts changes by how much a reviewer has to look at them."""
    move = change.move
    return (_KINDS.index(change.kind), not change.component, _LEVELS.index(move.level), move.part, move.name, change.targets)
