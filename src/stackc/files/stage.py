"""Build the new set of a folder beside it: the generated files, and whatever else of the user's stands in the folder."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from threading import Thread

__all__ = ["Checkpoint", "Ours", "build_stage", "holds", "is_folder", "misplaced", "sync_folder"]

Ours = Callable[[str], bool]
"""Says of a relative POSIX name whether stackc generates files of that name."""

Checkpoint = Callable[[str], None]
"""Is told of each step after it is done; what a test uses to die there."""


def holds(folder: Path, files: Mapping[str, bytes], ours: Ours) -> bool:
    """Say whether `folder` holds exactly these generated files already, byte for byte."""
    there = {name for name in _names(folder) if name in files or ours(name)} if folder.is_dir() else set()
    return there == files.keys() and all(_is_file(folder / name) for name in there) and _equal(folder, files)


def misplaced(folder: Path, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Return what stands where one of `files`, or a folder of one, belongs but is of the other kind, sorted."""
    folders = {parent for name in files for parent in PurePosixPath(name).parents}
    not_folders = [folder / parent for parent in folders if os.path.lexists(folder / parent) and not is_folder(folder / parent)]
    not_files = [folder / name for name in files if is_folder(folder / name)]
    return tuple(sorted(not_folders + not_files))


def build_stage(stage: Path, old: Path, files: Mapping[str, bytes], *, ours: Ours, checkpoint: Checkpoint) -> None:
    """Make `stage` hold `files` and all of `old` that stackc does not generate; everything is on the disk on return."""
    stage.mkdir()
    checkpoint("stage made")
    for name in _names(old):
        if name not in files and not ours(name):
            _carry(old / name, stage / name)
            checkpoint(f"carried {name}")
    for name, data in sorted(files.items()):
        _write(stage / name, data, like=old / name)
        checkpoint(f"wrote {name}")
    _copy_folder_modes(old, stage)
    walked = list(os.walk(stage))
    _sync_all([Path(inner, name) for inner, _, names in walked for name in names])
    for inner, _, _ in walked:
        sync_folder(Path(inner))
    checkpoint("synced")


def sync_folder(folder: Path) -> None:
    """Have the folder's names on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _names(folder: Path, prefix: str = "") -> Iterator[str]:
    """Yield the relative POSIX names of all that is not a folder, and of empty folders, sorted."""
    if not folder.is_dir():
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = prefix + entry.name
        inner = list(_names(Path(entry.path), f"{name}/")) if entry.is_dir(follow_symlinks=False) else []
        yield from inner or [name]


def _equal(folder: Path, files: Mapping[str, bytes]) -> bool:
    return all((folder / name).read_bytes() == data for name, data in files.items())


def _carry(source: Path, copy: Path) -> None:
    """Put the same file under its name in the stage: by a hard link, which an open editor follows, else by a copy."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        copy.symlink_to(source.readlink())
    elif source.is_dir():
        copy.mkdir()
    else:
        _link_or_copy(source, copy)


def _link_or_copy(source: Path, copy: Path) -> None:
    try:
        os.link(source, copy)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV}:
            raise
        shutil.copy2(source, copy)


def _write(path: Path, data: bytes, *, like: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
        if _is_file(like):
            os.fchmod(file.fileno(), stat.S_IMODE(like.stat().st_mode))


def _copy_folder_modes(old: Path, stage: Path) -> None:
    for inner in (Path(name) for name, _, _ in os.walk(stage, topdown=False)):
        twin = old / inner.relative_to(stage)
        if is_folder(twin):
            inner.chmod(stat.S_IMODE(twin.stat().st_mode))


def _sync_all(paths: Sequence[Path]) -> None:
    """Have the bytes of files on the disk, in threads side by side: one by one it takes a few milliseconds each."""
    failures: list[OSError] = []

    def sync(path: Path) -> None:
        try:
            _sync(path)
        except OSError as error:
            failures.append(error)

    threads = [Thread(target=sync, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _sync(path: Path) -> None:
    """Have a file's bytes on the disk; links and special files have none of their own."""
    if not _is_file(path):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def is_folder(path: Path) -> bool:
    """Say whether `path` is a folder itself, not a link to one."""
    return path.is_dir() and not path.is_symlink()
