"""The options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["DEFAULT", "CompileCommand", "present", "with_findings_format", "with_format", "with_manifest", "with_own_manifest"]

DEFAULT = Path("stack.toml")

with_manifest = click.option(
    "-f",
    "--file",
    "manifest",
    type=click.Path(path_type=Path),
    default=DEFAULT,
    show_default=True,
    help="The manifest. Its folder is the project: locks/ and templates/ lie beside it.",
)

with_own_manifest = click.option(
    "-f",
    "--file",
    "manifest",
    type=click.Path(path_type=Path),
    help="The manifest whose rule packs count.  [default: stack.toml, if it is there]",
)
with_format = click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)

with_findings_format = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "sarif", "rdjsonl"]),
    default="text",
    show_default=True,
    help="How to print what is found; docs/ci.md tells which forge takes what.",
)


def present(manifest: Path | None) -> Path | None:
    """Return the manifest that is named, else the one in this folder, None where there is none."""
    return manifest if manifest is not None or not DEFAULT.exists() else DEFAULT


class CompileCommand(click.Command):
    """A command whose `--upgrade=NAME` names a project for sure, where `--upgrade NAME` may name a target as well."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put a mark before what stands behind `--upgrade=`, as `stackc.cli.upgraded` reads it."""
        options = args[: args.index("--")] if "--" in args else args
        marked = [part for word in options for part in _marked(word)]
        return super().parse_args(ctx, [*marked, *args[len(options) :]])


def _marked(word: str) -> list[str]:
    option, equals, name = word.partition("=")
    return [option, f"{equals}{name}"] if option == "--upgrade" and equals else [word]
