"""One target: the Python, platform and base image that a lock is for, with what they imply for wheels and markers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from msgspec import Struct
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import Version

__all__ = ["MACHINES", "Target", "supported_tags"]

MACHINES: Mapping[str, str] = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
"""The platforms that a target may name, in Docker's words, and `platform_machine` of each."""

_DISTRIBUTION = re.compile(r"([a-z]+)([0-9.]+)")
_OLDEST_GLIBC_MINOR = {"x86_64": 5, "aarch64": 17}
_LEGACY_MANYLINUX = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}


class Target(Struct, frozen=True, kw_only=True):
    """A target of which everything is known.

    `python` is `X.Y` or `X.Y.Z`; a missing patch number counts as 0 in markers and Requires-Python. `cuda` is `X.Y`, None
    without a GPU runtime. `driver` is the oldest driver that the image must start on. `gpus` are architectures (`sm_90`).
    `system_python` is the version that the base's distribution installs as `python3`; `image_python` is the one that the base
    image brings already.
    """

    name: str
    python: Version
    platform: str
    base: str
    glibc: tuple[int, int]
    cuda: Version | None = None
    driver: Version | None = None
    gpus: tuple[str, ...] = ()
    distribution: str | None = None
    system_python: str | None = None
    image_python: str | None = None

    @property
    def machine(self) -> str:
        """Return `platform_machine` of the platform."""
        return MACHINES[self.platform]

    @property
    def python_minor(self) -> tuple[int, int]:
        """Return the Python's major and minor number."""
        return self.python.major, self.python.minor

    @property
    def python_full(self) -> Version:
        """Return the Python's version with a patch number, 0 where the manifest gives none."""
        return Version(f"{self.python.major}.{self.python.minor}.{self.python.micro}")

    def marker_environment(self) -> dict[str, str]:
        """Return the marker environment of the dependency specifiers specification for this target's CPython on Linux."""
        full = str(self.python_full)
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full,
            "python_version": f"{self.python.major}.{self.python.minor}",
            "sys_platform": "linux",
        }

    def virtual_versions(self) -> dict[str, tuple[Version, ...]]:
        """Return the versions of the virtual projects that this target fixes.

        `sm` has one per GPU architecture, in the number's own order: 90 for `sm_90` and `sm_90a`, which are one device.
        `base-ubuntu`, `base-debian` and so on have the release of the base image's distribution.
        """
        known = {
            "python": (self.python_full,),
            "glibc": (Version(f"{self.glibc[0]}.{self.glibc[1]}"),),
            "cuda": (self.cuda,) if self.cuda else (),
            "driver": (self.driver,) if self.driver else (),
            "sm": tuple(Version(gpu.removeprefix("sm_").removesuffix("a")) for gpu in self.gpus),
        }
        release = _DISTRIBUTION.fullmatch(self.distribution or "")
        if release is not None:
            known[f"base-{release[1]}"] = (Version(release[2]),)
        return {name: versions for name, versions in known.items() if versions}


def supported_tags(target: Target) -> tuple[Tag, ...]:
    """Return the wheel tags that the target's installer accepts, the most preferred first, as pip orders them."""
    return _supported_tags(target.python_minor, target.glibc, target.machine)


@lru_cache(maxsize=64)
def _supported_tags(python: tuple[int, int], glibc: tuple[int, int], machine: str) -> tuple[Tag, ...]:
    platforms = list(_platforms(glibc, machine))
    interpreter = f"cp{python[0]}{python[1]}"
    return (
        *cpython_tags(python_version=python, platforms=platforms),
        *compatible_tags(python_version=python, interpreter=interpreter, platforms=platforms),
    )


def _platforms(glibc: tuple[int, int], machine: str) -> Iterator[str]:
    """Yield the platform tags of PEP 600 and its predecessors, from a glibc downwards."""
    major, newest = glibc
    for minor in range(newest, _OLDEST_GLIBC_MINOR[machine] - 1, -1):
        yield f"manylinux_{major}_{minor}_{machine}"
        if minor in _LEGACY_MANYLINUX:
            yield f"{_LEGACY_MANYLINUX[minor]}_{machine}"
    yield f"linux_{machine}"
