"""The METADATA file of a wheel, and the names of all its files, read through ranges of its bytes: never the whole wheel.

Follows APPNOTE.TXT of the zip format (section 4.3) and the wheel format of the binary distribution specification. A wheel
that uses what no wheel needs (several disks, encryption, zip64, bytes before the first entry) is refused, not guessed at.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Generator, Iterator

from msgspec import Struct
from packaging.utils import InvalidWheelFilename, NormalizedName, canonicalize_name, parse_wheel_filename

__all__ = [
    "MAX_DIRECTORY",
    "MAX_METADATA",
    "TAIL",
    "Fetch",
    "RemoteZipError",
    "Span",
    "metadata_by_spans",
    "read_metadata",
    "read_names",
]

Span = tuple[int, int]
"""Where a range of a file starts, and where it ends: that byte is no part of it."""

Fetch = Callable[[int, int], bytes]
"""Return the bytes of a span."""

_Reading = Generator[Span, bytes, bytes]
"""Yields the spans that it needs, one after the other, is sent their bytes, and returns what it was to read."""

MAX_DIRECTORY = 32 * 2**20
"""The largest central directory that is read, in bytes; that of a torch wheel has about 1.5 million."""

MAX_METADATA = 8 * 2**20
"""The largest METADATA that is unpacked, in bytes."""

# 4.3.16, the end of the central directory: signature, four counts, size and offset of the directory, length of the comment.
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
TAIL = _END.size + 0xFFFF
"""How many bytes at the end of a wheel are read first: the end record with the longest comment that it may have."""

# 4.3.12, one entry of the central directory, and 4.3.7, the header before the entry's bytes.
_ENTRY = struct.Struct("<4s6H3L5H2L")
_ENTRY_SIGNATURE = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_LOCAL_EXTRA = 512

_ZIP64_16 = 0xFFFF
_ZIP64_32 = 0xFFFFFFFF
_ENCRYPTED = 0x2041  # bits 0 (encrypted), 6 (strong encryption) and 13 (masked headers) of the general purpose flags
_STORED, _DEFLATED = 0, 8

_METADATA_NAME = re.compile(rb"([A-Za-z0-9._]+)-[^/-]+\.dist-info/METADATA")


class RemoteZipError(ValueError):
    """A wheel whose METADATA cannot be read: not a zip, a damaged one, or none that a wheel may be."""


class _Entry(Struct, frozen=True):
    """What the central directory says of one entry."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    unpacked: int
    offset: int


class _Window(Struct, frozen=True):
    """A file far away, with its last bytes, from `start`, at hand."""

    start: int
    tail: bytes

    def read(self, start: int, end: int) -> _Reading:
        """Return the bytes from `start` up to `end`; only what the window does not hold is asked for."""
        if start >= self.start:
            return self.tail[start - self.start : end - self.start]
        held = self.tail[: max(0, end - self.start)]
        return (yield from _asked(start, min(end, self.start))) + held


def metadata_by_spans(size: int, *, filename: str) -> _Reading:
    """Yield the spans to be read of the wheel `filename`, of `size` bytes; return its METADATA once all were sent.

    A small wheel needs one span, a large one three at most, or four. Raises RemoteZipError, which names the file.
    """
    try:
        project = parse_wheel_filename(filename)[0]
        window = yield from _opened(size)
        directory_start, directory = yield from _directory(window)
        entry = _metadata_entry(directory, project)
        return _unpacked(entry, (yield from _packed(window, entry, directory_start)))
    except (RemoteZipError, InvalidWheelFilename) as error:
        raise RemoteZipError(f"{filename}: {error}") from error


def read_metadata(fetch: Fetch, size: int, *, filename: str) -> bytes:
    """Return the METADATA of the wheel `filename`, of `size` bytes, by as few calls of `fetch` as it takes.

    Raises RemoteZipError, which names the file; what `fetch` raises passes through.
    """
    return _driven(metadata_by_spans(size, filename=filename), fetch)


def read_names(fetch: Fetch, size: int, *, filename: str) -> tuple[str, ...]:
    """Return the names of the files in the wheel `filename`, of `size` bytes, in order. Raises as `read_metadata` does."""
    try:
        directory = _driven(_directory_alone(size), fetch)
        return tuple(entry.name.decode("utf-8", errors="replace") for entry in _entries(directory))
    except RemoteZipError as error:
        raise RemoteZipError(f"{filename}: {error}") from error


def _driven(reading: _Reading, fetch: Fetch) -> bytes:
    """Return what a reading comes to where somebody fetches its spans at once."""
    try:
        span = next(reading)
        while True:
            span = reading.send(fetch(*span))
    except StopIteration as ended:
        found: bytes = ended.value
        return found


def _asked(start: int, end: int) -> _Reading:
    answer = yield start, end
    if len(answer) != end - start:
        raise RemoteZipError(f"{end - start} bytes from {start} were asked for, {len(answer)} came")
    return answer


def _opened(size: int) -> Generator[Span, bytes, _Window]:
    start = max(0, size - TAIL)
    return _Window(start, (yield from _asked(start, size)))


