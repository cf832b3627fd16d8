"""Compiling one target: from the loaded project to a proved lock and the files rendered from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from packaging.utils import NormalizedName
from packaging.version import Version

from stackc import __version__
from stackc.diagnose import diagnose
from stackc.errors import BugError, Finding, IncompatibleError, LockError, NoSolutionError, UpstreamError
from stackc.files import replace_tree
from stackc.layout import LOCK, generated, lock_folder, outputs_digest, templates_folder
from stackc.lock.assemble import ChosenRelease, assemble
from stackc.lock.codec import encode
from stackc.lock.model import Engine as LockedEngine
from stackc.lock.model import Inputs, Lock, LockedFile, LockedTarget, Package
from stackc.lock.proof import prove
from stackc.lock.relock import Pinned, relock
from stackc.lock.steps import conflict_finding, conflicts
from stackc.lock.stored import load_lock
from stackc.matrix.bases import resolve_target
from stackc.matrix.check import check_stack
from stackc.matrix.partners import fill_partners
from stackc.plan import Plan, make_plan
from stackc.project import Project
from stackc.render.outputs import render
from stackc.resolve import Conflict, Progress, Resolution, Resolver, Workshop
from stackc.target import Target
from stackc.uptodate import is_current
from stackc.view.curate import moment_of

__all__ = ["Compiled", "Options", "compile_target", "plan_target"]

How = Literal["current", "rendered", "resolved"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """What compiling one target came to.

    `how` tells which way was enough: nothing to do, the old pins proved anew and rendered, or an engine. `previous` is the
    lock that was there before, `written` whether any file changed, `warnings` what the matrix has to say of a stack that works.
    """

    target: str
    lock: Lock
    previous: Lock | None
    how: How
    written: bool
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How to compile: `upgrade` forgets the old pins, `dry_run` writes nothing."""

    upgrade: bool = False
    dry_run: bool = False


def compile_target(name: str, project: Project, *, workshop: Workshop, progress: Progress, options: Options) -> Compiled:
    """Compile one target by the shortest way that proves. Raises StackcError; then no file has changed."""
    folder = project.folder / lock_folder(name)
    previous = _previous(folder, name, progress)
    target = resolve_target(project.manifest.targets[name], facts=project.facts, places=project.manifest.places)
    plan, warnings = plan_target(project, target, previous=None if options.upgrade else previous)
    if previous is not None and not options.upgrade and is_current(folder, project.digests):
        return Compiled(target=name, lock=previous, previous=previous, how="current", written=False, warnings=warnings)
    lock, how = _locked(project, plan, previous, workshop=workshop, progress=progress, upgrade=options.upgrade)
    lock, files = _rendered(lock, project, target)
    _require_proof(lock, project)
    written = _differ(folder, files) if options.dry_run else replace_tree(folder, files, ours=generated)
    return Compiled(target=name, lock=lock, previous=previous, how=how, written=written, warnings=warnings)


def _previous(folder: Path, target: str, progress: Progress) -> Lock | None:
    """Return the lock that is there; one that cannot be trusted gives no pins, and one of a newer format ends the run."""
    try:
        return load_lock(folder, target)
    except LockError as error:
        if any(finding.code == _NEWER for finding in error.findings):
            raise
        progress.note(f"the previous lock is not used: {error.findings[0].message}")
        return None


_NEWER = "S403"


def plan_target(project: Project, target: Target, *, previous: Lock | None) -> tuple[Plan, tuple[Finding, ...]]:
    """Return the plan for a target and the matrix's warnings. Raises ManifestError and IncompatibleError."""
    manifest = project.manifest
    components = fill_partners(manifest.components_for(target.name), facts=project.facts, places=manifest.places)
    findings = check_stack(
        components,
        target=target,
        matrix=project.matrix,
        facts=project.facts,
        policy=manifest.policy,
        places=manifest.places,
    )
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise IncompatibleError(errors)
    locked: tuple[Package, ...] = (*previous.tools, *previous.packages) if previous else ()
    preferences = {package.name: package.version for package in locked}
    plan = make_plan(manifest, target=target, components=components, matrix=project.matrix, preferences=preferences)
    return plan, findings


