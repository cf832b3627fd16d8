"""`tools/refresh_catalog.py` against a loopback copy of an index, with real wheels built here."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from stackc.upstream.catalog import CatalogFile, load, render

TOOL = Path(__file__).resolve().parents[2] / "tools" / "refresh_catalog.py"
TORCH = "torch-2.5.1+cu124-cp310-cp310-linux_x86_64.whl"
ARM = "torch-2.5.1-cp310-cp310-manylinux_2_28_aarch64.whl"
AUDIO = "torchaudio-2.5.1+cu124-cp310-cp310-linux_x86_64.whl"
VISION = "torchvision-0.20.1+cu124-cp310-cp310-linux_x86_64.whl"
LEFT_OUT = (
    "torch-2.5.1+cu124-cp310-cp310-win_amd64.whl",
    "torch-2.5.1+cu121-cp310-cp310-linux_x86_64.whl",
    "torch-2.5.1-cp310-cp310-linux_x86_64.whl",
    "torch-2.6.0rc1+cu124-cp310-cp310-linux_x86_64.whl",
    "torch-2.5.1.tar.gz",
)


def wheel(path: Path, *fields: str, named: str | None = None) -> None:
    project, version, *_ = path.name.split("-")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{project}/__init__.py", "")
        archive.writestr(f"{project}/large.bin", bytes(200_000))
        lines = ["Metadata-Version: 2.1", f"Name: {named or project}", f"Version: {version}", *fields, "", "words"]
        archive.writestr(f"{project}-{version}.dist-info/METADATA", "\n".join(lines))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass
class Index:
    """A folder of wheels served as the pytorch index serves them: HTML, relative links, `%2B`; and what was asked of it."""

    folder: Path
    url: str = ""
    json: bool = False
    sidecars: set[str] = field(default_factory=set)
    unhashed: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    ranges: bool = True
    wrong_sidecar_hash: bool = False
    failing: bool = False
    log: list[str] = field(default_factory=list)

    def files(self, project: str) -> list[Path]:
        return [
            path
            for path in sorted(self.folder.iterdir())
            if path.name.split("-")[0] == project and path.name not in self.hidden
        ]

    def page(self, project: str) -> tuple[str, bytes]:
        if self.json:
            rows = [self._row(path) for path in self.files(project)]
            body = {"meta": {"api-version": "1.1"}, "name": project, "files": rows}
            return "application/vnd.pypi.simple.v1+json", json.dumps(body).encode()
        anchors = "".join(
            f'<a href="{self._href(path)}"{self._sidecar(path)}>{path.name}</a><br>\n' for path in self.files(project)
        )
        return "text/html", f"<!DOCTYPE html><html><body><h1>Links</h1>\n{anchors}</body></html>".encode()

    def _row(self, path: Path) -> dict[str, object]:
        hashes = {} if path.name in self.unhashed else {"sha256": digest(path)}
        return {"filename": path.name, "url": f"../{quote(path.name)}", "hashes": hashes, "size": path.stat().st_size}

    def _href(self, path: Path) -> str:
        fragment = "" if path.name in self.unhashed else f"#sha256={digest(path)}"
        return f"/whl/cu124/{quote(path.name)}{fragment}" if "torch-" in path.name else f"../{quote(path.name)}{fragment}"

    def _sidecar(self, path: Path) -> str:
        if path.name not in self.sidecars:
            return ""
        found = "0" * 64 if self.wrong_sidecar_hash else hashlib.sha256(metadata_of(path)).hexdigest()
        return f' data-core-metadata="sha256={found}"'

    def answer(self, target: str) -> tuple[int, str, bytes]:
        project = re.fullmatch(r"/whl/cu124/(\w+)/", target)
        if self.failing:
            return 503, "text/plain", b"busy"
        if project is not None:
            found = bool(self.files(project[1]))
            return (200, *self.page(project[1])) if found else (404, "text/plain", b"no such project")
        path = self.folder / unquote(target).removeprefix("/whl/cu124/").removesuffix(".metadata")
        if target.endswith(".metadata"):
            known = path.name in self.sidecars
            return (200, "text/plain", metadata_of(path)) if known else (404, "text/plain", b"")
        return 200, "application/octet-stream", path.read_bytes()


def metadata_of(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA")))


def handler(index: Index) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, media_type, body = index.answer(self.path)
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if span and index.ranges:
                status, body = 206, body[int(span[1]) : int(span[2]) + 1]
            index.log.append(f"{self.command} {status} {self.path}")
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel(
        folder / TORCH,
        "Requires-Python: >=3.8.0",
        "Requires-Dist: typing-extensions (>=4.8.0)",
        'Requires-Dist: opt_einsum >=3.3 ; extra == "opt-einsum"',
        "Provides-Extra: opt-einsum",
    )
    wheel(folder / ARM, "Requires-Dist: filelock")
    wheel(folder / AUDIO, "Requires-Dist: torch==2.5.1")
    wheel(folder / VISION, "Requires-Dist: torch (==2.5.1)", "Requires-Dist: numpy")
    for name in LEFT_OUT:
        (folder / name).write_bytes(b"never read")
    served = Index(folder, sidecars={TORCH})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(served))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/whl/cu124"
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Refresh:
    """The tool as a process of its own, writing into a folder of its own."""

    index: Index
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "cu124.toml"

    def __call__(self, *arguments: str, date: str = "2026-11-23") -> tuple[int, str, str]:
        self.folder.mkdir(exist_ok=True)
        command = [sys.executable, str(TOOL), "--folder", str(self.folder), "--date", date, *(arguments or (self.index.url,))]
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env={"no_proxy": "127.0.0.1", "PYTHONUTF8": "1"}
        )
        return ended.returncode, ended.stdout, ended.stderr.replace(self.index.url, "INDEX")


@pytest.fixture
def refresh(index: Index, tmp_path: Path) -> Refresh:
    return Refresh(index, tmp_path / "catalog")


def rows(refresh: Refresh) -> dict[str, CatalogFile]:
    return {file.name: file for files in load(refresh.path).projects.values() for file in files}


def expected(index: Index) -> dict[str, CatalogFile]:
    def row(name: str, *requires: str, python: str | None = None, extras: tuple[str, ...] = ()) -> CatalogFile:
        return CatalogFile(
            name=name,
            sha256=digest(index.folder / name),
            size=(index.folder / name).stat().st_size,
            requires=requires,
            requires_python=python,
            extras=extras,
            status="verified",
            source="the index",
            requires_source="the index",
        )

    torch = ('opt-einsum>=3.3; extra == "opt-einsum"', "typing-extensions>=4.8.0")
    files = [
        row(ARM, "filelock"),
        row(TORCH, *torch, python=">=3.8.0", extras=("opt-einsum",)),
        row(AUDIO, "torch==2.5.1"),
        row(VISION, "numpy", "torch==2.5.1"),
    ]
    return {file.name: file for file in files}


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("form", ["html", "json"])
def test_a_catalog_is_written_from_an_index_without_downloading_a_wheel(index: Index, refresh: Refresh, form: str) -> None:
    index.json = form == "json"
    status, out, err = refresh()
    assert (status, err) == (0, "")
    assert out == "".join(f"cu124: {name}: new\n" for name in (TORCH, ARM, AUDIO, VISION)) + "cu124: written, 4 files\n"
    assert rows(refresh) == expected(index)
    assert refresh.path.read_text(encoding="utf-8") == render(load(refresh.path))
    assert [line for line in index.log if line.startswith("GET 200") and line.endswith(".whl")] == []
    assert [line for line in index.log if any(quote(name) in line for name in LEFT_OUT)] == []


def test_a_second_run_writes_the_same_bytes_on_any_date_and_reads_only_pages(index: Index, refresh: Refresh) -> None:
    refresh()
    before = refresh.path.read_bytes()
    index.log.clear()
    assert refresh(date="2030-01-01") == (0, "cu124: up to date\n", "")
    assert refresh.path.read_bytes() == before
    assert index.log == [f"GET 200 /whl/cu124/{project}/" for project in ("torch", "torchaudio", "torchvision")]
    assert sorted(path.name for path in refresh.folder.iterdir()) == ["cu124.toml"]


def test_check_only_compares(index: Index, refresh: Refresh) -> None:
    assert refresh("--check", index.url)[0] == 1
    assert not refresh.path.exists()
    refresh()
    assert refresh("--check", index.url) == (0, "cu124: up to date\n", "")
    index.hidden.add(ARM)
    before = refresh.path.read_bytes()
    out = f"cu124: {ARM}: withdrawn: the index no longer lists it\ncu124: out of date\n"
    assert refresh("--check", index.url) == (1, out, "")
    assert refresh.path.read_bytes() == before


def test_a_row_that_the_index_no_longer_lists_is_kept_as_withdrawn_until_it_is_back(index: Index, refresh: Refresh) -> None:
    refresh()
    before = refresh.path.read_bytes()
    index.hidden.add(ARM)
    refresh(date="2026-11-24")
    assert {name: file.status for name, file in rows(refresh).items()} == dict.fromkeys([TORCH, AUDIO, VISION], "verified") | {
        ARM: "withdrawn"
    }
    assert load(refresh.path).date.isoformat() == "2026-11-24"
    assert refresh()[1] == "cu124: up to date\n"
    index.hidden.clear()
    assert refresh()[1] == f"cu124: {ARM}: verified, was withdrawn\ncu124: written, 4 files\n"
    assert refresh.path.read_bytes() == before


def test_another_sha256_under_a_known_name_is_refused_unless_it_is_accepted(index: Index, refresh: Refresh) -> None:
    refresh()
    before, known = refresh.path.read_bytes(), digest(index.folder / AUDIO)
    wheel(index.folder / AUDIO, "Requires-Dist: torch==2.5.0")
    status, out, err = refresh()
    assert (status, out) == (1, "")
    assert err.startswith(f"error[S330]: `{AUDIO}` on `INDEX` is not the file that stackc's catalog of 2026-11-23 knows\n")
    assert known in err
    assert digest(index.folder / AUDIO) in err
    assert err.endswith("\ncu124: refused; `--accept NAME` takes the new sha256 of a file\n")
    assert refresh.path.read_bytes() == before
    accepted = refresh("--accept", AUDIO, index.url)
    assert accepted == (0, f"cu124: {AUDIO}: another sha256, accepted\ncu124: written, 4 files\n", "")
    assert rows(refresh)[AUDIO].requires == ("torch==2.5.0",)


def test_rows_from_other_sources_are_confirmed_and_corrected_by_the_index(index: Index, refresh: Refresh) -> None:
    refresh()
    before = refresh.path.read_bytes()
    replaced(refresh.path, '"verified", source = "the index"', '"single-source", source = "some/repository"')
    replaced(refresh.path, 'requires-source = "the index"', 'requires-source = "a lock file"')
    replaced(refresh.path, '"filelock"', '"filelock<3"')
    status, out, _ = refresh()
    assert (status, out.splitlines()[:3]) == (
        0,
        [
            f"cu124: {TORCH}: verified, was single-source",
            f"cu124: {ARM}: verified, was single-source",
            f"cu124: {ARM}: its requirements are others than the catalog had",
        ],
    )
    assert {file.source for file in rows(refresh).values()} == {"some/repository, the index"}
    replaced(refresh.path, "some/repository, ", "")
    assert refresh.path.read_bytes() == before


def test_a_file_without_a_sha256_is_left_out_or_left_as_it_is(index: Index, refresh: Refresh) -> None:
    index.unhashed.add(ARM)
    assert f"cu124: {ARM}: the index gives no sha256: left out\n" in refresh()[1]
    assert sorted(rows(refresh)) == sorted([TORCH, AUDIO, VISION])
    index.unhashed.add(AUDIO)
    index.unhashed.remove(ARM)
    assert f"cu124: {AUDIO}: the index gives no sha256: left as it is\n" in refresh()[1]
    assert rows(refresh) == expected(index)


def test_a_file_whose_metadata_cannot_be_read_has_no_requirements(index: Index, refresh: Refresh) -> None:
    index.ranges = False
    index.wrong_sidecar_hash = True
    wheel(index.folder / VISION, "Requires-Dist: numpy", named="other")
    index.sidecars.add(VISION)
    status, out, err = refresh()
    assert (status, err) == (0, "")
    unread = "its metadata cannot be read"
    found = {name: hashlib.sha256(metadata_of(index.folder / name)).hexdigest() for name in (TORCH, VISION)}
    assert [line for line in out.splitlines() if unread in line] == [
        f"cu124: {TORCH}: {unread}: its metadata has the sha256 {found[TORCH]}, the index promises {'0' * 64}",
        f"cu124: {ARM}: {unread}: its server sends no ranges, and no metadata beside it",
        f"cu124: {AUDIO}: {unread}: its server sends no ranges, and no metadata beside it",
        f"cu124: {VISION}: {unread}: its metadata has the sha256 {found[VISION]}, the index promises {'0' * 64}",
    ]
    assert {file.requires for file in rows(refresh).values()} == {None}
    index.ranges = True
    index.wrong_sidecar_hash = False
    assert f"cu124: {VISION}: {unread}: it is that of other 0.20.1+cu124\n" in refresh()[1]
    assert rows(refresh)[VISION].requires is None
    assert rows(refresh)[AUDIO] == expected(index)[AUDIO]


def test_a_damaged_wheel_has_no_requirements(index: Index, refresh: Refresh) -> None:
    (index.folder / AUDIO).write_bytes(b"<html>sorry</html>" * 50)
    status, out, err = refresh()
    assert (status, err) == (0, "")
    assert f"cu124: {AUDIO}: its metadata cannot be read: {AUDIO}: the end of a zip archive is missing\n" in out
    assert rows(refresh)[AUDIO].requires is None


def test_an_index_that_cannot_be_read_changes_nothing(index: Index, refresh: Refresh) -> None:
    refresh()
    before = refresh.path.read_bytes()
    index.failing = True
    assert refresh() == (4, "", "refresh_catalog: INDEX/torch/ answers 503\n")
    index.failing = False
    index.hidden = {AUDIO}
    assert refresh() == (4, "", "refresh_catalog: INDEX lists no file of torchaudio any more\n")
    status, _, err = refresh("http://127.0.0.1:1/whl/cu125")
    assert (status, err.startswith("refresh_catalog: http://127.0.0.1:1/whl/cu125/torch/ cannot be read: ")) == (4, True)
    (refresh.folder / "cu125.toml").write_bytes(before)
    assert refresh("http://127.0.0.1:1/whl/cu125")[2] == (
        "refresh_catalog: cu125.toml is the catalog of INDEX, not of http://127.0.0.1:1/whl/cu125\n"
    )
    assert refresh.path.read_bytes() == before


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "https://user:secret@example.org/whl/cu124",
            "an index's address is written into the catalog: give it without credentials",
        ),
        ("https://example.org/", "the address https://example.org does not end in a name for its catalog file"),
    ],
)
def test_an_address_that_no_catalog_can_have_is_refused(refresh: Refresh, address: str, message: str) -> None:
    status, out, err = refresh(address)
    assert (status, out, err.splitlines()[-1]) == (2, "", f"refresh_catalog.py: error: {message}")


def test_without_names_every_catalog_of_the_folder_is_refreshed_at_its_pytorch_address(refresh: Refresh) -> None:
    assert refresh("--check") == (0, "", "")
