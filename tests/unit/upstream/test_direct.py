"""What is read of a file that a component names: beside it, by ranges, or whole; from disk; and what may be wrong with it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.loop import Loop
from stackc.manifest.model import DirectReference
from stackc.upstream.cache import Cache
from stackc.upstream.direct import DirectSource
from stackc.upstream.pages import Found, PageOutcome, Unavailable
from stackc.upstream.settings import NetworkSettings
from support.index_server import Answer, IndexServer, Request, Site, serving
from support.workbench import make_target, name_of, settings, wait_until

PLACE = Place(file="stack.toml", line=12, path=("components", "flash-attn", "url"))
HEAD = "Metadata-Version: 2.1\nName: flash_attn\nVersion: 2.7.4.post1\nRequires-Dist: torch\n"
KEPT = "metadata-version: 2.1\nname: flash_attn\nversion: 2.7.4.post1\nrequires-dist: torch\n"
WHEEL = "flash_attn-2.7.4.post1+cu12torch2.5cxx11abiFALSE-cp310-cp310-linux_x86_64.whl"
PATH = f"/v2.7.4/{WHEEL}"
LARGE = 5 * 2**20


def wheel(text: str = HEAD, *, padding: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("flash_attn/large.bin", bytes(padding))
        archive.writestr("flash_attn-2.7.4.post1.dist-info/METADATA", f"{text}\nA description.\n")
    return buffer.getvalue()


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def at(server: IndexServer, body: bytes, *, file: str = WHEEL) -> DirectReference:
    location = f"{server.url}/v2.7.4/{file.replace('+', '%2B')}"
    return DirectReference(kind="url", location=location, file=file, sha256=sha256(body))


def read(direct: DirectReference, *, network: NetworkSettings | None = None, cache: Path | None = None) -> PageOutcome:
    """Return what a source has of a file, for Python 3.10 on linux/amd64."""
    loop, store, came = Loop(), Cache(cache), list[PageOutcome]()
    source = DirectSource(loop, store, network or settings(), target=make_target())
    try:
        source.get(name_of("flash-attn"), direct, PLACE, came.append)
        wait_until(loop, lambda: came)
    finally:
        source.close()
        loop.close()
        store.close()
    return came[0]


def release(outcome: PageOutcome) -> tuple[str, str, str | None, str | None]:
    """Return version, file, sha256 and metadata of the one release."""
    assert isinstance(outcome, Found)
    (candidate,) = outcome.candidates
    return candidate.version, candidate.file.filename, candidate.file.hashes.sha256, outcome.metadata


def problem(outcome: PageOutcome) -> Finding:
    assert isinstance(outcome, Unavailable)
    return outcome.finding


def without_ranges(body: bytes) -> Answer:
    return Answer(200, body, {"Content-Type": "application/octet-stream"})


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def server(site: Site) -> Iterator[IndexServer]:
    with serving(site) as server:
        yield server


def asked(server: IndexServer) -> list[tuple[str, str | None]]:
    """Return what was asked for, and which range of it."""
    return [(request.path.removeprefix(PATH), request.headers.get("range")) for request in server.requests]


def test_metadata_beside_the_file_are_enough(site: Site, server: IndexServer) -> None:
    body = wheel()
    site.put_file(f"{PATH}.metadata", HEAD.encode())
    assert release(read(at(server, body))) == ("2.7.4.post1", WHEEL, sha256(body), KEPT)
    assert asked(server) == [(".metadata", None)]


def test_a_large_wheel_is_read_by_ranges_alone(site: Site, server: IndexServer) -> None:
    body = wheel(padding=LARGE)
    site.put_file(PATH, body)
    assert release(read(at(server, body))) == ("2.7.4.post1", WHEEL, sha256(body), KEPT)
    assert asked(server)[:2] == [(".metadata", None), ("", "bytes=0-0")]
    assert all(ends is not None for path, ends in asked(server) if not path)


def test_a_small_wheel_is_fetched_whole_and_its_hash_compared(site: Site, server: IndexServer) -> None:
    body = wheel()
    site.put_file(PATH, body)
    assert release(read(at(server, body))) == ("2.7.4.post1", WHEEL, sha256(body), KEPT)
    found = problem(read(replace(at(server, body), sha256="0" * 64)))
    assert found == Finding(
        code="S363",
        message=f"what is at the address of `{WHEEL}` is another file than stack.toml says",
        places=(PLACE,),
        wanted=f"sha256 {'0' * 64}",
        found=f"sha256 {sha256(body)}",
        hint="correct the sha256 if it was a mistake; if not, the file was replaced: do not go on before you know why",
    )


def test_a_server_without_ranges_gives_the_whole_wheel(site: Site, server: IndexServer) -> None:
    body = wheel(padding=LARGE)
    site.answers[PATH] = without_ranges(body)
    assert release(read(at(server, body)))[0] == "2.7.4.post1"
    assert problem(read(replace(at(server, body), sha256="0" * 64))).code == "S363"


def test_what_was_read_once_needs_no_network_again(site: Site, server: IndexServer, tmp_path: Path) -> None:
    body, offline = wheel(), settings(offline=True)
    site.put_file(PATH, body)
    known = at(server, body)
    first = read(known, cache=tmp_path / "cache")
    before = len(server.requests)
    assert read(known, cache=tmp_path / "cache", network=offline) == first
    assert len(server.requests) == before
    for other in (replace(known, sha256="0" * 64), replace(known, location=f"{server.url}/other/{WHEEL}")):
        assert problem(read(other, cache=tmp_path / "cache", network=offline)) == Finding(
            code="S364",
            message=f"the metadata of `{WHEEL}` is not in the cache, and --offline was given",
            places=(PLACE,),
            hint="compile once without --offline",
        )


def test_a_file_that_is_not_there_is_told_with_its_address(server: IndexServer) -> None:
    direct = at(server, b"")
    assert problem(read(direct)) == Finding(
        code="S362",
        message=f"`{WHEEL}` cannot be fetched",
        places=(PLACE,),
        notes=(f"{direct.location}: answered 404",),
        hint="check the address; what it wants as user and password goes into a netrc file",
    )


def test_a_server_that_is_busy_is_asked_again(site: Site, server: IndexServer) -> None:
    body, answers = wheel(), [Answer(503), Answer(drop=True)]
    site.answers[PATH] = lambda _request: answers.pop() if answers else without_ranges(body)
    assert release(read(at(server, body)))[0] == "2.7.4.post1"
    assert answers == []


def test_a_server_that_is_not_there_is_told(server: IndexServer) -> None:
    direct = replace(at(server, b""), location=f"http://127.0.0.1:9/{WHEEL}")
    found = problem(read(direct))
    assert (found.code, found.message) == ("S362", f"`{WHEEL}` cannot be fetched")


def test_after_a_redirect_netrc_is_asked_about_the_other_host(site: Site, server: IndexServer, tmp_path: Path) -> None:
    body = wheel()
    seen: dict[str, str | None] = {}

    def guarded(request: Request) -> Answer:
        seen[request.headers["host"].partition(":")[0]] = request.headers.get("authorization")
        return Answer(302, b"", {"Location": server.url.replace("127.0.0.1", "localhost") + "/store/file"})

    def stored(request: Request) -> Answer:
        seen[request.headers["host"].partition(":")[0]] = request.headers.get("authorization")
        return without_ranges(body)

    site.answers[PATH], site.answers["/store/file"] = guarded, stored
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    assert release(read(at(server, body), network=settings(netrc=netrc)))[0] == "2.7.4.post1"
    assert seen == {"127.0.0.1": "Basic bWU6c2VjcmV0", "localhost": None}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD.replace("post1", "post2"), "its metadata says that it is version `2.7.4.post2`"),
        (HEAD.replace("2.7.4.post1", "2.7.4.post1+cu11"), "its metadata says that it is version `2.7.4.post1+cu11`"),
        (HEAD.replace("2.7.4.post1", "new"), "its metadata says that it is version `new`"),
        (HEAD.replace("flash_attn", "other"), "its metadata says that it is `other`"),
        (HEAD + "Requires-Python: >=3.11\n", "it needs Python >=3.11, and target `gpu` has 3.10"),
        (
            HEAD + "Requires-Dist: x @ https://example.org/x.whl\n",
            "it requires `x` by an address, which no index may answer with",
        ),
    ],
)
def test_a_file_whose_metadata_cannot_be_used_is_refused(site: Site, server: IndexServer, text: str, reason: str) -> None:
    body = wheel(text)
    site.put_file(PATH, body)
    assert problem(read(at(server, body))) == Finding(
        code="S365", message=f"`{WHEEL}` cannot be used", places=(PLACE,), notes=(reason,), hint="name another file"
    )


def test_a_wheel_may_have_its_label_in_its_metadata_too(site: Site, server: IndexServer) -> None:
    label = "2.7.4.post1+cu12torch2.5cxx11abifalse"
    body = wheel(HEAD.replace("2.7.4.post1", label))
    site.put_file(PATH, body)
    assert release(read(at(server, body)))[0] == str(Version(label))


def test_what_is_no_wheel_is_refused(site: Site, server: IndexServer) -> None:
    site.put_file(PATH, b"<html>")
    found = problem(read(at(server, b"<html>")))
    assert (found.code, found.notes) == ("S365", (f"{WHEEL}: the end of a zip archive is missing",))


def test_a_file_of_the_project_is_read_where_it_lies(tmp_path: Path) -> None:
    body = wheel(padding=LARGE)
    (tmp_path / WHEEL).write_bytes(body)
    direct = DirectReference(kind="path", location=str(tmp_path / WHEEL), file=WHEEL, sha256=sha256(body))
    assert release(read(direct, network=settings(offline=True))) == ("2.7.4.post1", WHEEL, sha256(body), KEPT)


def test_a_file_of_the_project_that_is_no_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"")
    found = problem(read(DirectReference(kind="path", location=str(tmp_path / WHEEL), file=WHEEL, sha256=sha256(b""))))
    assert (found.code, found.notes) == ("S365", (f"{WHEEL}: the end of a zip archive is missing",))
