"""pyproject.toml and Pipfile: requirements in arrays, and project names as keys of tables.

Read are PEP 621 (`project`), PEP 735 (`dependency-groups`), PEP 518 (`build-system`) and the tables of poetry, pdm, uv, hatch,
flit, pixi and setuptools. Constraints and overrides of uv limit a project and never add it, so they are no requirements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

import tomli

from stackc.guard.entries import comments_at, element_removal, unreadable
from stackc.guard.installs import of_conda
from stackc.guard.names import canonical, of_requirement
from stackc.guard.occurrence import Include, Item, Occurrence
from stackc.guard.source import Source
from stackc.guard.values import Value

__all__ = ["read_pipfile", "read_pyproject"]

Path: TypeAlias = tuple[str | int, ...]
_Reader: TypeAlias = Literal["pip", "conda", "poetry"]

_ARRAYS: tuple[Path, ...] = (
    ("project", "dependencies"),
    ("project", "optional-dependencies", "*"),
    ("dependency-groups", "*"),
    ("build-system", "requires"),
    ("tool", "uv", "dev-dependencies"),
    ("tool", "pdm", "dev-dependencies", "*"),
    ("tool", "hatch", "envs", "*", "dependencies"),
    ("tool", "hatch", "envs", "*", "extra-dependencies"),
    ("tool", "flit", "metadata", "requires"),
    ("tool", "flit", "metadata", "requires-extra", "*"),
)
_TABLES: tuple[tuple[Path, _Reader], ...] = (
    (("tool", "poetry", "dependencies"), "poetry"),
    (("tool", "poetry", "dev-dependencies"), "poetry"),
    (("tool", "poetry", "group", "*", "dependencies"), "poetry"),
    (("tool", "pixi", "pypi-dependencies"), "poetry"),
    (("tool", "pixi", "feature", "*", "pypi-dependencies"), "poetry"),
    (("tool", "pixi", "dependencies"), "conda"),
    (("tool", "pixi", "feature", "*", "dependencies"), "conda"),
)
_INCLUDES: tuple[Path, ...] = (
    ("tool", "setuptools", "dynamic", "dependencies", "file"),
    ("tool", "setuptools", "dynamic", "optional-dependencies", "*", "file"),
    ("tool", "hatch", "metadata", "hooks", "requirements_txt", "files"),
)
_NO_PACKAGES = {"source", "requires", "scripts", "pipenv"}
_STRING = re.compile(
    r'''"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}|\'\'\'(?:[^']|'{1,2}(?!'))*'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*'''
)


class _Entry(Value):
    """One entry of a table: the key path, and the value."""

    path: Path
    value: object


def read_pyproject(source: Source) -> Iterator[Item]:
    """Yield what the tables of a pyproject.toml require."""
    content = _parsed(source)
    if content is None:
        yield from unreadable(source)
        return
    placed = _Placed(source)
    for pattern in _ARRAYS:
        for path, value in _matching(content, pattern):
            yield from _array(placed, path, value)
    for pattern, reader in _TABLES:
        for path, value in _matching(content, pattern):
            yield from _table(placed, path, value, reader)
    for pattern in _INCLUDES:
        for path, value in _matching(content, pattern):
            names = [value] if isinstance(value, str) else [name for name in _list(value) if isinstance(name, str)]
            yield from (Include(placed.line(path), f'"{name}"', (name,), sure=False) for name in names)


def read_pipfile(source: Source) -> Iterator[Item]:
    """Yield what the tables of a Pipfile require: `packages`, `dev-packages`, and categories of the user's own."""
    content = _parsed(source)
    if content is None:
        yield from unreadable(source)
        return
    placed = _Placed(source)
    for name, value in content.items():
        if name not in _NO_PACKAGES:
            yield from _table(placed, (name,), value, "poetry")


def _parsed(source: Source) -> Mapping[str, object] | None:
    try:
        return tomli.loads(source.text)
    except (ValueError, RecursionError):
        return None


def _matching(value: object, pattern: Path, path: Path = ()) -> Iterator[_Entry]:
    """Yield every value whose key path matches a pattern, in which `*` is any key."""
    if not pattern:
        yield _Entry(path, value)
    elif isinstance(value, dict):
        keys: Iterable[str] = value if pattern[0] == "*" else [key for key in value if key == pattern[0]]
        for key in keys:
            yield from _matching(value[key], pattern[1:], (*path, key))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


class _Placed:
    """Where keys and strings of one document stand; found out only for a document that has something to say."""

    def __init__(self, source: Source) -> None:
        from stackc.manifest.locate import located

        self.source = source
        self._lines = located(source.text, file=source.name).lines
        self._strings: dict[int, list[tuple[int, int]]] = {}
        for found in _STRING.finditer(source.text):
            if not found[0].startswith("#"):
                line = source.position(found.start())[0]
                self._strings.setdefault(line, []).append(found.span())

    def line(self, path: Path) -> int:
        """Return the offset of a key, or of the line that it stands in."""
        known = path
        while known and known not in self._lines:
            known = known[:-1]
        start = self.source.start_of(self._lines.get(known, 1))
        key = path[-1] if path else ""
        at = self.source.line_at(start).find(str(key)) if isinstance(key, str) else -1
        return start + max(at, 0)

    def string(self, path: Path, value: str) -> tuple[int, int] | None:
        """Return where the string of an array stands, its quotes included; each is returned once."""
        spans = self._strings.get(self._lines.get(path, 0), [])
        for span in spans:
            if _unquoted(self.source.text[span[0] : span[1]]) == value:
                spans.remove(span)
                return span
        return None


def _unquoted(token: str) -> object:
    if "\\" not in token and not token.startswith(('"""', "'''")):
        return token[1:-1]
    return tomli.loads(f"value = {token}")["value"]


def _array(placed: _Placed, path: Path, value: object) -> Iterator[Item]:
    for number, text in enumerate(_list(value)):
        if isinstance(text, str):
            span = placed.string((*path, number), text)
            at = span[0] + 1 if span else placed.line((*path, number))
            named = of_requirement(text.strip())
            yield Occurrence(
                at=at,
                text=text,
                candidates=named.candidates,
                valid=named.valid,
                by_url=named.by_url,
                removal=element_removal(placed.source, *span) if span else None,
                comments=comments_at(placed.source, at),
            )


def _table(placed: _Placed, path: Path, value: object, reader: _Reader) -> Iterator[Item]:
    for key, entry in value.items() if isinstance(value, dict) else ():
        at = placed.line((*path, key))
        line = placed.source.line_at(at)
        yield Occurrence(
            at=at,
            text=line.partition("#")[0].strip(),
            candidates=of_conda(key).candidates if reader == "conda" else (canonical(key), *_addressed(entry)),
            reader=reader,
            by_url=bool(_addressed(entry)),
            removal=placed.source.line_span(at) if _is_one_line(line, key) else None,
            comments=comments_at(placed.source, at),
        )


def _addressed(entry: object) -> tuple[str, ...]:
    """Return the candidates of a repository or file that a table's entry names."""
    found: list[str] = []
    for table in entry if isinstance(entry, list) else [entry]:
        if isinstance(table, dict) and "subdirectory" not in table:
            for kind in ("git", "url", "file", "path"):
                address = table.get(kind)
                if isinstance(address, str):
                    found += of_requirement(f"git+{address}" if kind == "git" and "://" in address else address).candidates
    return tuple(found)


def _is_one_line(line: str, key: str) -> bool:
    """Say whether a line by itself gives one key its value."""
    try:
        return list(tomli.loads(line)) == [key]
    except ValueError:
        return False
