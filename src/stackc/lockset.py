"""The lock of one target with the files rendered from it: made from pins, proved, and written as one set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import jinja2
from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc import __version__
from stackc.changeset import Contents, apply_together
from stackc.errors import BugError, Finding, IncompatibleError, UpstreamError
from stackc.layout import LOCK, lock_folder, outputs_digest, read_outputs, templates_folder
from stackc.lock.assemble import ChosenRelease, assemble
from stackc.lock.builders import missing_builders
from stackc.lock.codec import encode
from stackc.lock.model import Engine, Inputs, Lock, LockedFile, LockedTarget, Package
from stackc.lock.proof import prove
from stackc.lock.relock import Pinned, relock
from stackc.lock.requirements import parse_needs, parse_specifiers
from stackc.lock.steps import conflict_finding, conflicts
from stackc.lock.yanked import tidied
from stackc.manifest.model import DirectReference
from stackc.plan import Plan
from stackc.project import Project
from stackc.render.outputs import render
from stackc.render.templates import environment
from stackc.resolve import Resolution
from stackc.target import Target
from stackc.view.curate import moment_of
from stackc.view.shown import ShownRelease

__all__ = ["LockSet", "keep_pins", "lock_pins", "preparations", "prove_pins", "write_all"]


class LockSet(Struct, frozen=True):
    """A proved lock, and every generated file of its folder, the lock's own included."""

    lock: Lock
    files: Mapping[str, bytes]

    def changes(self, folder: Path) -> tuple[str, ...]:
        """Return the names of the files that writing would change, make or delete, sorted."""
        there = read_outputs(folder)
        return tuple(sorted(name for name in self.files.keys() | there.keys() if self.files.get(name) != there.get(name)))


def write_all(folder: Path, sets: Mapping[str, LockSet], *, beside: Contents) -> frozenset[str]:
    """Replace the generated files of a project's targets, and what else belongs to them: all of it or nothing.

    Returns the targets of which any file changed. Raises LockError with everything as it was.
    """
    contents = dict(beside)
    for target, lockset in sets.items():
        contents |= {f"{lock_folder(target)}/{name}": body for name, body in lockset.files.items()}
    changed = apply_together(folder, contents, whole=True)
    return frozenset(target for target in sets if lock_folder(target) in changed)


def preparations(project: Project, *, compiled: Path | None) -> Iterator[Callable[[], object]]:
    """Yield what rendering needs to have done once, in small parts, for moments in which a run would only wait.

    Here and below, `compiled` is a folder that keeps templates as Jinja compiled them.
    """
    made = _environment(project.folder, compiled)
    for name in made.list_templates(filter_func=lambda name: "/" not in name):
        yield partial(_load_template, made, name)


def _load_template(made: jinja2.Environment, name: str) -> None:
    with suppress(jinja2.TemplateError):  # rendering will meet it again, and has the words for it
        made.get_template(name)


def keep_pins(previous: Lock, project: Project, plan: Plan, *, compiled: Path | None) -> LockSet | None:
    """Return the old pins as a lock of the present inputs, None where they are no longer a solution. No index is asked."""
    kept = relock(previous, roots=plan.roots, tools=plan.tools, target=plan.target, matrix=project.matrix)
    if kept is None or not plan.unsourced.isdisjoint(package.name for package in kept.packages):
        return None
    lock = _headed(kept, project, plan)
    return None if prove(lock, matrix=project.matrix) else _rendered(lock, project, plan.target, compiled)


def lock_pins(found: Resolution, project: Project, plan: Plan, *, engine: Engine, compiled: Path | None) -> LockSet:
    """Return the lock of what an engine found, and the files rendered from it. Raises what `prove_pins` raises."""
    return _rendered(prove_pins(found, project, plan, engine=engine), project, plan.target, compiled)


def prove_pins(found: Resolution, project: Project, plan: Plan, *, engine: Engine) -> Lock:
    """Return the lock of what an engine found, proved, of which no file was rendered yet.

    Raises IncompatibleError where a step needs a later one, or the build of an sdist what is not there before it, UpstreamError
    where a file has no hash, and BugError where the pins do not prove.
    """
    packages = assemble(plan.roots, _chosen(found.pins, found, plan), target=plan.target, matrix=project.matrix)
    _require_closed_steps(packages, project, plan)
    tools = tuple(_tool(name, release) for name, release in sorted(_chosen(found.tools, found, plan).items()))
    _require_builders(packages, tools, found, project)
    lock = _headed(Pinned(packages=packages, tools=tools, engine=engine), project, plan)
    _require_proof(lock, project)
    return lock


def _tool(name: NormalizedName, release: ChosenRelease) -> Package:
    return Package(
        name=name,
        version=release.version,
        index=release.index,
        step=0,
        file=release.file,
        requires_python=release.requires_python,
    )


