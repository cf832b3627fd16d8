"""Metadata of the files that components name themselves, and the one release that the view shows of each.

An address is asked as an index's files are: for `.metadata` beside the file, then for ranges of the wheel. A small wheel, and
one of a server that offers no ranges, is fetched whole, and its sha256 compared; so is an sdist. A larger wheel's sha256 is
left to the installer, which reads the whole of it anyway. What was read is kept for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from msgspec.structs import replace
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, Place
from stackc.lock.filename import parse_filename
from stackc.loop import Loop
from stackc.manifest.model import DirectReference
from stackc.redact import redact_text, redact_url
from stackc.target import Target
from stackc.upstream.cache import Cache
from stackc.upstream.isolation import Isolation
from stackc.upstream.lone_transfers import fetch_range, fetch_whole
from stackc.upstream.metadata_files import built_note, is_metadata, kept_fields, not_cached
from stackc.upstream.pages import Absent, Found, PageOutcome, PageSource, Unavailable
from stackc.upstream.remote_zip import RemoteZipError, read_metadata
from stackc.upstream.settings import NetworkSettings
from stackc.upstream.shelf import PageShelf
from stackc.upstream.simple import FileRow, Hashes
from stackc.view.candidates import Candidate, Candidates
from stackc.view.metadata import MetadataError, MetadataReader, headers_of

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["DirectPages", "DirectSource"]

_SMALL = 4 * 2**20
"""A wheel up to this size, in bytes, is fetched whole: that costs little, and a wrong sha256 shows at once."""

_LARGEST_METADATA = 8 * 2**20
_THREADS = 8


class _Refused(Exception):  # noqa: N818 (an outcome, told as a finding)
    """A file that cannot be used; `finding` says why, without its place."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class DirectSource:
    """Answers for the files that components name themselves, for one target."""

    def __init__(
        self,
        loop: Loop,
        cache: Cache,
        settings: NetworkSettings,
        *,
        target: Target,
        isolation: Isolation | None = None,
    ) -> None:
        self._loop = loop
        self._cache = cache
        self._settings = settings
        self._target = target
        self._isolation = isolation
        self._reader = MetadataReader(target.marker_environment())
        self._pool: ThreadPoolExecutor | None = None

    def get(self, name: NormalizedName, direct: DirectReference, place: Place, done: Callable[[PageOutcome], None]) -> bool:
        """Call `done`, perhaps before this call returns, with the one release of a project, and say whether it is to come.

        It is that of the file. The location of a path is where it lies, and its sha256 is known.
        """
        known = self._cache.metadata(self._key(direct))
        if known is not None:
            done(self._outcome(name, direct, known, place))
        elif direct.kind == "url" and self._settings.offline:
            done(_unavailable(not_cached(direct.file, code="S364"), place))
        else:
            self._threads().submit(self._read_in_thread, name, direct, place, done)
            return True
        return False

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _threads(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor  # most stacks name no file

        self._pool = self._pool or ThreadPoolExecutor(_THREADS, thread_name_prefix="stackc-direct")
        return self._pool

    def _read_in_thread(
        self, name: NormalizedName, direct: DirectReference, place: Place, done: Callable[[PageOutcome], None]
    ) -> None:
        text: str | Finding
        try:
            text = self._read(direct)
        except _Refused as error:
            text = error.finding
        except (RemoteZipError, UnicodeDecodeError, ValueError) as error:
            text = _unusable(direct, str(error))
        self._loop.post(lambda: done(self._came(name, direct, text, place)))

    def _read(self, direct: DirectReference) -> str:
        """Return the metadata of a file. Raises _Refused and ValueError."""
        if direct.file.endswith(".whl"):
            return kept_fields(_read(direct, self._settings))
        from stackc.upstream.sdist import NotStaticError, build_requires, read_static_pkg_info  # the readers of archives

        body = _local_body(direct) if direct.kind == "path" else _whole(direct, self._settings)
        try:
            return kept_fields(read_static_pkg_info(direct.file, body), builds=build_requires(direct.file, body))
        except NotStaticError:
            if self._isolation is None:
                raise
            return self._built(direct, body, self._isolation)

    def _built(self, direct: DirectReference, body: bytes, isolation: Isolation) -> str:
        """Return the metadata that a build gives. Raises _Refused."""
        from stackc.upstream.sdist_build import BuildError, build_metadata

        try:
            metadata, builds = build_metadata(direct.file, body, isolation)
        except BuildError as error:
            raise _Refused(error.finding) from error
        self._loop.post(lambda: isolation.note(built_note(direct.file, isolation)))
        return kept_fields(metadata, builds=builds)

    def _key(self, direct: DirectReference) -> str:
        """Return what the metadata of a file are known by in the cache; an sdist's may be those of a build.

        That the sha256 in the manifest is the one of the file at an address was perhaps not seen, so the address is part of it.
        """
        parts = [str(direct.sha256)]
        if direct.kind == "url":
            parts.append(redact_url(direct.location))
        if self._isolation is not None and not direct.file.endswith(".whl"):
            parts.append(self._isolation.key)
        return " ".join(parts)

    def _came(self, name: NormalizedName, direct: DirectReference, text: str | Finding, place: Place) -> PageOutcome:
        if isinstance(text, Finding):
            return _unavailable(text, place)
        self._cache.store_metadata(self._key(direct), text)
        return self._outcome(name, direct, text, place)

    def _outcome(self, name: NormalizedName, direct: DirectReference, text: str, place: Place) -> PageOutcome:
        try:
            version = _version(direct, text)
            self._check(name, direct, text, version)
        except _Refused as error:
            return _unavailable(error.finding, place)
        row = FileRow(filename=direct.file, url="", hashes=Hashes(sha256=direct.sha256))
        return Found(url="", candidates=Candidates([Candidate(str(version), row)]), metadata=text)

    def _check(self, name: NormalizedName, direct: DirectReference, text: str, version: Version) -> None:
        """Raise _Refused for a file whose metadata cannot be used on the target."""
        try:
            python = self._reader.read(text, project=name, version=version).requires_python
        except MetadataError as error:
            raise _Refused(_unusable(direct, error.reason)) from error
        if python is not None and not _admits(python, self._target.python_full):
            reason = f"it needs Python {python}, and target `{self._target.name}` has {self._target.python}"
            raise _Refused(_unusable(direct, reason))


class DirectPages:
    """Pages of indexes, but for the projects whose components name a file: of these, the one release of that file.

    `directs` are these files, and `places` where the manifest names each. They may become fewer, and again as many. Of an
    `unsourced` project there is nothing anywhere.
    """

    def __init__(
        self,
        pages: PageSource,
        source: DirectSource,
        *,
        directs: Mapping[NormalizedName, DirectReference],
        places: Mapping[NormalizedName, Place],
        unsourced: frozenset[NormalizedName],
    ) -> None:
        self._pages = pages
        self._source = source
        self.directs = directs
        self._places = places
        self._unsourced = unsourced

    @property
    def shelf(self) -> PageShelf:
        """Return what reads the pages that are in the cache."""
        return self._pages.shelf

    def get(self, index: str, address: str, project: NormalizedName, done: Callable[[PageOutcome], None]) -> bool:
        """Call `done` with what the view may show of a project; say whether somebody has to be asked and nobody had yet."""
        direct = self.directs.get(project)
        if project in self._unsourced:
            done(Absent(address))
            return False
        if direct is None:
            return self._pages.get(index, address, project, done)
        return self._source.get(project, direct, self._places[project], done)


def _read(direct: DirectReference, settings: NetworkSettings) -> bytes:
    """Return the metadata of a wheel. Raises _Refused and RemoteZipError."""
    if direct.kind == "path":
        return _local_metadata(direct)
    return _beside(direct, settings) or _metadata_of_wheel(direct, settings)


def _local_metadata(direct: DirectReference) -> bytes:
    path = Path(direct.location)
    try:
        with path.open("rb") as file:
            return read_metadata(partial(_part, file), path.stat().st_size, filename=direct.file)
    except OSError as error:
        raise _Refused(_unusable(direct, (error.strerror or type(error).__name__).lower())) from error


def _local_body(direct: DirectReference) -> bytes:
    try:
        return Path(direct.location).read_bytes()
    except OSError as error:
        raise _Refused(_unusable(direct, (error.strerror or type(error).__name__).lower())) from error


def _part(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _metadata_of(direct: DirectReference, body: bytes) -> bytes:
    return read_metadata(lambda start, end: body[start:end], len(body), filename=direct.file)


def _beside(direct: DirectReference, settings: NetworkSettings) -> bytes | None:
    """Return what lies beside a wheel as its metadata, None where nothing does that can be any."""
    try:
        body = fetch_whole(f"{direct.location}.metadata", settings, largest=_LARGEST_METADATA)
    except OSError:
        return None
    return body if is_metadata(body) else None


def _metadata_of_wheel(direct: DirectReference, settings: NetworkSettings) -> bytes:
    """Return the metadata inside of a wheel: by ranges where it is large and the server offers them."""

    def fetch(start: int, end: int) -> bytes:
        return fetch_range(direct.location, start, end, settings)[0]

    try:
        size = fetch_range(direct.location, 0, 1, settings)[1]
    except OSError:
        return _metadata_of(direct, _whole(direct, settings))
    if size <= _SMALL:
        return _metadata_of(direct, _whole(direct, settings))
    try:
        return read_metadata(fetch, size, filename=direct.file)
    except OSError as error:
        raise _Refused(_not_fetched(direct, error)) from error


def _whole(direct: DirectReference, settings: NetworkSettings) -> bytes:
    """Return a whole file that is the one that the manifest's sha256 is of."""
    try:
        body = fetch_whole(direct.location, settings)
    except OSError as error:
        raise _Refused(_not_fetched(direct, error)) from error
    found = hashlib.sha256(body).hexdigest()
    if found != direct.sha256:
        raise _Refused(_another_file(direct, found))
    return body


def _version(direct: DirectReference, text: str) -> Version:
    """Return the version that the metadata say, which is that of the file's name, or that without its local version label."""
    named = parse_filename(direct.file)
    said = next((value for field, value in headers_of(text) if field == "version"), "")
    try:
        version = Version(said)
    except InvalidVersion:
        raise _Refused(_unusable(direct, f"its metadata says that it is version `{said}`")) from None
    if named is None or version not in (named.version, Version(named.version.public)):
        raise _Refused(_unusable(direct, f"its metadata says that it is version `{version}`"))
    return version


def _admits(requires_python: str, python: Version) -> bool:
    try:
        return SpecifierSet(requires_python).contains(python, prereleases=True)
    except InvalidSpecifier:
        return True  # pip takes an unreadable Requires-Python for none


def _unavailable(finding: Finding, place: Place) -> Unavailable:
    return Unavailable(replace(finding, places=(place,)))


def _not_fetched(direct: DirectReference, error: OSError) -> Finding:
    return Finding(
        code="S362",
        message=f"`{direct.file}` cannot be fetched",
        notes=(redact_text(str(error)),),
        hint="check the address; what it wants as user and password goes into a netrc file",
    )


def _another_file(direct: DirectReference, found: str) -> Finding:
    return Finding(
        code="S363",
        message=f"what is at the address of `{direct.file}` is another file than stack.toml says",
        wanted=f"sha256 {direct.sha256}",
        found=f"sha256 {found}",
        hint="correct the sha256 if it was a mistake; if not, the file was replaced: do not go on before you know why",
    )


def _unusable(direct: DirectReference, reason: str) -> Finding:
    return Finding(
        code="S365",
        message=f"`{direct.file}` cannot be used",
        notes=(reason,),
        hint="name another file",
    )
