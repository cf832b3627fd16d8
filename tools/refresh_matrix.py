"""Write the generated tables of the matrix's facts anew from the index that the installed pip asks.

    python tools/refresh_matrix.py                       every generated table
    python tools/refresh_matrix.py torch torchvision     these tables
    python tools/refresh_matrix.py --check               print the difference instead of writing; exit status 1 if there is one

A table has what the metadata of the releases since torch 1.13 say. Rows of yanked releases go; a row that cannot be read any
more stays, and that is said on stderr like every other change. Tables kept by hand are not touched. No wheel is downloaded.

Exit status: 0 fine, 1 out of date (--check), 2 usage, 4 the index cannot be read. The same index gives the same bytes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import difflib
import gzip
import http
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.cli.workshop import cache_folder
from stackc.errors import StackcError
from stackc.loop import Loop
from stackc.matrix.facts import FACTS, NEEDING, BitsandbytesFacts, Facts, PartnerFacts, TorchRelease
from stackc.matrix.refresh.readings import Reading, ReadingError, bitsandbytes_row, partner_row, read, torch_row
from stackc.matrix.refresh.releases import ListingError, Release, Wheel, listed, minors_of
from stackc.matrix.refresh.revision import YANKED, Note, Unread, needs_rows, revised
from stackc.matrix.refresh.text import TABLES, table_text
from stackc.redact import redact_text
from stackc.upstream.cache import Cache
from stackc.upstream.exchange import Response, split_credentials
from stackc.upstream.lone_transfers import fetch_range
from stackc.upstream.metadata_files import MetadataOutcome, MetadataSource, Unreadable
from stackc.upstream.pip_config import default_index_url
from stackc.upstream.remote_zip import RemoteZipError, read_names
from stackc.upstream.settings import NetworkSettings
from stackc.upstream.simple import ACCEPT, FileRow, PageError, decode_page
from stackc.upstream.transfers import Transfers

SINCE = dt.date(2022, 10, 28)
"""The day of torch 1.13.0, the oldest torch in the tables: of other projects, what came before is left out."""

_TORCH = NormalizedName("torch")
_WHEELS_TRIED = 3
_TURN = 1.0

_Row = TypeVar("_Row", TorchRelease, PartnerFacts, BitsandbytesFacts)


class IndexReadError(Exception):
    """An index that cannot be read."""


class LiveIndex:
    """The default index on the network: all that this tool asks of it is asked here."""

    def __init__(self, url: str, loop: Loop, cache: Cache, settings: NetworkSettings) -> None:
        self._url, self._credentials = split_credentials(url.rstrip("/"))
        self._loop = loop
        self._settings = settings
        self._transfers = Transfers(loop, settings)
        self._source = MetadataSource(self._transfers, loop, cache, settings)
        self._pages: dict[NormalizedName, list[FileRow]] = {}

    def page(self, project: NormalizedName) -> list[FileRow]:
        """Return what the index lists of a project, with absolute addresses. Raises IndexReadError."""
        if project not in self._pages:
            self._pages[project] = self._read_page(project)
        return self._pages[project]

    def metadata(self, wheels: Sequence[Wheel]) -> list[MetadataOutcome]:
        """Return the header of each wheel's METADATA, or why there is none."""
        came: dict[int, MetadataOutcome] = {}
        for at, wheel in enumerate(wheels):
            self._source.get(wheel.file, wheel.file.url, partial(came.__setitem__, at), credentials=self._own(wheel))
        while len(came) < len(wheels):
            self._loop.turn(_TURN)
        return [came[at] for at in range(len(wheels))]

    def names(self, wheel: Wheel) -> tuple[str, ...]:
        """Return the names of the files in a wheel. Raises OSError and RemoteZipError."""
        fetch = partial(fetch_range, wheel.file.url, settings=self._settings, credentials=self._own(wheel))
        size = wheel.file.size or fetch(0, 1)[1]
        return read_names(lambda start, end: fetch(start, end)[0], size, filename=wheel.file.filename)

    def close(self) -> None:
        """Let go of connections and threads."""
        self._source.close()
        self._transfers.close()

    def _read_page(self, project: NormalizedName) -> list[FileRow]:
        response = self._answer(f"{self._url}/{project}/")
        if response.failure is not None or response.status != http.HTTPStatus.OK:
            raise IndexReadError(f"the page of {project} cannot be read: {response.failure or f'answered {response.status}'}")
        packed = response.headers.get("content-encoding", "").lower() == "gzip"
        try:
            body = gzip.decompress(response.body) if packed else response.body
            rows = decode_page(body, content_type=response.headers.get("content-type", ""), url=response.url)
        except (OSError, EOFError, zlib.error) as error:
            raise IndexReadError(f"the page of {project} cannot be read: its gzip encoding is broken") from error
        except PageError as error:
            raise IndexReadError(f"the page of {project} cannot be read: {error.reason}") from error
        return [replace(row, url=urljoin(response.url, row.url)) for row in rows]

    def _answer(self, url: str) -> Response:
        came: list[Response] = []
        self._transfers.get(url, headers=(ACCEPT,), credentials=self._credentials, done=came.append)
        while not came:
            self._loop.turn(_TURN)
        return came[0]

    def _own(self, wheel: Wheel) -> str | None:
        """Return the index's credentials for a file on the index's own host."""
        return self._credentials if urlsplit(wheel.file.url)[:2] == urlsplit(self._url)[:2] else None


@contextmanager
def live_index(environment: Mapping[str, str]) -> Iterator[LiveIndex]:
    """Open the index that the installed pip asks, with the user's cache for metadata."""
    cache = Cache(cache_folder(environment) / "cache.sqlite")
    loop = Loop()
    index = LiveIndex(default_index_url(cache, environment), loop, cache, NetworkSettings.from_environment(environment))
    try:
        yield index
    finally:
        index.close()
        loop.close()
        cache.close()


