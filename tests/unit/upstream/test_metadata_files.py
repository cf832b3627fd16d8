"""Where the metadata of a file comes from: beside it, out of it by ranges, or out of an sdist."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from functools import partial
from pathlib import Path

import pytest

from stackc.errors import Finding
from stackc.upstream.metadata_files import MetadataOutcome, Unreadable
from stackc.upstream.settings import NetworkSettings
from stackc.upstream.simple import FileRow, Hashes
from support.index_server import Answer, IndexServer, Site, serving
from support.workbench import Bench, bench, settings

HEAD = "Metadata-Version: 2.2\nName: demo\nVersion: 1.0\nRequires-Dist: numpy>=1\n"
TEXT = f"{HEAD}Summary: left out\n\nA description.\n".encode()
KEPT = "metadata-version: 2.2\nname: demo\nversion: 1.0\nrequires-dist: numpy>=1\n"
SDIST = f"{KEPT}build-requires: setuptools>=40.8.0\n"
WHEEL = "demo-1.0-py3-none-any.whl"
NO_RANGES = "the index offers neither `.metadata` beside the file nor range requests; try again, or use a mirror that does"
BROKEN = "choose another version: this file is broken on its index"


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def wheel(text: bytes = TEXT, *, folder: str = "demo-1.0.dist-info", filling: bytes = bytes(range(256)) * 800) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo/large.bin", filling, zipfile.ZIP_STORED)
        archive.writestr(f"{folder}/METADATA", text)
    return buffer.getvalue()


def tarball(text: bytes | None = TEXT, *, name: str = "demo-1.0/PKG-INFO") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, content in (("demo-1.0/setup.py", b"raise SystemExit"), (name, text)):
            if content is not None:
                info = tarfile.TarInfo(member)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zipped(text: bytes | None = TEXT) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("demo-1.0/setup.py", "raise SystemExit")
        if text is not None:
            archive.writestr("demo-1.0/PKG-INFO", text)
    return buffer.getvalue()


def row(*, filename: str = WHEEL, digest: str | None = None, size: int | None = None, beside: bool | Hashes = False) -> FileRow:
    return FileRow(filename=filename, url=filename, hashes=Hashes(digest), size=size, core_metadata=beside)


def ask(tools: Bench, server: IndexServer, file: FileRow, *, credentials: str | None = None) -> MetadataOutcome:
    url = f"{server.url}/files/{file.filename}"
    outcome: MetadataOutcome = tools.ask(partial(tools.metadata.get, file, url, credentials=credentials))
    return outcome


def fetch(
    site: Site, file: FileRow, *, network: NetworkSettings | None = None, cache: Path | None = None
) -> tuple[MetadataOutcome, list[str]]:
    with serving(site) as server, bench(network=network, cache=cache) as tools:
        return ask(tools, server, file), [request.path.removeprefix("/files/") for request in server.requests]


def having(**files: bytes) -> Site:
    """Return a site that has the demo's wheel, what lies beside it, or an sdist of it."""
    site = Site()
    names = {"whl": WHEEL, "beside": f"{WHEEL}.metadata", "tar": "demo-1.0.tar.gz", "zip": "demo-1.0.zip"}
    for kind, body in files.items():
        site.put_file(f"/files/{names[kind]}", body)
    return site


def problem(outcome: MetadataOutcome, *, lasting: bool) -> Finding:
    assert isinstance(outcome, Unreadable)
    assert outcome.lasting is lasting
    return outcome.finding


@pytest.mark.parametrize("beside", [True, Hashes(sha256(TEXT)), Hashes(sha256(TEXT).upper()), Hashes(), False])
def test_metadata_beside_the_wheel_is_read_without_the_description(beside: bool | Hashes) -> None:
    assert fetch(having(beside=TEXT), row(beside=beside)) == (KEPT, [f"{WHEEL}.metadata"])


