"""The target of a lock, rebuilt as the value that wheel tags, markers and rules are judged by."""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, LockError, Place
from stackc.lock.document import AGAIN
from stackc.lock.model import Lock, LockedTarget
from stackc.target import MACHINES, Target

__all__ = ["lock_file", "target_of"]

_GLIBC = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})")
_GPU = re.compile(r"sm_[0-9]+a?")


def lock_file(target: str) -> str:
    """Return where the lock of a target stands, from the manifest's folder, for the places of findings."""
    return f"locks/{target}/lock.toml"


def target_of(lock: Lock) -> Target:
    """Return the target that a lock is for; raise LockError where its fields are not those of a target."""
    locked = lock.target
    if locked.platform not in MACHINES:
        raise _unusable(locked, "platform", locked.platform, wanted=" or ".join(MACHINES))
    glibc = _GLIBC.fullmatch(locked.glibc or "")
    if glibc is None:
        raise _unusable(locked, "glibc", locked.glibc, wanted="a version such as 2.35")
    target = Target(
        name=locked.name,
        python=_version(locked, "python", locked.python),
        platform=locked.platform,
        base=locked.base,
        glibc=(int(glibc[1]), int(glibc[2])),
        cuda=None if locked.cuda is None else _version(locked, "cuda", locked.cuda),
        driver=None if locked.driver is None else _version(locked, "driver", locked.driver),
        gpus=locked.gpus,
        distribution=locked.distribution,
    )
    for gpu in locked.gpus:
        if _GPU.fullmatch(gpu) is None:
            raise _unusable(locked, "gpus", gpu, wanted="architectures such as sm_90")
    return target


def _version(locked: LockedTarget, key: str, text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise _unusable(locked, key, text, wanted="a version") from error


def _unusable(locked: LockedTarget, key: str, found: str | None, *, wanted: str) -> LockError:
    return LockError(
        Finding(
            code="S424",
            message=f"the lock's target cannot be used: `{key}` is not what it should be",
            places=(Place(file=lock_file(locked.name), path=("target", key)),),
            wanted=wanted,
            found=found,
            hint=AGAIN,
        )
    )
