"""The values of a comparison of two sets of locks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.layout import MANIFEST
from stackc.lock.model import Lock, LockedFile

__all__ = [
    "Cause",
    "Change",
    "Compared",
    "Diff",
    "Edit",
    "End",
    "Kind",
    "Level",
    "Move",
    "Note",
    "Part",
    "Pin",
    "Point",
    "Reading",
    "Reason",
    "State",
]

Part = Literal["package", "tool"]
Kind = Literal["added", "removed", "upgraded", "downgraded", "relabelled", "replaced", "refitted", "moved"]
"""What a move is: `relabelled` changes the local version label alone, `replaced` the file or its hash under one version,
`refitted` the same where the target asked for another wheel, and `moved` changes the index, the step or the extras alone."""

Cause = Literal["edit", "rule", "window", "unforced"]
"""What a reason begins with; `window` is a release that the moved moment of `exclude-newer` lets in or keeps out."""

State = Literal["added", "removed", "changed", "same", "unlocked", "unreadable"]
"""What became of a target's lock; `unlocked` is one that the head's manifest has without a lock, `unreadable` one of which an
end cannot be read at all."""

Level = Literal["epoch", "major", "minor", "patch", "pre", "post", "local"]
"""The first part of a version, in the order of PEP 440, in which two differ; `patch` is anything from the third number on."""


class Reading(Struct, frozen=True, kw_only=True):
    """A lock as far as its text could be read, and what is wrong with the text; `lock` is None where nothing could be read.

    `partial` says that only name, version, file and hash of its pins are to be compared. `path` is where the working tree has
    the lock, whichever end it is of. `rendered` are the generated files that lie beside it, None where there are none at hand.
    """

    lock: Lock | None
    partial: bool = False
    text: str = ""
    path: str = ""
    findings: tuple[Finding, ...] = ()
    rendered: Mapping[str, bytes] | None = None


class End(Struct, frozen=True, kw_only=True):
    """One end of a comparison: what people call it, its locks by target, and the manifest's text and name if there is one.

    `declared` names the manifest's targets, as far as it can be read; `bare` says that the project has locks and no manifest
    of the name that was asked for. `refused` tells of what stood where a file of the
    project belongs and could not be read.
    """

    label: str
    locks: Mapping[str, Reading]
    manifest: str | None = None
    file: str = MANIFEST
    declared: tuple[str, ...] = ()
    bare: bool = False
    refused: tuple[Finding, ...] = ()


class Pin(Struct, frozen=True, kw_only=True):
    """One pin as a reviewer sees it. `step` is `tools`, `step N`, or `requirements.txt` for the last one."""

    part: Part
    name: NormalizedName
    version: Version
    index: str
    step: str
    file: LockedFile
    extras: tuple[NormalizedName, ...] = ()


class Move(Struct, frozen=True, kw_only=True):
    """What became of one pin: `before` is None where it was added, `after` where it was removed."""

    part: Part
    name: NormalizedName
    before: Pin | None
    after: Pin | None

    @property
    def kind(self) -> Kind:
        """Return what the move is."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        old, new = self.before, self.after
        if old.version != new.version:
            if old.version.public == new.version.public:
                return "relabelled"
            return "upgraded" if old.version < new.version else "downgraded"
        same = (old.file.name, old.file.sha256) == (new.file.name, new.file.sha256)
        return "moved" if same else "replaced"

    @property
    def level(self) -> Level | None:
        """Return the first part of the version that differs, None where none does."""
        if self.before is None or self.after is None or self.before.version == self.after.version:
            return None
        return _level(self.before.version, self.after.version)


def _level(old: Version, new: Version) -> Level:
    if old.epoch != new.epoch:
        return "epoch"
    length = max(len(old.release), len(new.release))
    pairs = zip(*(version.release + (0,) * (length - len(version.release)) for version in (old, new)), strict=True)
    for place, (before, after) in enumerate(pairs):
        if before != after:
            return ("major", "minor")[place] if place < 2 else "patch"
    if (old.pre, old.dev) != (new.pre, new.dev):
        return "pre"
    return "post" if old.post != new.post else "local"


class Edit(Struct, frozen=True, kw_only=True):
    """One key of the manifest whose value differs.

    `before` and `after` are as the file spells them, None where it lacks the key. `place` is in the head's manifest, or in the
    base's for a key that was deleted; None where no manifest was at hand. `names` are the components that an edited `without`
    leaves out at one end alone.
    """

    path: tuple[str | int, ...]
    before: str | None
    after: str | None
    place: Place | None = None
    names: tuple[str, ...] = ()


class Reason(Struct, frozen=True, kw_only=True):
    """Why something moved: how a first cause comes to the move, step by step, in words.

    `edits` are the numbers of the first cause among the comparison's edits, counted from 1; where several keys of a component
    were edited, all of them for the component itself. Without any, `kind` says what the cause is: a rule of the matrix, the
    moment of `exclude-newer`, or nothing that asks for it.
    """

    kind: Cause
    steps: tuple[str, ...] = ()
    edits: tuple[int, ...] = ()


class Change(Struct, frozen=True, kw_only=True):
    """One move in one or more targets; `moves` has one entry per target, which differ in their files alone.

    `component` says that the manifest names the project, `fitted` that the target moved, so that another wheel fits it.
    """

    targets: tuple[str, ...]
    moves: tuple[Move, ...]
    reason: Reason
    component: bool = False
    fitted: bool = False

    @property
    def move(self) -> Move:
        """Return the move in the first of the targets."""
        return self.moves[0]

    @property
    def kind(self) -> Kind:
        """Return what the move is: `refitted` where another wheel under one version is no surprise."""
        return "refitted" if self.fitted else self.move.kind


class Point(Struct, frozen=True, kw_only=True):
    """One line of the headline: a subject with what it was and what it is, or a sentence in `note` where that says more."""

    subject: str
    before: str | None = None
    after: str | None = None
    note: str | None = None
    targets: tuple[str, ...] = ()


class Compared(Struct, frozen=True, kw_only=True):
    """One target, and what became of its lock; `before` and `after` count its packages, tools left out.

    `like` is the target of the base that a new one was compared with.
    """

    name: str
    state: State
    before: int | None = None
    after: int | None = None
    like: str | None = None

    @property
    def differs(self) -> bool:
        """Say whether anything became of it; one without a lock is as it was unless it had one."""
        return self.before is not None if self.state == "unlocked" else self.state != "same"


class Note(Struct, frozen=True, kw_only=True):
    """What is wrong with a lock that is compared nevertheless; `end` is what people call its end.

    `differs` says that the other end has another text.
    """

    end: str
    target: str
    text: str
    findings: tuple[Finding, ...]
    differs: bool = False


class Diff(Struct, frozen=True, kw_only=True):
    """All that differs between two ends."""

    base: str
    head: str
    targets: tuple[Compared, ...]
    notes: tuple[Note, ...] = ()
    edits: tuple[Edit, ...] = ()
    headline: tuple[Point, ...] = ()
    couplings: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    risks: tuple[Finding, ...] = ()

    @property
    def empty(self) -> bool:
        """Say whether nothing differs, as far as both ends could be read."""
        moved = any(target.differs for target in self.targets)
        broken = any(note.differs for note in self.notes)
        return not (self.edits or self.headline or self.changes or broken or moved)

    @property
    def telling(self) -> tuple[str, ...]:
        """Return the targets that were compared and differ: what holds for all of them needs no target named."""
        return tuple(target.name for target in self.targets if target.state == "changed" or target.like is not None)
