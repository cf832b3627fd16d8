"""The values that the Dockerfile's template is filled with."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from stackc.errors import Finding, Place, RenderError
from stackc.lock.model import Lock
from stackc.manifest.model import BUILTIN_INDEX, Manifest
from stackc.render.layout import InstallFile, Pin, install_files, root_name
from stackc.target import Target

__all__ = ["CopiedFile", "ImageValues", "PipCall", "Python", "Step", "values"]

_HOME = "/opt/stack"
_APT_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(:[a-z0-9]+)?([=/][A-Za-z0-9][A-Za-z0-9+.~:-]*)?")
_APT_DISTRIBUTIONS = ("debian", "ubuntu")
_GLOB = re.compile(r"[*?\[]")


class CopiedFile(Struct, frozen=True, kw_only=True):
    """A generated file: where it lies in the project, and where in the image."""

    source: str
    destination: str


class PipCall(Struct, frozen=True, kw_only=True):
    """One call of pip: its requirement file, and the options that are not the same in every call."""

    source: str
    destination: str
    options: tuple[str, ...]
    pins: tuple[Pin, ...]


class Step(Struct, frozen=True, kw_only=True):
    """One numbered step: its components, and one call of pip per index."""

    number: int
    components: tuple[str, ...]
    files: tuple[PipCall, ...]


class ImageValues(Struct, frozen=True, kw_only=True):
    """What the `[image]` table asks for beside system packages. Each of `copies` ends with its destination."""

    workdir: str
    copies: tuple[tuple[str, ...], ...]
    cmd: tuple[str, ...]


class Python(Struct, frozen=True, kw_only=True):
    """Where the image's Python comes from.

    A base that cannot serve the target's Python is refused where a template asks, so that a project's own block `python` may
    install any other.
    """

    target: Target
    place: Place

    @property
    def wanted(self) -> str:
        """Return the target's Python as `X.Y`."""
        return "{}.{}".format(*self.target.python_minor)

    @property
    def command(self) -> str:
        """Return the interpreter that makes the image's virtual environment."""
        self._check()
        return f"python{self.wanted}"

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the system packages that bring the interpreter; none where the base image has it."""
        self._check()
        return () if self._served_by(self.target.image_python) else (f"python{self.wanted}", f"python{self.wanted}-venv")

    def _served_by(self, version: str | None) -> bool:
        return version is not None and (version == self.wanted or version.startswith(f"{self.wanted}."))

    def _check(self) -> None:
        offered = {"in the image": self.target.image_python, "from its distribution": self.target.system_python}
        if any(self._served_by(version) for version in offered.values()):
            return
        known = [f"{version} ({source})" for source, version in offered.items() if version]
        raise RenderError(
            Finding(
                code="S505",
                message=f"the base image of target `{self.target.name}` cannot serve Python {self.wanted}",
                places=(self.place,),
                wanted=f"Python {self.wanted}",
                found=", ".join(known) or "no Python that stackc knows of",
                hint="choose that Python or another base image, or install it in the block `python` of templates/Dockerfile.j2",
            )
        )


def values(lock: Lock, *, manifest: Manifest, target: Target, folder: str) -> Mapping[str, object]:
    """Return the values of the Dockerfile's template; raise `RenderError` for what no Dockerfile can hold."""
    findings = [*_system_findings(manifest, target), *_path_findings(manifest)]
    if findings:
        raise RenderError(findings)
    urls = {name: _bare_url(index.url) for name, index in manifest.indexes.items() if index.url is not None}
    urls.pop(BUILTIN_INDEX, None)  # where PyPI is reached from here says nothing of where the image reaches it
    files = install_files(lock)
    calls = {
        file.name: _pip_call(file, lock=lock, urls=urls, manifest=manifest, folder=folder) for file in files if file.packages
    }
    numbers = sorted({file.step for file in files if 0 < file.step < lock.last_step})
    return {
        "folder": folder,
        "apt": tuple(sorted(set(manifest.image.apt))),
        "python": Python(target=target, place=manifest.places.at("targets", target.name, "python")),
        "tools": [calls[file.name] for file in files if file.step == 0],
        "steps": [_step(number, lock, files, calls) for number in numbers],
        "constraints": _copied("constraints.txt", folder),
        "requirements": [calls[file.name] for file in files if file.step == lock.last_step and file.packages],
        "verification": _copied("verify.py", folder),
        "image": ImageValues(
            workdir=manifest.image.workdir,
            copies=tuple(_copy_words(source) for source in manifest.image.copy),
            cmd=manifest.image.cmd,
        ),
    }


def _copied(name: str, folder: str) -> CopiedFile:
    return CopiedFile(source=f"{folder}/{name}", destination=f"{_HOME}/{name}")


def _step(number: int, lock: Lock, files: Sequence[InstallFile], calls: Mapping[str, PipCall]) -> Step:
    components = tuple(root_name(root.requirement) for root in lock.roots if root.order == number)
    return Step(number=number, components=components, files=tuple(calls[file.name] for file in files if file.step == number))


def _pip_call(file: InstallFile, *, lock: Lock, urls: Mapping[str, str], manifest: Manifest, folder: str) -> PipCall:
    """Return the call for one file. What is built from source uses the pinned build tools, if the manifest has any."""
    if file.index not in manifest.indexes:
        raise RenderError(
            Finding(
                code="S511",
                message=f"the lock names the index `{file.index}`, which the manifest does not declare",
                places=(manifest.places.at("indexes"),),
                hint="run `stackc compile`",
            )
        )
    options: list[str] = []
    if file.index in urls:
        options += ["--index-url", urls[file.index]]
    if len(lock.tools) > 1 and file.step and any(not package.file.name.endswith(".whl") for package in file.packages):
        options.append("--no-build-isolation")
    copied = _copied(file.name, folder)
    return PipCall(source=copied.source, destination=copied.destination, options=tuple(options), pins=file.pins)


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


def _system_findings(manifest: Manifest, target: Target) -> Iterator[Finding]:
    for position, package in enumerate(manifest.image.apt):
        if not _APT_PACKAGE.fullmatch(package):
            yield Finding(
                code="S506",
                message="`image.apt` holds what is not the name of a system package",
                places=(manifest.places.at("image", "apt", position),),
                found=ascii(package),
                hint="write `NAME`, `NAME=VERSION` or `NAME/SUITE`, as apt-get install takes it",
            )
    known = target.distribution
    if manifest.image.apt and known is not None and not known.lower().startswith(_APT_DISTRIBUTIONS):
        yield Finding(
            code="S506",
            message=f"the base image of target `{target.name}` has no apt to install `image.apt` with",
            places=(manifest.places.at("image", "apt"), manifest.places.at("targets", target.name, "base")),
            found=f"the distribution `{known}`",
            hint="choose a base image of Debian or Ubuntu, or write a block `system` in templates/Dockerfile.j2",
        )


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
