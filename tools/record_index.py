"""Record what compiling a stack asks of the default index, free of hosts, so that tests and the benchmark can replay it.

    python tools/record_index.py --trimmed tests/recorded/gpu stack.toml
    python tools/record_index.py --trimmed tests/recorded/stacks/index tests/recorded/stacks/*.toml
    python tools/record_index.py --full bench/recorded stack.toml COMMAND...

`--trimmed` compiles the manifest's default target and keeps one small JSON file per project: the releases that a compile can
meet, with the header of their metadata, and a few files that the target cannot use. Of several manifests it makes one recording
that all of them share, with nothing but what was asked for and a little around it.
`--full` runs COMMAND with the address of a recording index in INDEX_URL, and keeps every page and METADATA that was asked for,
whole.

The index is the one that the installed pip asks. Of another index, such as that of torch, nothing is recorded: the embedded
catalog has it. The same answers of the index give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urljoin

import msgspec
from packaging.utils import (
    InvalidSdistFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
)
from packaging.version import InvalidVersion, Version

from stackc.manifest.decode import load
from stackc.matrix.bases import resolve_target
from stackc.matrix.facts import Facts
from stackc.upstream.cache import Cache
from stackc.upstream.pip_config import default_index_url
from stackc.upstream.remote_zip import RemoteZipError, read_metadata
from stackc.upstream.simple import FileRow, PageError, decode_page
from stackc.view.curate import Curation, Curations
from stackc.view.metadata import headers_of

JSON = "application/vnd.pypi.simple.v1+json"
_TIMEOUT = 60.0
_ATTEMPTS = 4
_SEVERAL = 3
_NO_SOLUTION = 3
_FIELDS = ("requires-python", "provides-extra", "requires-dist")


class LiveIndex:
    """The index on the network; each page and each METADATA is fetched once."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._lock = threading.Lock()
        self.pages: dict[NormalizedName, dict[str, FileRow]] = {}
        self.metadata: dict[str, bytes] = {}

    def page(self, project: NormalizedName) -> Mapping[str, FileRow]:
        """Return what the index lists of a project, by file name, with absolute addresses; nothing if it has no such page."""
        if project not in self.pages:
            address = f"{self._url}/{project}/"
            try:
                body, headers = _get(address, {"Accept": JSON})
                rows = decode_page(body, content_type=headers.get("Content-Type", ""), url=address)
            except urllib.error.HTTPError as error:
                if error.code != http.HTTPStatus.NOT_FOUND:
                    raise
                rows = []
            found = {row.filename: msgspec.structs.replace(row, url=urljoin(address, row.url)) for row in rows}
            with self._lock:
                self.pages[project] = found
        return self.pages[project]

    def metadata_of(self, row: FileRow) -> bytes | None:
        """Return a wheel's METADATA: the file beside it, or what ranges of the wheel hold; None where it cannot be read."""
        if row.filename not in self.metadata:
            try:
                body = self._fetch_metadata(row)
            except (RemoteZipError, urllib.error.HTTPError):
                return None
            with self._lock:
                self.metadata[row.filename] = body
        return self.metadata[row.filename]

    def _fetch_metadata(self, row: FileRow) -> bytes:
        try:
            return _get(f"{row.url}.metadata", {})[0]
        except urllib.error.HTTPError:
            size = row.size or int(_get(row.url, {"Range": "bytes=0-0"})[1]["Content-Range"].rpartition("/")[2])
            return read_metadata(partial(_range, row.url), size, filename=row.filename)


def _range(url: str, start: int, end: int) -> bytes:
    return _get(url, {"Range": f"bytes={start}-{end - 1}"})[0]


def _get(url: str, headers: Mapping[str, str], *, attempts: int = _ATTEMPTS) -> tuple[bytes, Message]:
    request = urllib.request.Request(url, headers={"User-Agent": "stackc", **headers})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            return response.read(), response.headers
    except (OSError, http.client.HTTPException) as error:
        lasting = isinstance(error, urllib.error.HTTPError) and error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR
        if lasting or attempts == 1:
            raise
    return _get(url, headers, attempts=attempts - 1)


