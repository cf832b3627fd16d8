"""The Pythons of this machine, as uv finds them: none is ever downloaded."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from packaging.version import Version

from stackc.errors import EngineError, Finding
from stackc.target import MACHINES, Target
from stackc.upstream.isolation import FOUND_BY

__all__ = ["find_interpreters", "host_target"]

_OLDEST = Version("3.8")


class _Listed(Struct, frozen=True):
    """One entry of `uv python list --output-format json`."""

    version: str
    path: str
    implementation: str
    variant: str = "default"


def find_interpreters(uv: str, environment: Mapping[str, str]) -> Mapping[Version, Path]:
    """Return one CPython per minor version, the newest patch of each. Raises EngineError (S245) where there is none."""
    command = [uv, "python", "list", "--only-installed", "--no-python-downloads", "--no-config", "--output-format", "json"]
    kept = {name: environment[name] for name in FOUND_BY if name in environment}
    shown = subprocess.run(command, capture_output=True, env={**kept, "UV_NO_CONFIG": "1"}, check=False)
    try:
        listed = msgspec.json.decode(shown.stdout, type=list[_Listed])
    except msgspec.DecodeError as error:
        raise EngineError(_none(f"uv ended with exit status {shown.returncode}")) from error
    newest: dict[tuple[int, int], tuple[Version, Path]] = {}
    for entry in listed:
        version = Version(entry.version)
        minor = (version.major, version.minor)
        usable = entry.implementation == "cpython" and entry.variant == "default" and not version.is_prerelease
        if usable and version >= _OLDEST and (minor not in newest or version > newest[minor][0]):
            newest[minor] = (version, Path(entry.path))
    if not newest:
        raise EngineError(_none("uv lists no CPython from 3.8 on"))
    return dict(sorted(newest.values()))


def host_target(python: Version) -> Target:
    """Return the target that this machine is with one of its Pythons. Raises EngineError (S245) where it is no Linux."""
    named = {machine: name for name, machine in MACHINES.items()}
    libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
    machine = platform.machine()
    if libc is None or machine not in named:
        raise EngineError(_none(f"wheels are tried on Linux with glibc, on {' and '.join(MACHINES)}"))
    major, minor = (int(part) for part in libc.split()[-1].split(".")[:2])
    return Target(name="host", python=python, platform=named[machine], base="", glibc=(major, minor))


def _none(reason: str) -> Finding:
    return Finding(
        code="S245",
        message="no rule can be tried on this machine: no Python fits",
        notes=(reason,),
        hint="put a CPython on the search path: `uv python list --only-installed` shows what is found",
    )