def _locked(
    project: Project, plan: Plan, previous: Lock | None, *, workshop: Workshop, progress: Progress, upgrade: bool
) -> tuple[Lock, How]:
    """Return a lock of the old pins if these still prove, else one of pins that the engine finds."""
    if previous is not None and not upgrade:
        kept = relock(previous, roots=plan.roots, tools=plan.tools, target=plan.target, matrix=project.matrix)
        if kept is not None and not prove(_headed(kept, project, plan), matrix=project.matrix):
            return _headed(kept, project, plan), "rendered"
    with Resolver(plan, workshop, progress) as resolver:
        found = resolver.resolve()
        if isinstance(found, Conflict):
            places = project.manifest.places
            raise NoSolutionError(diagnose(found, resolver=resolver, matrix=project.matrix, places=places))
        packages, tools = _packages(project, plan, found)
    engine = LockedEngine(name=workshop.engine.name, version=workshop.engine.version())
    return _headed(Pinned(packages=packages, tools=tools, engine=engine), project, plan), "resolved"


def _packages(project: Project, plan: Plan, found: Resolution) -> tuple[tuple[Package, ...], tuple[Package, ...]]:
    chosen = _chosen(found.pins, found)
    graph = {name: sorted({need.name for need in release.neutral.active(())}) for name, release in chosen.items()}
    _require_closed_steps(project, plan, graph)
    packages = assemble(plan.roots, chosen, target=plan.target, matrix=project.matrix)
    tools = tuple(
        Package(name=name, version=release.version, index=release.index, step=0, file=release.file,
                requires_python=release.requires_python)
        for name, release in sorted(_chosen(found.tools, found).items())
    )  # fmt: skip
    return packages, tools


def _chosen(pins: Mapping[NormalizedName, Version], found: Resolution) -> dict[NormalizedName, ChosenRelease]:
    chosen: dict[NormalizedName, ChosenRelease] = {}
    missing: list[str] = []
    for name, version in sorted(pins.items()):
        project = found.projects[name]
        release = project.releases[version]
        row = release.file
        if row.hashes.sha256 is None:
            missing.append(row.filename)
            continue
        if release.neutral is None:
            raise BugError(Finding(code="S904", message=f"`{row.filename}` was pinned without metadata"))
        moment = moment_of(row.upload_time) if row.upload_time else None
        file = LockedFile(
            name=row.filename,
            sha256=row.hashes.sha256,
            size=row.size,
            uploaded=moment.replace(microsecond=0) if moment else None,
        )
        chosen[name] = ChosenRelease(
            version=version,
            index=project.index,
            file=file,
            requires_python=row.requires_python or release.neutral.requires_python,
            neutral=release.neutral,
        )
    if missing:
        raise UpstreamError(_without_hash(name) for name in missing)
    return chosen


def _without_hash(filename: str) -> Finding:
    return Finding(
        code="S324",
        message=f"the index gives no sha256 for `{filename}`, and a lock without it could not be trusted",
        hint="ask for another version, or look the project up on an index that lists hashes",
    )


def _require_closed_steps(project: Project, plan: Plan, graph: Mapping[NormalizedName, list[NormalizedName]]) -> None:
    found = conflicts(plan.roots, graph)
    if not found:
        return
    by_name = {component.name: component for component in plan.components}
    places = project.manifest.places
    raise IncompatibleError(
        conflict_finding(
            conflict,
            places=tuple(
                places.at("components", by_name[name].spelled, "order") for name in (conflict.component, conflict.needed)
            ),
        )
        for conflict in found
    )


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


def _rendered(lock: Lock, project: Project, target: Target) -> tuple[Lock, dict[str, bytes]]:
    files = render(
        lock,
        manifest=project.manifest,
        target=target,
        folder=lock_folder(target.name),
        project_templates=templates_folder(project.folder),
    )
    lock = replace(lock, inputs=replace(lock.inputs, outputs=outputs_digest(files)))
    return lock, {**files, LOCK: encode(lock).encode()}


def _require_proof(lock: Lock, project: Project) -> None:
    findings = [finding for finding in prove(lock, matrix=project.matrix) if finding.severity == "error"]
    if findings:
        summary = Finding(
            code="S905",
            message=f"the pins that engine `{lock.engine.name}` found do not prove, and nothing was written",
            hint="please report this, with the manifest",
        )
        raise BugError([summary, *findings])


def _differ(folder: Path, files: Mapping[str, bytes]) -> bool:
    return any(not (folder / name).is_file() or (folder / name).read_bytes() != content for name, content in files.items())
