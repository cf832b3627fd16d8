"""Where each key path of a manifest stands, for findings: its line, and its value as the file spells it.

Only texts that the TOML parser has accepted come here, so the walk below takes their syntax for granted: a token that it does
not expect cannot occur. What the keys are called, quoted and dotted ones included, is again left to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import tomli

from stackc.manifest.model import Places
from stackc.manifest.shown import cut, escaped, shown

__all__ = ["Path", "located"]

Path: TypeAlias = tuple[str | int, ...]
V = TypeVar("V")

_DEEPEST = 16  # no manifest nests further; what does is located no finer
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_TOKEN = re.compile(
    r'''(?P<string>"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}'''
    r"""|'''(?:[^']|'{1,2}(?!'))*'{3,5}"""
    r"""|"(?:[^"\\]|\\.)*"|'[^']*')"""
    r"|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<space>[ \t]+)|(?P<mark>[\[\]{}=,])|(?P<bare>[^\s\[\]{}=,\#\"']+)"
)


def located(text: str, *, file: str) -> Places:
    """Return the places of all key paths of a text that is TOML; they are computed when the first is asked for."""

    @lru_cache(maxsize=1)
    def walk() -> _Walk:
        return _Walk(text)

    return Places(file=escaped(file), lines=_Later(lambda: walk().lines), sources=_Later(lambda: walk().sources))


class _Later(Mapping[Path, V], Generic[V]):
    """A mapping that is computed on first use: most runs end without a finding."""

    def __init__(self, compute: Callable[[], Mapping[Path, V]]) -> None:
        self._compute = compute

    def __getitem__(self, path: Path) -> V:
        return self._compute()[path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._compute())

    def __len__(self) -> int:
        return len(self._compute())

    def __repr__(self) -> str:
        return repr(dict(self._compute()))


class _Token(NamedTuple):
    kind: str | None
    text: str
    line: int


class _Walk:
    """One pass over the tokens of a document, noting lines and sources on the way."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self.sources: dict[Path, str] = {}
        self._entries: dict[Path, int] = {}  # how many `[[headers]]` an array of tables has so far
        self._tokens = list(_tokens(text.removeprefix("\ufeff").replace("\r\n", "\n")))
        self._next = 0
        self._document()

    def _document(self) -> None:
        table: Path = ()
        while self._skip("space", "comment", "newline"):
            if self._peek().text == "[":
                table = self._header()
            else:
                self._pair(table, depth=0)

    def _header(self) -> Path:
        line = self._peek().line
        text = self._until("newline", "comment").strip()
        repeated = text.startswith("[[")
        keys = _keys(text[2:-2] if repeated else text[1:-1])
        path: Path = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            last = position == len(keys) - 1
            if repeated and last:
                self._entries[path] = self._entries.get(path, 0) + 1
            if last and path not in self._entries:
                self.lines[path] = line
            self.lines.setdefault(path, line)
            if path in self._entries:
                path = (*path, self._entries[path] - 1)
                self.lines.setdefault(path, line)
        return path

    def _pair(self, table: Path, *, depth: int) -> None:
        line = self._peek().line
        path = table
        for key in _keys(self._until("mark")):
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._next += 1  # the equals sign
        self._value(path, depth=depth)

    def _value(self, path: Path, *, depth: int) -> None:
        self._skip("space")
        start = self._next
        opening = self._peek().text
        if opening in {"[", "{"} and depth < _DEEPEST:
            self._next += 1
            self._members(path, depth=depth + 1, array=opening == "[")
        elif opening in {"[", "{"}:
            self._leave()
        else:
            self._until("mark", "newline", "comment")
        if opening != "{":
            self._note(path, self._tokens[start : self._next])

    def _members(self, path: Path, *, depth: int, array: bool) -> None:
        """Walk what stands between brackets or braces, and the closing mark."""
        count = 0
        while self._skip("space", "comment", "newline") and self._peek().text not in {"]", "}"}:
            if self._peek().kind == "mark" and self._peek().text == ",":
                self._next += 1
            elif array:
                self.lines[(*path, count)] = self._peek().line
                self._value((*path, count), depth=depth)
                count += 1
            else:
                self._pair(path, depth=depth)
        self._next += 1

    def _leave(self) -> None:
        """Pass over a bracketed value without a look at what it holds."""
        depth = 0
        while True:
            token = self._tokens[self._next]
            self._next += 1
            if token.kind == "mark":
                depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.text, 0)
            if depth == 0:
                return

    def _note(self, path: Path, tokens: list[_Token]) -> None:
        """Keep the source of a value; where a table is inside, the table's own values say more."""
        if any(token.kind == "mark" and token.text == "{" for token in tokens):
            return
        secret = "url" in path or (path[0] == "indexes" and "serves" not in path)
        parts = [_spelled(token, secret=secret) for token in tokens if token.kind not in {"newline", "comment"}]
        self.sources[path] = cut(escaped("".join(parts).strip()))

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _skip(self, *kinds: str) -> bool:
        """Go to the next token of another kind, and say whether there is one."""
        while self._next < len(self._tokens) and self._tokens[self._next].kind in kinds:
            self._next += 1
        return self._next < len(self._tokens)

    def _until(self, *kinds: str) -> str:
        """Return the text up to the next token of one of `kinds`; a `mark` in a header or a value never comes first."""
        start = self._next
        while self._next < len(self._tokens) and self._tokens[self._next].kind not in kinds:
            self._next += 1
        return "".join(token.text for token in self._tokens[start : self._next])


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        yield _Token(found.lastgroup, found[0], line)
        line += found[0].count("\n")


def _keys(text: str) -> tuple[str, ...]:
    """Return the parts of a dotted key."""
    if _PLAIN_KEY.fullmatch(text.strip()):
        return tuple(text.strip().split("."))
    keys: list[str] = []
    value: object = tomli.loads(f"{text} = 0")
    while isinstance(value, dict):
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)


def _spelled(token: _Token, *, secret: bool) -> str:
    """Return a token as it may be shown: a string that hides something is spelled anew."""
    if token.kind != "string" or ("@" not in token.text and "\\" not in token.text and "?" not in token.text):
        return " " if token.kind == "space" else token.text
    content = str(tomli.loads(f"value = {token.text}")["value"])
    safe = shown(content, secret=secret)
    return token.text if safe == content else f'"{safe}"'