def _directory_alone(size: int) -> _Reading:
    _, directory = yield from _directory((yield from _opened(size)))
    return directory


def _directory(window: _Window) -> Generator[Span, bytes, tuple[int, bytes]]:
    """Return where the central directory starts, and its bytes."""
    position = _end_position(window.tail)
    _, disk, first_disk, here, count, length, offset, _ = _END.unpack_from(window.tail, position)
    if _ZIP64_16 in (disk, here, count) or _ZIP64_32 in (length, offset):
        raise RemoteZipError("zip64 archives are not read")
    if disk or first_disk or here != count:
        raise RemoteZipError("the archive spans several disks")
    if offset + length != window.start + position:
        raise RemoteZipError("the central directory is not where the end of the archive says")
    if length > MAX_DIRECTORY:
        raise RemoteZipError(f"a central directory of {length} bytes is too large")
    entries = yield from window.read(offset, offset + length)
    if sum(1 for _ in _entries(entries)) != count:
        raise RemoteZipError(f"the central directory does not hold the {count} entries that it announces")
    return offset, entries


def _end_position(tail: bytes) -> int:
    """Return where the end record starts: the last one whose comment ends with the file."""
    position = tail.rfind(_END_SIGNATURE)
    while position >= 0:
        if position + _END.size <= len(tail):
            comment = _END.unpack_from(tail, position)[7]
            if position + _END.size + comment == len(tail):
                return position
        position = tail.rfind(_END_SIGNATURE, 0, position + len(_END_SIGNATURE) - 1)
    raise RemoteZipError("the end of a zip archive is missing")


def _entries(directory: bytes) -> Iterator[_Entry]:
    position = 0
    while position < len(directory):
        if position + _ENTRY.size > len(directory):
            raise RemoteZipError("the central directory is cut off")
        fields = _ENTRY.unpack_from(directory, position)
        signature, _, _, flags, method, _, _, crc, packed, unpacked, name, extra, comment, _, _, _, offset = fields
        if signature != _ENTRY_SIGNATURE:
            raise RemoteZipError("the central directory is damaged")
        start = position + _ENTRY.size
        position = start + name + extra + comment
        if position > len(directory):
            raise RemoteZipError("the central directory is cut off")
        yield _Entry(directory[start : start + name], flags, method, crc, packed, unpacked, offset)


def _metadata_entry(directory: bytes, project: NormalizedName) -> _Entry:
    """Return the one entry `<project>-<version>.dist-info/METADATA` at the top of the archive."""
    named = [(entry, match) for entry in _entries(directory) if (match := _METADATA_NAME.fullmatch(entry.name))]
    if len(named) != 1:
        raise RemoteZipError(f"{len(named)} entries are named `*.dist-info/METADATA`, a wheel has one")
    entry, match = named[0]
    owner = match[1].decode("ascii")
    if canonicalize_name(owner) != project:
        raise RemoteZipError(f"the metadata is that of `{owner}`")
    if entry.flags & _ENCRYPTED:
        raise RemoteZipError("the metadata is encrypted")
    if _ZIP64_32 in (entry.packed, entry.unpacked, entry.offset):
        raise RemoteZipError("zip64 archives are not read")
    if max(entry.packed, entry.unpacked) > MAX_METADATA:
        raise RemoteZipError(f"metadata of {entry.unpacked} bytes are too large")
    return entry


def _packed(window: _Window, entry: _Entry, directory_start: int) -> _Reading:
    """Return the bytes of an entry as they stand in the archive.

    The local header may carry another extra field than the directory's, of a length that only the header tells.
    """
    named = entry.offset + _LOCAL.size + len(entry.name)
    if named + entry.packed > directory_start:
        raise RemoteZipError("the metadata reaches into the central directory")
    guess = yield from window.read(entry.offset, min(named + _LOCAL_EXTRA + entry.packed, directory_start))
    signature, *_, name, extra = _LOCAL.unpack_from(guess)
    if signature != _LOCAL_SIGNATURE or guess[_LOCAL.size : _LOCAL.size + name] != entry.name:
        raise RemoteZipError("the header of the metadata is not the one that the central directory names")
    start = named + extra
    if start + entry.packed > directory_start:
        raise RemoteZipError("the metadata reaches into the central directory")
    if extra > _LOCAL_EXTRA:
        return (yield from window.read(start, start + entry.packed))
    return guess[start - entry.offset : start - entry.offset + entry.packed]


def _unpacked(entry: _Entry, packed: bytes) -> bytes:
    if entry.method == _STORED:
        content = packed
    elif entry.method == _DEFLATED:
        content = _inflated(entry, packed)
    else:
        raise RemoteZipError(f"the metadata is compressed by method {entry.method}, which no wheel uses")
    if len(content) != entry.unpacked or zlib.crc32(content) != entry.crc:
        raise RemoteZipError("the metadata does not have the length and the checksum that the archive states")
    return content


def _inflated(entry: _Entry, packed: bytes) -> bytes:
    """Return the inflated bytes, one more than announced at most, so that a bomb stays small."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflater.decompress(packed, entry.unpacked + 1)
    except zlib.error as error:
        raise RemoteZipError("the metadata cannot be inflated") from error
