"""Write the embedded catalog anew from live indexes.

    python tools/refresh_catalog.py                      every catalog that stackc ships
    python tools/refresh_catalog.py cu124 cu130          these variants of the pytorch index
    python tools/refresh_catalog.py --check cu124        compare only: exit status 1 if the file would change

What the index lists wins over what the catalog has from elsewhere, but for one thing: another sha256 under a known name is
refused, unless `--accept NAME` says that the re-upload is known. Rows that the index no longer lists are kept as withdrawn. No
wheel is downloaded: metadata comes from `<file>.metadata` (PEP 658), else from ranges of the wheel.

Exit status: 0 fine, 1 refused or out of date, 2 usage, 4 an index cannot be read. The same index gives the same bytes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import http.client
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import msgspec
from msgspec.structs import replace
from packaging.metadata import InvalidMetadata, Metadata
from packaging.utils import InvalidWheelFilename, NormalizedName, canonicalize_name, parse_wheel_filename

from stackc.cli.report import format_finding
from stackc.errors import Finding, StackcError
from stackc.redact import redact_text
from stackc.upstream.catalog import FOLDER, CatalogFile, CatalogIndex, load, mismatches, render, stem
from stackc.upstream.remote_zip import MAX_METADATA, RemoteZipError, read_metadata
from stackc.upstream.simple import FileRow, Hashes, PageError, decode_page

PYTORCH = "https://download.pytorch.org/whl/"
PROJECTS = tuple(map(NormalizedName, ("torch", "torchaudio", "torchvision")))
THE_INDEX = "the index"
ABOUT = "Linux x86_64 and aarch64 wheels of torch, torchaudio and torchvision; each row names who records it."

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_LINUX = re.compile(r"(many)?linux(_\d+_\d+|\d+)?_(x86_64|aarch64)")
_MAX_PAGE = 64 * 2**20
_TIMEOUT = 60.0


class IndexReadError(Exception):
    """An index that cannot be read."""


class MetadataError(Exception):
    """A file whose metadata cannot be read without downloading the file, or contradicts the file's name."""


class LiveIndex:
    """One index on the network. Nothing but pages, metadata and ranges of files is ever read from it."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def rows(self, project: NormalizedName) -> dict[str, FileRow]:
        """Return what the index lists of a project, by file name, with absolute addresses; nothing if it has no such page."""
        page = f"{self._url}/{project}/"
        try:
            with self._open(page, {"Accept": _ACCEPT}) as response:
                body, address = _bounded(response, _MAX_PAGE), response.url
                listed = decode_page(body, content_type=response.headers.get("Content-Type", ""), url=address)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                return {}
            raise IndexReadError(f"{page} answers {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            raise IndexReadError(f"{page} cannot be read: {error}") from error
        except PageError as error:
            raise IndexReadError(f"{page} cannot be used: {error.reason}") from error
        return {row.filename: msgspec.structs.replace(row, url=urljoin(address, row.url)) for row in listed}

    def size(self, row: FileRow) -> int:
        """Return the size of a file in bytes."""
        if row.size is not None:
            return row.size
        with self._open(row.url, {}, method="HEAD") as response:
            return int(response.headers.get("Content-Length", ""))

    def metadata(self, row: FileRow, size: int) -> bytes:
        """Return a wheel's METADATA: the file beside it, or what ranges of the wheel hold."""
        try:
            with self._open(f"{row.url}.metadata", {}) as response:
                content = _bounded(response, MAX_METADATA)
        except urllib.error.HTTPError:
            return read_metadata(lambda start, end: self._range(row.url, start, end), size, filename=row.filename)
        promised = row.core_metadata
        found = hashlib.sha256(content).hexdigest()
        if isinstance(promised, Hashes) and promised.sha256 not in {None, found}:
            raise MetadataError(f"its metadata has the sha256 {found}, the index promises {promised.sha256}")
        return content

    def _range(self, url: str, start: int, end: int) -> bytes:
        with self._open(url, {"Range": f"bytes={start}-{end - 1}"}) as response:
            if response.status != http.HTTPStatus.PARTIAL_CONTENT:
                raise MetadataError("its server sends no ranges, and no metadata beside it")
            return _bounded(response, end - start)

    def _open(self, url: str, headers: Mapping[str, str], *, method: str = "GET") -> http.client.HTTPResponse:
        request = urllib.request.Request(url, headers={"User-Agent": "stackc", **headers}, method=method)
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
        assert isinstance(response, http.client.HTTPResponse)
        return response