def _chosen(pins: Mapping[NormalizedName, Version], found: Resolution, plan: Plan) -> dict[NormalizedName, ChosenRelease]:
    shown = {name: found.projects[name].releases[version] for name, version in sorted(pins.items())}
    bare = [name for name, release in shown.items() if release.file.hashes.sha256 is None]
    if bare:
        raise UpstreamError(_without_hash(shown[name].file.filename, found.projects[name].index) for name in bare)
    directs = plan.directs
    return {name: _choice(release, found.projects[name].index, directs.get(name)) for name, release in shown.items()}


def _choice(release: ShownRelease, index: str, direct: DirectReference | None) -> ChosenRelease:
    row = release.file
    if release.neutral is None:
        raise BugError(Finding(code="S904", message=f"`{row.filename}` was pinned without metadata"))
    moment = moment_of(row.upload_time) if row.upload_time else None
    return ChosenRelease(
        version=release.version,
        index=index if direct is None else None,
        direct=None if direct is None else direct.kind,
        file=LockedFile(
            name=row.filename,
            sha256=(row.hashes.sha256 or "").lower(),
            size=row.size,
            uploaded=moment.replace(microsecond=0) if moment else None,
            yanked=tidied(row.yanked),
        ),
        requires_python=_readable(row.requires_python or release.neutral.requires_python),
        neutral=release.neutral,
    )


def _readable(requires_python: str | None) -> str | None:
    """Return a Requires-Python that says something: pip takes one that cannot be read for none, and so does the view."""
    return requires_python if requires_python and parse_specifiers(requires_python) is not None else None


def _without_hash(filename: str, index: str) -> Finding:
    return Finding(
        code="S324",
        message=f"index `{index}` gives no sha256 for `{filename}`, and a lock without it could not be trusted",
        hint="ask for another version, or look the project up on an index that lists hashes",
    )


def _require_closed_steps(packages: Iterable[Package], project: Project, plan: Plan) -> None:
    graph = {package.name: [need.project for need in parse_needs(package.requires)] for package in packages}
    spelled = {component.name: component.spelled for component in plan.components}
    places = project.manifest.places
    found = [
        conflict_finding(
            conflict,
            places=tuple(places.at("components", spelled[name], "order") for name in (conflict.component, conflict.needed)),
        )
        for conflict in conflicts(plan.roots, graph)
    ]
    if found:
        raise IncompatibleError(found)


def _require_builders(packages: tuple[Package, ...], tools: tuple[Package, ...], found: Resolution, project: Project) -> None:
    neutrals = {package.name: found.projects[package.name].releases[package.version].neutral for package in packages}
    builds = {name: neutral.builds for name, neutral in neutrals.items() if neutral is not None and neutral.builds}
    missing = list(missing_builders(packages, tools, builds, place=project.manifest.places.at("image", "build-tools")))
    if missing:
        raise IncompatibleError(missing)


def _headed(body: Pinned, project: Project, plan: Plan) -> Lock:
    target = plan.target
    digests = project.digests
    return Lock(
        target=LockedTarget(
            name=target.name,
            python=str(target.python),
            platform=target.platform,
            base=target.base,
            cuda=str(target.cuda) if target.cuda else None,
            glibc=f"{target.glibc[0]}.{target.glibc[1]}",
            distribution=target.distribution,
            driver=str(target.driver) if target.driver else None,
            gpus=target.gpus,
        ),
        stackc=__version__,
        inputs=Inputs(manifest=digests.manifest, matrix=digests.matrix, templates=digests.templates, outputs=_UNRENDERED),
        engine=body.engine,
        exclude_newer=plan.exclude_newer,
        routes=plan.routes,
        roots=plan.roots,
        sdists=plan.sdists,
        tools=body.tools,
        packages=body.packages,
    )


_UNRENDERED = f"sha256:{'0' * 64}"


def _rendered(lock: Lock, project: Project, target: Target, compiled: Path | None) -> LockSet:
    files = render(
        lock,
        manifest=project.manifest,
        target=target,
        folder=lock_folder(target.name),
        project_templates=templates_folder(project.folder),
        jinja=_environment(project.folder, compiled),
    )
    lock = replace(lock, inputs=replace(lock.inputs, outputs=outputs_digest(files)))
    return LockSet(lock, {**files, LOCK: encode(lock).encode()})


@cache
def _environment(folder: Path, compiled: Path | None) -> jinja2.Environment:
    """Return the one environment of this run for a project."""
    return environment(templates_folder(folder), compiled=compiled)


def _require_proof(lock: Lock, project: Project) -> None:
    findings = [finding for finding in prove(lock, matrix=project.matrix) if finding.severity == "error"]
    if findings:
        summary = Finding(
            code="S905",
            message=f"the pins that engine `{lock.engine.name}` found do not prove, and nothing was written",
            hint="please report this, with the manifest",
        )
        raise BugError([summary, *findings])
