"""setup.cfg, and setup.py without running it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from stackc.guard.entries import comments_at, element_removal, unreadable
from stackc.guard.names import of_requirement
from stackc.guard.occurrence import Include, Item, Occurrence
from stackc.guard.requirements import read_line
from stackc.guard.source import Source
from stackc.guard.values import Value

__all__ = ["read_setup_cfg", "read_setup_py"]

_SECTION = re.compile(r"\[([^\]]*)\]")
_EQUALS = re.compile(r"[=:]")
_LISTS = {"install_requires", "setup_requires", "tests_require", "requires"}
_REQUIRING = _LISTS | {"extras_require"}
_MUTATING = {"append", "extend", "insert", "update", "add"}
_FILE = re.compile(r"[^\s:*?\"<>|]+\.(?:txt|in)")


def read_setup_cfg(source: Source) -> Iterator[Item]:
    """Yield what the `options` of a setup.cfg require."""
    section, key, at = "", "", 0
    for line in source.text.splitlines(keepends=True):
        start, at = at, at + len(line)
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if line[0].isspace():
            if _requires(section, key):
                yield from _value(source, line, start, own_line=True)
        elif header := _SECTION.match(stripped):
            section, key = header[1].strip(), ""
        elif equals := _EQUALS.search(line):
            key = line[: equals.start()].strip().lower().replace("-", "_")
            if _requires(section, key):
                yield from _value(source, line[equals.end() :], start + equals.end(), own_line=False)


def _requires(section: str, key: str) -> bool:
    return (section in {"options", "metadata"} and key in _LISTS) or (section == "options.extras_require" and bool(key))


def _value(source: Source, text: str, at: int, *, own_line: bool) -> Iterator[Item]:
    """Yield what one line of a value says: a requirement, several on one line, or a file that holds them."""
    if text.lstrip().startswith("file:"):
        names = text.partition("file:")[2].split(",")
        yield from (Include(at, name.strip(), (name.strip(),), sure=False) for name in names if name.strip())
        return
    comments = comments_at(source, at)
    if own_line:
        yield from read_line(text, origin=at, removal=source.line_span(at), comments=comments)
        return
    for part in text.split(";"):  # setuptools splits a value of one line there, a marker's semicolon included
        yield from read_line(part, origin=at, removal=None, comments=comments)
        at += len(part) + 1


class _Text(Value):
    """A text of a program: what it says, as far as that is known, and the node that it stands in."""

    value: str
    node: ast.expr
    own: bool = True


def read_setup_py(source: Source) -> Iterator[Item]:
    """Yield what the call of `setup` in a setup.py requires, from the texts that flow into its arguments.

    Names are followed to everything that the program assigns or appends to them, and functions to the texts in them. A text
    that names a file is taken for a requirements file that is read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of the program's escape sequences is no business of ours
            tree = ast.parse(source.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from unreadable(source)
        return
    program = _Program(tree)
    for text in sorted(program.required(), key=lambda text: (text.node.lineno, text.node.col_offset)):
        at = _offset(source, text.node)
        if _FILE.fullmatch(text.value) and not of_requirement(text.value).by_url | ("==" in text.value):
            yield Include(at, text.value, (text.value,), sure=False)
        elif "\n" in text.value or not text.own:
            for line in text.value.splitlines():
                yield from read_line(line, origin=at, removal=None, comments=comments_at(source, at))
        elif text.value.strip():
            yield _requirement(source, text, at)


def _requirement(source: Source, text: _Text, at: int) -> Occurrence:
    named = of_requirement(text.value.strip())
    end = _end(source, text.node)
    return Occurrence(
        at=at,
        text=text.value,
        candidates=named.candidates,
        valid=named.valid,
        by_url=named.by_url,
        removal=element_removal(source, at, end) if end is not None else None,
        comments=comments_at(source, at),
    )


class _Program:
    """The assignments and functions of a program, by name, and the texts that flow from them."""

    def __init__(self, tree: ast.Module) -> None:
        self._assigned: dict[str, list[ast.AST]] = {}
        self._calls: list[ast.Call] = []
        self._seen: set[int] = set()
        for node in ast.walk(tree):
            self._note(node)

    def required(self) -> Iterator[_Text]:
        """Yield every text that flows into a requiring argument of `setup`, or of a mapping given to it."""
        for call in self._calls:
            for keyword in call.keywords:
                if keyword.arg in _REQUIRING:
                    yield from self._texts(keyword.value, keys=keyword.arg != "extras_require")
                elif keyword.arg is None:
                    yield from self._of_mapping(keyword.value)

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.AugAssign) and node.value is not None:
            self._assign(node.target, node.value)
        elif isinstance(node, ast.FunctionDef):
            self._assigned.setdefault(node.name, []).extend(node.body)
        elif isinstance(node, ast.Call):
            self._note_call(node)

    def _note_call(self, call: ast.Call) -> None:
        function = call.func
        if (isinstance(function, ast.Name) and function.id == "setup") or (
            isinstance(function, ast.Attribute) and function.attr == "setup"
        ):
            self._calls.append(call)
        elif isinstance(function, ast.Attribute) and function.attr in _MUTATING:
            for argument in call.args:
                self._assign(function.value, argument)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        while isinstance(target, ast.Subscript):
            target = target.value
        if isinstance(target, ast.Name):
            self._assigned.setdefault(target.id, []).append(value)

    def _of_mapping(self, node: ast.expr) -> Iterator[_Text]:
        """Yield the texts of the requiring keys of a mapping that is given to `setup` as `**mapping`."""
        values = self._assigned.get(node.id, []) if isinstance(node, ast.Name) else [node]
        for value in values:
            if isinstance(value, ast.Dict):
                for key, each in zip(value.keys, value.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in _REQUIRING:
                        yield from self._texts(each, keys=key.value != "extras_require")

    def _texts(self, node: ast.AST, *, keys: bool = True) -> Iterator[_Text]:
        """Yield the texts below a node, those of the names in it included; each node counts once."""
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if _is_text(node) and isinstance(node, ast.expr):
            yield _Text(_pieced(node), node)
        elif isinstance(node, ast.Dict) and not keys:
            for each in node.values:
                yield from self._texts(each)
        elif isinstance(node, ast.Name):
            for value in self._assigned.get(node.id, []):
                yield from self._texts(value, keys=keys)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node)
        else:
            for child in ast.iter_child_nodes(node):
                yield from self._texts(child, keys=keys)

    def _of_call(self, call: ast.Call) -> Iterator[_Text]:
        """Yield the texts of a call: of its arguments, of the function's body, and of what a method is called on."""
        text = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and not isinstance(call.func, ast.Name):
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            words = text.value.split() if method == "split" and not call.args else [text.value]
            yield from (_Text(word, text, own=False) for word in words)
            return
        for child in (call.func, *call.args, *(keyword.value for keyword in call.keywords)):
            yield from self._texts(child)


def _is_text(node: ast.AST) -> bool:
    """Say whether a node is a text, or one put together from a text."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Mod | ast.Add) and _is_text(node.left)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _pieced(node: ast.AST) -> str:
    """Return a text put together with `+` or `%`, with `${}` for what is not known of it."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _pieced(node.left) + _pieced(node.right)
    if isinstance(node, ast.BinOp):
        return re.sub(r"%(?:\([^)]*\))?[sdr]", "${}", _pieced(node.left))
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_piece, node.values))
    return _piece(node)


def _piece(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "${}"


def _offset(source: Source, node: ast.expr) -> int:
    return _place(source, node.lineno, node.col_offset)


def _end(source: Source, node: ast.expr) -> int | None:
    if node.end_lineno is None or node.end_col_offset is None:
        return None
    return _place(source, node.end_lineno, node.end_col_offset)


def _place(source: Source, line: int, column: int) -> int:
    """Return the offset of a place in a program; Python counts columns in bytes of UTF-8."""
    start = source.start_of(line)
    text = source.line_at(start)
    return start + len(text.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "ignore"))
