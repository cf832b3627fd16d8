"""The command line of `stackc outdated`. Imports nothing that `--help` does not need."""

from __future__ import annotations

import os
from pathlib import Path

import click

from stackc.cli.options import with_format, with_manifest

__all__ = ["outdated_command"]


@click.command("outdated", short_help="Tell what is newer, and what stands in its way.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@with_manifest
@click.option("--all", "every", is_flag=True, help="Every package and tool of the lock, not the components alone.")
@with_format
@click.option("--exit-code", is_flag=True, help="Exit with 1 if something newer is allowed.")
def outdated_command(targets: tuple[str, ...], manifest: Path, output: str, *, every: bool, exit_code: bool) -> None:
    """Tell of TARGETs (default: all) what is newer than what is locked.

    \b
    allowed   what `stackc compile --upgrade` would lock: it is tried, by the
              engine that the lock names, and nothing is written
    newest    the newest release that the target can install, uploaded before
              the cut-off of the manifest (`exclude-newer`)

    What stands in the way of the newest is told below, in the manifest's own lines, and what came after the cut-off or cannot
    be installed on the target. Every page is asked for anew. Pre-releases count only where one is locked.
    """  # noqa: D301 (\b is click's own mark)
    from stackc.cli.outdated import show_outdated

    status = show_outdated(
        targets,
        manifest=manifest,
        every=every,
        as_json=output == "json",
        exit_code=exit_code,
        environment=os.environ,
    )
    click.get_current_context().exit(status)
