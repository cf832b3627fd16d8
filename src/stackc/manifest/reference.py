"""What the strings of a manifest refer to: image references, index addresses, versions, projects, moments."""

from __future__ import annotations

import datetime as dt
import re
import warnings
from urllib.parse import unquote, urlsplit

import tomli
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from stackc.lock.filename import parse_filename
from stackc.manifest.cursor import Refusal
from stackc.manifest.model import MATRIX, BaseImage, MatrixVersion
from stackc.manifest.shown import shown

__all__ = [
    "BARE_VERSION",
    "IMAGE",
    "base_image",
    "component_version",
    "day",
    "expression",
    "file_name",
    "file_path",
    "file_url",
    "file_url_hint",
    "index_url",
    "moment",
    "project",
    "served",
    "specifiers",
    "tool",
    "tool_name",
    "version_hint",
]

BARE_VERSION = re.compile(r"v?[0-9][A-Za-z0-9.+!_-]*(?:\.\*)?")

# The grammar of https://pkg.go.dev/github.com/distribution/reference, with Docker's own rule for where a registry ends and
# a repository begins: the first part is a registry if it holds a dot or a port, or is `localhost`.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PORT = r":[0-9]{1,5}"
_REGISTRY = rf"(?:(?:{_LABEL}(?:\.{_LABEL})+|localhost|\[[0-9a-fA-F:]+\])(?:{_PORT})?|{_LABEL}{_PORT})"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,128}"
IMAGE = rf"(?:{_REGISTRY}/)?({_PART}(?:/{_PART})*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?(?:@({_DIGEST}))?"
"""The pattern of an image reference; its groups are the repository without its registry, the tag and the digest."""


def base_image(text: str) -> BaseImage | Refusal:
    """Return the parts of an image reference."""
    found = re.fullmatch(IMAGE, text)
    if found is None:
        return Refusal(message=f"`{shown(text)}` is not an image reference")
    return BaseImage(reference=text, repository=found[1], tag=found[2], digest=found[3])


def component_version(text: str) -> SpecifierSet | MatrixVersion | Refusal:
    """Return the specifier set, or the choice that is left to the matrix."""
    return MATRIX if text == MATRIX.value else specifiers(text)


def specifiers(text: str) -> SpecifierSet | Refusal:
    """Return the specifier set of PEP 440; one that no version can meet is refused."""
    try:
        found = SpecifierSet(text)
    except InvalidSpecifier:
        return Refusal(message=f"`{shown(text)}` is not a version specifier", hint=version_hint(text))
    if found.is_unsatisfiable():
        return Refusal(
            message=f"no version can satisfy `{shown(text)}`", hint="its parts exclude each other: widen one of them"
        )
    return found


def version_hint(text: str) -> str | None:
    """Say how to write what was probably meant by a text that is no specifier."""
    if BARE_VERSION.fullmatch(text.strip()):
        return f'write `"=={text.strip()}"` for this very version, or `">={text.strip()}"` for it and all later ones'
    if text.strip() in {"", "*", "latest", "any"}:
        return 'write `">=0"` for any version'
    if text.strip()[:1] in {"^", "~"}:
        return 'write a range as `">=1.2,<2"`'
    return "separate specifiers by commas, such as `>=1.26,<2`"


def project(text: str) -> NormalizedName:
    """Return the normalized name of a project, or of an extra."""
    return canonicalize_name(text)


def served(text: str) -> str:
    """Return a project's normalized name, or a pattern over such names."""
    return canonicalize_name(text)


def tool(text: str) -> str | Refusal:
    """Return a requirement that names a project, and its versions if need be."""
    try:
        Requirement(text)
    except InvalidRequirement:
        return Refusal(message=f"`{shown(text)}` is not a requirement", hint="write it as `setuptools` or `setuptools>=70`")
    return text


def tool_name(text: str) -> NormalizedName:
    """Return the normalized name of the project that a build tool's requirement names."""
    return canonicalize_name(Requirement(text).name)


def index_url(text: str) -> str | Refusal:
    """Return the address of an index, if it has a host and its port is a number."""
    hint = "write it as `https://host/path`, with any `%`, `[` or `]` in its user info percent-encoded"
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    return text if usable else Refusal(message=f"`{shown(text, secret=True)}` has no usable host and port", hint=hint)


def file_name(location: str) -> str:
    """Return the name of the file at an address or a path; an address has it percent-encoded."""
    name = location.rpartition("/")[2]
    return unquote(name) if "://" in location else name


def file_url(text: str) -> str | Refusal:
    """Return the address of a distribution file, if it has a host and ends with the name of a wheel or an sdist."""
    found = index_url(text)
    return found if isinstance(found, Refusal) else _distribution(text)


def file_path(text: str) -> str | Refusal:
    """Return the path of a distribution file."""
    return _distribution(text)


def _distribution(location: str) -> str | Refusal:
    if parse_filename(file_name(location)) is not None:
        return location
    hint = "end it with a name such as `mylib-1.0-py3-none-any.whl` or `mylib-1.0.tar.gz`: it says project, version and target"
    return Refusal(message=f"`{shown(file_name(location))}` is not the name of a wheel or an sdist", hint=hint)


def file_url_hint(text: str) -> str:
    """Say what to do with that of an address which has no place in a manifest."""
    if "@" in text.partition("://")[2]:
        return "leave user and password out: stackc and pip take them from a netrc file, in a build from a mounted secret"
    if "#" in text:
        return "leave out what follows `#`: the hash goes into `sha256`"
    if "?" in text:
        return "leave out what follows `?`: a signed address ends with its signature; use a lasting one"
    return "write it as `https://host/path/mylib-1.0-py3-none-any.whl`, all else percent-encoded"


def moment(text: str) -> dt.datetime | Refusal:
    """Return an aware moment in UTC; the parser of TOML itself reads the text."""
    hint = "write a moment with its offset, such as `2026-11-01T00:00:00Z`"
    refusal = Refusal(message=f"`{shown(text)}` is not in the calendar", hint=hint)
    try:
        found = tomli.loads(f"moment = {text}")["moment"]
        return found.astimezone(dt.timezone.utc) if isinstance(found, dt.datetime) and found.tzinfo else refusal
    except (ValueError, OverflowError):
        return refusal


def day(text: str) -> dt.date | Refusal:
    """Return a day."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return Refusal(message=f"`{shown(text)}` is not in the calendar", hint="write a day as `2027-01-31`")


def expression(text: str) -> str | Refusal:
    """Return a text that compiles to one Python expression; it is not evaluated here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "stack.toml", "eval")
    except SyntaxError as error:
        hint = "write one expression that is true in a good image, such as `torch.version.cuda == '12.4'`"
        return Refusal(message=f"`{shown(text)}` is not a Python expression: {shown(error.msg)}", hint=hint)
    except (ValueError, MemoryError, RecursionError, OverflowError):
        return Refusal(message=f"`{shown(text)}` is more than Python can compile", hint="write a shorter expression")
    return text
