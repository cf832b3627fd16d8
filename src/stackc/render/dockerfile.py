"""The values that the Dockerfile's template is filled with."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from stackc.errors import Finding, RenderError
from stackc.lock.model import Lock
from stackc.manifest.model import BUILTIN_INDEX, Manifest
from stackc.render.directs import ProjectFile, project_files
from stackc.render.interpreter import Python
from stackc.render.labels import labels
from stackc.render.layout import InstallFile, Pin, root_name
from stackc.render.runtime import Runtime, check_runtime
from stackc.render.system import system_findings, system_of
from stackc.target import Target

__all__ = ["CopiedFile", "ImageValues", "InstallCall", "Step", "values"]

_HOME = "/opt/stack"
_UID = 10001
_GLOB = re.compile(r"[*?\[]")


class CopiedFile(Struct, frozen=True, kw_only=True):
    """A generated file: where it lies in the project, and where in the image."""

    source: str
    destination: str


class InstallCall(Struct, frozen=True, kw_only=True):
    """One call of an installer: its requirement file, and the options that are not the same in every call.

    `brought` are the files of the project that have to be copied before.
    """

    installer: Literal["pip", "uv"]
    source: str
    destination: str
    options: tuple[str, ...]
    pins: tuple[Pin, ...]
    brought: tuple[ProjectFile, ...] = ()


class Step(Struct, frozen=True, kw_only=True):
    """One numbered step: its components, and one call of the installer per index."""

    number: int
    components: tuple[str, ...]
    files: tuple[InstallCall, ...]


class ImageValues(Struct, frozen=True, kw_only=True):
    """What the `[image]` table asks for beside packages. Each of `copies` ends with its destination.

    `user` is the name of the user that the image runs as, None for root.
    """

    workdir: str
    copies: tuple[tuple[str, ...], ...]
    cmd: tuple[str, ...]
    installer: Literal["pip", "uv"]
    cache_mounts: bool
    user: str | None

    @property
    def uid(self) -> int:
        """Return the id of the user that is created: above what distributions give to people, below what systemd takes."""
        return _UID

    @property
    def owner(self) -> str:
        """Return `UID:GID` of the user, as Kubernetes wants it to see that it is not root."""
        return f"{_UID}:{_UID}"


def values(
    lock: Lock, files: Sequence[InstallFile], *, manifest: Manifest, target: Target, folder: str
) -> Mapping[str, object]:
    """Return the values of the Dockerfile's template, which installs the `files`.

    Raises `RenderError` for what no Dockerfile can hold.
    """
    python = _python(manifest, target)
    runtime = _runtime(manifest, target, python)
    findings = [*system_findings(manifest), *_path_findings(manifest)]
    findings += check_runtime(runtime, manifest=manifest, target=target) if runtime is not None else ()
    if findings:
        raise RenderError(findings)
    urls = {name: _bare_url(index.url) for name, index in manifest.indexes.items() if index.url is not None}
    urls.pop(BUILTIN_INDEX, None)  # where PyPI is reached from here says nothing of where the image reaches it
    calls = {file.name: _call(file, lock=lock, urls=urls, manifest=manifest, folder=folder) for file in files if file.packages}
    numbers = sorted({file.step for file in files if 0 < file.step < lock.last_step})
    image = manifest.image
    return {
        "folder": folder,
        "system": system_of(manifest, target, key="apt"),
        "python": python,
        "uv_tool": next((calls[file.name] for file in files if file.is_uv), None),
        "tools": [calls[file.name] for file in files if file.step == 0 and (not file.is_uv or image.installer == "uv")],
        "steps": [_step(number, lock, files, calls) for number in numbers],
        "constraints": _copied("constraints.txt", folder),
        "requirements": [calls[file.name] for file in files if file.step == lock.last_step and file.packages],
        "verification": _copied("verify.py", folder),
        "lock": _copied("lock.toml", folder),
        "runtime": runtime,
        "image": ImageValues(
            workdir=image.workdir,
            copies=tuple(_copy_words(source) for source in image.copy),
            cmd=image.cmd,
            installer=image.installer,
            cache_mounts=image.cache_mounts,
            user=image.user,
        ),
        "labels": labels(lock, manifest=manifest, base=image.runtime_base or manifest.targets[target.name].base),
    }


def _python(manifest: Manifest, target: Target) -> Python:
    places = [manifest.places.at("targets", target.name, "python")]
    if manifest.image.python_from is not None:
        places.insert(0, manifest.places.at("image", "python-from"))
    return Python(target=target, places=tuple(places), asked=manifest.image.python_from)


def _runtime(manifest: Manifest, target: Target, python: Python) -> Runtime | None:
    image = manifest.image.runtime_base
    if image is None:
        return None
    return Runtime(image=image, system=system_of(manifest, target, key="runtime-apt"), python=python)


def _copied(name: str, folder: str) -> CopiedFile:
    return CopiedFile(source=f"{folder}/{name}", destination=f"{_HOME}/{name}")


def _step(number: int, lock: Lock, files: Sequence[InstallFile], calls: Mapping[str, InstallCall]) -> Step:
    components = tuple(root_name(root.requirement) for root in lock.roots if root.order == number)
    return Step(number=number, components=components, files=tuple(calls[file.name] for file in files if file.step == number))


def _call(file: InstallFile, *, lock: Lock, urls: Mapping[str, str], manifest: Manifest, folder: str) -> InstallCall:
    """Return the call for one file. What is built from source uses the pinned build tools, if the manifest has any."""
    if file.index is not None and file.index not in manifest.indexes:
        raise RenderError(
            Finding(
                code="S511",
                message=f"the lock names the index `{file.index}`, which the manifest does not declare",
                places=(manifest.places.at("indexes"),),
                hint="run `stackc compile`",
            )
        )
    installer: Literal["pip", "uv"] = manifest.image.installer if file.step else "pip"
    options: list[str] = []
    if file.index is None:
        options.append("--no-index")
    elif file.index in urls:
        options += ["--index-url" if installer == "pip" else "--default-index", urls[file.index]]
    builders = {tool.name for tool in lock.tools} - {"pip", "uv"}
    if builders and file.step and any(not package.file.name.endswith(".whl") for package in file.packages):
        options.append("--no-build-isolation")
        options += ["--check-build-dependencies"] if installer == "pip" else []
    copied = _copied(file.name, folder)
    brought = project_files(lock, manifest=manifest) if file.index is None else {}
    return InstallCall(
        installer=installer,
        source=copied.source,
        destination=copied.destination,
        options=tuple(options),
        pins=file.pins,
        brought=tuple(brought[package.name] for package in file.packages if package.name in brought),
    )


def _bare_url(url: str) -> str:
    """Return an index's address without its credentials, which no generated file holds."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _copy_words(source: str) -> tuple[str, str]:
    """Return COPY's source and destination: the same path in the working directory, or a pattern's folder there."""
    path = posixpath.normpath(source)
    if _GLOB.search(path):
        path = posixpath.dirname(path)
        return source, f"./{path}/" if path else "./"
    return source, "./" if path == "." else f"./{path}/" if source.endswith("/") else f"./{path}"


def _path_findings(manifest: Manifest) -> Iterator[Finding]:
    if not posixpath.isabs(manifest.image.workdir):
        yield Finding(
            code="S507",
            message="`image.workdir` is not an absolute path",
            places=(manifest.places.at("image", "workdir"),),
            found=ascii(manifest.image.workdir),
            hint="begin it with `/`",
        )
    for position, source in enumerate(manifest.image.copy):
        path = posixpath.normpath(source)
        if not source or posixpath.isabs(path) or path.split("/")[0] == "..":
            yield Finding(
                code="S507",
                message="`image.copy` names a path outside the project",
                places=(manifest.places.at("image", "copy", position),),
                found=ascii(source),
                hint="name files and folders below the folder of stack.toml",
            )
