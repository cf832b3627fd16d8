"""The embedded catalog: the distribution files of an index, as they were known on a date.

It stands in for an index that cannot be reached, and it is what a live index is held against. One TOML file per index lies in
`data/catalog`, written by `tools/refresh_catalog.py`, which calls `render`.

Terminology: a file is *verified* if the index itself listed its sha256 to that tool, or if two or more independent public
repositories record it alike; *single-source* if one repository does; *withdrawn* if the index no longer lists it.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

import msgspec
import tomli
from msgspec import Struct
from packaging.utils import NormalizedName, parse_wheel_filename
from packaging.version import Version

from stackc.errors import Finding, Place, UpstreamError

__all__ = ["FOLDER", "CatalogFile", "CatalogIndex", "Status", "find", "load", "mismatches", "render", "stem"]

FOLDER = Path(__file__).resolve().parents[1] / "data" / "catalog"
"""Where the catalog files lie that stackc ships."""

Status = Literal["verified", "single-source", "withdrawn"]

_HEAD = "# Written by tools/refresh_catalog.py, not by hand.\n"
_STEM = re.compile(r"[a-z0-9]+(?:\.[0-9]+)*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class CatalogFile(Struct, frozen=True, kw_only=True):
    """One wheel of an index.

    `requires` holds PEP 508 requirements, sorted; it is None where nobody could read them, and such a file cannot be resolved
    from the catalog. `source` says who records the sha256, `requires_source` where the requirements come from.
    """

    name: str
    sha256: str
    size: int | None = None
    requires: tuple[str, ...] | None = None
    requires_python: str | None = None
    extras: tuple[str, ...] = ()
    status: Status
    source: str
    requires_source: str | None = None

    @property
    def project(self) -> NormalizedName:
        """Return the project that the file name names."""
        return parse_wheel_filename(self.name)[0]

    @property
    def version(self) -> Version:
        """Return the version that the file name names, with its local version label."""
        return parse_wheel_filename(self.name)[1]

    def metadata(self) -> str:
        """Return the file's core metadata (version 2.1), as far as resolving needs it.

        Raises UpstreamError (S332) where the requirements are not known.
        """
        if self.requires is None:
            raise UpstreamError(_without_requirements(self))
        fields = [("Metadata-Version", "2.1"), ("Name", self.project), ("Version", str(self.version))]
        if self.requires_python is not None:
            fields.append(("Requires-Python", self.requires_python))
        fields += [("Provides-Extra", extra) for extra in self.extras]
        fields += [("Requires-Dist", requirement) for requirement in self.requires]
        return "".join(f"{name}: {value}\n" for name, value in fields)


class CatalogIndex(Struct, frozen=True, kw_only=True):
    """What the index at the address `index` listed on `date`: projects by name, the files of each by version."""

    index: str
    date: dt.date
    about: str
    projects: Mapping[NormalizedName, tuple[CatalogFile, ...]]

    @classmethod
    def of(cls, files: Iterable[CatalogFile], *, index: str, date: dt.date, about: str) -> CatalogIndex:
        """Return the catalog of `files`, in its one order."""
        ordered = sorted(files, key=lambda file: (file.project, file.version, file.name))
        grouped = itertools.groupby(ordered, key=lambda file: file.project)
        return cls(index=index, date=date, about=about, projects={project: tuple(group) for project, group in grouped})


def find(url: str) -> CatalogIndex | None:
    """Return the shipped catalog of the index at `url`, or None if there is none.

    Scheme, credentials, the host's case, a default port and a trailing slash make no difference. Reads that one file, once.
    """
    name = stem(url)
    catalog = _shipped(name) if name is not None else None
    return catalog if catalog is not None and _address(catalog.index) == _address(url) else None


def stem(url: str) -> str | None:
    """Return the name, without its suffix, of the catalog file for the index at `url`: the last segment of its path."""
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2].lower()
    return last if _STEM.fullmatch(last) else None


@functools.cache
def _shipped(name: str) -> CatalogIndex | None:
    path = FOLDER / f"{name}.toml"
    return load(path) if path.is_file() else None


def _address(url: str) -> tuple[str, int | None, str]:
    """Return what tells two indexes apart: host, port if it is not the scheme's own, and path."""
    parts = urlsplit(url)
    port = None if parts.port == _DEFAULT_PORTS.get(parts.scheme.lower()) else parts.port
    return (parts.hostname or "", port, parts.path.rstrip("/"))


class _FileTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    status: Status
    source: str
    size: Annotated[int, msgspec.Meta(gt=0)] | None = None


