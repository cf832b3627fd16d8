"""conda's environment.yml, and cog.yaml: composed by PyYAML into nodes that know where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from stackc.guard.entries import comments_at, line_removal, unreadable
from stackc.guard.installs import of_conda, of_script
from stackc.guard.occurrence import Include, Item, Occurrence, Span
from stackc.guard.requirements import read_line
from stackc.guard.source import Joined, Source

__all__ = ["read_cog", "read_environment"]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ENTRY = re.compile(r"-\s+[^\n]*")


def read_environment(source: Source) -> Iterator[Item]:
    """Yield what an environment of conda requires: its own packages, and those of its `pip` part."""
    root = _composed(source)
    if root is None:
        yield from unreadable(source)
        return
    entries = _under(root, "dependencies")
    for scalar in _scalars(entries):
        named = of_conda(scalar.value)
        yield Occurrence(
            at=_start(source, scalar),
            text=scalar.value,
            candidates=named.candidates,
            reader="conda",
            valid=named.valid,
            removal=_removal(source, scalar, entries),
            among=_among(entries),
            comments=comments_at(source, scalar.start_mark.index),
        )
    for entry in entries.value if isinstance(entries, yaml.SequenceNode) else ():
        yield from _requirements(source, _under(entry, "pip"))


def read_cog(source: Source) -> Iterator[Item]:
    """Yield what the `build` of a cog.yaml requires: packages, a requirements file, and the commands of `run`."""
    root = _composed(source)
    if root is None:
        yield from unreadable(source)
        return
    build = _under(root, "build")
    yield from _requirements(source, _under(build, "python_packages"))
    included = _under(build, "python_requirements")
    if isinstance(included, yaml.ScalarNode):
        yield Include(_start(source, included), included.value, (included.value,))
    for key in ("run", "pre_install"):
        commands = _under(build, key)
        for entry in commands.value if isinstance(commands, yaml.SequenceNode) else ():
            scalar = entry if isinstance(entry, yaml.ScalarNode) else _under(entry, "command")
            if isinstance(scalar, yaml.ScalarNode):
                yield from of_script(_text(source, scalar), comments=comments_at(source, scalar.start_mark.index))


def _composed(source: Source) -> yaml.Node | None:
    """Return the root node of the first document, None for what is no YAML."""
    try:
        root = next(iter(yaml.compose_all(source.text, Loader=_LOADER)), None)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    return root if isinstance(root, yaml.Node) else yaml.ScalarNode("", "")


def _under(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """Return the value of a key, None where the node is no mapping or has no such key."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if isinstance(name, yaml.ScalarNode) and name.value == key), None)


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    for entry in node.value if isinstance(node, yaml.SequenceNode) else ():
        if isinstance(entry, yaml.ScalarNode):
            yield entry


def _requirements(source: Source, entries: yaml.Node | None) -> Iterator[Item]:
    """Yield what the lines of a list say; pip reads them as a requirements file."""
    for scalar in _scalars(entries):
        comments = comments_at(source, scalar.start_mark.index)
        for line in scalar.value.splitlines():
            removal = _removal(source, scalar, entries)
            for item in read_line(line, origin=_start(source, scalar), removal=removal, comments=comments):
                yield item._replace(removal=removal, among=_among(entries)) if isinstance(item, Occurrence) else item


def _removal(source: Source, scalar: yaml.ScalarNode, entries: yaml.Node | None) -> Span | None:
    one_line = scalar.start_mark.line == scalar.end_mark.line
    block = isinstance(entries, yaml.SequenceNode) and not entries.flow_style
    return line_removal(source, scalar.start_mark.index, _ENTRY) if one_line and block else None


def _among(entries: yaml.Node | None) -> tuple[int, int] | None:
    return (entries.start_mark.index + 1, len(entries.value)) if isinstance(entries, yaml.SequenceNode) else None


def _start(source: Source, scalar: yaml.ScalarNode) -> int:
    """Return where the text of a scalar begins, behind its quote."""
    at: int = scalar.start_mark.index
    return at + 1 if source.text[at : at + 1] in {"'", '"'} else at


def _text(source: Source, scalar: yaml.ScalarNode) -> Joined:
    """Return a scalar's text with its places, as far as its lines stand in the file as they are."""
    at, pieces = _start(source, scalar), []
    for line in scalar.value.splitlines(keepends=True):
        found = source.text.find(line.rstrip("\n"), at, scalar.end_mark.index)
        at = found if found >= 0 else at
        pieces.append((line, at))
    return Joined(pieces)
