"""The recorded index of the project's own stack, on a loopback site: `tools/record_index.py --trimmed` wrote its pages.

The default index lies under `/simple`, as JSON with sidecars; the indexes of torch under `/whl/VARIANT`, as HTML made from the
embedded catalog, since that is how the real ones answer.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

from packaging.utils import parse_wheel_filename

from stackc.errors import UpstreamError
from stackc.upstream.catalog import FOLDER, CatalogFile, load
from support.index_server import JSON, Site, html_page

__all__ = ["PROJECT", "RECORDED", "STACK", "TORCH_INDEX", "Body", "pointed", "recorded_pages", "recorded_site", "torch_pages"]

PROJECT = Path(__file__).resolve().parents[2]
STACK = PROJECT / "stack.toml"
RECORDED = PROJECT / "tests" / "recorded" / "gpu"

_SIDECAR = "application/octet-stream"
TORCH_INDEX = re.compile(r'"https://download\.pytorch\.org/whl/(\w+)"')


class _Group(TypedDict):
    files: list[str]
    header: list[str]


_Row = TypedDict(
    "_Row",
    {"filename": str, "requires-python": str, "sha256": str, "size": int, "upload-time": str, "yanked": bool | str},
    total=False,
)


class _Document(TypedDict):
    project: str
    files: list[_Row]
    metadata: list[_Group]


@dataclass(frozen=True)
class Body:
    """What one path answers."""

    path: str
    content: bytes
    content_type: str


def recorded_site() -> Site:
    """Return a site with the recorded default index, and the indexes of torch for CUDA 12.4 and for the CPU."""
    site = Site()
    for body in recorded_pages(RECORDED):
        site.put(body.path, body.content, content_type=body.content_type)
    for variant in ("cu124", "cpu"):
        for body in torch_pages(variant):
            site.put(body.path, body.content, content_type=body.content_type, max_age=None)
    return site


def recorded_pages(folder: Path) -> Iterator[Body]:
    """Yield the pages and sidecars of a trimmed recording."""
    for path in sorted(folder.glob("*.json")):
        yield from _recorded_pages(json.loads(path.read_text(encoding="utf-8")))


def pointed(text: str, url: str) -> str:
    """Return a manifest whose indexes, the default one included, are those of the site at `url`."""
    moved = TORCH_INDEX.sub(rf'"{url}/whl/\1"', text)
    return f'{moved}\n[indexes.pypi]\nurl = "{url}/simple"\n'


def torch_pages(variant: str) -> Iterator[Body]:
    """Yield the pages and sidecars of an index of torch, from the embedded catalog: HTML, relative links, `%2B`."""
    root = f"/whl/{variant}"
    for project, files in load(FOLDER / f"{variant}.toml").projects.items():
        links = {file.name: f"{root}/{quote(file.name)}#sha256={file.sha256}" for file in files}
        yield Body(f"{root}/{project}/", html_page(links), "text/html")
        for file in files:
            text = _catalog_metadata(file)
            if text is not None:
                yield Body(f"{root}/{file.name}.metadata", text.encode(), _SIDECAR)


def _catalog_metadata(file: CatalogFile) -> str | None:
    try:
        return file.metadata()
    except UpstreamError:
        return None


def _recorded_pages(document: _Document) -> Iterator[Body]:
    project = document["project"]
    sidecars = {name: _metadata(name, group["header"]) for group in document["metadata"] for name in group["files"]}
    files = [_entry(row, sidecars.get(row["filename"])) for row in document["files"]]
    page = {"meta": {"api-version": "1.1"}, "name": project, "files": files}
    yield Body(f"/simple/{project}/", json.dumps(page).encode(), JSON)
    for name, content in sidecars.items():
        yield Body(f"/files/{name}.metadata", content, _SIDECAR)


def _metadata(filename: str, header: Sequence[str]) -> bytes:
    name, version, *_ = parse_wheel_filename(filename)
    return "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *header, "", ""]).encode()


def _entry(row: _Row, sidecar: bytes | None) -> dict[str, object]:
    promised = {"sha256": hashlib.sha256(sidecar).hexdigest()} if sidecar is not None else False
    known = {key: value for key, value in row.items() if key != "sha256"}
    name = row["filename"]
    return {
        "yanked": False,
        **known,
        "hashes": {"sha256": row["sha256"]},
        "url": f"../../files/{name}",
        "core-metadata": promised,
    }
