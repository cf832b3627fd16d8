"""What a killed run has left in a project, settled before another one begins."""

from __future__ import annotations

from pathlib import Path

import click

from stackc.changeset import Half, half_written, undo_killed
from stackc.errors import Finding, LockError
from stackc.files import recover

__all__ = ["settle", "torn"]


def settle(folder: Path, *, dry_run: bool) -> None:
    """Put back what was there before a run that was killed while it wrote, and say so.

    A dry run puts nothing back: where something is half written, it raises LockError. What a killed swap of one folder had set
    aside is swept up in either case, so that the lock which is read is a whole one.
    """
    if dry_run:
        half = half_written(folder)
        if half is not None:
            raise LockError(torn(half))
    elif undo_killed(folder):
        click.echo("an earlier run was killed while it wrote: what was there before it is back", err=True)
    recover(folder / "locks")


def torn(half: Half) -> Finding:
    """Return the finding that files which belong together are of two runs."""
    return Finding(
        code="S448",
        message="a run was killed while it wrote: what it had written does not belong to the rest",
        notes=(f"written: {', '.join(half.written)}", f"not yet: {', '.join(half.missing)}"),
        hint="run `stackc compile`: before it compiles, it puts back what was there before that run",
    )
