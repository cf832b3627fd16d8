"""Where the image finds the files that components name themselves: at their address, or copied from the project."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct
from packaging.utils import NormalizedName

from stackc.errors import Finding, RenderError
from stackc.lock.model import Lock
from stackc.manifest.model import DirectReference, Manifest

__all__ = ["FILES", "ProjectFile", "locations", "project_files"]

FILES = "/opt/stack/files"
"""The folder of the image that files of the project are copied into before they are installed."""


class ProjectFile(Struct, frozen=True, kw_only=True):
    """A distribution file of the project: where it lies there, and where in the image."""

    source: str
    destination: str


def locations(lock: Lock, *, manifest: Manifest) -> Mapping[NormalizedName, str]:
    """Return the address by which pip finds each file that a component names itself; one in the image is `file:`.

    Raises RenderError S432 where the manifest names no such file any more.
    """
    named = _named(lock, manifest)
    return {
        name: direct.location if direct.kind == "url" else f"file://{FILES}/{quote(direct.file)}"
        for name, direct in named.items()
    }


def project_files(lock: Lock, *, manifest: Manifest) -> Mapping[NormalizedName, ProjectFile]:
    """Return the files that the image copies from the project."""
    return {
        name: ProjectFile(source=direct.location, destination=f"{FILES}/{direct.file}")
        for name, direct in _named(lock, manifest).items()
        if direct.kind == "path"
    }


def _named(lock: Lock, manifest: Manifest) -> Mapping[NormalizedName, DirectReference]:
    """Return the manifest's files of the packages that the lock takes directly."""
    components = {component.name: component for component in manifest.components_for(lock.target.name)}
    named: dict[NormalizedName, DirectReference] = {}
    findings: list[Finding] = []
    for package in lock.packages:
        component = components.get(package.name)
        direct = component.direct if component is not None else None
        if package.direct is None:
            continue
        if direct is None or (direct.kind, direct.file) != (package.direct, package.file.name):
            hint = "run `stackc compile`"
            message = f"the lock takes `{package.file.name}` by a {package.direct}, and the manifest does not name it"
            findings.append(Finding(code="S432", message=message, places=(manifest.places.at("components"),), hint=hint))
        else:
            named[package.name] = direct
    if findings:
        raise RenderError(findings)
    return named
