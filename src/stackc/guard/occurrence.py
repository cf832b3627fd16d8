"""The values that readers of requirements-like files return. Everything is placed by offsets into the file's text."""

from __future__ import annotations

from stackc.guard.values import Value

TYPE_CHECKING = False  # `typing` takes longer to import than a small file to read
if TYPE_CHECKING:
    from typing import Literal

__all__ = ["Include", "Item", "Occurrence", "Option", "Redirect", "Span", "Trouble"]

Span = tuple[int, int]
"""A stretch of a file's text: where it begins, and where it ends."""


class Occurrence(Value):
    """One requirement, as it stands in a file.

    `candidates` are the projects that it may stand for (see `names`). `reader` says whose grammar it is written in, which for
    conda's also decides what its names mean. `removal` is what to delete to be rid of it, None where it is no line of its own.
    `among` is the list that it stands in and the number of its entries, where that list must not become empty. `comments` are
    those that may allow it. `group` is the command or file whose index options act on it.
    """

    at: int
    text: str
    candidates: tuple[str, ...]
    reader: Literal["pip", "conda", "poetry"] = "pip"
    constraint: bool = False
    valid: bool = True
    by_url: bool = False
    removal: Span | None = None
    among: tuple[int, int] | None = None
    comments: tuple[str, ...] = ()
    group: int = 0


class Include(Value):
    """Another requirements file that this one includes; `paths` are tried in turn, and `sure` says that one must be there."""

    at: int
    text: str
    paths: tuple[str, ...]
    constraint: bool = False
    sure: bool = True


class Option(Value):
    """An option that names an index: `--index-url`, `--extra-index-url` or another.

    `after` is the requirement on whose line it stands, behind it. `tool` is the program that is given it, and `where` what it
    governs: a file, one command, or an environment.
    """

    at: int
    text: str
    name: str
    value: str
    after: str | None = None
    tool: Literal["pip", "uv"] = "pip"
    where: Literal["file", "command", "environment"] = "file"
    comments: tuple[str, ...] = ()
    group: int = 0


class Redirect(Value):
    """A redirect of the shell that was meant as a specifier: the word before it, and the file that it writes or reads."""

    at: int
    text: str
    word: str
    operator: str
    file: str
    comments: tuple[str, ...] = ()


class Trouble(Value):
    """Why a file, or the rest of it, could not be read. `mentions` are candidates in what could not be read."""

    code: str
    message: str
    hint: str
    at: int | None = None
    mentions: tuple[str, ...] = ()
    text: str = ""
    usage: bool = False


Item = Occurrence | Include | Option | Redirect | Trouble
