"""The files that components name themselves, before anything is resolved: read where they lie, and held against the target."""

from __future__ import annotations

import errno
import hashlib
import stat
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from stackc.errors import Finding, ManifestError, Place
from stackc.lock.direct import direct_files
from stackc.lock.model import Lock
from stackc.manifest.direct import check_fit
from stackc.manifest.model import Component, DirectReference, Manifest, Places
from stackc.matrix.places import place_of_version
from stackc.target import Target

__all__ = ["changed_files", "settle_direct_files"]


def settle_direct_files(
    components: Iterable[Component], *, target: Target, folder: Path, places: Places
) -> tuple[Component, ...]:
    """Return the components with the sha256 and the whole path of every file that lies in the project, whose folder is given.

    Raises ManifestError with every file that is not there, is another than the manifest says, or does not fit the target.
    """
    findings: list[Finding] = []
    settled: list[Component] = []
    for component in components:
        direct = component.direct
        if direct is not None:
            place = place_of_version(component, places=places, target=target.name)
            found = check_fit(direct, target, place) or (_read(direct, folder, place) if direct.kind == "path" else direct)
            if isinstance(found, Finding):
                findings.append(found)
                continue
            component = replace(component, direct=found)  # noqa: PLW2901 (the component with its file read)
        settled.append(component)
    if findings:
        raise ManifestError(findings)
    return tuple(settled)


def changed_files(lock: Lock, manifest: Manifest, *, folder: Path) -> Iterator[Finding]:
    """Yield the files of the project that are not those that a lock was compiled with."""
    locked = direct_files(lock)
    for component in manifest.components_for(lock.target.name):
        direct, known = component.direct, locked.get(component.name)
        if direct is None or direct.kind != "path" or known is None or known.file != direct.file:
            continue
        place = place_of_version(component, places=manifest.places, target=lock.target.name)
        found = _read(direct, folder, place)
        if isinstance(found, Finding):
            yield found
        elif found.sha256 != known.sha256:
            yield Finding(
                code="S433",
                message=f"`{direct.file}` changed after the lock of target `{lock.target.name}` was compiled",
                places=(place,),
                wanted=f"sha256 {known.sha256}",
                found=f"sha256 {found.sha256}",
                hint="run `stackc compile`; a file that is built anew deserves a version of its own",
            )


def _digest_of(path: Path) -> str:
    """Return the sha256 of a file. Raises OSError. What has neither moved nor grown since is not read again.

    A pipe would be waited for, and a device may never end.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    return _digest(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _digest(path: Path, _modified: int, _size: int) -> str:
    with path.open("rb") as file:
        state = hashlib.sha256()
        while block := file.read(1024 * 1024):
            state.update(block)
    return state.hexdigest()


def _read(direct: DirectReference, folder: Path, place: Place) -> DirectReference | Finding:
    path = folder / direct.location
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return _unread("it leads out of the project, and a build could not copy it", place)
        found = _digest_of(path)
    except OSError as error:
        return _unread((error.strerror or type(error).__name__).lower(), place)
    if direct.sha256 not in {None, found}:
        return Finding(
            code="S361",
            message=f"`{direct.file}` is another file than stack.toml says",
            places=(place,),
            wanted=f"sha256 {direct.sha256}",
            found=f"sha256 {found}",
            hint="put the right file there; or, if you trust this one, its sha256 into stack.toml",
        )
    return replace(direct, location=str(path), sha256=found)


def _unread(reason: str, place: Place) -> Finding:
    return Finding(
        code="S360",
        message=f"the file that a component names cannot be read: {reason}",
        places=(place,),
        hint="put it there, relative to the folder of stack.toml; or name it by `url` and `sha256`",
    )