def _bounded(response: http.client.HTTPResponse, limit: int) -> bytes:
    body = response.read(limit + 1)
    if len(body) > limit:
        raise OSError(f"more than {limit} bytes came")
    return body


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a refresh of one index found: the catalog as it should be, what is new in it, and what was refused."""

    catalog: CatalogIndex
    news: tuple[str, ...]
    refused: tuple[Finding, ...]


def refresh(old: CatalogIndex, live: LiveIndex, *, accepted: frozenset[str], today: dt.date) -> Outcome:
    """Return `old` brought up to what the index lists now. Its date and head change only if a row does."""
    files: list[CatalogFile] = []
    news: list[str] = []
    refused: list[Finding] = []
    for project in sorted({*PROJECTS, *old.projects}):
        known = {file.name: file for file in old.projects.get(project, ())}
        listed = {name: row for name, row in live.rows(project).items() if _wanted(name, row, old.index)}
        if known and not listed:
            raise IndexReadError(f"{old.index} lists no file of {project} any more")
        hashes = {name: row.hashes.sha256 for name, row in listed.items() if row.hashes.sha256 and name not in accepted}
        refused += mismatches(old, project, hashes)
        for name in sorted({*known, *listed}):
            file, notes = _refreshed(name, known.get(name), listed.get(name), live)
            news += (f"{name}: {note}" for note in notes)
            files += [file] if file is not None else []
    new = CatalogIndex.of(files, index=old.index, date=old.date, about=old.about)
    if render(new) == render(old):
        return Outcome(old, tuple(news), tuple(refused))
    return Outcome(replace(new, date=today, about=ABOUT), tuple(news), tuple(refused))


def _wanted(name: str, row: FileRow, index: str) -> bool:
    """Say whether the catalog ships a file: a wheel of a final release for Linux, labelled with the index's own variant.

    The index names wheels for aarch64 without CUDA by their plain version.
    """
    try:
        _, version, _, tags = parse_wheel_filename(name)
    except InvalidWheelFilename:
        return False
    machines = {match[3] for tag in tags if (match := _LINUX.fullmatch(tag.platform))}
    labelled = version.local == stem(index) or (version.local is None and machines == {"aarch64"})
    return bool(machines) and labelled and not version.is_prerelease and not row.yanked


def _refreshed(
    name: str, known: CatalogFile | None, row: FileRow | None, live: LiveIndex
) -> tuple[CatalogFile | None, Sequence[str]]:
    """Return the row of one file as it should be, and what is to be said of it."""
    if row is None or row.hashes.sha256 is None:
        return _unlisted(known, listed=row is not None)
    if known is not None and known.sha256 == row.hashes.sha256:
        base, news = _confirmed(known), [] if known.status == "verified" else [f"verified, was {known.status}"]
    else:
        base = CatalogFile(name=name, sha256=row.hashes.sha256, status="verified", source=THE_INDEX)
        news = ["new" if known is None else "another sha256, accepted"]
    if base.requires_source == THE_INDEX:
        return base, news
    try:
        file = _with_metadata(base, row, live)
    except (MetadataError, RemoteZipError, InvalidMetadata, OSError, http.client.HTTPException, ValueError) as error:
        return base, [*news, f"its metadata cannot be read: {error}"]
    if base.requires not in {None, file.requires}:
        news = [*news, "its requirements are others than the catalog had"]
    return file, news


def _unlisted(known: CatalogFile | None, *, listed: bool) -> tuple[CatalogFile | None, Sequence[str]]:
    """Return what is left of a row that the index does not list, or lists without a sha256."""
    if listed:
        return known, ["the index gives no sha256: " + ("left as it is" if known else "left out")]
    if known is None or known.status == "withdrawn":
        return known, []
    return replace(known, status="withdrawn"), ["withdrawn: the index no longer lists it"]


def _confirmed(known: CatalogFile) -> CatalogFile:
    """Return a row whose sha256 the index itself lists."""
    sources = known.source.split(", ")
    listed = known.source if THE_INDEX in sources else ", ".join([*sources, THE_INDEX])
    return replace(known, status="verified", source=listed)


def _with_metadata(file: CatalogFile, row: FileRow, live: LiveIndex) -> CatalogFile:
    size = live.size(row)
    metadata = Metadata.from_email(live.metadata(row, size), validate=False)
    if (canonicalize_name(metadata.name), metadata.version) != (file.project, file.version):
        raise MetadataError(f"it is that of {metadata.name} {metadata.version}")
    for requirement in metadata.requires_dist or ():
        requirement.name = canonicalize_name(requirement.name)
    return replace(
        file,
        size=size,
        requires=tuple(sorted(map(str, metadata.requires_dist or ()))),
        requires_python=str(metadata.requires_python) if metadata.requires_python else None,
        extras=tuple(sorted(map(canonicalize_name, metadata.provides_extra or ()))),
        requires_source=THE_INDEX,
    )


def refresh_file(url: str, *, folder: Path, accepted: frozenset[str], today: dt.date, check: bool) -> int:
    """Refresh the catalog file of one index, or only compare it; return the exit status."""
    path = folder / f"{stem(url)}.toml"
    old = load(path) if path.exists() else CatalogIndex(index=url, date=today, about=ABOUT, projects={})
    if old.index != url:
        raise IndexReadError(f"{path.name} is the catalog of {old.index}, not of {url}")
    outcome = refresh(old, LiveIndex(url), accepted=accepted, today=today)
    if outcome.refused:
        print("\n".join(format_finding(finding, color=False) for finding in outcome.refused), file=sys.stderr)
        print(f"{path.stem}: refused; `--accept NAME` takes the new sha256 of a file", file=sys.stderr)
        return 1
    for line in outcome.news:
        print(f"{path.stem}: {line}")
    text = render(outcome.catalog)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        print(f"{path.stem}: up to date")
        return 0
    if check:
        print(f"{path.stem}: out of date")
        return 1
    _write(path, text)
    print(f"{path.stem}: written, {sum(map(len, outcome.catalog.projects.values()))} files")
    return 0


def _write(path: Path, text: str) -> None:
    """Replace a file in one step."""
    draft = path.with_suffix(".toml.new")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.replace(path)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("indexes", nargs="*", metavar="INDEX", help="an index's address, or a variant such as cu124")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a file would change")
    parser.add_argument("--accept", action="append", default=[], metavar="NAME", help="take another sha256 for this file")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the catalog files lie")
    parser.add_argument("--date", type=dt.date.fromisoformat, default=None, help="the date of what is new; today if not given")
    chosen = parser.parse_args(argv)
    indexes = chosen.indexes or sorted(path.stem for path in chosen.folder.glob("*.toml"))
    chosen.indexes = [index.rstrip("/") if "://" in index else PYTORCH + index for index in indexes]
    for index in chosen.indexes:
        if urlsplit(index).username is not None:
            parser.error("an index's address is written into the catalog: give it without credentials")
        if stem(index) is None:
            parser.error(f"the address {index} does not end in a name for its catalog file")
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    """Refresh each index that is asked for; return the highest exit status."""
    chosen = _arguments(argv)
    today = chosen.date or dt.datetime.now(tz=dt.timezone.utc).date()
    status = 0
    for index in chosen.indexes:
        try:
            answer = refresh_file(
                index, folder=chosen.folder, accepted=frozenset(chosen.accept), today=today, check=chosen.check
            )
        except (IndexReadError, StackcError) as error:
            print(redact_text(f"refresh_catalog: {error}"), file=sys.stderr)
            answer = 4
        status = max(status, answer)
    return status


if __name__ == "__main__":
    sys.exit(main())
