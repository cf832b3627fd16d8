"""`stackc diff --reproduce`: compiles a project's locks again, offline, and tells whether they come out byte for byte."""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from stackc.cli.chosen import chosen_targets
from stackc.cli.findings import tell
from stackc.cli.report import safe
from stackc.cli.workshop import open_workshop
from stackc.compile import Options, compile_targets
from stackc.engine import ENGINES
from stackc.errors import Finding, StackcError, UsageError
from stackc.files import scratch_folder, scratch_parent
from stackc.history.repository import find_repository
from stackc.history.reproduce import Rendered, Resolved, against_resolved, bake_findings, compare_resolved, render_again
from stackc.history.revision import find_revision
from stackc.history.snapshot import Snapshot, read_folder, read_snapshot
from stackc.history.unpacked import of_the_project, open_snapshot, require_whole
from stackc.layout import LOCK, lock_folder, read_outputs
from stackc.project import Project

__all__ = ["reproduce"]


class _Told(Struct, frozen=True, kw_only=True):
    """What became of one target, by both ways."""

    rendered: Rendered
    resolved: Resolved

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return all that was found edited."""
        return (*self.rendered.findings, *self.resolved.findings)


def reproduce(name: str | None, *, manifest: Path, targets: tuple[str, ...], form: str, environment: Mapping[str, str]) -> int:
    """Compile the project of a revision (None: the working tree) again, print what came of it, and return the exit status.

    It is 0 where every file is shown to be what compiling gives. Raises UsageError and ManifestError.
    """
    gc.disable()
    if form == "markdown":
        raise UsageError(_no_form(form))
    snapshot = _snapshot(name, manifest, environment)
    today = dt.datetime.now(dt.timezone.utc).date()
    with scratch_folder(scratch_parent(environment.get("TMPDIR"))) as scratch:
        project = open_snapshot(snapshot, folder=scratch / "project", today=today)
        names = chosen_targets(project.manifest, targets)
        bare = open_snapshot(_without_locks(snapshot), folder=scratch / "bare", today=today)
        told = {each: _told(each, snapshot, project, bare, environment) for each in names}
    shared = bake_findings(project, snapshot.files)
    findings = (*(finding for each in told.values() for finding in each.findings), *shared)
    called = tuple(_called(finding, snapshot, manifest) for finding in findings)
    summary = tuple(line for each in names for line in _lines(each, told[each]))
    tell(called, summary=summary, form=form, command="diff", anchor=manifest, environment=environment)
    return int(bool(findings) or any(each.rendered.verdict != "identical" for each in told.values()))


def _snapshot(name: str | None, manifest: Path, environment: Mapping[str, str]) -> Snapshot:
    home = manifest.parent
    if name is None:
        return of_the_project(read_folder(home, manifest=manifest.name, with_installed=True), home=home)
    repository = find_repository(home, environment=environment)
    revision = find_revision(repository, name)
    snapshot = read_snapshot(repository, revision, manifest=manifest.name, with_installed=True)
    require_whole(snapshot)
    return of_the_project(snapshot, home=home)


def _without_locks(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, files={name: body for name, body in snapshot.files.items() if not name.startswith("locks/")})


def _told(name: str, snapshot: Snapshot, project: Project, bare: Project, environment: Mapping[str, str]) -> _Told:
    found = snapshot.generated(name)
    if LOCK not in found:
        rendered = Rendered(verdict="edited", files=0, findings=(_no_lock(name, project),))
        return _Told(rendered=rendered, resolved=Resolved(verdict=None))
    rendered = render_again(name, project, found)
    try:
        made = _made_anew(name, bare, found, environment)
    except StackcError as error:
        return _Told(rendered=rendered, resolved=Resolved(verdict=None, reason=error.findings[0].message))
    if rendered.verdict == "unproved":
        rendered = replace(rendered, findings=(*rendered.findings, *against_resolved(name, made, found)))
    return _Told(rendered=rendered, resolved=compare_resolved(name, made, found))


def _made_anew(name: str, bare: Project, found: Mapping[str, bytes], environment: Mapping[str, str]) -> Mapping[str, bytes]:
    """Return the files that a target is compiled to where nothing is locked yet, from the cache alone. Raises StackcError."""
    head = found[LOCK].decode("utf-8", "replace")
    engine = next((each for each in ENGINES if f'\n[engine]\nname = "{each}"\n' in head), next(iter(ENGINES)))
    with open_workshop(bare.manifest, engine=engine, offline=True, environment=environment) as workshop:
        compile_targets((name,), bare, workshop=workshop, progress=lambda _name: _Silent(), options=Options())
    return read_outputs(bare.folder / lock_folder(name))


class _Silent:
    """Progress of which nothing is told."""

    def counts(self, *, pages: int, releases: int, waiting: int) -> None:
        pass

    def note(self, text: str) -> None:
        pass


def _lines(name: str, told: _Told) -> Iterator[str]:
    rendered, resolved = told.rendered, told.resolved
    if rendered.verdict == "identical":
        yield f"{name}: byte-identical: {rendered.files} files rendered again from the lock's own pins"
    elif rendered.verdict == "edited":
        yield f"{name}: not what compiling gives"
    elif rendered.verdict == "unproved":
        yield f"{name}: not what compiling gives: its pins do not prove, so that nothing can be rendered from them"
    else:
        yield from (f"{name}: not shown: {safe(note)}" for note in rendered.notes)
    if rendered.verdict == "unproved" and resolved.verdict is not None:
        yield f"{name}: held against what resolving from nothing gives, offline"
    elif resolved.verdict == "identical":
        yield f"{name}: byte-identical when resolved from nothing, offline"
    elif resolved.verdict is not None:
        yield f"{name}: resolved from nothing, offline: {safe(resolved.reason or '')}"
    elif resolved.reason is not None:
        yield f"{name}: not resolved from nothing, offline: {safe(resolved.reason)}"


def _called(finding: Finding, snapshot: Snapshot, manifest: Path) -> Finding:
    """Return a finding with its places in locks/ called as people know them."""

    def place_of(file: str) -> str:
        if not file.startswith("locks/"):
            return file
        return snapshot.called(file) if snapshot.revision is not None else (manifest.parent / file).as_posix()

    return replace(finding, places=tuple(replace(place, file=place_of(place.file)) for place in finding.places))


def _no_lock(name: str, project: Project) -> Finding:
    return Finding(
        code="S520",
        message=f"target `{name}` has no lock",
        places=(project.manifest.places.at("targets", name),),
        hint="run `stackc compile`",
    )


def _no_form(form: str) -> Finding:
    return Finding(
        code="S534",
        message=f"`--reproduce` cannot be printed as {form}",
        hint="its forms are text, json and github",
    )