def test_metadata_that_is_not_what_the_index_promised_is_refused() -> None:
    outcome, asked = fetch(having(beside=TEXT, whl=wheel()), row(beside=Hashes("0" * 64)))

    assert asked == [f"{WHEEL}.metadata"]
    assert problem(outcome, lasting=False) == Finding(
        code="S323",
        message=f"what was fetched for `{WHEEL}` is not what its index promised",
        wanted=f"sha256 {'0' * 64}",
        found=f"sha256 {sha256(TEXT)}",
        hint="a proxy or a mirror altered it, or the index is inconsistent; do not go on before you know which",
    )


def test_compressed_metadata_is_judged_as_it_was_before() -> None:
    site = Site()
    site.answers[f"/files/{WHEEL}.metadata"] = Answer(200, gzip.compress(TEXT), {"Content-Encoding": "gzip"})

    assert fetch(site, row(beside=Hashes(sha256(TEXT))))[0] == KEPT


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404),
        Answer(403),
        Answer(200, b"<html><body>There is nothing here, and this is no error</body></html>"),
        Answer(200, b"no gzip", {"Content-Encoding": "gzip"}),
        Answer(200, b"\xff\xfe\x00"),
        Answer(200),
    ],
    ids=["404", "403", "html", "broken-gzip", "binary", "empty"],
)
@pytest.mark.parametrize("beside", [True, False])
def test_where_nothing_lies_beside_the_wheel_it_is_read_by_ranges(answer: Answer, beside: bool) -> None:
    site = having(whl=wheel())
    site.answers[f"/files/{WHEEL}.metadata"] = answer

    assert fetch(site, row(beside=beside, size=len(wheel()))) == (KEPT, [f"{WHEEL}.metadata", WHEEL])


@pytest.mark.parametrize("large", [False, True])
def test_a_wheel_of_unknown_size_is_read_from_its_end(large: bool) -> None:
    content = wheel() if large else wheel(filling=b"")
    assert fetch(having(whl=content), row()) == (KEPT, [f"{WHEEL}.metadata", WHEEL])


def test_a_host_that_gives_no_ends_of_files_is_asked_for_their_size_first() -> None:
    site = having(whl=wheel())
    whole = site.answers[f"/files/{WHEEL}"]
    assert callable(whole)
    site.answers[f"/files/{WHEEL}"] = lambda request: (
        Answer(416) if request.headers["range"].startswith("bytes=-") else whole(request)
    )
    with serving(site) as server, bench() as tools:
        outcomes = [ask(tools, server, row(digest=f"{number:064}")) for number in range(2)]
        asked = [request.headers["range"] for request in server.requests if request.path == f"/files/{WHEEL}"]

    size = len(wheel())
    once = ["bytes=0-0", f"bytes={size - 0xFFFF - 22}-{size - 1}"]
    assert (outcomes, asked) == ([KEPT] * 2, [f"bytes=-{0xFFFF + 22}", *once, *once])


def test_wheels_are_read_over_a_connection_that_is_kept() -> None:
    large = wheel()
    with serving(having(whl=large)) as server, bench() as tools:
        outcomes = [ask(tools, server, row(digest=f"{number:064}", size=len(large))) for number in range(3)]
        connections = len(server.connections)
        asked = [request.headers.get("range") for request in server.requests if request.path == f"/files/{WHEEL}"]

    assert (outcomes, connections) == ([KEPT] * 3, 1)
    assert asked == [f"bytes={len(large) - 0xFFFF - 22}-{len(large) - 1}"] * 3


def test_a_range_that_a_busy_server_refuses_is_asked_for_again() -> None:
    site = having(whl=wheel())
    whole, answers = site.answers[f"/files/{WHEEL}"], [Answer(503, b"busy"), Answer(503, b"busy")]
    assert callable(whole)
    site.answers[f"/files/{WHEEL}"] = lambda request: answers.pop() if answers else whole(request)

    outcome, asked = fetch(site, row(size=len(wheel())))

    assert (outcome, asked) == (KEPT, [f"{WHEEL}.metadata", WHEEL, WHEEL, WHEEL])


