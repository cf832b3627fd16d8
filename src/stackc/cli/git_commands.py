"""The commands that have to do with git: its hook, its drivers, and what it keeps of a project's past."""

from __future__ import annotations

import os
from pathlib import Path

import click

from stackc.cli.options import with_manifest

__all__ = ["GIT_COMMANDS"]


@click.command("install-hook", short_help="Check every commit, by a hook of plain git.")
@with_manifest
def install_hook_command(manifest: Path) -> None:
    """Write a pre-commit hook for git that checks what is staged, as `stackc check` does, and refuses the commit otherwise.

    It is written where git looks for it: in the repository, one for all of its worktrees, or where core.hooksPath says. A hook
    that is there already is kept, and named, unless stackc wrote it. For the pre-commit framework there is
    .pre-commit-hooks.yaml instead; see docs/ci.md.
    """
    from stackc.cli.install_hook import install_hook

    click.echo(install_hook(manifest, environment=os.environ))


@click.command("install-drivers", short_help="Let git show locks pin by pin, and merge them.")
@with_manifest
@click.option("--remove", is_flag=True, help="Take them away again; what is committed stays.")
def install_drivers_command(manifest: Path, *, remove: bool) -> None:
    """Set up, in this clone, how git shows and merges what stackc generates.

    \b
    git diff, git show,  a lock has one line per pin: version, index, step,
    git log -p           hash, and what asks for it; what is rendered from it
                         is folded to one line a file
    git merge, rebase,   the manifest is merged key by key, and the locks are
    cherry-pick          compiled again, offline, from what both sides locked

    A merge in which both sides changed one key, or whose pins are no solution together, is left in conflict, with the reason;
    `stackc merge` finishes it. `git diff --no-textconv` shows all of a file.

    Written are this clone's own config and info/attributes, and the line for locks/** in .gitattributes where it is missing.
    """  # noqa: D301 (\b is click's own mark)
    from stackc.cli.install_drivers import install_drivers

    click.echo(install_drivers(manifest, remove=remove, environment=os.environ))


@click.command("restore", short_help="Bring the project back from a revision of git.")
@click.argument("revision", metavar="REV")
@with_manifest
@click.option("--force", is_flag=True, help="Write over changes that no commit holds.")
@click.option("--dry-run", is_flag=True, help="Tell what would change, and what is in its way, and write nothing.")
def restore_command(revision: str, manifest: Path, *, force: bool, dry_run: bool) -> None:
    """Bring the manifest, its rule packs, the templates and all locks of REV back together: the way back when a build fails.

    The locks are proved before anything is written, and all files are written or none is. Refused are a revision whose lock
    does not prove, is not that of its manifest, was edited, or was written by a newer stackc; and, without --force, changes
    of these files that no commit holds. What is not stackc's stays as it is, and so does git's index.
    """
    from stackc.cli.restore import restore_revision

    restore_revision(revision, manifest=manifest, force=force, dry_run=dry_run, environment=os.environ)


@click.command("merge", short_help="Finish a merge or rebase that stopped at the locks.")
@with_manifest
def merge_command(manifest: Path) -> None:
    """Finish what git could not: a merge, rebase, cherry-pick or stash that stopped with the manifest or locks in conflict.

    The manifest is merged key by key, unless it was settled by hand. The locks are compiled again from what both sides locked:
    no index is asked, what one side moved stays moved, and what comes out is proved before it is written and added to git's
    index. Where both sides changed one key, or their pins together are no solution, nothing is guessed: it says what is in the
    way and what to run.
    """
    from stackc.cli.merge import finish_merge

    finish_merge(manifest, environment=os.environ)


GIT_COMMANDS = (merge_command, install_hook_command, install_drivers_command, restore_command)
"""What `stackc` has of them."""
