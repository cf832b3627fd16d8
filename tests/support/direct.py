"""A stack whose components name files: a wheel behind an address, labelled as flash-attn's are, and one in the project."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from support.cli import UNIVERSE, Desk, index_of, manifest
from support.index_server import IndexServer, Site
from support.universe import Release, build_wheel, publish, publish_wheels

__all__ = ["AT_URL", "IN_PROJECT", "LABELLED", "LOCAL", "components", "sha256", "site_of", "write"]

LABELLED = "flash_attn-2.7.4.post1+cu12torch2.5cxx11abiFALSE-py3-none-any.whl"
LOCAL = "mylib-1.0-py3-none-any.whl"
AT_URL = build_wheel("flash-attn", Release(version="2.7.4.post1", requires=("base>=1.1",)))
IN_PROJECT = build_wheel("mylib", Release(version="1.0", requires=("flash-attn>=2",)))


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def site_of(universe: Mapping[str, tuple[Release, ...]] = UNIVERSE, *, real: bool = False) -> Site:
    """Return a site that lists a universe, with its real wheels if asked, and has the labelled wheel at `/rel/`."""
    site = Site()
    if real:
        publish(site, publish_wheels(site, universe, root="/simple"))
    else:
        site = index_of(universe)
    site.put_file(f"/rel/{LABELLED}", AT_URL)
    return site


def components(server: IndexServer, *, version: str = ">=1", digest: str = sha256(AT_URL)) -> str:
    """Return `base` in step 1, flash-attn by its address in step 2, and mylib by its path in the last one."""
    return f"""\
[components.base]
version = "{version}"
order = 1

[components.flash-attn]
url = "{server.url}/rel/{LABELLED.replace("+", "%2B")}"
sha256 = "{digest}"
order = 2

[components.mylib]
path = "wheels/{LOCAL}"
"""


def write(desk: Desk, server: IndexServer, *, rest: str = "", **more: str) -> None:
    """Write the manifest and the wheel of the project."""
    desk.write(manifest(server, components(server, **more), rest=rest))
    desk.write(IN_PROJECT, f"wheels/{LOCAL}")