class RecordingIndex(ThreadingHTTPServer):
    """A loopback index that fetches what it is asked for, and remembers it."""

    daemon_threads = True

    def __init__(self, live: LiveIndex) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.live = live
        self.projects: set[NormalizedName] = set()
        self.files: dict[NormalizedName, set[str]] = {}

    @property
    def url(self) -> str:
        """Return the root of the Simple API."""
        return f"http://127.0.0.1:{self.server_port}/simple"

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over clients that hang up: one that is done does not wait for what it asked ahead."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Return media type and body for a path, or None for 404."""
        match [unquote(part) for part in path.strip("/").split("/")]:
            case ["simple", name]:
                project = canonicalize_name(name)
                rows = self.live.page(project)
                self.projects.add(project)
                return (JSON, _page(project, rows.values(), lambda _row: True)) if rows else None
            case ["files", name, filename]:
                project = canonicalize_name(name)
                wheel = filename.removesuffix(".metadata")
                row = self.live.page(project).get(wheel)
                body = self.live.metadata_of(row) if row is not None and wheel != filename else None
                if body is None:
                    return None
                self.files.setdefault(project, set()).add(wheel)
                return "application/octet-stream", body
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RecordingIndex

    def do_GET(self) -> None:
        try:
            answer = self.server.answer(self.path)
        except (OSError, http.client.HTTPException, PageError) as error:
            self.send_error(502, str(error))
            return
        if answer is None:
            self.send_error(404)
            return
        media_type, body = answer
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name that the base class gives it)
        """Keep quiet."""


@contextmanager
def recording(live: LiveIndex) -> Iterator[RecordingIndex]:
    """Serve the recording index while the context lasts."""
    server = RecordingIndex(live)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _page(project: NormalizedName, rows: Iterable[FileRow], core_metadata: Callable[[FileRow], object]) -> bytes:
    """Return a page as PyPI writes it, with addresses relative to it (PEP 691, 700, 714)."""
    files: list[dict[str, object]] = []
    for row in rows:
        promised = core_metadata(row) if row.filename.endswith(".whl") else False
        entry: dict[str, object] = {
            "core-metadata": promised,
            "data-dist-info-metadata": promised,
            "filename": row.filename,
            "hashes": {"sha256": row.hashes.sha256} if row.hashes.sha256 else {},
            "requires-python": row.requires_python,
            "size": row.size,
            "upload-time": row.upload_time,
            "url": f"../../files/{project}/{quote(row.filename)}",
            "yanked": row.yanked,
        }
        files.append({key: value for key, value in entry.items() if value is not None})
    versions = sorted({version for row in files if (version := _version(str(row["filename"]))) is not None})
    page = {"files": files, "meta": {"api-version": "1.1"}, "name": project, "versions": list(map(str, versions))}
    return json.dumps(page, separators=(",", ":")).encode()


@cache
def _version(filename: str) -> Version | None:
    try:
        return Version(filename.split("-")[1]) if filename.endswith(".whl") else parse_sdist_filename(filename)[1]
    except (IndexError, InvalidSdistFilename, InvalidVersion):
        return None


def record_full(folder: Path, manifest: Path, command: Sequence[str], live: LiveIndex) -> int:
    """Run a command against the recording index, and keep all that it asked for; return the command's exit status.

    A resolver that goes back through the releases of a project fetches some on speculation, now these, now those: of a project
    of which several were asked for, the metadata of every release is kept. A wheel whose METADATA is not kept is listed with a
    digest that stands for it, so that pages have their real length.
    """
    with recording(live) as server:
        done = subprocess.run(list(command), env={**os.environ, "INDEX_URL": server.url}, check=False)
        if done.returncode != 0:
            return done.returncode
    curations = Curations(curations_of(manifest))
    names = {name for asked in server.files.values() for name in asked}
    with ThreadPoolExecutor(8) as pool:
        for project in sorted(name for name, asked in server.files.items() if len(asked) > _SEVERAL):
            usable = curations.curate(project, live.page(project).values()).values()
            rows = list({each.file.filename: each.file for candidates in usable for each in candidates}.values())
            bodies = pool.map(live.metadata_of, rows)
            names |= {row.filename for row, body in zip(rows, bodies, strict=True) if body is not None}
    files: dict[str, bytes] = {}
    for project in sorted(server.projects):
        page = _page(project, live.page(project).values(), lambda row: {"sha256": _metadata_digest(live, row)})
        files[f"pages/{project}.json"] = page
    for name in sorted(names):
        files[f"metadata/{name}.metadata"] = live.metadata[name]
    _replace(folder, files)
    return 0


