"""Requirements and constraints files, as pip reads them.

The steps are those of pip's `req_file`: lines are split, joined at a backslash, stripped of comments, then broken before the
first word that begins with `-`. What stands before it is a requirement, what follows are options. A line with a requirement has
no other effect: pip silently ignores an `-r` or an `--index-url` behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackc.guard.names import in_text, of_requirement
from stackc.guard.occurrence import Include, Item, Occurrence, Option, Span
from stackc.guard.source import Joined, Source
from stackc.guard.values import Value

__all__ = ["INDEX_OPTIONS", "read", "read_line", "read_text", "split_words"]

_COMMENT = re.compile(
    r"(?:^|(?<=\s))#.*", re.DOTALL
)  # pip's pattern takes the white space before it too, which is stripped anyway
_COMMENT_LINE = re.compile(r"\s*#")
_EASY = re.compile(r"\s*(?:#.*)?")

INDEX_OPTIONS = {"--index-url", "--extra-index-url", "--find-links", "--no-index"}
_WITH_VALUE = {
    "--requirement",
    "--constraint",
    "--editable",
    "--index-url",
    "--pypi-url",
    "--extra-index-url",
    "--find-links",
    "--no-binary",
    "--only-binary",
    "--trusted-host",
    "--use-feature",
    "--hash",
    "--config-settings",
    "--config-setting",
    "--global-option",
    "--install-option",
    "--all-releases",
    "--only-final",
}
_ALONE = {"--no-index", "--prefer-binary", "--require-hashes", "--no-require-hashes", "--pre"}
_SHORT = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "-f": "--find-links",
    "-C": "--config-settings",
}
_ALIASES = {"--pypi-url": "--index-url"}


class _Line(Value):
    """One logical line: its text without comment, where it comes from, the lines that it takes up, and its comments."""

    text: str
    origin: Joined | int
    span: Span
    comments: tuple[str, ...]

    def at(self, offset: int) -> int:
        return self.origin + offset if isinstance(self.origin, int) else self.origin.at(offset)


class _Given(Value):
    """One option of a line: its name in full, its value, and the offset at which it begins."""

    name: str
    value: str
    at: int


def read(source: Source, *, constraint: bool = False) -> Iterator[Item]:
    """Yield what a requirements file says, or a constraints file."""
    yield from read_text(source.text, constraint=constraint)


def read_text(text: str, *, at: int = 0, constraint: bool = False, group: int = 0) -> Iterator[Item]:
    """Yield what the text of a requirements file says; it begins at an offset `at`."""
    for line in _lines(text, at):
        yield from _items(line, constraint=constraint, group=group)


def read_line(text: str, *, origin: Joined | int, removal: Span | None, comments: tuple[str, ...] = ()) -> Iterator[Item]:
    """Yield what one line of a requirements file says that stands in a file of another kind, such as a list of YAML."""
    stripped = _COMMENT.sub("", text)
    if not stripped.strip():
        return
    lead = len(stripped) - len(stripped.lstrip())
    start = origin + lead if isinstance(origin, int) else origin.cut(lead, len(text))
    line = _Line(stripped.strip(), start, removal or (0, 0), comments)
    for item in _items(line, constraint=False, group=0):
        yield item._replace(removal=removal) if isinstance(item, Occurrence) else item


def split_words(text: str) -> list[str] | None:
    """Return the words of a text as a POSIX shell splits them, None where a quote is not closed."""
    if not re.search(r"""["'\\]""", text):
        return text.split()
    import shlex

    try:
        return shlex.split(text)
    except ValueError:
        return None


def _lines(text: str, at: int) -> Iterator[_Line]:
    """Yield the logical lines that say anything."""
    waiting: list[tuple[str, int]] = []
    began, above = at, ""
    for raw in text.splitlines(keepends=True):
        line = raw.splitlines()[0]
        start, at = at, at + len(raw)
        commented = _COMMENT_LINE.match(line) is not None
        if not waiting:
            began = start
            if _EASY.fullmatch(line):
                above = line if commented else ""
                continue
        if line.endswith("\\") and not commented:
            waiting.append((line.strip("\\"), start + len(line) - len(line.lstrip("\\"))))
            continue
        if waiting:
            # pip puts a space before a comment, so that it is one after a joined word too
            waiting += ((" ", start), (line, start)) if commented else ((line, start),)
            yield from _joined(waiting, (began, at), above)
            waiting = []
        else:
            yield from _single(line, (start, at), above)
        above = ""
    if waiting:
        yield from _joined(waiting, (began, at), above)


def _joined(pieces: list[tuple[str, int]], span: Span, above: str) -> Iterator[_Line]:
    joined = Joined(pieces)
    for line in _single(joined.text, span, above):
        lead = line.origin if isinstance(line.origin, int) else 0
        yield line._replace(origin=joined.cut(lead - span[0], len(joined.text)))


