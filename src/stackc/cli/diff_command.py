"""The command line of `stackc diff`. Imports nothing that `--help` does not need."""

from __future__ import annotations

import os
from pathlib import Path

import click

from stackc.cli.options import with_manifest

__all__ = ["diff_command"]


@click.command("diff", short_help="Tell what moved between two sets of locks, and why.")
@click.argument("base", required=False)
@click.argument("head", required=False)
@with_manifest
@click.option("-t", "--target", "targets", multiple=True, metavar="NAME", help="A target to compare; may be given often.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json", "github"]),
    default="text",
    show_default=True,
    help="How to print it; docs/review.md tells how to comment on a pull request.",
)
@click.option(
    "--recent",
    type=click.IntRange(min=0),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="Warn of what was uploaded less than this before it was locked.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything differs, as git does.")
@click.option("--reproduce", is_flag=True, help="Compile again, offline, and tell whether the locks come out byte for byte.")
def diff_command(
    base: str | None,
    head: str | None,
    manifest: Path,
    targets: tuple[str, ...],
    form: str,
    *,
    recent: int,
    exit_code: bool,
    reproduce: bool,
) -> None:
    """Tell what moved from BASE to HEAD, why, and what of it is dangerous.

    Each of them is a revision of git, a lock, a target's folder, or a project's; BASE..HEAD is understood too, and
    BASE...HEAD, from where HEAD left BASE. HEAD is the working tree by default, and BASE the commit at which this branch
    left the default one. Nothing is checked out.

    Told are torch's build, CUDA, driver and GPU architectures, the download, the steps that lose their build cache, and every
    pin that moved with the edit, the rule or the requirement that moved it. A lock that is broken, edited by hand or of
    another format is said to be so and compared as far as it can be read.

    With --reproduce nothing is compared with BASE: the one revision that is named, or the working tree, is compiled again,
    offline. Its files are rendered from the lock's own pins, and resolved from nothing as far as the cache reaches; an edit by
    hand is shown with its file and line. Exits with 1 unless every file is shown to be what compiling gives.
    """
    if reproduce:
        from stackc.cli.reproduce import reproduce as reproduce_locks

        name = head if head is not None else base
        status = reproduce_locks(name, manifest=manifest, targets=targets, form=form, environment=os.environ)
        click.get_current_context().exit(status)
    from stackc.cli.diff import show_diff
    from stackc.cli.diff_ends import Asked

    asked = Asked(base=base, head=head, manifest=manifest, targets=targets)
    status = show_diff(asked, form=form, recent=recent, exit_code=exit_code, environment=os.environ)
    click.get_current_context().exit(status)