class Refresh:
    """One run: the tables of one folder beside one index, on one day."""

    def __init__(self, index: LiveIndex, facts: Facts, *, today: dt.date) -> None:
        self._index = index
        self._facts = facts
        self._today = today
        self._minors = minors_of(index.page(_TORCH))

    def text(self, name: str, note: Note) -> str:
        """Return the file of one table as it should be; `note` is told what is not as it was."""
        readings = self._readings(NormalizedName(name))
        old = self._facts if (self._facts.folder / f"{name}.toml").exists() else None
        if name in NEEDING:
            return table_text(name, needs_rows(old.needs(name) if old else (), readings, note=note))
        if name == "torch":
            releases = old.releases.values() if old else ()
            return table_text(name, revised(releases, _rows(readings, torch_row), note=note))
        if name == "bitsandbytes":
            known = old.bitsandbytes.values() if old else ()
            return table_text(name, revised(known, _rows(readings, self._bitsandbytes), note=note))
        partners = old.partners(name).values() if old else ()
        return table_text(name, revised(partners, _rows(readings, partner_row), note=note))

    def _readings(self, project: NormalizedName) -> dict[Version, Reading | Unread]:
        """Return what is read of every release: of another wheel of it where one cannot be read."""
        minors = self._minors | minors_of(self._index.page(project))
        releases = [
            release for release in listed(project, self._index.page(project), minors=minors) if release.released >= SINCE
        ]
        found: dict[Version, Reading | Unread] = {release.version: _hopeless(release) for release in releases}
        for attempt in range(_WHEELS_TRIED):
            missing = [release for release in releases if isinstance(found[release.version], Unread)]
            tries = [(release, release.wheels[attempt]) for release in missing if attempt < len(release.wheels)]
            outcomes = self._index.metadata([wheel for _, wheel in tries])
            for (release, wheel), outcome in zip(tries, outcomes, strict=True):
                found[release.version] = self._reading(release, wheel, outcome)
        reasons = [reading.reason for reading in found.values() if isinstance(reading, Unread)]
        if reasons and len(reasons) == len(found):
            raise IndexReadError(f"of {project}, no release can be read: {reasons[-1]}")
        return found

    def _reading(self, release: Release, wheel: Wheel, outcome: MetadataOutcome) -> Reading | Unread:
        if isinstance(outcome, Unreadable):
            return Unread("; ".join((outcome.finding.message, *outcome.finding.notes)))
        try:
            return read(release, wheel, outcome, date=self._today)
        except ReadingError as error:
            return Unread(str(error))

    def _bitsandbytes(self, reading: Reading) -> BitsandbytesFacts:
        try:
            return bitsandbytes_row(reading, self._index.names(reading.wheel))
        except (OSError, RemoteZipError) as error:
            raise ReadingError(f"the files in {reading.wheel.file.filename} cannot be listed: {error}") from error


def _hopeless(release: Release) -> Unread:
    """Return what is said of a release of which no wheel is read."""
    return Unread(YANKED if release.yanked else "it has no wheel for Linux x86_64")


def _rows(readings: Mapping[Version, Reading | Unread], row: Callable[[Reading], _Row]) -> dict[Version, _Row | Unread]:
    """Return the row of every release that gives one."""
    return {version: reading if isinstance(reading, Unread) else _given(row, reading) for version, reading in readings.items()}


def _given(row: Callable[[Reading], _Row], reading: Reading) -> _Row | Unread:
    try:
        return row(reading)
    except ReadingError as error:
        return Unread(str(error))


def update(path: Path, text: str, *, check: bool) -> bool:
    """Write a table where it differs, or print the difference; say whether there is one."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if old == text:
        return False
    if check:
        before, after = old.splitlines(keepends=True), text.splitlines(keepends=True)
        print("".join(difflib.unified_diff(before, after, f"a/{path.name}", f"b/{path.name}")), end="")
    else:
        draft = path.with_suffix(".toml.new")
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    return True


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"one of {', '.join(TABLES)}; all if none is named")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a table would change")
    parser.add_argument("--folder", type=Path, default=FACTS, help="where the tables lie")
    parser.add_argument("--date", type=dt.date.fromisoformat, default=None, help="the date of what is new; today if not given")
    chosen = parser.parse_args(argv)
    unknown = [name for name in chosen.tables if name not in TABLES]
    if unknown:
        parser.error(f"no table is generated for {', '.join(unknown)}")
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    """Refresh each table that is asked for; return the exit status."""
    chosen = _arguments(argv)
    today = chosen.date or dt.datetime.now(tz=dt.timezone.utc).date()
    try:
        with live_index(os.environ) as index:
            refresh = Refresh(index, Facts(folder=chosen.folder), today=today)
            differing = [
                name for name in chosen.tables or TABLES if _refreshed(name, refresh, chosen.folder, check=chosen.check)
            ]
    except (IndexReadError, ListingError, StackcError) as error:
        print(redact_text(f"refresh_matrix: {error}"), file=sys.stderr)
        return 4
    done = "out of date" if chosen.check else "written"
    print(f"{done}: {', '.join(differing)}" if differing else "up to date", file=sys.stderr)
    return 1 if differing and chosen.check else 0


def _refreshed(name: str, refresh: Refresh, folder: Path, *, check: bool) -> bool:
    """Bring one table up to date, or only compare it; say whether it differs."""

    def note(line: str) -> None:
        print(redact_text(f"{name}: {line}"), file=sys.stderr)

    return update(folder / f"{name}.toml", refresh.text(name, note), check=check)


if __name__ == "__main__":
    sys.exit(main())
