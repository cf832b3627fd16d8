"""Generated files beside a lock that are not the ones that it was rendered to: what is built is then not what the lock says."""

from __future__ import annotations

from collections.abc import Iterator

from stackc.diff.model import Point, Reading
from stackc.layout import outputs_digest

__all__ = ["edited_files", "edited_point", "is_edited"]


def is_edited(reading: Reading) -> bool:
    """Say whether files beside a lock are others than it was rendered to, or missing; not known is no."""
    if reading.lock is None or reading.rendered is None or not reading.lock.inputs.outputs:
        return False
    return outputs_digest(reading.rendered) != reading.lock.inputs.outputs


def edited_files(before: Reading, after: Reading) -> tuple[str, ...]:
    """Return the files that were edited from one end to the other, none where it cannot be told which."""
    if before.lock is None or after.lock is None or before.rendered is None or after.rendered is None:
        return ()
    if is_edited(before) or before.lock.inputs.outputs != after.lock.inputs.outputs:
        return ()
    old, new = before.rendered, after.rendered
    return tuple(sorted(name for name in {*old, *new} if old.get(name) != new.get(name)))


def edited_point(before: Reading, after: Reading) -> Iterator[Point]:
    """Yield that generated files were edited, or are again what they should be."""
    if is_edited(after) and after.rendered != before.rendered:
        names = ", ".join(edited_files(before, after)) or "one or more"
        yield Point(subject="edited files", note=f"{names}: not what the lock was rendered to")
    elif is_edited(before) and not is_edited(after) and after.rendered is not None:
        yield Point(subject="edited files", note="they are what the lock was rendered to again")
