"""Projects of torch's family that come along with others, so that nobody has said which build of them is meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from packaging.utils import NormalizedName

from stackc.errors import Finding
from stackc.explain import chain_to
from stackc.lock.model import Lock, Package
from stackc.manifest.model import Places
from stackc.plan import Plan

__all__ = ["stowaways"]


def stowaways(lock: Lock, plan: Plan, *, family: Collection[str], places: Places) -> Iterator[Finding]:
    """Yield a warning for each package of a family that the default index gives, since no component names it."""
    spelled = {component.name: component.spelled for component in plan.components}
    known = {*spelled, *plan.left_out}
    for package in lock.packages:
        if package.name in family and package.name not in known and package.index == plan.default_index:
            yield _stowaway(package, chain_to(package.name, lock), spelled, places)


def _stowaway(package: Package, chain: tuple[str, ...], spelled: dict[NormalizedName, str], places: Places) -> Finding:
    name = package.name
    first = NormalizedName(chain[0])
    return Finding(
        code="S307",
        message=f"`{name}` {package.version} comes along from {package.source}, and no component says which build is meant",
        places=(places.at("components", spelled.get(first, first)),),
        notes=(f"needed: {' -> '.join(chain)}",),
        hint=f"add `[components.{name}]` with a version, the index of its builds, and an order: "
        "that keeps it out of requirements.txt too",
        severity="warning",
    )
