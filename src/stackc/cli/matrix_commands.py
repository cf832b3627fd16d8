"""The commands of `stackc matrix`. Each one loads what it needs when it runs, so that `--help` loads nothing."""

from __future__ import annotations

import os
from pathlib import Path

import click

from stackc.cli.options import present, with_format, with_own_manifest

__all__ = ["matrix_group"]


@click.group("matrix", short_help="Look things up in the matrix, check and prove its rules.")
def matrix_group() -> None:
    """Look things up in the compatibility matrix, check its rules, and prove them by running.

    The rules are those of the manifest's packs; where there is no manifest, those that ship with stackc.
    """


@matrix_group.command("list", short_help="All rules, and the tables of facts.")
@with_own_manifest
@with_format
def matrix_list(manifest: Path | None, output: str) -> None:
    """List all rules, with what each says and whether it is proved, and the tables of facts, with their dates."""
    from stackc.cli.matrix_show import list_rules

    list_rules(manifest=present(manifest), as_json=output == "json")


@matrix_group.command("show", short_help="What is known of a project, a release, a base image or a rule.")
@click.argument("thing")
@with_own_manifest
@with_format
def matrix_show(thing: str, manifest: Path | None, output: str) -> None:
    """Show what the matrix knows of THING, how it is known, and from where.

    \b
    torch                  every known release and what belongs to it
    torch==2.5.1           its Pythons, partners, CUDA builds, drivers, GPUs
    bitsandbytes==0.45.0   the CUDA libraries in its wheel
    scipy                  the rules that speak of it
    cuda==12.4, driver==535, python==3.13, sm==120, glibc==2.35
                           what fits
    nvidia/cuda:12.4.1-devel-ubuntu22.04
                           what a base image brings
    scipy-numpy1           a rule: its text, cases, source and proof
    """  # noqa: D301 (\b is click's own mark)
    from stackc.cli.matrix_show import show

    show(thing, manifest=present(manifest), as_json=output == "json")


@matrix_group.command("check", short_help="Check the rules themselves.")
@with_own_manifest
@click.option("--online", is_flag=True, help="Ask the indexes whether the projects that rules name exist.")
@with_format
def matrix_check(manifest: Path | None, output: str, *, online: bool) -> None:
    """Check the rules of the manifest's packs, by themselves and beside each other.

    Finds a rule that can never fire, two or more that contradict each other, one that others make redundant, one with a date
    in the future, without a case that breaks and one that keeps it, or with a case that comes out otherwise, and waivers that
    have ended. All by exact set algebra, offline. Exits with 1 if there is any error.
    """
    from stackc.cli.matrix_check import check_matrix

    status = check_matrix(manifest=present(manifest), online=online, as_json=output == "json", environment=os.environ)
    click.get_current_context().exit(status)


@matrix_group.command("prove", short_help="Try rules in throw-away environments.")
@click.argument("rules", nargs=-1, metavar="[RULE]...")
@with_own_manifest
@click.option("--store", type=click.Path(path_type=Path), metavar="FOLDER", help="Keep the proofs there, one file per pack.")
def matrix_prove(rules: tuple[str, ...], manifest: Path | None, store: Path | None) -> None:
    """Try RULEs (default: all that have a probe): install what each forbids and what it admits, and run its probe.

    uv makes an environment for the smallest combination that breaks the rule, for the nearest one that keeps it, and for the
    first release that the rule lets go; the rule is proved if the probe fails in the first alone. Takes wheels from the default
    index, and minutes. Exits with 1 if a rule is refuted.
    """
    from stackc.cli.matrix_prove import prove_rules

    status = prove_rules(rules, manifest=present(manifest), environment=os.environ, store=store)
    click.get_current_context().exit(status)
