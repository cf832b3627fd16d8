"""Dockerfiles: the commands of their RUN instructions, in shell and in exec form, with here-documents.

After the Dockerfile reference: the escape directive, comments and empty lines within a continued instruction, `--flags` before
the command, `ONBUILD`. What ARG and ENV set is known to the commands after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from posixpath import basename

from stackc.guard.installs import INDEX_VARIABLES, looks_like_requirements, of_script
from stackc.guard.occurrence import Item, Occurrence, Option
from stackc.guard.requirements import read_text
from stackc.guard.shell import commands
from stackc.guard.source import Joined, Source
from stackc.guard.values import Value

__all__ = ["read"]

_DIRECTIVE = re.compile(r"\s*#\s*(?P<name>[A-Za-z]+)\s*=\s*(?P<value>\S+)\s*$")
_INSTRUCTION = re.compile(r"\s*(?:ONBUILD\s+)?([A-Za-z]+)\s+", re.IGNORECASE)
_FLAG = re.compile(r"--[a-z][a-z-]*(?:=(?:\"[^\"]*\"|\S)*)?\s+")
_HEREDOC = re.compile(r"<<-?\s*(?P<quote>[\"']?)(?P<name>[A-Za-z_]\w*)(?P=quote)")
_PAIR = re.compile(r"([A-Za-z_]\w*)=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|(?:[^\s\\]|\\.)*)")
_OLD_PAIR = re.compile(r"([A-Za-z_]\w*)\s+(.*)", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class _Instruction(Value):
    """One instruction: its name in upper case, what follows it, the here-documents' text included, and its comments."""

    name: str
    body: Joined
    comments: tuple[str, ...]


def read(source: Source) -> Iterator[Item]:
    """Yield what the instructions of a Dockerfile install."""
    variables: dict[str, str] = {}
    copied: dict[str, str] = {}

    def located(path: str) -> tuple[str, ...]:
        copy = copied.get(basename(path))
        return (copy, path) if copy is not None else (path,)

    for name, body, comments in _instructions(source.text):
        if name in {"ARG", "ENV"}:
            yield from _set(name, body, variables, comments)
        elif name in {"COPY", "ADD"}:
            yield from _copied_text(body, copied)
        elif name == "RUN":
            command = _exec_form(body) or _without_flags(body)
            yield from of_script(command, located=located, variables=dict(variables), comments=comments)


def _instructions(text: str) -> Iterator[_Instruction]:
    lines = [(line, at) for line, at in _lines(text)]
    escape, number = _escape(lines), 0
    above = ""
    while number < len(lines):
        line = lines[number][0]
        if _is_comment(line) or not line.strip():
            above, number = line if _is_comment(line) else "", number + 1
            continue
        pieces, comments, number = _continued(lines, number, escape)
        joined = Joined(pieces)
        found = _INSTRUCTION.match(joined.text)
        if found is not None:
            name = found[1].upper()
            number = _with_heredocs(lines, number, pieces) if name in {"RUN", "COPY", "ADD"} else number
            joined = Joined(pieces)
            yield _Instruction(name, joined.cut(found.end(), len(joined.text)), tuple(filter(None, (above, *comments))))
        above = ""


def _lines(text: str) -> Iterator[tuple[str, int]]:
    at = 0
    for line in text.split("\n"):
        yield f"{line}\n", at
        at += len(line) + 1


def _escape(lines: list[tuple[str, int]]) -> str:
    for line, _ in lines:
        directive = _DIRECTIVE.match(line)
        if directive is None:
            return "\\"
        if directive["name"].lower() == "escape":
            return "`" if directive["value"] == "`" else "\\"
    return "\\"


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _continued(lines: list[tuple[str, int]], number: int, escape: str) -> tuple[list[tuple[str, int]], list[str], int]:
    """Return the pieces of the instruction that begins at a line, the comments within it, and the number of the next line."""
    pieces: list[tuple[str, int]] = []
    comments: list[str] = []
    while number < len(lines):
        line, at = lines[number]
        number += 1
        if pieces and _is_comment(line):
            comments.append(line)
            continue
        if pieces and not line.strip():
            continue
        stripped = line.rstrip()
        if not stripped.endswith(escape):
            pieces.append((line, at))
            break
        pieces.append((stripped[:-1], at))
    return pieces, comments, number


