"""What an sdist says of itself: its PKG-INFO, where that fixes the requirements (PEP 643), and what its build requires."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
import zlib

import tomli

from stackc.view.metadata import headers_of

__all__ = ["NotStaticError", "build_requires", "read_static_pkg_info"]

_LARGEST_FILE = 4 * 1024 * 1024

_IMPLIED = ("setuptools>=40.8.0",)
"""What builds an sdist that does not say (PEP 517, PEP 518)."""


class NotStaticError(ValueError):
    """An sdist that does not fix its requirements: a build alone can tell them."""


def read_static_pkg_info(filename: str, body: bytes) -> bytes:
    """Return an sdist's PKG-INFO if its requirements are static (PEP 643).

    Raises NotStaticError where they are not, and ValueError for what is no sdist.
    """
    content = _file(filename, body, "PKG-INFO")
    if content is None:
        raise ValueError("the sdist has no PKG-INFO")
    fields = list(headers_of(content.decode("utf-8", errors="replace")))
    version = next((value for field, value in fields if field == "metadata-version"), "1.0")
    dynamic = {value.lower() for field, value in fields if field == "dynamic"}
    if not re.fullmatch(r"2\.[2-9]|2\.\d\d+|[3-9]\.\d+", version) or "requires-dist" in dynamic:
        raise NotStaticError(
            "the requirements of this sdist are known only after a build: its PKG-INFO does not fix them (PEP 643)"
        )
    return content


def build_requires(filename: str, body: bytes) -> tuple[str, ...]:
    """Return what an sdist says that its build requires (PEP 518), sorted. Raises ValueError for what cannot be read."""
    text = _file(filename, body, "pyproject.toml")
    if text is None:
        return _IMPLIED
    table = tomli.loads(text.decode("utf-8")).get("build-system")
    if not isinstance(table, dict):
        return _IMPLIED
    requires = table.get("requires")
    if not isinstance(requires, list) or not all(isinstance(entry, str) for entry in requires):
        raise ValueError("its pyproject.toml does not say what its build requires")
    return tuple(sorted(requires))


def _file(filename: str, body: bytes, wanted: str) -> bytes | None:
    """Return a file at the top of an sdist's one folder, None where there is none. Raises ValueError."""
    try:
        if filename.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                for name in sorted(archive.namelist()):
                    if name.count("/") == 1 and name.endswith(f"/{wanted}"):
                        return archive.open(name).read(_LARGEST_FILE)
                return None
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            for member in archive:
                if member.isfile() and member.name.count("/") == 1 and member.name.endswith(f"/{wanted}"):
                    extracted = archive.extractfile(member)
                    return extracted.read(_LARGEST_FILE) if extracted else b""
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ValueError(f"the sdist cannot be unpacked: {error}") from error
    return None
