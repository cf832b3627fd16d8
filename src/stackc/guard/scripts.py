"""Shell scripts, and the recipes of Makefiles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackc.guard.installs import of_script
from stackc.guard.occurrence import Item
from stackc.guard.source import Joined, Source

__all__ = ["read_makefile", "read_script"]

_MAKE_VARIABLE = re.compile(r"\$(?:\(([A-Za-z_]\w*)\)|\{([A-Za-z_]\w*)\}|(\$)|(.))")
_PREFIX = re.compile(r"\t[@+\- \t]*")


def read_script(source: Source) -> Iterator[Item]:
    """Yield what the commands of a shell script install."""
    yield from of_script(Joined([(source.text, 0)]))


def read_makefile(source: Source) -> Iterator[Item]:
    """Yield what the recipes of a Makefile install: each line that begins with a tab is a script of its own.

    A variable of make stays as `${NAME}`, whatever it is set to.
    """
    recipe: list[tuple[str, int]] = []
    at, above = 0, ""
    for line in source.text.splitlines(keepends=True):
        start, at = at, at + len(line)
        prefix = None if recipe else _PREFIX.match(line)
        if recipe or prefix is not None:
            skipped = prefix.end() if prefix is not None else 0
            recipe += _for_the_shell(line[skipped:], start + skipped)
        if recipe and not line.rstrip("\r\n").endswith("\\"):
            yield from of_script(Joined(recipe), comments=(above,) if above else ())
            recipe = []
        if not recipe:
            above = line if line.lstrip().startswith("#") else ""
    if recipe:
        yield from of_script(Joined(recipe))


def _for_the_shell(line: str, at: int) -> Iterator[tuple[str, int]]:
    """Yield a line of a recipe as make hands it to the shell."""
    done = 0
    for found in _MAKE_VARIABLE.finditer(line):
        yield line[done : found.start()], at + done
        name = found[1] or found[2]
        for char in f"${{{name}}}" if name else "$" if found[3] else "${_}":
            yield char, at + found.start()
        done = found.end()
    yield line[done:], at + done
