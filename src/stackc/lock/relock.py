"""The old pins for new inputs: what is left of a lock when the manifest moved and its pins still fit. No index is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from stackc.lock.model import Engine, Lock, Package, Root
from stackc.lock.requirements import Need, parse_need, parse_needs
from stackc.lock.steps import assign
from stackc.lock.why import bounds
from stackc.matrix.model import Matrix
from stackc.target import Target

__all__ = ["Pinned", "relock"]


class Pinned(Struct, frozen=True, kw_only=True):
    """The part of a lock that an engine decides, and the engine that did."""

    packages: tuple[Package, ...]
    tools: tuple[Package, ...]
    engine: Engine


def relock(previous: Lock, *, roots: tuple[Root, ...], tools: tuple[str, ...], target: Target, matrix: Matrix) -> Pinned | None:
    """Return the packages of `previous` that `roots` need, with steps and reasons worked out anew.

    None where a project or the requirements of an extra are not in the old lock, or its tools are others; or where what builds
    an sdist may be gone, which no lock knows. Whether the pins still satisfy everything is for the proof to say.
    """
    reached = _reached(previous, roots)
    kept_tools = _tools(previous, tools)
    if reached is None or kept_tools is None:
        return None
    packages = [package for package in previous.packages if package.name in reached]
    needs = {package.name: [need.project for need in parse_needs(package.requires)] for package in packages}
    steps = assign(roots, needs)
    why = bounds(
        roots,
        pins={package.name: package.version for package in packages},
        requires={package.name: package.requires for package in packages},
        target=target,
        matrix=matrix,
    )
    if _has_sdist(packages) and (kept_tools != previous.tools or {p.name: p.step for p in previous.packages} != steps):
        return None
    moved = (replace(package, step=steps[package.name], why=why[package.name]) for package in packages)
    return Pinned(packages=tuple(moved), tools=kept_tools, engine=previous.engine)


def _has_sdist(packages: Iterable[Package]) -> bool:
    return any(not package.file.name.endswith(".whl") for package in packages)


def _reached(previous: Lock, roots: tuple[Root, ...]) -> Mapping[NormalizedName, set[str]] | None:
    """Return the projects that the roots reach through the old lock, with the extras asked of each."""
    found: dict[NormalizedName, set[str]] = {}
    waiting: list[Need | None] = [parse_need(root.requirement) for root in roots]
    while waiting:
        need = waiting.pop()
        package = previous.by_name.get(need.project) if need is not None else None
        if need is None or package is None:
            return None
        if package.name not in found:
            found[package.name] = set()
            waiting.extend(parse_needs(package.requires))
        found[package.name].update(need.extras)
    same = all(extras == set(previous.by_name[name].extras) for name, extras in found.items())
    return found if same else None


def _tools(previous: Lock, wanted: tuple[str, ...]) -> tuple[Package, ...] | None:
    known = {tool.name: tool for tool in previous.tools}
    requirements = [Requirement(line) for line in wanted]
    names = {canonicalize_name(requirement.name) for requirement in requirements}
    fit = all(
        (tool := known.get(canonicalize_name(requirement.name))) is not None
        and requirement.specifier.contains(tool.version, prereleases=True)
        for requirement in requirements
    )
    return tuple(tool for tool in previous.tools if tool.name in names) if fit else None
