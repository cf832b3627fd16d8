"""Small universes of projects for tests: releases with requirements, put on a site as an index would list them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.tags import parse_tag

from support.index_server import JSON, Site, html_page, json_page

__all__ = ["Release", "build_wheel", "publish", "publish_html", "publish_wheels", "write_project"]


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release with a single wheel. `metadata` overrides the whole core metadata, to contradict the file name.

    `modules` are the files of its wheel beside the metadata; one empty module of the project's name where there is none.
    """

    version: str
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    tags: str = "py3-none-any"
    requires_python: str | None = None
    uploaded: str | None = "2024-01-01T00:00:00Z"
    yanked: bool | str = False
    sha256: str | None = ""
    sidecar: bool = True
    metadata: str | None = None
    modules: tuple[tuple[str, str], ...] = ()

    def filename(self, project: str) -> str:
        return f"{project.replace('-', '_')}-{self.version}-{self.tags}.whl"

    def core_metadata(self, project: str) -> str:
        if self.metadata is not None:
            return self.metadata
        lines = ["Metadata-Version: 2.1", f"Name: {project}", f"Version: {self.version}"]
        lines += [f"Provides-Extra: {extra}" for extra in self.extras]
        lines += [f"Requires-Dist: {line}" for line in self.requires]
        return "\n".join(lines) + "\n\nA description.\n"

    def digest(self, project: str) -> str | None:
        if self.sha256 == "":
            return hashlib.sha256(self.filename(project).encode()).hexdigest()
        return self.sha256


Universe = Mapping[str, tuple[Release, ...]]


def publish(site: Site, universe: Universe, *, root: str = "/simple") -> None:
    """Put a universe on a site as PyPI lists it: one JSON page per project, sidecars beside the files."""
    for project, releases in universe.items():
        site.put(f"{root}/{project}/", json_page(project, [_row(project, release) for release in releases]), content_type=JSON)
        for release in releases:
            if release.sidecar:
                body = release.core_metadata(project).encode()
                site.put(f"{root}/files/{release.filename(project)}.metadata", body, content_type="application/octet-stream")


def publish_html(site: Site, universe: Universe, *, root: str) -> None:
    """Put a universe on a site as the pytorch indexes list theirs: HTML, `%2B`, relative links, no upload times."""
    for project, releases in universe.items():
        links = {}
        for release in releases:
            name = release.filename(project)
            digest = release.digest(project)
            links[name] = f"{root}/files/{name}".replace("+", "%2B") + (f"#sha256={digest}" if digest else "")
            body = release.core_metadata(project).encode()
            site.put(f"{root}/files/{name}.metadata", body, content_type="application/octet-stream")
        site.put(f"{root}/{project}/", html_page(links), content_type="text/html", max_age=None)


def build_wheel(project: str, release: Release) -> bytes:
    """Return a real wheel of a release: its modules beside its metadata, the same bytes each time."""
    stem = f"{project.replace('-', '_')}-{release.version}"
    tags = "".join(f"Tag: {tag}\n" for tag in sorted(map(str, parse_tag(release.tags))))
    contents = {
        **(dict(release.modules) or {f"{project.replace('-', '_')}.py": ""}),
        f"{stem}.dist-info/METADATA": release.core_metadata(project),
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n{tags}",
    }
    contents[f"{stem}.dist-info/RECORD"] = "".join(f"{name},,\n" for name in (*contents, f"{stem}.dist-info/RECORD"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in contents.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return packed.getvalue()


def publish_wheels(site: Site, universe: Universe, *, root: str) -> Universe:
    """Put the real wheels of a universe on a site, and return the universe with their digests, to be published beside them."""
    real: dict[str, tuple[Release, ...]] = {}
    for project, releases in universe.items():
        for release in releases:
            content = build_wheel(project, release)
            site.put_file(f"{root}/files/{release.filename(project)}", content)
            real[project] = (*real.get(project, ()), replace(release, sha256=hashlib.sha256(content).hexdigest()))
    return real


def write_project(folder: Path, *, manifest: str) -> None:
    """Write a stack.toml into a new folder, with what its Dockerfile copies."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stack.toml").write_text(manifest, encoding="utf-8")


def _row(project: str, release: Release) -> dict[str, Any]:
    digest = release.digest(project)
    row: dict[str, Any] = {
        "filename": release.filename(project),
        "url": f"../files/{release.filename(project)}",
        "hashes": {"sha256": digest} if digest is not None else {},
        "yanked": release.yanked,
        "core-metadata": {"sha256": hashlib.sha256(release.core_metadata(project).encode()).hexdigest()}
        if release.sidecar
        else False,
    }
    if release.requires_python is not None:
        row["requires-python"] = release.requires_python
    if release.uploaded is not None:
        row["upload-time"] = release.uploaded
    return row
