"""All the files that are generated from one lock, as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stackc.errors import RenderError
from stackc.lock.model import Lock
from stackc.manifest.model import Manifest
from stackc.render import dockerfile, summary
from stackc.render.directs import locations
from stackc.render.layout import REQUIREMENTS, install_files, kept_out
from stackc.render.quoting import control_finding
from stackc.render.templates import environment, fill
from stackc.render.verification import verified
from stackc.target import Target

if TYPE_CHECKING:
    import jinja2

__all__ = ["render"]

_KeyPath = tuple[str | int, ...]


def render(
    lock: Lock,
    *,
    manifest: Manifest,
    target: Target,
    folder: str,
    project_templates: Path | None,
    jinja: jinja2.Environment | None = None,
) -> dict[str, bytes]:
    """Return file name → bytes for every generated file but lock.toml, with names posix and relative to the lock's folder.

    `folder` is that folder, relative to the project. `jinja` is an environment for `project_templates` that was made before.
    The same arguments give the same bytes on every machine. Raises `RenderError` for a template that fails and for a value
    that no generated file may hold.
    """
    _check_values(manifest, target=target.name, folder=folder)
    jinja = jinja or environment(project_templates)
    files = install_files(lock, locations=locations(lock, manifest=manifest))
    outer = kept_out(lock)
    inside = sum(len(file.packages) for file in files if file.name == REQUIREMENTS)
    common: Mapping[str, object] = {
        "target": lock.target,
        "kept_out": outer,
        "needed": len(lock.packages) - inside - len(outer),
        "packages": tuple(sorted(lock.packages, key=lambda package: package.name)),
    }
    image = dockerfile.values(lock, files, manifest=manifest, target=target, folder=folder)
    rendered = {file.name: fill(jinja, _template_of(file.name), {**common, "file": file}) for file in files}
    rendered["constraints.txt"] = fill(jinja, "constraints.txt.j2", common)
    checked = verified(lock, manifest=manifest, target=target, files=rendered)
    rendered["Dockerfile"] = fill(jinja, "Dockerfile.j2", {**common, **image})
    rendered["verify.py"] = fill(jinja, "verify.py.j2", {**common, "verified": checked})
    rendered["STACK.md"] = fill(
        jinja, "STACK.md.j2", {**common, **summary.values(lock, left_out=manifest.left_out(target.name)), "folder": folder}
    )
    return dict(sorted(rendered.items()))


def _template_of(name: str) -> str:
    return "requirements.txt.j2" if name == REQUIREMENTS else "step.txt.j2"


def _check_values(manifest: Manifest, *, target: str, folder: str) -> None:
    """Raise `RenderError` S504 for every value of the manifest that holds a control character, each at its own place."""
    found = (control_finding(text, places=(manifest.places.at(*path),)) for text, path in _texts(manifest, target))
    findings = [finding for finding in (*found, control_finding(folder)) if finding is not None]
    if findings:
        raise RenderError(findings)


def _texts(manifest: Manifest, target: str) -> Iterator[tuple[str, _KeyPath]]:
    image = manifest.image
    yield image.workdir, ("image", "workdir")
    yield image.user or "", ("image", "user")
    yield image.runtime_base.reference if image.runtime_base else "", ("image", "runtime-base")
    yield from ((text, ("image", "labels", name)) for name, text in image.labels.items())
    for key, values in (("apt", image.apt), ("copy", image.copy), ("cmd", image.cmd), ("runtime-apt", image.runtime_apt)):
        yield from ((text, ("image", key, position)) for position, text in enumerate(values))
    for index in manifest.indexes.values():
        yield index.url or "", ("indexes", index.name, "url")
    for component in manifest.components_for(target):
        for key, texts in (("verify", component.verify), ("import", component.imports or ())):
            yield from ((text, ("components", component.spelled, key, position)) for position, text in enumerate(texts))