def test_a_host_that_has_no_metadata_beside_its_files_is_not_asked_for_ever() -> None:
    with serving(having(whl=wheel())) as server, bench() as tools:
        outcomes = [ask(tools, server, row(digest=f"{number:064}")) for number in range(6)]
        paths = [request.path for request in server.requests]

    assert outcomes == [KEPT] * 6
    assert paths.count(f"/files/{WHEEL}.metadata") == 4


def test_a_host_that_once_had_metadata_beside_a_file_is_asked_for_ever() -> None:
    with serving(having(beside=TEXT)) as server, bench() as tools:
        ask(tools, server, row(digest="0" * 64))
        server.site.answers = having(whl=wheel()).answers
        outcomes = [ask(tools, server, row(digest=f"{number:064}")) for number in range(1, 8)]
        paths = [request.path for request in server.requests]

    assert outcomes == [KEPT] * 7
    assert paths.count(f"/files/{WHEEL}.metadata") == 8


@pytest.mark.parametrize(("status", "beside"), [(500, False), (500, True), (401, True)])
def test_a_server_that_fails_is_told_as_such(status: int, beside: bool) -> None:
    site = having(whl=wheel())
    site.answers[f"/files/{WHEEL}.metadata"] = Answer(status)
    with serving(site) as server, bench() as tools:
        found = problem(ask(tools, server, row(beside=beside)), lasting=False)

        assert found == Finding(
            code="S320",
            message=f"the metadata of `{WHEEL}` could not be fetched",
            notes=(f"{server.url}/files/{WHEEL}.metadata: answered {status}",),
            hint="try again; if it stays so, the index is at fault",
        )


def test_a_server_without_ranges_is_told_as_such() -> None:
    site = Site()
    site.answers[f"/files/{WHEEL}"] = Answer(200, wheel())
    with serving(site) as server, bench() as tools:
        found = problem(ask(tools, server, row()), lasting=False)

        assert found == Finding(
            code="S320",
            message=f"the metadata of `{WHEEL}` could not be fetched",
            notes=(f"{server.url}/files/{WHEEL}: answered 200 to a range request",),
            hint=NO_RANGES,
        )


def test_a_wheel_without_metadata_is_broken() -> None:
    found = problem(fetch(having(whl=wheel(folder="demo-1.0.data")), row())[0], lasting=True)

    assert (found.code, found.message, found.hint) == ("S322", f"`{WHEEL}` cannot be used", BROKEN)


def test_metadata_that_is_not_utf_8_is_broken() -> None:
    body = TEXT + b"\xff"
    found = problem(fetch(having(beside=body), row(beside=Hashes(sha256(body))))[0], lasting=True)

    assert found == Finding(code="S322", message=f"`{WHEEL}` cannot be used", notes=("its metadata is not UTF-8",), hint=BROKEN)


@pytest.mark.parametrize(
    ("kind", "filename", "body"), [("tar", "demo-1.0.tar.gz", tarball()), ("zip", "demo-1.0.zip", zipped())]
)
def test_an_sdist_is_read_where_its_requirements_are_static(kind: str, filename: str, body: bytes) -> None:
    for digest in (None, sha256(body), sha256(body).upper()):
        assert fetch(having(**{kind: body}), row(filename=filename, digest=digest)) == (SDIST, [filename])


def test_an_sdist_that_the_server_compresses_once_more_is_the_same_sdist() -> None:
    body, site = tarball(), Site()
    site.answers["/files/demo-1.0.tar.gz"] = Answer(200, gzip.compress(body), {"Content-Encoding": "gzip"})

    assert fetch(site, row(filename="demo-1.0.tar.gz", digest=sha256(body)))[0] == SDIST


def test_an_sdist_whose_gzip_the_server_announces_is_the_same_sdist() -> None:
    body, site = tarball(), Site()
    site.answers["/files/demo-1.0.tar.gz"] = Answer(200, body, {"Content-Encoding": "gzip"})

    assert fetch(site, row(filename="demo-1.0.tar.gz", digest=sha256(body)))[0] == SDIST


