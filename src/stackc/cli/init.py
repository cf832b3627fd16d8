"""`stackc init`: asks, or takes the flags' answers, and writes a first manifest."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import click
from msgspec import Struct

from stackc.cli.report import safe
from stackc.errors import Finding, Place, StackcError, UsageError
from stackc.files import write_file
from stackc.init.answers import Answers, draft, name_for
from stackc.init.hook import HOOK_FILE, hook_text
from stackc.init.offer import CPU, Shop
from stackc.init.scaffold import Scaffold
from stackc.init.wanted import want
from stackc.layout import MANIFEST
from stackc.matrix.facts import Facts

__all__ = ["Flags", "init"]

_Answer = TypeVar("_Answer")


class Flags(Struct, frozen=True, kw_only=True):
    """What the command line says; None, empty or False where it is silent."""

    cuda: str | None
    cpu: bool
    python: str | None
    projects: tuple[str, ...]
    name: str | None
    target: str | None
    hook: bool

    @property
    def silent(self) -> bool:
        """Say whether no flag answers any question."""
        return not any((self.cuda, self.cpu, self.python, self.projects, self.name, self.target, self.hook))


def init(flags: Flags, *, output: Path, force: bool) -> None:
    """Write a manifest, and a hook file where it is wanted.

    Raises StackcError for what cannot be, and click.Abort on Ctrl-C: then nothing is written.
    """
    hooks = output.with_name(HOOK_FILE)
    if not force:
        _require_absent(output, *((hooks,) if flags.hook else ()), output=output)
    shop = Shop(Facts.load())
    name = name_for(output.resolve().parent.name)
    if flags.silent and sys.stdin.isatty() and sys.stdout.isatty():
        answers, hook = _ask(shop, name=name), click.confirm(f"Write {HOOK_FILE} too?", default=False)
        if hook and not force:
            _require_absent(hooks, output=output)
    else:
        answers, hook = _answers(flags, shop, name=name), flags.hook
    made = draft(answers, shop=shop, today=dt.datetime.now(dt.timezone.utc).date())
    files = {output: made.text(), **({hooks: hook_text(output.name)} if hook else {})}
    for path, text in files.items():
        write_file(path, text.encode())
    click.echo(_summary(made, files, output=output))


def _require_absent(*paths: Path, output: Path) -> None:
    there = [path for path in paths if path.exists() or path.is_symlink()]
    if there:
        raise UsageError(_is_there(path, manifest=output) for path in there)


def _is_there(path: Path, *, manifest: Path) -> Finding:
    hint = "`--force` replaces it; `--output` names another file"
    if path.name == HOOK_FILE:
        hooks = hook_text(manifest.name).rstrip()
        hint = f"`--force` replaces it, other hooks too; else leave `--hook` out, and add these to its `repos`:\n{hooks}"
    return Finding(code="S013", message=f"`{path}` is there already", places=(Place(file=str(path)),), hint=hint)


def _answers(flags: Flags, shop: Shop, *, name: str) -> Answers:
    """Return what the flags say. Raises UsageError S010 where they do not say for which CUDA."""
    if flags.cpu == (flags.cuda is not None):
        message = "`--cpu` and `--cuda` exclude each other" if flags.cpu else "neither `--cuda` nor `--cpu` is given"
        hint = f"say `--cpu`, or `--cuda` with one of {', '.join(shop.cudas())}"
        raise UsageError(Finding(code="S010", message=message, hint=hint))
    return Answers(name=flags.name or name, cuda=flags.cuda, python=flags.python, target=flags.target, projects=flags.projects)


def _ask(shop: Shop, *, name: str) -> Answers:
    """Ask for everything, each question with the answer that is usual; a wrong one is asked for again."""
    cudas = shop.cudas()
    chosen = click.prompt("CUDA, or cpu", type=click.Choice([CPU, *cudas]), default=cudas[0])
    cuda = None if chosen == CPU else str(chosen)
    pythons = click.Choice(shop.pythons(cuda))
    python = click.prompt("Python", type=pythons, default=shop.default_python(cuda))

    def draftable(text: str) -> tuple[str, ...]:
        projects = _projects(text)
        draft(Answers(name=name, cuda=cuda, python=python, projects=projects), shop=shop, today=dt.date.min)
        return projects

    def named(text: str) -> str:
        draft(Answers(name=text, cuda=cuda, python=python), shop=shop, today=dt.date.min)
        return text

    click.echo(
        "NumPy, SciPy and torch with torchvision and torchaudio are in it. Others, such as: transformers accelerate==1.0.1"
    )
    projects = click.prompt("Projects", default="", show_default=False, value_proc=_again(draftable))
    called = click.prompt("Name of the stack", default=name, value_proc=_again(named))
    return Answers(name=called, cuda=cuda, python=python, projects=projects)


def _projects(text: str) -> tuple[str, ...]:
    """Return the words of an answer. Raises UsageError S012 for one that is no project."""
    words = tuple(text.split())
    want(words)
    return words


def _again(read: Callable[[str], _Answer]) -> Callable[[str], _Answer]:
    """Return a reader for click, which asks again where stackc finds something wrong."""

    def reading(text: str) -> _Answer:
        try:
            return read(text)
        except StackcError as error:
            told = "; ".join(f"{finding.message} ({finding.hint})" for finding in error.findings)
            raise click.BadParameter(safe(told.replace("\n", " "))) from None

    return reading


def _summary(made: Scaffold, files: Mapping[Path, str], *, output: Path) -> str:
    cuda, trio = made.offer.cuda, made.offer.trio.versions
    place = "without CUDA" if cuda is None else f"for CUDA {cuda}"
    lines = [f"wrote {safe(str(path))}" for path in files]
    lines += [
        "",
        f"{', '.join(f'{name} {version}' for name, version in trio.items())} {place}",
        f"Python {made.offer.python} on {made.offer.base.reference}",
        "",
    ]
    option = "" if output == Path(MANIFEST) else f" -f {safe(str(output))}"
    return "\n".join([*lines, f"next: stackc compile{option}"])
