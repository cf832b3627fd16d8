"""Reading METADATA and names through ranges: what is asked for, what comes back, and which archives are refused."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackc.upstream import remote_zip
from stackc.upstream.remote_zip import RemoteZipError, read_metadata, read_names

NAME = "demo-1.0+cu124-py3-none-any.whl"
ENTRY = "demo-1.0+cu124.dist-info/METADATA"
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0+cu124\n\nwords words words words\n"


@dataclass
class Remote:
    """A file that is read by ranges, and the ranges that were asked for."""

    content: bytes
    asked: list[tuple[int, int]] = field(default_factory=list)

    def fetch(self, start: int, end: int) -> bytes:
        assert 0 <= start <= end <= len(self.content)
        self.asked.append((start, end))
        return self.content[start:end]

    def read(self, *, filename: str = NAME) -> bytes:
        return read_metadata(self.fetch, len(self.content), filename=filename)


def wheel(
    entries: dict[str, bytes] | None = None,
    *,
    compression: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
    before: bytes = b"",
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        if before:
            archive.writestr("demo/large.bin", before, zipfile.ZIP_STORED)
        for name, content in ({ENTRY: METADATA} if entries is None else entries).items():
            archive.writestr(name, content)
        archive.comment = comment
    return buffer.getvalue()


def refusal(content: bytes, *, filename: str = NAME) -> str:
    with pytest.raises(RemoteZipError) as caught:
        Remote(content).read(filename=filename)
    return str(caught.value)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_small_wheel_is_read_in_one_range(compression: int) -> None:
    remote = Remote(wheel(compression=compression))
    assert remote.read() == METADATA
    assert remote.asked == [(0, len(remote.content))]


def test_a_comment_at_the_end_does_not_disturb() -> None:
    assert Remote(wheel(comment=b"PK\x05\x06 " + b"x" * 5000)).read() == METADATA


def test_a_large_wheel_with_its_metadata_last_is_read_in_one_range() -> None:
    remote = Remote(wheel(before=bytes(500_000)))
    assert remote.read() == METADATA
    assert [end - start for start, end in remote.asked] == [0xFFFF + 22]


def test_a_large_wheel_with_its_metadata_first_is_read_in_two_ranges() -> None:
    remote = Remote(wheel({ENTRY: METADATA, "demo/a.bin": bytes(range(256)) * 800}, compression=zipfile.ZIP_STORED))
    assert remote.read() == METADATA
    assert [end - start for start, end in remote.asked] == [0xFFFF + 22, 30 + len(ENTRY) + 512 + len(METADATA)]


def test_a_long_central_directory_is_read_in_two_ranges_and_no_byte_twice() -> None:
    entries = {f"demo/{'x' * 80}{number}.py": b"" for number in range(2000)}
    remote = Remote(wheel({ENTRY: METADATA, "demo/a.bin": bytes(100_000)} | entries))
    assert remote.read() == METADATA
    tail, directory, entry = remote.asked
    assert tail == (len(remote.content) - 0xFFFF - 22, len(remote.content))
    assert directory[1] == tail[0]
    assert entry[0] == 0


def test_a_long_local_extra_field_costs_one_more_range() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(ENTRY)
        info.extra = struct.pack("<HH", 0x7777, 2000) + bytes(2000)
        archive.writestr(info, METADATA)
        archive.writestr("demo/large.bin", bytes(200_000))
    remote = Remote(buffer.getvalue())
    assert remote.read() == METADATA
    assert len(remote.asked) == 3


def test_a_project_may_be_spelled_otherwise_in_the_folder() -> None:
    content = wheel({"My.Demo-1.0.dist-info/METADATA": METADATA, "my_demo/demo-1.0+cu124.dist-info/METADATA": b"deeper"})
    assert Remote(content).read(filename="my_demo-1.0-py3-none-any.whl") == METADATA


def test_what_the_fetcher_raises_passes_through() -> None:
    def fetch(start: int, end: int) -> bytes:
        raise ConnectionResetError(start, end)

    with pytest.raises(ConnectionResetError):
        read_metadata(fetch, 1000, filename=NAME)


def test_a_short_answer_is_refused() -> None:
    content = wheel()
    with pytest.raises(RemoteZipError) as caught:
        read_metadata(lambda start, end: content[start : end - 1], len(content), filename=NAME)
    assert str(caught.value) == f"{NAME}: {len(content)} bytes from 0 were asked for, {len(content) - 1} came"


def test_what_is_no_wheel_is_refused_with_its_reason() -> None:
    good = wheel()
    end = len(good) - 22
    entry = good.index(b"PK\x01\x02")
    answers = {
        "empty": refusal(b""),
        "no zip": refusal(b"<html>not found</html>" * 10),
        "cut off": refusal(good[:-1]),
        "prefixed": refusal(b"#!/bin/sh\n" + good),
        "zip64": refusal(good[: end + 16] + b"\xff" * 4 + good[end + 20 :]),
        "disks": refusal(good[: end + 4] + b"\x01" + good[end + 5 :]),
        "count": refusal(good[: end + 8] + b"\x02\0\x02\0" + good[end + 12 :]),
        "signature": refusal(good[:entry] + b"XX" + good[entry + 2 :]),
        "lengths": refusal(good[: entry + 28] + b"\xff" + good[entry + 29 :]),
        "encrypted": refusal(good[: entry + 8] + b"\x01" + good[entry + 9 :]),
        "method": refusal(good[: entry + 10] + b"\x0c" + good[entry + 11 :]),
        "large": refusal(good[: entry + 24] + b"\xff\xff\xff\x7f" + good[entry + 28 :]),
        "entry zip64": refusal(good[: entry + 24] + b"\xff\xff\xff\xff" + good[entry + 28 :]),
        "checksum": refusal(good[: entry + 16] + b"\0\0\0\0" + good[entry + 20 :]),
        "offset": refusal(good[: entry + 42] + b"\x01" + good[entry + 43 :]),
        "header": refusal(b"XX" + good[2:]),
        "other name": refusal(good[:30] + b"D" + good[31:]),
        "local extra": refusal(good[:28] + b"\xff\xff" + good[30:]),
        "data": refusal(good[: 30 + len(ENTRY)] + b"\xff\xff" + good[32 + len(ENTRY) :]),
        "missing": refusal(wheel({"demo/__init__.py": b""})),
        "two": refusal(wheel({ENTRY: METADATA, "demo-2.0.dist-info/METADATA": METADATA})),
        "other": refusal(wheel({"evil-1.0.dist-info/METADATA": METADATA})),
    }
    assert answers == {
        what: f"{NAME}: {reason}"
        for what, reason in {
            "empty": "the end of a zip archive is missing",
            "no zip": "the end of a zip archive is missing",
            "cut off": "the end of a zip archive is missing",
            "prefixed": "the central directory is not where the end of the archive says",
            "zip64": "zip64 archives are not read",
            "disks": "the archive spans several disks",
            "count": "the central directory does not hold the 2 entries that it announces",
            "signature": "the central directory is damaged",
            "lengths": "the central directory is cut off",
            "encrypted": "the metadata is encrypted",
            "method": "the metadata is compressed by method 12, which no wheel uses",
            "large": "metadata of 2147483647 bytes are too large",
            "entry zip64": "zip64 archives are not read",
            "checksum": "the metadata does not have the length and the checksum that the archive states",
            "offset": "the metadata reaches into the central directory",
            "header": "the header of the metadata is not the one that the central directory names",
            "other name": "the header of the metadata is not the one that the central directory names",
            "local extra": "the metadata reaches into the central directory",
            "data": "the metadata cannot be inflated",
            "missing": "0 entries are named `*.dist-info/METADATA`, a wheel has one",
            "two": "2 entries are named `*.dist-info/METADATA`, a wheel has one",
            "other": "the metadata is that of `evil`",
        }.items()
    }


def test_a_name_that_is_no_wheels_is_refused() -> None:
    assert refusal(wheel(), filename="demo-1.0.tar.gz").startswith("demo-1.0.tar.gz: Invalid wheel filename")


def test_a_directory_over_the_limit_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_zip, "MAX_DIRECTORY", 50)
    assert refusal(wheel()) == f"{NAME}: a central directory of {46 + len(ENTRY)} bytes is too large"


def test_a_bomb_is_not_inflated_past_what_it_announces() -> None:
    content = wheel({ENTRY: bytes(5_000_000)})
    entry = content.index(b"PK\x01\x02")
    answer = refusal(content[: entry + 24] + struct.pack("<L", 100) + content[entry + 28 :])
    assert answer == f"{NAME}: the metadata does not have the length and the checksum that the archive states"


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_a_changed_byte_gives_the_same_metadata_or_a_refusal(position: int, value: int) -> None:
    content = bytearray(wheel({"demo/__init__.py": b"", ENTRY: METADATA}))
    content[position % len(content)] = value
    try:
        answer = Remote(bytes(content)).read()
    except RemoteZipError:
        return
    assert answer == METADATA


def test_the_names_of_all_files_come_from_the_end_of_a_wheel() -> None:
    remote = Remote(wheel({"demo/lib_cuda124.so": b"x" * 10, ENTRY: METADATA}, before=bytes(1_000_000)))
    size = len(remote.content)
    assert read_names(remote.fetch, size, filename=NAME) == ("demo/large.bin", "demo/lib_cuda124.so", ENTRY)
    assert remote.asked == [(size - remote_zip.TAIL, size)]


def test_names_of_what_is_no_wheel_are_refused_with_the_file() -> None:
    remote = Remote(b"no archive")
    with pytest.raises(RemoteZipError) as caught:
        read_names(remote.fetch, len(remote.content), filename=NAME)
    assert str(caught.value) == f"{NAME}: the end of a zip archive is missing"
