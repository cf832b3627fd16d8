"""What became of the locked files that a new lock keeps, or would have kept: no change of an index passes unseen."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec.structs import replace
from packaging.utils import NormalizedName

from stackc.errors import Finding
from stackc.lock.model import Lock, Package

__all__ = ["check_files", "check_gone"]


def check_files(previous: Lock, lock: Lock, *, freed: Collection[NormalizedName] | None) -> Iterator[Finding]:
    """Yield a finding for each release that stays with another file, an error where a file of the same name was replaced.

    Of projects that are `freed`, and of all where that is None, a replaced file is told as a warning, and nothing else. Nothing
    is said of files that the manifest itself names, or that another Python, platform or glibc asks for.
    """
    kept = {(package.name, package.version): package for package in (*previous.packages, *previous.tools)}
    same_target = _wheels(previous) == _wheels(lock)
    for package in (*lock.packages, *lock.tools):
        old = kept.get((package.name, package.version))
        if old is None or old.file.sha256 == package.file.sha256:
            continue
        if package.direct is not None or old.direct is not None:
            continue
        if freed is None or package.name in freed:
            if old.index == package.index and old.file.name == package.file.name:
                yield _taken(old, package)
        elif old.index != package.index:
            yield _rerouted(old, package)
        elif old.file.name == package.file.name:
            yield _replaced(old, package)
        elif same_target:
            yield _other_file(old, package)


def check_gone(old: Package, *, listed: bool, yanked: bool) -> Iterator[Finding]:
    """Yield that a locked release, which has to move, has left its index or was yanked since."""
    if listed and (not yanked or old.file.yanked):
        return
    what = "was yanked" if listed else f"is no longer on index `{old.index}`"
    yield Finding(
        code="S341",
        message=f"`{old.name}` {old.version} is locked, and {what}: another release takes its place",
        hint="images that install it from the old lock may fail; look at what moved, and commit the new lock",
        severity="warning",
    )


def _wheels(lock: Lock) -> tuple[str, str, str | None]:
    return lock.target.python, lock.target.platform, lock.target.glibc


def _replaced(old: Package, new: Package) -> Finding:
    return Finding(
        code="S340",
        message=f"index `{new.index}` has another file than the locked one under the name `{new.file.name}`",
        wanted=f"sha256 {old.file.sha256}",
        found=f"sha256 {new.file.sha256}",
        hint=f"a file that was published never changes by right: ask who changed it; `--upgrade {new.name}` locks the new one",
    )


def _taken(old: Package, new: Package) -> Finding:
    """Return what is said of a replaced file that an upgrade takes: it may be right, and must not pass unseen."""
    hint = (
        "the upgrade takes it; a file that was published never changes by right: ask who changed it, and commit no lock before"
    )
    return replace(_replaced(old, new), severity="warning", hint=hint)


def _other_file(old: Package, new: Package) -> Finding:
    return Finding(
        code="S342",
        message=f"`{new.name}` {new.version} stays, and comes as another file",
        wanted=old.file.name,
        found=new.file.name,
        hint=f"the locked file has left index `{new.index}`, or one came that fits the target better",
        severity="warning",
    )


def _rerouted(old: Package, new: Package) -> Finding:
    return Finding(
        code="S342",
        message=f"`{new.name}` {new.version} stays, and comes from another index, as another file",
        wanted=f"{old.file.name} of index `{old.index}`",
        found=f"{new.file.name} of index `{new.index}`",
        hint="both call themselves the same release; see that the other index is the one that you mean",
        severity="warning",
    )
