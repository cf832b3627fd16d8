"""What is said when a run does not come to its end, and the exit status that it then has."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from stackc.cli.streams import NoReaderError, UnwritableError

if TYPE_CHECKING:
    from stackc.errors import StackcError

__all__ = ["late_interrupts", "tell"]


class LateInterrupt(KeyboardInterrupt):
    """An interrupt that came when all was written, while the rest of a run was told or the other engine asked."""


class Written:
    """What a run has written by now: `all` that it is to write, or nothing."""

    def __init__(self) -> None:
        self.all = False


@contextmanager
def late_interrupts() -> Iterator[Written]:
    """Tell interrupts that come when all is written from those that leave everything as it was."""
    written = Written()
    try:
        yield written
    except KeyboardInterrupt:
        if written.all:
            raise LateInterrupt from None
        raise


def tell(error: BaseException) -> int:
    """Tell what ended a run, and return its exit status."""
    from stackc.errors import EXIT_INTERRUPTED, EXIT_NO_READER

    if isinstance(error, NoReaderError):
        return EXIT_NO_READER
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        late = isinstance(error.__cause__, LateInterrupt)  # click's own word for an interrupt is caused by it
        line = "" if error.__cause__ else "\n"  # click ended the line then, behind the terminal's ^C
        click.echo(f"{line}interrupted: {'all locks are' if late else 'nothing was'} written", err=True)
        return EXIT_INTERRUPTED
    return _told(error)


def _told(error: BaseException) -> int:
    from stackc.cli.report import format_error, unexpected
    from stackc.cli.terminal import colored, columns
    from stackc.errors import StackcError

    told = _unwritten(error) if isinstance(error, UnwritableError) else error
    told = told if isinstance(told, StackcError) else unexpected(told)
    text = format_error(told, color=colored(sys.stderr, os.environ), width=columns(sys.stderr))
    click.echo(text, err=True, color=True)
    return told.exit_status


def _unwritten(error: UnwritableError) -> StackcError:
    from stackc.errors import Finding, OutputError

    return OutputError(
        Finding(
            code="S007",
            message=f"what stackc says cannot be written to standard output: {str(error).lower()}",
            hint="make room where it goes, or send it elsewhere, and run the command again",
        )
    )
