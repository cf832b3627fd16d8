"""The headline of two locks of one target: what nobody sees in a list of versions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from stackc.diff.builds import TorchBuild, torch_build
from stackc.diff.model import Point
from stackc.diff.weight import Lost, Size, download, lost_cache, spelled_size
from stackc.lock.model import Lock
from stackc.matrix.facts import Facts

__all__ = ["headline", "rendered_otherwise"]


def headline(before: Lock, after: Lock, *, facts: Facts, partial: bool = False) -> tuple[Point, ...]:
    """Return the points in which two locks of one target differ, the weightiest first; of partial locks, torch's build."""
    builds = _torch(before, after, facts)
    others = (*_target(before, after), *_weights(before, after), *_made_by(before, after))
    points = islice(builds, 2) if partial else (*builds, *others)
    return tuple(point for point in points if point.before != point.after or point.note)


def rendered_otherwise(before: Lock, after: Lock) -> tuple[Point, ...]:
    """Return the point that the files rendered from two locks differ, for locks in which nothing else does."""
    if not before.inputs.outputs or before.inputs.outputs == after.inputs.outputs:
        return ()
    return (Point(subject="other files", note="what is rendered from the lock differs, and no pin does"),)


def _torch(before: Lock, after: Lock, facts: Facts) -> Iterator[Point]:
    old, new = torch_build(before, facts=facts), torch_build(after, facts=facts)
    yield Point(subject="torch build", before=_text(old and old.version), after=_text(new and new.version))
    yield Point(subject="torch's CUDA", before=_cuda(old), after=_cuda(new))
    yield Point(subject="driver floor", before=_driver(old), after=_driver(new))
    yield from _architectures(old, new)


def _cuda(build: TorchBuild | None) -> str | None:
    return None if build is None else _text(build.cuda) or "none"


def _driver(build: TorchBuild | None) -> str | None:
    return None if build is None or build.cuda is None else build.driver or "not known"


def _architectures(old: TorchBuild | None, new: TorchBuild | None) -> Iterator[Point]:
    """Yield what was gained and dropped; a build of which the facts know nothing is no loss."""
    if old is None or new is None or (old.version, old.cuda) == (new.version, new.cuda) or not (old.sm or new.sm):
        return
    if (old.cuda and old.sm is None) or (new.cuda and new.sm is None):
        which = new if new.sm is None else old
        yield Point(subject="GPU code", note=f"not known for torch {which.version}")
        return
    was, now = old.sm or (), new.sm or ()
    gained, dropped = [name for name in now if name not in was], [name for name in was if name not in now]
    parts = [f"{verb} {', '.join(names)}" for verb, names in (("gains", gained), ("drops", dropped)) if names]
    if parts:
        yield Point(subject="GPU code", note="; ".join(parts))


def _target(before: Lock, after: Lock) -> Iterator[Point]:
    old, new = before.target, after.target
    for subject, was, now in (
        ("Python", old.python or None, new.python or None),
        ("platform", old.platform or None, new.platform or None),
        ("base image", old.base or None, new.base or None),
        ("base's CUDA", old.cuda or "none", new.cuda or "none"),
        ("distribution", old.distribution, new.distribution),
        ("glibc", old.glibc, new.glibc),
        ("driver asked", old.driver, new.driver),
        ("GPUs asked", ", ".join(old.gpus) or None, ", ".join(new.gpus) or None),
    ):
        yield Point(subject=subject, before=was, after=now)


def _weights(before: Lock, after: Lock) -> Iterator[Point]:
    old, new = download(before), download(after)
    if old != new and (old.known or new.known):
        yield Point(subject="download", before=spelled_size(old.known), after=spelled_size(new.known), note=_delta(old, new))
    if before.target.base != after.target.base:
        yield Point(subject="image size", note="the base image moved, and no lock knows its size")
    lost = lost_cache(before, after)
    if lost is not None:
        yield Point(subject="build cache", note=_lost(lost))


def _delta(old: Size, new: Size) -> str:
    """Return the difference with its sign, and what it leaves out."""
    delta = new.known - old.known
    rest = {name: size.rest for name, size in (("", new), ("before ", old)) if size.rest}
    if old.rest == new.rest:
        rest.pop("before ", None)
    return "; ".join((f"{'+' if delta > 0 else ''}{spelled_size(delta)}", *(f"{when}{words}" for when, words in rest.items())))


def _lost(lost: Lost) -> str:
    where = f"from {lost.first} on, {lost.count} of {lost.total} file{'' if lost.total == 1 else 's'}"
    where = f"for all {lost.total} files, since {lost.why} moved" if lost.why else where
    comment = ", by a comment in the first" if lost.comment else ""
    least = f"{'at least ' if lost.size.unknown else ''}{spelled_size(lost.size.known)} to install again"
    again = least if lost.size.known else "sizes are not known"
    return f"lost {where}{comment}: {again}"


def _made_by(before: Lock, after: Lock) -> Iterator[Point]:
    moved = "moved" if before.inputs.matrix and before.inputs.matrix != after.inputs.matrix else None
    yield Point(subject="rules and facts", note=moved)
    templates = "moved" if before.inputs.templates and before.inputs.templates != after.inputs.templates else None
    yield Point(subject="templates", note=templates and "moved: what is rendered from the pins differs by more than pins")
    for subject, was, now in (
        ("engine", f"{before.engine.name} {before.engine.version}", f"{after.engine.name} {after.engine.version}"),
        ("stackc", before.stackc, after.stackc),
    ):
        yield Point(subject=subject, before=was, after=now)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