def _metadata_digest(live: LiveIndex, row: FileRow) -> str:
    return hashlib.sha256(live.metadata.get(row.filename, row.filename.encode())).hexdigest()


def record_trimmed(folder: Path, manifests: Sequence[Path], live: LiveIndex) -> int:
    """Compile manifests against the recording index, and keep the part of every page that matters; return 0 if they compiled.

    Of several manifests, one without a solution is as good as any other.
    """
    kept: dict[NormalizedName, _Kept] = {}
    single = len(manifests) == 1
    trim = _Trim() if single else _SHARED
    for manifest in manifests:
        with recording(live) as server:
            status = _compile(manifest, server)
        if status not in ({0} if single else {0, _NO_SOLUTION}):
            return status
        for name, part in _Trimmer(curations_of(manifest)[0], live, trim).all_kept(server.projects, server.files):
            kept.setdefault(name, _Kept()).add(part)
    _replace(folder, {f"{name}.json": each.document(name, live.page(name)) for name, each in sorted(kept.items())})
    return 0


def _compile(manifest: Path, server: RecordingIndex) -> int:
    """Compile a manifest whose default index is the recording one, from nothing; return the exit status."""
    with tempfile.TemporaryDirectory() as project:
        text = manifest.read_text(encoding="utf-8") + f'\n[indexes.pypi]\nurl = "{server.url}"\n'
        Path(project, "stack.toml").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "stackc", "compile"],
            cwd=project,
            env={**os.environ, "STACKC_CACHE": f"{project}/cache"},
            check=False,
        )
    return done.returncode


def curations_of(manifest: Path) -> list[Curation]:
    """Return what each of a manifest's targets can use, the default target first."""
    stack, facts = load(manifest), Facts.load()
    names = sorted(stack.targets, key=lambda name: name != stack.default_target)
    targets = [resolve_target(stack.targets[name], facts=facts, places=stack.places) for name in names]
    return [Curation(target, exclude_newer=stack.policy.exclude_newer, sdists=stack.policy.sdists) for target in targets]


@dataclass(frozen=True)
class _Trim:
    """How much is kept around what was asked for: the newest releases, neighbours, and files that the target does not use."""

    newest: int = 6
    neighbours: int = 2
    refused: int = 3
    others: int = 2


_SHARED = _Trim(newest=2, neighbours=1, refused=0, others=0)
"""For several targets: what one of them cannot use another one may, and would find it without metadata."""


@dataclass
class _Kept:
    """What is kept of one project: file names, and the metadata of those that a target can use."""

    names: set[str] = field(default_factory=set)
    bodies: dict[str, bytes] = field(default_factory=dict)

    def add(self, other: _Kept) -> None:
        """Keep what another manifest needs too."""
        self.names |= other.names
        self.bodies |= other.bodies

    def document(self, project: NormalizedName, page: Mapping[str, FileRow]) -> bytes:
        """Return the small page."""
        rows = [_row(page[name]) for name in sorted(self.names, key=lambda name: (str(page[name].upload_time), name))]
        return _document(project, rows, _grouped(self.bodies))


class _Trimmer:
    """Chooses what the tests' copy of a page holds for one target."""

    def __init__(self, curation: Curation, live: LiveIndex, trim: _Trim) -> None:
        self._curation = curation
        self._live = live
        self._trim = trim

    def all_kept(
        self, projects: Iterable[NormalizedName], asked: Mapping[NormalizedName, set[str]]
    ) -> Iterator[tuple[NormalizedName, _Kept]]:
        """Yield what is kept of each project, several being fetched at a time."""
        names = sorted(projects)
        with ThreadPoolExecutor(8) as pool:
            yield from zip(names, pool.map(lambda name: self.kept(name, asked.get(name, set())), names), strict=True)

    def kept(self, project: NormalizedName, asked: set[str]) -> _Kept:
        """Return what was asked for, the newest releases, and some that the target refuses."""
        page, trim = self._live.page(project), self._trim
        candidates = self._curation.curate(project, page.values())
        wanted = _near([found.file for found in candidates], asked, trim)
        bodies = {row.filename: body for row in wanted if (body := self._live.metadata_of(row)) is not None}
        names = set(bodies)
        names |= _beside(page, [row for row in wanted[: trim.others] if row.filename in names], trim)
        names |= _refused(page, {found.version for found in candidates}, trim)
        return _Kept(names, bodies)


