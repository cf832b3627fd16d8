"""`stackc explain NAME==VERSION`: why a release is not the one that was chosen, or what would move if it were."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from stackc.cli.chosen import chosen_targets
from stackc.cli.report import format_finding, safe
from stackc.cli.summary import changes_between, listed, versions_of
from stackc.cli.terminal import TerminalProgress, colored
from stackc.cli.workshop import open_workshop
from stackc.conflict.explain import explain_refusal
from stackc.errors import Finding, LockError, UsageError
from stackc.layout import lock_folder
from stackc.lock.stored import load_lock
from stackc.project import Project, load_project
from stackc.resolve import Resolution

__all__ = ["explain_release"]


def explain_release(text: str, *, target: str | None, manifest: Path, offline: bool, environment: Mapping[str, str]) -> str:
    """Return why a requirement such as `numpy==2.0.0` does not go with the manifest, or what moves where it does."""
    asked = _requirement(text)
    project = load_project(manifest, today=dt.datetime.now(dt.timezone.utc).date())
    (chosen,) = chosen_targets(project.manifest, (target or project.manifest.default_target,))
    progress = TerminalProgress(chosen)
    with open_workshop(project.manifest, engine="uv", offline=offline, environment=environment) as workshop:
        try:
            found = explain_refusal(project, chosen, asked, workshop=workshop, progress=progress)
        finally:
            progress.clear()
    if isinstance(found, Resolution):
        return "".join(f"{line}\n" for line in _fits(asked, found, project, chosen))
    color = colored(sys.stdout, environment)
    return "\n\n".join((f"why not {safe(str(asked))}:", *(format_finding(finding, color=color) for finding in found))) + "\n"


def _requirement(text: str) -> Requirement:
    try:
        asked = Requirement(text)
    except InvalidRequirement:
        asked = None
    if asked is None or asked.marker is not None or asked.url is not None or not asked.specifier:
        hint = "ask for a project and a version, such as `numpy==2.0.0`"
        raise UsageError(Finding(code="S005", message=f"`{text}` is no release to explain", hint=hint))
    return asked


def _fits(asked: Requirement, found: Resolution, project: Project, target: str) -> Iterator[str]:
    name = canonicalize_name(asked.name)
    locked = _locked(project, target)
    if locked.get(name) == str(found.pins[name]):
        yield f"{name} {found.pins[name]} is what the lock of target `{target}` has; see `stackc explain {name}`"
        return
    yield f"nothing speaks against {safe(str(asked))} in target `{target}`: {name} {found.pins[name]} would be chosen"
    if not locked:
        return
    after = {each: str(version) for each, version in sorted(found.pins.items())}
    yield "against the lock:"
    yield from listed(changes_between(locked, after))
    yield ""
    left_out = name in project.manifest.left_out(target)
    first = f"take `{name}` out of `without` of `[targets.{target}]`, " if left_out else ""
    yield f"hint: to have it, {first}give `{name}` that version in stack.toml and run `stackc compile`"


def _locked(project: Project, target: str) -> dict[NormalizedName, str]:
    """Return the versions of the target's lock; none where there is no lock that can be read."""
    try:
        return versions_of(load_lock(project.folder / lock_folder(target), target))
    except LockError:
        return {}
