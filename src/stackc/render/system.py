"""The system packages of a stage, and whether its distribution can install them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from stackc.errors import Finding, Place, RenderError
from stackc.manifest.model import Manifest
from stackc.render.interpreter import APT_DISTRIBUTIONS
from stackc.target import Target

__all__ = ["System", "system_findings", "system_of"]

_Key = Literal["apt", "runtime-apt"]
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(:[a-z0-9]+)?([=/][A-Za-z0-9][A-Za-z0-9+.~:-]*)?")


class System(Struct, frozen=True, kw_only=True):
    """The system packages that one key of `[image]` asks for.

    A base without apt is refused where a template asks, so that a project's own block `system` may install them by other means.
    """

    key: _Key
    apt: tuple[str, ...]
    target: Target
    places: tuple[Place, ...]

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the packages, sorted. Raises RenderError S506 where there are some and the distribution has no apt."""
        known = self.target.distribution
        if self.apt and known is not None and not known.startswith(APT_DISTRIBUTIONS):
            raise RenderError(
                Finding(
                    code="S506",
                    message=f"the base image of target `{self.target.name}` has no apt to install `image.{self.key}` with",
                    places=self.places,
                    found=f"the distribution `{known}`",
                    hint="choose a base image of Debian or Ubuntu, or write a block `system` in templates/Dockerfile.j2",
                )
            )
        return tuple(sorted(set(self.apt)))


def system_of(manifest: Manifest, target: Target, *, key: _Key) -> System:
    """Return the packages that the manifest lists under `key`."""
    return System(
        key=key,
        apt=_listed(manifest)[key],
        target=target,
        places=(manifest.places.at("image", key), manifest.places.at("targets", target.name, "base")),
    )


def system_findings(manifest: Manifest) -> Iterator[Finding]:
    """Yield what is listed and is not the name of a package: an option in its place would change what apt-get does."""
    for key, packages in _listed(manifest).items():
        for position, package in enumerate(packages):
            if not _PACKAGE.fullmatch(package):
                yield Finding(
                    code="S506",
                    message=f"`image.{key}` holds what is not the name of a system package",
                    places=(manifest.places.at("image", key, position),),
                    found=ascii(package),
                    hint="write `NAME`, `NAME=VERSION` or `NAME/SUITE`, as apt-get install takes it",
                )


def _listed(manifest: Manifest) -> dict[_Key, tuple[str, ...]]:
    return {"apt": manifest.image.apt, "runtime-apt": manifest.image.runtime_apt}
