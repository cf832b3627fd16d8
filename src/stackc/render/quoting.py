"""Quoting: one function per grammar that a value may stand in. Each refuses what its grammar cannot hold."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping

from stackc.errors import Finding, Place, RenderError

__all__ = [
    "comment",
    "control_finding",
    "dockerfile_copy",
    "dockerfile_json",
    "dockerfile_word",
    "json_literal",
    "markdown_cell",
    "markdown_code",
    "plain",
    "shell",
]

# C0 and C1 controls (newline and ESC among them), the Unicode line and paragraph separators, the marks that reorder text, the
# byte order mark, and lone surrogates. A fixed list, since the Unicode tables of two Pythons differ.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

# Needs no quotes in any Dockerfile instruction. A word may not begin with `-`, which would read as a flag.
_SAFE_WORD = re.compile(r"[A-Za-z0-9_./@%+:,=*?][A-Za-z0-9_./@%+:,=*?-]*")

_MARKDOWN = re.compile(r"[\\`*_{}\[\]#|~]")


def plain(text: str) -> str:
    """Return `text` if no control character stands in it; raise `RenderError` S504 otherwise."""
    finding = control_finding(text)
    if finding is not None:
        raise RenderError(finding)
    return text


def control_finding(text: str, *, places: tuple[Place, ...] = ()) -> Finding | None:
    """Return the finding that a control character stands in `text`, None if there is none."""
    found = _CONTROL.search(text)
    if found is None:
        return None
    return Finding(
        code="S504",
        message=f"a value holds the control character U+{ord(found[0]):04X}, which no generated file may hold",
        places=places,
        found=ascii(text),
        hint="remove the character: a value is one line of printable text",
    )


def shell(word: str) -> str:
    """Return `word` quoted as one word of a POSIX shell."""
    return shlex.quote(plain(word))


def dockerfile_word(value: str) -> str:
    r"""Return `value` as one word of ENV, FROM or WORKDIR, so that no `$NAME` in it is expanded.

    Inside double quotes the Dockerfile grammar lets `\` escape `"`, `$` and itself, and nothing else.
    """
    plain(value)
    if _SAFE_WORD.fullmatch(value):
        return value
    return '"' + re.sub(r'(["$\\])', r"\\\1", value) + '"'


def dockerfile_copy(words: list[str]) -> str:
    """Return the operands of COPY, the destination last: as bare words where that is enough, else as a JSON array.

    The array is the only form whose words may hold blanks. Both forms expand `$NAME` and take off quotes, so the words of the
    array are escaped as well, each character by itself.
    """
    safe = [f"./{word}" if word.startswith("-") else word for word in words]
    if all(_SAFE_WORD.fullmatch(word) for word in safe):
        return " ".join(safe)
    return dockerfile_json([re.sub(r"([\"'$\\])", r"\\\1", word) for word in safe])


def dockerfile_json(words: list[str]) -> str:
    """Return `words` as the JSON array of an exec form, on one line."""
    return json.dumps([plain(word) for word in words], ensure_ascii=False)


def comment(text: str) -> str:
    """Return `text` for a comment that `#` starts and the line's end closes; no escape exists there, nor is one needed."""
    return plain(text)


def json_literal(value: Mapping[str, object]) -> str:
    """Return `value` as JSON in ASCII that may stand in a raw Python string between three single quotes.

    A table or an array at the first level has one line per entry, so that a changed pin is one changed line.
    """
    return "{\n" + ",\n".join(f" {_json(key)}: {_json_lines(value[key])}" for key in sorted(value)) + "\n}"


def _json_lines(value: object) -> str:
    if isinstance(value, Mapping) and value:
        return "{\n" + ",\n".join(f"  {_json(key)}: {_json(value[key])}" for key in sorted(value)) + "\n }"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"  {_json(entry)}" for entry in value) + "\n ]"
    return _json(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True).replace("'", "\\u0027")


def markdown_cell(text: str) -> str:
    """Return `text` as the plain text of a Markdown table cell: no markup, no HTML, no further cell."""
    escaped = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\g<0>", escaped)


def markdown_code(text: str) -> str:
    """Return `text` as a code span of a Markdown table cell; as escaped text where a code span could not hold it."""
    return markdown_cell(text) if not text or re.search(r"[`|\\]", text) else f"`{plain(text)}`"