def _near(files: Sequence[FileRow], asked: set[str], trim: _Trim) -> list[FileRow]:
    """Return of the usable files, the newest first, the first few, those of `asked`, and their neighbours."""
    centres = [rank for rank, file in enumerate(files) if file.filename in asked]
    near = {rank + step for rank in centres for step in range(-trim.neighbours, trim.neighbours + 1)}
    return [file for rank, file in enumerate(files) if rank < trim.newest or rank in near]


def _beside(page: Mapping[str, FileRow], chosen: Sequence[FileRow], trim: _Trim) -> set[str]:
    """Return a few other files of the chosen releases: an sdist, and wheels for elsewhere."""
    found: set[str] = set()
    for row in chosen:
        version = _version(row.filename)
        others = sorted(name for name in page if name != row.filename and _version(name) == version)
        found.update([name for name in others if not name.endswith(".whl")][:1])
        found.update([name for name in others if name.endswith(".whl")][:: max(1, len(others) // trim.others)][: trim.others])
    return found


def _refused(page: Mapping[str, FileRow], shown: set[str], trim: _Trim) -> set[str]:
    """Return one file each of the newest releases that the target cannot use."""
    first: dict[Version, str] = {}
    for name in sorted(page):
        version = _version(name)
        if version is not None and str(version) not in shown and name.endswith(".whl"):
            first.setdefault(version, name)
    return {first[version] for version in sorted(first, reverse=True)[: trim.refused]}


def _row(row: FileRow) -> dict[str, object]:
    values = {
        "filename": row.filename,
        "requires-python": row.requires_python,
        "sha256": row.hashes.sha256,
        "size": row.size,
        "upload-time": row.upload_time,
        "yanked": row.yanked or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _grouped(usable: Mapping[str, bytes]) -> list[dict[str, list[str]]]:
    """Return the metadata that resolving needs, files with the same together; name and version are the file name's."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, body in usable.items():
        fields = [(field, value) for field, value in headers_of(body.decode("utf-8")) if field in _FIELDS]
        groups.setdefault(tuple(f"{field.title()}: {' '.join(value.split())}" for field, value in fields), []).append(name)
    return [{"files": sorted(names), "header": list(header)} for header, names in sorted(groups.items())]


def _document(project: NormalizedName, rows: Sequence[object], metadata: Sequence[object]) -> bytes:
    """Return JSON with one file, or one group of files with equal metadata, to a line."""
    listed = ",\n".join(json.dumps(row, separators=(",", ":"), sort_keys=True) for row in rows)
    headers = ",\n".join(json.dumps(group, separators=(",", ":"), sort_keys=True) for group in metadata)
    return f'{{"project":"{project}","files":[\n{listed}\n],"metadata":[\n{headers}\n]}}\n'.encode()


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    print(f"{folder}: {len(files)} files, {sum(map(len, files.values())) / 1e6:.1f} MB")


def main(argv: Sequence[str] | None = None) -> int:
    """Record, and return the exit status of what was run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--trimmed", type=Path, metavar="DIR", help="write the small recording here")
    chosen.add_argument("--full", type=Path, metavar="DIR", help="write the whole recording here")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="the manifests; after --full, one and the command to run")
    arguments = parser.parse_args(argv)
    if len(arguments.rest) < (1 if arguments.full is None else 2):
        parser.error("give a manifest, and after --full a command")
    manifests = [Path(name) for name in arguments.rest]
    live = LiveIndex(default_index_url(Cache(None), os.environ))
    if arguments.full is not None:
        return record_full(arguments.full, manifests[0], arguments.rest[1:], live)
    return record_trimmed(arguments.trimmed, manifests, live)


if __name__ == "__main__":
    sys.exit(main())
