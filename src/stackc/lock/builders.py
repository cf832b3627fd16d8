"""What builds the sdists of a lock: the image builds them without isolation, from what it has installed before their step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.utils import NormalizedName

from stackc.errors import Finding, Place
from stackc.lock.model import Package
from stackc.lock.requirements import admits
from stackc.view.metadata import Need

__all__ = ["missing_builders"]


def missing_builders(
    packages: Sequence[Package],
    tools: Sequence[Package],
    builds: Mapping[NormalizedName, Sequence[Need]],
    *,
    place: Place,
) -> Iterator[Finding]:
    """Yield what the build of an sdist requires and neither a tool nor an earlier step installs; `place` is of the tools.

    `builds` are these requirements, by the sdist's project.
    """
    for package in packages:
        if package.file.name.endswith(".whl"):
            continue
        there = {other.name: other for other in packages if other.step < package.step} | {tool.name: tool for tool in tools}
        for need in builds.get(package.name, ()):
            found = there.get(need.name)
            if found is None or not admits(need.specifier, found.version):
                yield _missing(package, need, found, place)


def _missing(package: Package, need: Need, found: Package | None, place: Place) -> Finding:
    text = f"{need.name}{need.specifier}"
    return Finding(
        code="S434",
        message=f"`{package.name}` is an sdist whose build requires `{text}`, which the image does not have before it",
        places=(place,),
        found=f"{found.name} {found.version}" if found is not None else None,
        hint=f'add `"{text}"` to `build-tools` of `[image]`: it is locked there, and a build then downloads nothing unlocked',
    )
