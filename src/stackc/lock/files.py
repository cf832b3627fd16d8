"""The proof's part about one pin's distribution file: its name, its hash, and whether the target's installer takes it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from packaging.tags import Tag
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.lock.document import AGAIN
from stackc.lock.filename import FileName, parse_filename
from stackc.lock.model import Package
from stackc.lock.requirements import parse_specifiers
from stackc.target import Target, supported_tags

__all__ = ["check_file", "check_moment"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_file(package: Package, *, target: Target, sdists: Collection[NormalizedName], place: Place) -> Iterator[Finding]:
    """Yield what is wrong with the file of one pin; `place` is where the pin stands."""
    yield from _check_hash(package, place)
    yield from _check_requires_python(package, target, place)
    filename = parse_filename(package.file.name)
    if filename is None:
        yield Finding(
            code="S410",
            message=f"the file of `{package.name}` is not named as a wheel or an sdist is",
            places=(place,),
            found=package.file.name,
            hint=AGAIN,
        )
        return
    yield from _check_release(package, filename, place)
    yield from _check_tags(package, filename, target, place)
    if filename.tags is None and package.name not in sdists:
        yield Finding(
            code="S417",
            message=f"`{package.name}` is locked as an sdist, which the policy does not allow",
            places=(place,),
            found=package.file.name,
            hint=f'allow it with `sdists = ["{package.name}"]` below `[policy]`, or choose a version that has a wheel',
        )


def check_moment(package: Package, *, exclude_newer: dt.datetime | None, place: Place) -> Iterator[Finding]:
    """Yield a file that was uploaded after the cut-off. Moments in a lock are whole seconds, rounded down."""
    uploaded = package.file.uploaded
    if exclude_newer is not None and uploaded is not None and uploaded > exclude_newer:
        yield Finding(
            code="S426",
            message=f"the file of `{package.name}` was uploaded after `exclude-newer`",
            places=(place,),
            wanted=f"at {exclude_newer.isoformat()} or before",
            found=uploaded.isoformat(),
            hint=AGAIN,
        )


def _check_hash(package: Package, place: Place) -> Iterator[Finding]:
    if _SHA256.fullmatch(package.file.sha256) is None:
        yield Finding(
            code="S407",
            message=f"the sha256 of `{package.name}` has the wrong form",
            places=(place,),
            wanted="64 lower-case hexadecimal digits",
            found=package.file.sha256,
            hint=AGAIN,
        )


def _check_requires_python(package: Package, target: Target, place: Place) -> Iterator[Finding]:
    if package.requires_python is None:
        return
    admitted = parse_specifiers(package.requires_python)
    if admitted is None or not admitted.contains(target.python_full, prereleases=True):
        yield Finding(
            code="S418",
            message=f"`{package.name}` {package.version} does not admit the target's Python",
            places=(place,),
            wanted=f"requires-python {package.requires_python}",
            found=f"python {target.python_full}",
            hint=AGAIN,
        )


def _check_release(package: Package, filename: FileName, place: Place) -> Iterator[Finding]:
    if filename.project != package.name or package.version not in _named_versions(package, filename):
        yield Finding(
            code="S415",
            message=f"the file of `{package.name}` is one of another release",
            places=(place,),
            wanted=f"{package.name} {package.version}",
            found=package.file.name,
            hint=AGAIN,
        )


def _named_versions(package: Package, filename: FileName) -> tuple[Version, ...]:
    """Return the versions that a file of this name may be of.

    Files that are named directly may have a local version label in their name that their metadata lacks, as the wheels of
    flash-attn do: pip and uv both install them as the version without it.
    """
    return (filename.version,) if package.direct is None else (filename.version, Version(filename.version.public))


def _check_tags(package: Package, filename: FileName, target: Target, place: Place) -> Iterator[Finding]:
    glibc = f"{target.glibc[0]}.{target.glibc[1]}"
    if filename.tags is not None and filename.tags.isdisjoint(_tags(target)):
        yield Finding(
            code="S416",
            message=f"the wheel of `{package.name}` does not fit the target",
            places=(place,),
            wanted=f"a wheel for python {target.python} on {target.platform} with glibc {glibc}",
            found=package.file.name,
            hint=AGAIN,
        )


@lru_cache(maxsize=64)
def _tags(target: Target) -> frozenset[Tag]:
    return frozenset(supported_tags(target))
