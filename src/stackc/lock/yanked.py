"""Yanked files in a lock (PEP 592): what a project has taken back, the lock keeps only where stack.toml pins it exactly.

Whether a file was yanked is known of the moment at which its index was asked; a lock keeps that moment's answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.lock.locked_target import lock_file
from stackc.lock.model import Lock, Package
from stackc.lock.requirements import parse_needs, parse_specifiers

__all__ = ["check_yanked", "tidied", "warn_of_yanked", "yanked_words"]

_LONGEST = 200


def tidied(yanked: bool | str) -> bool | str:  # noqa: FBT001 (an index gives a reason, or none)
    """Return what an index says of a yanked file as one printable line that is not too long; True where it gives no reason."""
    if not isinstance(yanked, str):
        return yanked
    words = " ".join("".join(character if character.isprintable() else " " for character in yanked).split())
    return (words if len(words) <= _LONGEST else f"{words[:_LONGEST].rstrip()}...") or bool(yanked)


def yanked_words(package: Package) -> str:
    """Return `yanked`, with the reason if there is one; nothing for a file that was not."""
    yanked = package.file.yanked
    return f"yanked: {yanked}" if isinstance(yanked, str) else "yanked" if yanked else ""


def check_yanked(lock: Lock) -> Iterator[Finding]:
    """Yield each pin whose file was yanked, and which no root pins exactly: an installer would not choose it."""
    for package in lock.packages:
        if package.file.yanked and not _is_exact(package, lock):
            yield Finding(
                code="S427",
                message=f"the file of `{package.name}` was yanked, and stack.toml does not pin it exactly",
                places=(Place(file=lock_file(lock.target.name), path=("package", package.name, "yanked")),),
                found=f"{package.name} {package.version}, {yanked_words(package)}",
                hint="run `stackc compile`, which locks another release; or pin this one by `==`",
            )


def _is_exact(package: Package, lock: Lock) -> bool:
    """Say whether a root pins the release by `==`, or by `===`; a local version label may be left out of either (PEP 440)."""
    asked = [need for need in parse_needs(root.requirement for root in lock.roots) if need.project == package.name]
    specifiers = [spec for need in asked for spec in parse_specifiers(need.specifiers) or ()]
    exact = {str(spec.version) for spec in specifiers if spec.operator in {"==", "==="} and not spec.version.endswith("*")}
    named = {package.version, Version(package.version.public)}
    return any(parse_specifiers(f"=={version}") is not None and Version(version) in named for version in exact)


def warn_of_yanked(lock: Lock) -> Iterator[Finding]:
    """Yield a warning for each yanked file of a lock, tools included."""
    for package in (*lock.tools, *lock.packages):
        if package.file.yanked:
            reason = package.file.yanked
            yield Finding(
                code="S814",
                message=f"`{package.name}` {package.version} was yanked from its index, and stack.toml pins it all the same",
                notes=(f"the index's reason: {reason}",) if isinstance(reason, str) else (),
                hint="read why, and pin another release unless the reason does not concern you",
                severity="warning",
            )