class _ReleaseTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """One release, or that part of it whose files have the same metadata."""

    project: str
    version: str
    files: tuple[_FileTable, ...]
    requires: tuple[str, ...] | None = None
    requires_python: str | None = None
    extras: tuple[str, ...] = ()
    requires_source: str | None = None


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    index: str
    date: dt.date
    about: str
    release: tuple[_ReleaseTable, ...] = ()


def load(path: Path) -> CatalogIndex:
    """Read one catalog file.

    Raises UpstreamError (S331) if it is not one.
    """
    try:
        content = tomli.loads(path.read_text(encoding="utf-8"))
        document = msgspec.convert(content, _Document, builtin_types=(dt.date,))
    except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UpstreamError(_unreadable(path, error)) from error
    projects: dict[NormalizedName, tuple[CatalogFile, ...]] = {}
    for release in document.release:
        project = NormalizedName(release.project)
        projects[project] = (*projects.get(project, ()), *_files(release))
    return CatalogIndex(index=document.index, date=document.date, about=document.about, projects=projects)


def _files(release: _ReleaseTable) -> Iterator[CatalogFile]:
    for file in release.files:
        yield CatalogFile(
            name=file.name,
            sha256=file.sha256,
            size=file.size,
            requires=release.requires,
            requires_python=release.requires_python,
            extras=release.extras,
            status=file.status,
            source=file.source,
            requires_source=release.requires_source,
        )


def mismatches(catalog: CatalogIndex, project: NormalizedName, hashes: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return a finding for each file of `project` whose sha256 is another in `hashes`, the live index's by file name.

    File names may be spelled as in a URL. Files that only one side knows are no finding.
    """
    live = {unquote(name): sha256.lower() for name, sha256 in hashes.items()}
    known = catalog.projects.get(project, ())
    return tuple(_mismatch(catalog, file, live[file.name]) for file in known if live.get(file.name, file.sha256) != file.sha256)


def _mismatch(catalog: CatalogIndex, file: CatalogFile, found: str) -> Finding:
    return Finding(
        code="S330",
        message=f"`{file.name}` on `{catalog.index}` is not the file that stackc's catalog of {catalog.date} knows",
        wanted=f"sha256 {file.sha256}",
        found=f"sha256 {found}",
        notes=(f"recorded by: {file.source} ({file.status})",),
        hint="install nothing from this index until its publisher explains the change; a newer stackc knows re-uploads",
    )


def _without_requirements(file: CatalogFile) -> Finding:
    return Finding(
        code="S332",
        message=f"the catalog does not know the requirements of `{file.name}`",
        hint="compile where the index can be reached, or choose a release whose requirements the catalog has",
    )


def _unreadable(path: Path, error: Exception) -> Finding:
    return Finding(
        code="S331",
        message=f"the catalog file `{path.name}` cannot be read: {error}",
        places=(Place(file=path.name),),
        hint="install stackc again",
    )


def render(catalog: CatalogIndex) -> str:
    """Return the text of the catalog's file: the same values give the same bytes."""
    head = f"{_HEAD}index = {_text(catalog.index)}\ndate = {catalog.date}\nabout = {_text(catalog.about)}\n"
    files = [file for project in catalog.projects.values() for file in project]
    parts: dict[object, list[CatalogFile]] = {}
    for file in sorted(files, key=lambda file: (file.project, file.version, file.name)):
        common = (file.project, file.version, file.requires_python, file.extras, file.requires, file.requires_source)
        parts.setdefault(common, []).append(file)
    return head + "".join(_release(part) for part in parts.values())


def _release(files: list[CatalogFile]) -> str:
    first = files[0]
    lines = ["", "[[release]]", f"project = {_text(first.project)}", f"version = {_text(str(first.version))}"]
    if first.requires_python is not None:
        lines.append(f"requires-python = {_text(first.requires_python)}")
    if first.extras:
        lines.append(f"extras = [{', '.join(map(_text, first.extras))}]")
    if first.requires_source is not None:
        lines.append(f"requires-source = {_text(first.requires_source)}")
    if first.requires is not None:
        lines += ["requires = [", *(f"    {_text(requirement)}," for requirement in first.requires), "]"]
    lines += ["files = [", *(f"    {_file(file)}," for file in files), "]"]
    return "\n".join(lines) + "\n"


def _file(file: CatalogFile) -> str:
    size = "" if file.size is None else f", size = {file.size}"
    identity = f"name = {_text(file.name)}, sha256 = {_text(file.sha256)}{size}"
    return f"{{ {identity}, status = {_text(file.status)}, source = {_text(file.source)} }}"


def _text(value: str) -> str:
    """Return a TOML string; one with double quotes in it, such as a marker's, is written as a literal."""
    if '"' in value and "'" not in value and "\\" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
