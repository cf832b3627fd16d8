"""The static metadata of an sdist: its PKG-INFO, where that fixes the requirements (PEP 643)."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
import zlib

from stackc.view.metadata import headers_of

__all__ = ["read_static_pkg_info"]

_LARGEST_PKG_INFO = 4 * 1024 * 1024


def read_static_pkg_info(filename: str, body: bytes) -> bytes:
    """Return an sdist's PKG-INFO if its requirements are static (PEP 643). Raises ValueError otherwise."""
    text = _pkg_info(filename, body)
    fields = list(headers_of(text.decode("utf-8", errors="replace")))
    version = next((value for field, value in fields if field == "metadata-version"), "1.0")
    dynamic = {value.lower() for field, value in fields if field == "dynamic"}
    if not re.fullmatch(r"2\.[2-9]|2\.\d\d+|[3-9]\.\d+", version) or "requires-dist" in dynamic:
        raise ValueError(
            "the requirements of this sdist are known only after a build: its PKG-INFO does not fix them (PEP 643)"
        )
    return text


def _pkg_info(filename: str, body: bytes) -> bytes:
    try:
        if filename.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                for name in sorted(archive.namelist()):
                    if name.count("/") == 1 and name.endswith("/PKG-INFO"):
                        return archive.open(name).read(_LARGEST_PKG_INFO)
                raise ValueError("the sdist has no PKG-INFO")
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            for member in archive:
                if member.isfile() and member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"):
                    extracted = archive.extractfile(member)
                    return extracted.read(_LARGEST_PKG_INFO) if extracted else b""
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ValueError(f"the sdist cannot be unpacked: {error}") from error
    raise ValueError("the sdist has no PKG-INFO")
