"""The Simple API: one project's page, as JSON (PEP 691, 700, 714, 792) or HTML (PEP 503), into rows of distribution files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from stackc.upstream.anchors import AnchorReader

__all__ = ["ACCEPT", "FileRow", "Hashes", "PageError", "ProjectStatus", "decode_page", "decode_status"]

ACCEPT = "Accept: application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = frozenset({"text/html", "application/vnd.pypi.simple.v1+html"})


class Hashes(msgspec.Struct, frozen=True, gc=False):
    """The digests of one file, in hexadecimal; stackc reads sha256 alone."""

    sha256: str | None = None


class FileRow(msgspec.Struct, frozen=True, rename="kebab"):
    """One distribution file as its index lists it.

    `url` may be relative to the page. `upload_time` is RFC 3339 in UTC, `size` in bytes; both are None where the index does
    not say (PEP 700). `core_metadata` tells that `<url>.metadata` exists, perhaps with its digests (PEP 658, 714).
    """

    filename: str
    url: str
    hashes: Hashes = Hashes()
    requires_python: str | None = None
    size: int | None = None
    upload_time: str | None = None
    yanked: bool | str = False
    core_metadata: bool | Hashes = False


class ProjectStatus(msgspec.Struct, frozen=True):
    """The state that an index says a project is in (PEP 792): `active`, `archived`, `quarantined`, `deprecated` or its own."""

    status: str = "active"
    reason: str | None = None


class _Page(msgspec.Struct, frozen=True):
    files: list[FileRow]


class _StatusPage(msgspec.Struct, frozen=True, rename="kebab"):
    project_status: ProjectStatus = ProjectStatus()


class PageError(Exception):
    """A page that is not a Simple API page; `reason` says what it is instead."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode_page(body: bytes, *, content_type: str, url: str) -> list[FileRow]:
    """Return the files that a page lists, in its order. Raises PageError."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == _JSON or (media_type == "application/json" and body[:1] == b"{"):
        return _decode_json(body)
    if media_type in _HTML:
        return _decode_html(body, url)
    raise PageError(f"its media type is {media_type or 'not given'}, which no Simple API page has")


def decode_status(body: bytes, *, content_type: str, url: str) -> ProjectStatus:
    """Return the state that a page which can be decoded says its project is in; without a word of it, it is active."""
    if content_type.partition(";")[0].strip().lower() in _HTML:
        return ProjectStatus(*_reader(body.decode("utf-8", "replace"), url).status)
    try:
        return msgspec.json.decode(body, type=_StatusPage).project_status
    except msgspec.DecodeError:  # files are told by their rows, and a state that nobody can read is none
        return ProjectStatus()


def _decode_json(body: bytes) -> list[FileRow]:
    try:
        return _json_decoder()(body).files
    except msgspec.ValidationError as error:
        raise PageError(f"its JSON is not of the Simple API's shape: {error}") from error
    except msgspec.DecodeError as error:
        raise PageError(f"its JSON is broken: {error}") from error


@cache
def _json_decoder() -> Callable[[bytes], _Page]:
    return msgspec.json.Decoder(_Page).decode


def _decode_html(body: bytes, url: str) -> list[FileRow]:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PageError("its HTML is not UTF-8") from error
    reader = _reader(text, url)
    rows = [row for anchor in reader.anchors if (row := _row(anchor, reader.base)) is not None]
    if not rows and not reader.looks_like_index and not any(_is_old_file(anchor) for anchor in reader.anchors):
        raise PageError("it is HTML without a single link to a distribution file, not a Simple API page")
    return rows


def _reader(text: str, url: str) -> AnchorReader:
    from stackc.upstream.anchors import AnchorReader  # loads the parser of HTML, which most indexes do not need

    reader = AnchorReader(url)
    reader.feed(text)
    reader.close()
    return reader


def _is_old_file(anchor: dict[str, str]) -> bool:
    """Say whether a link is to a distribution of a format that nobody installs any more: a project may have no others."""
    return anchor["href"].partition("#")[0].endswith((".egg", ".exe", ".msi", ".rpm", ".tar.bz2", ".tar.xz", ".tgz"))


def _row(anchor: dict[str, str], base: str) -> FileRow | None:
    try:
        address, fragment = urldefrag(urljoin(base, anchor["href"]))
    except ValueError:  # no address at all
        return None
    filename = unquote(urlsplit(address).path.rpartition("/")[2])
    if not filename.endswith((".whl", ".tar.gz", ".zip")):
        return None
    algorithm, _, digest = fragment.partition("=")
    metadata = anchor.get("data-core-metadata", anchor.get("data-dist-info-metadata"))
    return FileRow(
        filename=filename,
        url=address,
        hashes=Hashes(sha256=digest.lower() if algorithm == "sha256" else None),
        requires_python=anchor.get("data-requires-python") or None,
        yanked=anchor.get("data-yanked", False) or "data-yanked" in anchor,
        core_metadata=_html_metadata(metadata),
    )


def _html_metadata(value: str | None) -> bool | Hashes:
    if not value or value == "false":
        return False
    algorithm, _, digest = value.partition("=")
    return Hashes(sha256=digest.lower()) if algorithm == "sha256" and digest else True
