"""Which projects a requirement may stand for: by its name, its file, its repository.

A *candidate* is a normalized project name, or `owner/name` for a repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from stackc.guard.values import Value

__all__ = ["Named", "canonical", "in_text", "of_requirement", "of_url"]

_SEPARATORS = re.compile(r"[-_.]+")
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"

# PEP 508, as far as a line needs no look at its marker: name, extras, specifiers with or without parentheses.
_SPECIFIER = r"(?:===\s*[^\s;)]+|(?:~=|==|!=|<=|>=|<|>)\s*[A-Za-z0-9._*+!${}-]+)"
_SPECIFIERS = rf"(?:{_SPECIFIER}(?:\s*,\s*{_SPECIFIER})*\s*,?)"
_EXTRAS = r"\[\s*(?:[A-Za-z0-9._-]+(?:\s*,\s*[A-Za-z0-9._-]+)*\s*)?\]"
_PLAIN = re.compile(rf"({_NAME})\s*(?:{_EXTRAS})?\s*(?:{_SPECIFIERS}|\(\s*{_SPECIFIERS}?\s*\))?\s*(;.*)?", re.DOTALL)
_ARCHIVE = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.lzma", ".tlz")

# Those that few lines need are compiled when one does: that takes longer than all else that a small file asks for.
_TOKEN = _NAME
_BEFORE_VERSION = r"(.*?)[-_.]v?\d"
_AT_URL = rf"(?s)({_NAME})\s*(?:{_EXTRAS})?\s*@\s*(?=\S)"
_SCHEME = r"(?i)(?:(?:git|hg|svn|bzr)\+[a-z]+|https?|ftp|file|git|ssh):"
_EGG = r"[#&]egg=([^&\s\[]*)"
_VCS = r"(?i)(?:git|hg|svn|bzr)\+|git:|ssh:"
_PERCENT = r"%([0-9A-Fa-f]{2})"
_MARKER_AFTER_URL = r"\s;|;\s"


class Named(Value):
    """What a requirement names: its candidates, and whether it is of a form that pip reads."""

    candidates: tuple[str, ...]
    valid: bool = True
    by_url: bool = False


def canonical(name: str) -> str:
    """Return a project's name as PEP 503 normalizes it."""
    return _SEPARATORS.sub("-", name).lower()


def of_requirement(text: str, *, editable: bool = False) -> Named:
    """Return what one requirement names, be it a PEP 508 requirement, a URL or a path."""
    plain = None if editable else _PLAIN.fullmatch(text)
    if plain is not None and not _is_archive(text.partition(";")[0].rstrip()):
        return Named((canonical(plain[1]),), valid=_fits(plain[2]))
    at_url = re.match(_AT_URL, text)
    if at_url is not None and not re.match(_SCHEME, text):
        return _named_url(canonical(at_url[1]), text[at_url.end() :])
    address = re.split(_MARKER_AFTER_URL, text, maxsplit=1)[0].strip()
    if re.match(_SCHEME, address):
        return Named(of_url(address), by_url=True)
    if _is_path(address, editable=editable):
        return Named(tuple(_of_path(address)), by_url=True)
    return Named(in_text(text), valid=False)


def of_url(url: str) -> tuple[str, ...]:
    """Return the candidates of an address: what `#egg=` says, else its file's name, and the repository that it leads to."""
    egg = re.search(_EGG, url)
    address, _, fragment = url.partition("#")
    named = (canonical(_decoded(egg[1])),) if egg and egg[1] else ()
    if named and "subdirectory=" in fragment:
        return named
    return tuple(dict.fromkeys((*named, *(() if "subdirectory=" in fragment else _of_path(_decoded(address), url=True)))))


def in_text(text: str) -> tuple[str, ...]:
    """Return everything in a text that could be a project's name, normalized; a version may follow it."""
    found: dict[str, None] = {}
    for token in re.finditer(_TOKEN, text):
        found[canonical(token[0])] = None
        versioned = re.match(_BEFORE_VERSION, token[0])
        if versioned is not None and versioned[1]:
            found[canonical(versioned[1])] = None
        if token.start() >= 2 and text[token.start() - 2 : token.start()] == "${":
            found.update(dict.fromkeys(canonical(part) for part in token[0].split("_") if part))
    return tuple(found)


def _named_url(name: str, rest: str) -> Named:
    address = re.split(_MARKER_AFTER_URL, rest, maxsplit=1)[0].strip()
    fragment = address.partition("#")[2]
    others = () if "subdirectory=" in fragment else of_url(address)
    return Named(tuple(dict.fromkeys((name, *others))), by_url=True)


def _fits(marker: str | None) -> bool:
    """Say whether a marker may be one: pip takes an empty one."""
    if marker is None or not marker[1:].strip():
        return True
    return re.search(r"[=<>!~]|\bin\b", marker) is not None


def _is_archive(text: str) -> bool:
    return text.lower().endswith(_ARCHIVE)


def _is_path(text: str, *, editable: bool) -> bool:
    """Say whether pip takes a text for a path: it has a separator, begins with a dot, or ends like an archive."""
    if any(char.isspace() for char in text) and not editable:
        return _is_archive(text.partition("[")[0]) and "/" in text
    return editable or "/" in text or text.startswith(".") or _is_archive(text.partition("[")[0])


def _of_path(path: str, *, url: bool = False) -> Iterator[str]:
    """Yield the candidates of a path: its last part as a wheel, sdist or folder, and each pair of parts as a repository."""
    bare = path.partition("?")[0] if url else re.sub(r"\[[^\]]*\]\s*$", "", path)
    version_control = url and re.match(_VCS, bare) is not None
    after_host = re.sub(r"^[A-Za-z0-9+]+:(?://[^/]*)?", "", bare)
    if version_control:
        after_host = after_host.rpartition("@")[0] or after_host
    parts = [part.strip() for part in re.split(r"[/\\:]", after_host) if part.strip() not in {"", ".", ".."}]
    if not parts:
        return
    last = parts[-1]
    if last.lower().endswith(".whl"):
        yield canonical(last.split("-")[0])
    elif _is_archive(last):
        versioned = re.match(_BEFORE_VERSION, last)
        yield canonical(versioned[1] if versioned and versioned[1] else last.split(".")[0])
    elif not url or version_control:
        yield canonical(last.removesuffix(".git"))
    if url and not last.lower().endswith(".whl"):
        yield from (f"{owner}/{name.removesuffix('.git')}".lower() for owner, name in pairwise(parts))


def _decoded(text: str) -> str:
    """Return a text with its percent-encoded ASCII characters as themselves."""
    return re.sub(_PERCENT, lambda found: chr(int(found[1], 16)), text) if "%" in text else text
