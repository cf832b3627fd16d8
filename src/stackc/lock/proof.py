"""The proof that a lock is a solution: from the lock and the matrix alone, offline, in milliseconds.

Every requirement is met by a pin, no pin is unneeded, each file fits the target and comes from its project's one index, every
rule holds, the steps are closed, and what the lock says about itself (steps, reasons, extras, order) is what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.errors import Finding, LockError, Place
from stackc.lock.codec import DIGEST, newer_format
from stackc.lock.direct import check_direct
from stackc.lock.document import AGAIN
from stackc.lock.files import check_file, check_moment
from stackc.lock.locked_target import lock_file, target_of
from stackc.lock.model import FORMAT, Lock, Package
from stackc.lock.requirements import Need, admits, parse_need, parse_needs
from stackc.lock.routing import index_of, own_indexes
from stackc.lock.steps import assign, conflict_finding, conflicts
from stackc.lock.why import MANIFEST, bounds
from stackc.lock.yanked import check_yanked
from stackc.matrix.check import check_pins
from stackc.matrix.model import Matrix
from stackc.target import Target

__all__ = ["prove", "target_of"]


class _Case(Struct, frozen=True, kw_only=True):
    """A lock under proof, with what several checks ask of it.

    `needs` has the requirements of each pin, `roots` the manifest's.
    """

    lock: Lock
    target: Target
    matrix: Matrix
    pins: Mapping[NormalizedName, Version]
    needs: Mapping[NormalizedName, tuple[Need, ...]]
    roots: tuple[Need, ...]

    def at(self, *path: str) -> Place:
        """Return a place in the lock."""
        return Place(file=lock_file(self.lock.target.name), path=path)

    def sourced(self) -> Iterator[tuple[str, Place, Need]]:
        """Yield every requirement, with who states it and where."""
        for need in self.roots:
            yield MANIFEST, self.at("plan", "roots", need.project), need
        for name, needs in self.needs.items():
            for need in needs:
                yield name, self.at("package", name, "requires"), need

    def graph(self) -> Mapping[NormalizedName, tuple[NormalizedName, ...]]:
        """Return the names that each pin requires."""
        return {name: tuple(need.project for need in needs) for name, needs in self.needs.items()}


def prove(lock: Lock, *, matrix: Matrix) -> tuple[Finding, ...]:
    """Return what keeps `lock` from being a solution, nothing where it is one."""
    try:
        target = target_of(lock)
    except LockError as error:
        return error.findings
    case = _Case(
        lock=lock,
        target=target,
        matrix=matrix,
        pins={package.name: package.version for package in lock.packages},
        needs={package.name: parse_needs(package.requires) for package in lock.packages},
        roots=parse_needs(root.requirement for root in lock.roots),
    )
    checks = (_check_form, _check_texts, _check_met, _check_extras, _check_needed, _check_files, _check_indexes, _check_direct)
    return tuple(
        finding for check in (*checks, _check_rules, _check_steps, _check_why, _check_tools) for finding in check(case)
    )


def _check_form(case: _Case) -> Iterator[Finding]:
    lock = case.lock
    if lock.format > FORMAT:
        yield newer_format(lock.format, case.at("format"))
    digests = {"manifest": lock.inputs.manifest, "matrix": lock.inputs.matrix, "templates": lock.inputs.templates}
    for key, digest in {**digests, "outputs": lock.inputs.outputs}.items():
        if DIGEST.fullmatch(digest) is None:
            yield _wrong(f"the digest `{key}` has the wrong form", case.at("inputs", key), found=digest)
    for key, names in (("package", lock.packages), ("tool", lock.tools)):
        yield from _check_names([package.name for package in names], case.at(key))
    yield from _check_order([route.index for route in lock.routes], case.at("plan", "indexes"))
    yield from _check_names(lock.sdists, case.at("plan", "sdists"))
    for package in lock.packages:
        yield from _check_names(package.extras, case.at("package", package.name, "extras"))
        yield from _check_order(package.requires, case.at("package", package.name, "requires"))


def _check_names(names: Sequence[str], place: Place) -> Iterator[Finding]:
    for name in names:
        if name != canonicalize_name(name) or not name:
            yield _wrong(f"the name `{name}` is not normalized", place, found=name)
    yield from _check_order(names, place)


def _check_order(names: Sequence[str], place: Place) -> Iterator[Finding]:
    for before, name in pairwise(names):
        if name <= before:
            what = f"`{name}` stands twice" if name == before else f"`{name}` stands below `{before}`"
            yield Finding(code="S409", message=f"the lock is not sorted: {what}", places=(place,), hint=AGAIN)


def _check_texts(case: _Case) -> Iterator[Finding]:
    """Yield each requirement that is none, or that an address or a marker makes mean another thing elsewhere."""
    seen: set[NormalizedName] = set()
    for root in case.lock.roots:
        need = parse_need(root.requirement)
        if need is None:
            yield _wrong("a root is not a requirement", case.at("plan", "roots"), found=root.requirement)
        elif need.project in seen:
            place = case.at("plan", "roots", need.project)
            yield Finding(code="S409", message=f"the root `{need.project}` stands twice", places=(place,), hint=AGAIN)
        else:
            seen.add(need.project)
    for package in case.lock.packages:
        for text in package.requires:
            need = parse_need(text)
            if need is None or not need.normal:
                place = case.at("package", package.name, "requires")
                yield _wrong(f"a requirement of `{package.name}` is not in its normal form", place, found=text)


def _check_met(case: _Case) -> Iterator[Finding]:
    for source, place, need in case.sourced():
        version = case.pins.get(need.project)
        if version is None:
            message = f"`{source}` requires `{need.project}`, which is not pinned"
            yield Finding(code="S411", message=message, places=(place,), wanted=need.text, hint=AGAIN)
        elif not need.admits(version):
            yield Finding(
                code="S412",
                message=f"the pin of `{need.project}` does not meet what `{source}` requires",
                places=(place,),
                wanted=need.text,
                found=f"{need.project}=={version}",
                hint=AGAIN,
            )


def _check_extras(case: _Case) -> Iterator[Finding]:
    requested: dict[NormalizedName, set[NormalizedName]] = {name: set() for name in case.pins}
    for _source, _place, need in case.sourced():
        if need.project in requested:
            requested[need.project] |= need.extras
    for package in case.lock.packages:
        if set(package.extras) != requested[package.name]:
            yield Finding(
                code="S413",
                message=f"the extras of `{package.name}` are not those that are asked of it",
                places=(case.at("package", package.name, "extras"),),
                wanted=", ".join(sorted(requested[package.name])) or "no extras",
                found=", ".join(package.extras) or "no extras",
                hint=AGAIN,
            )


def _check_needed(case: _Case) -> Iterator[Finding]:
    graph = case.graph()
    needed: set[NormalizedName] = set()
    waiting = [need.project for need in case.roots]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(graph.get(name, ()))
    for name in case.pins:
        if name not in needed:
            yield Finding(
                code="S414",
                message=f"nothing needs `{name}`",
                places=(case.at("package", name),),
                hint=AGAIN,
            )


def _check_files(case: _Case) -> Iterator[Finding]:
    for key, packages in (("package", case.lock.packages), ("tool", case.lock.tools)):
        for package in packages:
            place = case.at(key, package.name, "file")
            yield from check_file(package, target=case.target, sdists=case.lock.sdists, place=place)
            yield from check_moment(package, exclude_newer=case.lock.exclude_newer, place=place)
    yield from check_yanked(case.lock)


def _check_indexes(case: _Case) -> Iterator[Finding]:
    lock = case.lock
    known = {route.index for route in lock.routes}
    if sum(route.default for route in lock.routes) != 1:
        place = case.at("plan", "indexes")
        yield Finding(code="S425", message="the lock has not exactly one default index", places=(place,), hint=AGAIN)
    own = own_indexes(lock.roots)
    for name, index in own.items():
        if index not in known:
            place = case.at("plan", "roots", name)
            message = f"`{name}` is to come from `{index}`, which is no index of the lock"
            yield Finding(code="S425", message=message, places=(place,), hint=AGAIN)
    for key, packages in (("package", lock.packages), ("tool", lock.tools)):
        for package in packages:
            index = index_of(package.name, own=own, routes=lock.routes) or "no index"
            if package.index is not None and package.index != index:
                yield Finding(
                    code="S419",
                    message=f"`{package.name}` does not come from its one index",
                    places=(case.at(key, package.name, "index"),),
                    wanted=index,
                    found=package.index,
                    hint=AGAIN,
                )


def _check_direct(case: _Case) -> Iterator[Finding]:
    yield from check_direct(case.lock, case.at)


def _check_rules(case: _Case) -> Iterator[Finding]:
    """Yield each rule that the pins break; a rule that only warns keeps no lock from being a solution."""
    pins = {str(name): version for name, version in case.pins.items()}
    for finding in check_pins(pins, target=case.target, matrix=case.matrix):
        if finding.severity == "error":
            yield finding


def _check_steps(case: _Case) -> Iterator[Finding]:
    graph = case.graph()
    for conflict in conflicts(case.lock.roots, graph):
        yield conflict_finding(conflict, places=(case.at("plan", "roots", conflict.component),))
    steps = assign(case.lock.roots, graph)
    for package in case.lock.packages:
        if package.step != steps[package.name]:
            yield Finding(
                code="S420",
                message=f"`{package.name}` stands in the wrong step",
                places=(case.at("package", package.name, "step"),),
                wanted=f"step {steps[package.name]}",
                found=f"step {package.step}",
                hint=AGAIN,
            )


def _check_why(case: _Case) -> Iterator[Finding]:
    lock = case.lock
    requires = {package.name: package.requires for package in lock.packages}
    reasons = bounds(lock.roots, pins=case.pins, requires=requires, target=case.target, matrix=case.matrix)
    for package in lock.packages:
        if package.why != reasons[package.name]:
            yield Finding(
                code="S421",
                message=f"the reasons of `{package.name}` are not those that bound it",
                places=(case.at("package", package.name, "why"),),
                wanted="; ".join(reasons[package.name]) or "no reason",
                found="; ".join(package.why) or "no reason",
                hint=AGAIN,
            )


def _check_tools(case: _Case) -> Iterator[Finding]:
    for tool in case.lock.tools:
        faults = []
        if tool.step != 0:
            faults.append(f"it stands in step {tool.step}, not before the first")
        if tool.requires or tool.extras:
            faults.append("it has requirements or extras of its own")
        if tool.name in case.pins and case.pins[tool.name] != tool.version:
            faults.append(f"the version is {tool.version}, but the package's is {case.pins[tool.name]}")
        faults.extend(f"the reason `{line}` does not admit {tool.version}" for line in tool.why if not _admits(line, tool))
        for fault in faults:
            message = f"the tool `{tool.name}` cannot be installed before the first step: {fault}"
            yield Finding(code="S422", message=message, places=(case.at("tool", tool.name),), hint=AGAIN)


def _admits(line: str, tool: Package) -> bool:
    source, _, specifiers = line.partition(" ")
    return source == MANIFEST and admits(specifiers, tool.version)


def _wrong(message: str, place: Place, *, found: str) -> Finding:
    return Finding(code="S407", message=message, places=(place,), found=found, hint=AGAIN)
