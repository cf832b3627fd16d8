"""Pages that are in the cache already, and the catalog for those that are not: what they list, without asking anybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote, urljoin

import msgspec
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.upstream import catalog
from stackc.upstream.cache import Cache, CachedPage
from stackc.upstream.catalog import CatalogFile, CatalogIndex
from stackc.upstream.exchange import split_credentials
from stackc.upstream.simple import FileRow, Hashes, decode_page
from stackc.view.curate import Curation, Listed
from stackc.view.filenames import parse_version, versions_of

__all__ = ["KeptListings", "PageShelf", "catalog_row", "page_url", "rows_of"]

_VERSIONS = "versions"
"""What all versions of a page are kept by, as a curation is by its key: they are the same for every target."""


class PageShelf:
    """Reads pages for one target's curation; nothing is known of a project that neither the cache nor the catalog has."""

    def __init__(self, cache: Cache, curation: Curation) -> None:
        self._cache = cache
        self._curation = curation

    def files(self, address: str, project: NormalizedName) -> Mapping[str, str]:
        """Return file name → absolute address of all files that a page lists."""
        page = self._cache.page(page_url(address, project))
        base = page.base if page is not None and page.status == 200 else ""
        return {row.filename: urljoin(base, row.url) for row in self._rows(address, project)}

    def rejections(self, address: str, project: NormalizedName) -> list[tuple[str, str]]:
        """Return (version, reason) of every release that a page lists and curation leaves out."""
        found = self._curation.rejections(project, self._rows(address, project))
        return [(str(rejection.version), rejection.reason) for rejection in found]

    def listed(self, address: str, project: NormalizedName, *, above: Version) -> list[Listed]:
        """Return every release above a version that a page lists, the newest first."""
        return self._curation.listed(project, self._rows(address, project), above=above)

    def versions(self, address: str, project: NormalizedName) -> list[Version]:
        """Return the versions of all releases that a page lists, ascending; quick where the page was asked for them before."""
        page = self._cache.page(page_url(address, project))
        if page is None or page.status != 200:
            return versions_of(project, self._rows(address, project))
        kept = self._cache.curated(page.url, _VERSIONS, page.digest)
        if kept is not None:
            return list(_parsed(kept))
        found = versions_of(project, self._rows(address, project))
        self._cache.store_curated(
            page.url, [_VERSIONS], page.digest, msgspec.msgpack.encode([str(version) for version in found])
        )
        return found

    def _rows(self, address: str, project: NormalizedName) -> list[FileRow]:
        page = self._cache.page(page_url(address, project))
        rows = rows_of(self._cache, page) if page is not None else None
        if rows is not None:
            return rows
        known = catalog.find(split_credentials(address)[0])
        return [catalog_row(known, file) for file in known.projects.get(project, ())] if known is not None else []


@lru_cache(maxsize=256)  # every target asks for the same pages
def _parsed(kept: bytes) -> tuple[Version, ...]:
    return tuple(parse_version(text) for text in msgspec.msgpack.decode(kept, type=list[str]))


class KeptListings:
    """What the pages in the cache list, of projects by name; `addresses` gives the address of each one's index."""

    def __init__(self, shelf: PageShelf, addresses: Callable[[NormalizedName], str]) -> None:
        self._shelf = shelf
        self._addresses = addresses

    def versions(self, name: NormalizedName) -> list[Version]:
        """Return the versions of all releases that are listed."""
        return self._shelf.versions(self._addresses(name), name)

    def listed(self, name: NormalizedName, *, above: Version) -> list[Listed]:
        """Return the releases above a version that are listed."""
        return self._shelf.listed(self._addresses(name), name, above=above)

    def known(self, _name: NormalizedName, _versions: Sequence[Version]) -> Mapping[Version, None]:
        """Return nothing: what releases need is only looked at where an engine runs."""
        return {}


def page_url(address: str, project: NormalizedName) -> str:
    """Return the address of a project's page on an index, without credentials."""
    return f"{split_credentials(address)[0].rstrip('/')}/{quote(project)}/"


def rows_of(cache: Cache, page: CachedPage) -> list[FileRow] | None:
    """Return the files that a page of the cache lists, None where it has none to show."""
    body = cache.body(page.url) if page.status == 200 else None
    return decode_page(body, content_type=page.content_type, url=page.base) if body is not None else None


def catalog_row(known: CatalogIndex, file: CatalogFile) -> FileRow:
    """Return a file of the catalog as if its index had listed it."""
    return FileRow(
        filename=file.name,
        url=f"{known.index.rstrip('/')}/{quote(file.name)}",
        hashes=Hashes(sha256=file.sha256),
        requires_python=file.requires_python,
        size=file.size,
        yanked=file.status == "withdrawn",
    )