def _single(text: str, span: Span, above: str) -> Iterator[_Line]:
    comment = ""
    if "#" in text:
        found = _COMMENT.search(text)
        if found is not None:
            text, comment = text[: found.start()], found[0]
    stripped = text.strip()
    if stripped:
        lead = len(text) - len(text.lstrip())
        yield _Line(stripped, span[0] + lead, span, tuple(filter(None, (comment, above))))


def _items(line: _Line, *, constraint: bool, group: int) -> Iterator[Item]:
    words = 0 if line.text.startswith("-") else line.text.find(" -")
    if words < 0:
        yield _requirement(line, line.text, constraint=constraint, group=group)
        return
    requirement, rest = line.text[:words].strip(), line.text[words:]
    given = _options(rest, words)
    if given is None:
        yield _malformed(line, constraint=constraint, group=group)
    elif requirement:
        yield _requirement(line, requirement, constraint=constraint, group=group)
        yield from (_option(line, option, group, after=requirement) for option in given if option.name in INDEX_OPTIONS)
    else:
        yield from _option_line(line, given, constraint=constraint, group=group)


def _option_line(line: _Line, given: list[_Given], *, constraint: bool, group: int) -> Iterator[Item]:
    """Yield what a line of options says: of several `-e`, `-r` or `-c` pip takes the first, and `-e` before the others."""
    first: dict[str, _Given] = {}
    for option in given:
        first.setdefault(option.name, option)
    if editable := first.get("--editable"):
        named = of_requirement(editable.value, editable=True)
        yield _occurrence(line, line.text, named.candidates, valid=True, by_url=True, constraint=constraint, group=group)
    elif include := first.get("--requirement") or first.get("--constraint"):
        yield Include(
            line.at(include.at),
            line.text,
            (include.value,),
            constraint=include.name == "--constraint",
            sure="${" not in line.text,
        )
    else:
        yield from (_option(line, option, group) for option in given if option.name in INDEX_OPTIONS)
    if stray := [option.value for option in given if not option.name]:
        yield _occurrence(
            line, line.text, in_text(" ".join(stray)), valid=False, by_url=False, constraint=constraint, group=group
        )


def _requirement(line: _Line, text: str, *, constraint: bool, group: int) -> Occurrence:
    named = of_requirement(text)
    return _occurrence(line, text, named.candidates, valid=named.valid, by_url=named.by_url, constraint=constraint, group=group)


def _malformed(line: _Line, *, constraint: bool, group: int) -> Occurrence:
    return _occurrence(line, line.text, in_text(line.text), valid=False, by_url=False, constraint=constraint, group=group)


def _occurrence(
    line: _Line, text: str, candidates: tuple[str, ...], *, valid: bool, by_url: bool, constraint: bool, group: int
) -> Occurrence:
    return Occurrence(
        at=line.at(0),
        text=text,
        candidates=candidates,
        constraint=constraint,
        valid=valid,
        by_url=by_url,
        removal=line.span,
        comments=line.comments,
        group=group,
    )


def _option(line: _Line, option: _Given, group: int, *, after: str | None = None) -> Option:
    return Option(
        at=line.at(option.at),
        text=line.text,
        name=option.name,
        value=option.value,
        after=after,
        comments=line.comments,
        group=group,
    )


def _options(text: str, offset: int) -> list[_Given] | None:
    """Return the options in a text that begins at an offset of its line, words that belong to none under the name ``.

    None where pip refuses them: an unclosed quote, an unknown option, one without its value.
    """
    words = split_words(text)
    if words is None:
        return None
    found: list[_Given] = []
    at, waiting = 0, iter(words)
    for word in waiting:
        at = max(text.find(word[:2], at), 0)
        name, value = _split_option(word)
        if name is None:
            return None
        if value is None and name in _WITH_VALUE:
            value = next(waiting, None)
            if value is None:
                return None
        found.append(_Given(_ALIASES.get(name, name), value or "", offset + at))
        at += len(word)
    return found


def _split_option(word: str) -> tuple[str | None, str | None]:
    """Return an option's full name, and its value where it holds one; the name is empty for a word that is no option."""
    if not word.startswith("-") or word == "-":
        return "", word
    if not word.startswith("--"):
        return _SHORT.get(word[:2]), word[2:] or None
    name, equals, value = word.partition("=")
    known = _WITH_VALUE | _ALONE
    longer = [each for each in known if each.startswith(name)]
    full = name if name in known else longer[0] if len(longer) == 1 else None
    if equals and full in _ALONE:
        return None, None
    return full, value if equals else None