def _with_heredocs(lines: list[tuple[str, int]], number: int, pieces: list[tuple[str, int]]) -> int:
    """Add the here-documents that an instruction begins to its pieces, and return the number of the next line."""
    names = [found["name"] for found in _HEREDOC.finditer("".join(piece for piece, _ in pieces))]
    for name in names:
        while number < len(lines):
            line, at = lines[number]
            number += 1
            pieces.append((line, at))
            if line.strip() == name:
                break
    return number


def _without_flags(body: Joined) -> Joined:
    at = 0
    while flag := _FLAG.match(body.text, at):
        at = flag.end()
    return body.cut(at, len(body.text))


def _exec_form(body: Joined) -> Joined | None:
    """Return the words of an exec form as a script in which each is quoted, None for the shell form."""
    command = _without_flags(body)
    if not command.text.startswith("["):
        return None
    try:
        words = json.loads(command.text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return None
    strings = _STRING.finditer(command.text)
    pieces: list[tuple[str, int]] = []
    for word, string in zip(words, strings, strict=False):
        quoted = "'" + word.replace("'", "'\\''") + "'"
        plain = f'"{word}"' == string[0] and "'" not in word
        if plain:
            pieces.append((quoted, command.at(string.start())))
        else:
            pieces += ((char, command.at(string.start())) for char in quoted)
        pieces.append((" ", command.at(string.end() - 1)))
    return Joined(pieces)


def _set(name: str, body: Joined, variables: dict[str, str], comments: tuple[str, ...]) -> Iterator[Item]:
    """Note what ENV or ARG sets, and yield the options that it gives to pip or uv."""
    pairs = [(found[1], found[2], found.start()) for found in _PAIR.finditer(body.text)]
    if not pairs and name == "ENV" and (old := _OLD_PAIR.match(body.text)):
        pairs = [(old[1], old[2].strip(), 0)]
    for key, raw, at in pairs:
        value = _value(raw, variables)
        if value is not None:
            variables[key] = value
        if key in INDEX_VARIABLES and value:
            yield Option(
                at=body.at(at),
                text=f"{key}={raw}",
                name=INDEX_VARIABLES[key],
                value=value,
                tool="uv" if key.startswith("UV_") else "pip",
                where="environment",
                comments=comments,
            )


def _value(raw: str, variables: dict[str, str]) -> str | None:
    words = [word for command in commands(Joined([(f"printf {raw}", 0)]), variables) for word in command.names()[1:]]
    value = " ".join(words)
    return None if "${" in value else value


def _copied_text(body: Joined, copied: dict[str, str]) -> Iterator[Item]:
    """Note which file of the build's context goes where, and yield what a here-document writes into a requirements file."""
    head, _, rest = body.text.partition("\n")
    words = [word for word in _without_flags(Joined([(head, 0)])).text.split() if not word.startswith("--")]
    if len(words) > 1 and "--from=" not in head:
        copied.update((basename(word), word.lstrip("/") or word) for word in words[:-1])
        if not words[-1].endswith("/") and len(words) == 2:
            copied[basename(words[-1])] = words[0].lstrip("/")
    heredoc = _HEREDOC.search(head)
    if heredoc is not None and words and looks_like_requirements(words[-1]):
        offset = len(head) + 1
        for item in read_text("".join(line for line in rest.splitlines(keepends=True) if line.strip() != heredoc["name"])):
            placed = item._replace(at=body.at(offset + (item.at or 0)))
            yield placed._replace(removal=None) if isinstance(placed, Occurrence) else placed
