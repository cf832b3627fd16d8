"""What there is for a locked package beyond its pin: what the manifest allows, what is newer, and what stands in the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.lock.model import Package
from stackc.obstacles import Obstacle
from stackc.view.curate import Listed

__all__ = ["Elsewhere", "Later", "Outlook", "TargetOutlook", "newest_of", "outlook_of"]


class Later(Struct, frozen=True):
    """The newest release that the target can install of those uploaded after the cut-off. `uploaded` is as the index says."""

    version: Version
    uploaded: str | None


class Elsewhere(Struct, frozen=True):
    """A newer release that the target cannot install, and why."""

    version: Version
    why: Obstacle


class Outlook(Struct, frozen=True, kw_only=True):
    """One locked package.

    `allowed` is what `stackc compile --upgrade` would lock, None where it would not be needed any more. `newest` is the newest
    release that the target can install, the pin itself where there is none above it; what was uploaded after the cut-off is
    `later`. `obstacles` stand between `allowed` and `newest`. Pre-releases count where the pin is one.
    """

    name: NormalizedName
    index: str
    component: bool
    locked: Version
    allowed: Version | None
    newest: Version
    obstacles: tuple[Obstacle, ...] = ()
    elsewhere: Elsewhere | None = None
    later: Later | None = None

    @property
    def can_move(self) -> bool:
        """Say whether something newer is allowed."""
        return self.allowed is not None and self.allowed > self.locked

    @property
    def is_kept_below(self) -> bool:
        """Say whether something newer can be installed on the target, and is not allowed."""
        return self.newest > (self.locked if self.allowed is None else self.allowed)


class TargetOutlook(Struct, frozen=True, kw_only=True):
    """All that was looked at for one target, out of `total` packages.

    An upgrade would move `movable` of them up, and `lowered` down, as where what is locked was yanked.
    """

    target: str
    exclude_newer: dt.datetime | None
    total: int
    movable: int
    lowered: int
    packages: tuple[Outlook, ...]


def newest_of(pin: Version, listed: Sequence[Listed]) -> Version:
    """Return the newest release at or above a pin that the target can install and that is not after the cut-off."""
    return max((each.version for each in _offered(pin, listed) if each.misfit is None and not each.too_new), default=pin)


def outlook_of(
    package: Package,
    *,
    listed: Sequence[Listed],
    allowed: Version | None,
    obstacles: Sequence[Obstacle],
    elsewhere: Obstacle | None,
    component: bool,
) -> Outlook:
    """Return what there is for a package of an index; `elsewhere` says why the target cannot install the newest of all."""
    pin, newest = package.version, newest_of(package.version, listed)
    later = [each for each in _offered(pin, listed) if each.misfit is None and each.too_new and each.version > newest]
    foreign = newest_elsewhere(pin, listed)
    return Outlook(
        name=package.name,
        index=package.index or "",
        component=component,
        locked=pin,
        allowed=allowed,
        newest=newest,
        obstacles=tuple(obstacles),
        elsewhere=Elsewhere(foreign.version, elsewhere) if foreign is not None and elsewhere is not None else None,
        later=Later(later[0].version, later[0].uploaded) if later else None,
    )


def newest_elsewhere(pin: Version, listed: Sequence[Listed]) -> Listed | None:
    """Return the newest release of all where the target cannot install it, and can none as new, None else."""
    newest = newest_of(pin, listed)
    foreign = (each for each in _offered(pin, listed) if each.misfit is not None and not each.too_new)
    return next((each for each in foreign if each.version > newest), None)


def _offered(pin: Version, listed: Sequence[Listed]) -> list[Listed]:
    """Return the releases that one could be offered, the newest first."""
    found = (each for each in listed if not each.yanked and (pin.is_prerelease or not each.version.is_prerelease))
    return sorted(found, key=lambda each: each.version, reverse=True)
