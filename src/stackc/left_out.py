"""Components that a target leaves out, and that something which it installs requires all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.utils import NormalizedName

from stackc.errors import Finding, Place
from stackc.explain import chain_to
from stackc.lock.model import Lock

__all__ = ["brought_in"]


def brought_in(lock: Lock, left_out: Mapping[NormalizedName, Place]) -> Iterator[Finding]:
    """Yield a warning for each component that a lock was compiled without, and that it has since a package requires it."""
    for name, place in left_out.items():
        package = lock.by_name.get(name)
        if package is None:
            continue
        chain = chain_to(name, lock)
        yield Finding(
            code="S306",
            message=f"`{name}` is left out of target `{lock.target.name}`, and `{chain[-2]}` requires it",
            places=(place,),
            notes=(
                f"needed: {' -> '.join(chain)}",
                f"installed: {name} {package.version}, from {package.source}; the component's own version does not bound it",
            ),
            hint=f"leave `{chain[0]}` out too; or keep `{name}` in, "
            f"and say in `[targets.{lock.target.name}.components.{name}]` what differs there",
            severity="warning",
        )