def test_an_sdist_that_is_not_what_the_index_promised_is_refused() -> None:
    body = tarball()
    found = problem(fetch(having(tar=body), row(filename="demo-1.0.tar.gz", digest="0" * 64))[0], lasting=False)

    assert (found.code, found.wanted, found.found) == ("S323", f"sha256 {'0' * 64}", f"sha256 {sha256(body)}")


DYNAMIC = "the requirements of this sdist are known only after a build: its PKG-INFO does not fix them (PEP 643)"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (tarball(TEXT.replace(b"2.2", b"2.1")), DYNAMIC),
        (tarball(TEXT.replace(b"2.2", b"1.0")), DYNAMIC),
        (tarball(TEXT.replace(b"2.2", b"two")), DYNAMIC),
        (tarball(b"Dynamic: Requires-Dist\n" + TEXT), DYNAMIC),
        (tarball(None), "the sdist has no PKG-INFO"),
        (tarball(name="demo-1.0/demo.egg-info/PKG-INFO"), "the sdist has no PKG-INFO"),
        (tarball(TEXT + b"\xff"), "its metadata is not UTF-8"),
        (b"no archive", "the sdist cannot be unpacked: "),
        (tarball()[:-40], "the sdist cannot be unpacked: "),
        (tarball()[:40] + b"\xff" * 20 + tarball()[60:], "the sdist cannot be unpacked: "),
    ],
)
def test_an_sdist_that_does_not_tell_is_broken(body: bytes, reason: str) -> None:
    found = problem(fetch(having(tar=body), row(filename="demo-1.0.tar.gz"))[0], lasting=True)

    assert (found.code, found.message, found.hint) == ("S322", "`demo-1.0.tar.gz` cannot be used", BROKEN)
    assert found.notes[0].startswith(reason)


@pytest.mark.parametrize(
    ("body", "reason"),
    [(zipped(None), "the sdist has no PKG-INFO"), (b"no archive", "the sdist cannot be unpacked: File is not a zip file")],
)
def test_a_zipped_sdist_that_does_not_tell_is_broken(body: bytes, reason: str) -> None:
    assert problem(fetch(having(zip=body), row(filename="demo-1.0.zip"))[0], lasting=True).notes == (reason,)


def test_a_later_version_of_the_metadata_is_as_static() -> None:
    for version in ("2.3", "2.10", "3.0"):
        body = tarball(TEXT.replace(b"2.2", version.encode()))
        assert fetch(having(tar=body), row(filename="demo-1.0.tar.gz"))[0] == SDIST.replace("2.2", version)


def test_what_is_in_the_cache_is_never_asked_for_again(tmp_path: Path) -> None:
    file = row(digest="0" * 64, beside=True)
    assert fetch(having(beside=TEXT), file, cache=tmp_path / "cache") == (KEPT, [f"{WHEEL}.metadata"])

    assert fetch(Site(), file, cache=tmp_path / "cache") == (KEPT, [])
    assert fetch(Site(), file, cache=tmp_path / "cache", network=settings(offline=True)) == (KEPT, [])


@pytest.mark.parametrize("filename", [WHEEL, "demo-1.0.tar.gz"])
@pytest.mark.parametrize("beside", [True, False])
def test_offline_what_is_not_in_the_cache_is_told_as_such(filename: str, beside: bool) -> None:
    site = having(beside=TEXT, whl=wheel(), tar=tarball())
    outcome, asked = fetch(site, row(filename=filename, beside=beside), network=settings(offline=True))

    assert asked == []
    assert problem(outcome, lasting=False) == Finding(
        code="S321",
        message=f"the metadata of `{filename}` is not in the cache, and --offline was given",
        hint="compile once without --offline",
    )


def test_credentials_go_with_every_way_of_asking() -> None:
    with serving(having(whl=wheel())) as server, bench() as tools:
        assert ask(tools, server, row(), credentials="me:secret") == KEPT

        assert {request.headers.get("authorization") for request in server.requests} == {"Basic bWU6c2VjcmV0"}
