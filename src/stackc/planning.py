"""Planning: from the loaded project to what one target asks of the view and of the engine, if the matrix does not refuse it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from stackc.direct_files import settle_direct_files
from stackc.errors import Finding, IncompatibleError
from stackc.lock.model import Lock, Package
from stackc.lock.routing import index_of
from stackc.manifest.model import Component, Manifest
from stackc.matrix.bases import check_base
from stackc.matrix.builds import label_of_index
from stackc.matrix.check import check_stack
from stackc.matrix.partners import fill_partners
from stackc.plan import Plan, make_plan, routes_of
from stackc.project import Project
from stackc.target import Target

__all__ = ["Upgrade", "components_of", "plan_target"]


class Upgrade(Struct, frozen=True, kw_only=True):
    """Which old pins are forgotten: all, those of some projects, or none."""

    everything: bool = False
    names: frozenset[NormalizedName] = frozenset()

    def pins(self, previous: Lock | None) -> dict[NormalizedName, Version]:
        """Return the old pins that are still preferred, those of the tools included."""
        locked: tuple[Package, ...] = (*previous.tools, *previous.packages) if previous and not self.everything else ()
        return {package.name: package.version for package in locked if package.name not in self.names}

    def concerns(self, previous: Lock) -> bool:
        """Say whether a pin of this lock is to be forgotten."""
        return self.everything or any(package.name in self.names for package in (*previous.tools, *previous.packages))


_NO_UPGRADE = Upgrade()


def plan_target(
    project: Project, target: Target, *, previous: Lock | None, upgrade: Upgrade = _NO_UPGRADE
) -> tuple[Plan, tuple[Finding, ...]]:
    """Return the plan for a target and the matrix's warnings. Raises ManifestError and IncompatibleError."""
    manifest = project.manifest
    components = components_of(project, target.name)
    components = settle_direct_files(components, target=target, folder=project.folder, places=manifest.places)
    facts, policy, places = project.facts, manifest.policy, manifest.places
    findings = (
        *check_base(manifest.targets[target.name], facts=facts, policy=policy, places=places),
        *check_stack(
            components,
            target=target,
            matrix=project.matrix,
            facts=facts,
            policy=policy,
            places=places,
            torch_label=_torch_label(manifest, components, target.name),
        ),
    )
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise IncompatibleError(errors)
    preferences = upgrade.pins(previous)
    plan = make_plan(manifest, target=target, components=components, matrix=project.matrix, preferences=preferences)
    return plan, findings


def components_of(project: Project, target: str) -> tuple[Component, ...]:
    """Return the components of a target, the matrix's partners filled in. Raises ManifestError."""
    manifest = project.manifest
    return fill_partners(
        manifest.components_for(target), facts=project.facts, places=manifest.places, left_out=manifest.left_out(target)
    )


def _torch_label(manifest: Manifest, components: Sequence[Component], target: str) -> str | None:
    """Return the label that all builds of torch have on the index that it comes from, None where they have no one."""
    own = {component.name: component.index for component in components if component.index is not None}
    index = index_of(_TORCH, own=own, routes=routes_of(manifest, target))
    found = manifest.indexes.get(index) if index is not None else None
    return label_of_index(found.url) if found is not None and found.url is not None else None


_TORCH = canonicalize_name("torch")
