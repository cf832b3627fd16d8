"""Small sdists, static and dynamic, whose build backend lies in the sdist itself and needs one project of an index."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping

from support.index_server import JSON, Site, json_page
from support.universe import Release

__all__ = ["BACKEND", "HELPER", "list_sdist", "sdist"]

HELPER = {"helper-mod": (Release(version="1.5", modules=(("helper_mod.py", "REQUIRES = 'base>=1.1'\n"),)),)}
"""What the builds below require, and where they take a requirement of the sdist from."""

BACKEND = """\
import os
import zipfile

METADATA = "Metadata-Version: 2.1\\nName: legacy\\nVersion: 1.0\\nRequires-Dist: %s\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: legacy\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def told():
    import helper_mod
    return METADATA % helper_mod.REQUIRES

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    inner = os.path.join(folder, "legacy-1.0.dist-info")
    os.makedirs(inner)
    with open(os.path.join(inner, "METADATA"), "w") as file:
        file.write(told())
    return "legacy-1.0.dist-info"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    entries = {"legacy.py": "", "legacy-1.0.dist-info/METADATA": told(), "legacy-1.0.dist-info/WHEEL": WHEEL}
    record = "".join("%s,,\\n" % name for name in entries) + "legacy-1.0.dist-info/RECORD,,\\n"
    with zipfile.ZipFile(os.path.join(folder, "legacy-1.0-py3-none-any.whl"), "w") as archive:
        for name, text in {**entries, "legacy-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    return "legacy-1.0-py3-none-any.whl"
"""

_PYPROJECT = '[build-system]\nrequires = ["helper-mod>=1"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
_PKG_INFO = "Metadata-Version: 2.1\nName: legacy\nVersion: 1.0\n"


def sdist(
    *,
    backend: str = BACKEND,
    pkg_info: str = _PKG_INFO,
    pyproject: str | None = _PYPROJECT,
    more: Mapping[str, str] | None = None,
) -> bytes:
    """Return `legacy-1.0.tar.gz`; its PKG-INFO fixes nothing unless another is given. `more` are further files."""
    own: Mapping[str, str | None] = {"PKG-INFO": pkg_info, "pyproject.toml": pyproject, "backend.py": backend}
    files = {**own, **(more or {})}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            if text is not None:
                member = tarfile.TarInfo(f"legacy-1.0/{name}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def list_sdist(site: Site, body: bytes, *, root: str = "/simple") -> None:
    """Put an sdist on a site, and the page that lists it."""
    name = "legacy-1.0.tar.gz"
    row = {"filename": name, "url": f"../files/{name}", "hashes": {"sha256": hashlib.sha256(body).hexdigest()}}
    page = json_page("legacy", [{**row, "upload-time": "2024-01-01T00:00:00Z"}])
    site.put(f"{root}/legacy/", page, content_type=JSON)
    site.put_file(f"{root}/files/{name}", body)
