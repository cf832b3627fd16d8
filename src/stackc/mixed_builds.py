"""Builds that do not belong together: torch for one CUDA, or none, and a partner of it for another."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.utils import NormalizedName, canonicalize_name

from stackc.errors import Finding, Place
from stackc.lock.model import Lock, Package
from stackc.manifest.model import Manifest
from stackc.matrix.facts import PARTNERS
from stackc.matrix.places import place_of_build

__all__ = ["mixed_builds"]

_TORCH = canonicalize_name("torch")


def mixed_builds(lock: Lock, manifest: Manifest) -> Iterator[Finding]:
    """Yield a warning for each partner whose local version label is not torch's; a build without a label is not known."""
    torch = lock.by_name.get(_TORCH)
    for name in map(canonicalize_name, PARTNERS):
        partner = lock.by_name.get(name)
        if torch is None or partner is None or not (_build(torch) and _build(partner)) or _build(torch) == _build(partner):
            continue
        yield Finding(
            code="S213",
            message=f"`{name}` {partner.version} and `torch` {torch.version} are of different builds",
            places=tuple(_place(each, lock.target.name, manifest) for each in (partner, torch)),
            notes=(f"{name} comes from {partner.source}, torch from {torch.source}",),
            hint=_hint(partner, torch, lock.target.name, manifest),
            severity="warning",
        )


def _build(package: Package) -> str:
    """Return the first part of a local version label, such as `cu124` of `2.5.1+cu124`; empty where there is none."""
    return (package.version.local or "").partition(".")[0]


def _hint(partner: Package, torch: Package, target: str, manifest: Manifest) -> str:
    table = f"`[targets.{target}.components.{partner.name}]`"
    if torch.index is None:
        return f"name the file of {partner.name} that belongs to it, in {table}"
    beside = "" if partner.name in _names(manifest, target) else f"make `{partner.name}` a component of the target, and "
    return f'{beside}take it from the index of torch: `index = "{torch.index}"` in {table}'


def _names(manifest: Manifest, target: str) -> list[NormalizedName]:
    return [component.name for component in manifest.components_for(target)]


def _place(package: Package, target: str, manifest: Manifest) -> Place:
    """Return where the manifest says which build is taken: by the component, by leaving it out, or by what an index serves."""
    component = next((each for each in manifest.components_for(target) if each.name == package.name), None)
    if component is not None:
        return place_of_build(component, places=manifest.places, target=target)
    left_out = manifest.left_out(target).get(package.name)
    return left_out or manifest.places.at("indexes", package.index or "", "serves")
