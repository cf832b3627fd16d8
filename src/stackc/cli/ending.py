"""What is said when a run does not come to its end, and the exit status that it then has."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from stackc.cli.streams import NoReaderError, UnwritableError

if TYPE_CHECKING:
    from stackc.errors import StackcError

__all__ = ["tell"]


def tell(error: BaseException) -> int:
    """Tell what ended a run, and return its exit status."""
    from stackc.errors import EXIT_INTERRUPTED, EXIT_NO_READER

    if isinstance(error, NoReaderError):
        return EXIT_NO_READER
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo("\ninterrupted: nothing was written", err=True)
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
