"""The projects that belong to one torch: filling in their versions, and checking those that the manifest gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, ManifestError, Place
from stackc.manifest.model import Component, MatrixVersion, Places, Policy
from stackc.matrix.facts import PARTNERS, Facts, PartnerFacts, TorchFacts
from stackc.matrix.model import pre_release_range
from stackc.matrix.places import place_of_version, place_of_virtual
from stackc.matrix.verdict import under_policy
from stackc.matrix.wording import joined, spelled
from stackc.target import Target

__all__ = ["check_torch", "exact_version", "fill_partners"]

_TORCH = canonicalize_name("torch")
_CHECKED = ("torchvision", "torchaudio")  # triton is left to the engine: torch's builds for the CPU need none


def exact_version(component: Component) -> Version | None:
    """Return the one version that a component is pinned to, None where it is not pinned exactly."""
    if isinstance(component.version, MatrixVersion) or len(component.version) != 1:
        return None
    (specifier,) = component.version
    if specifier.operator not in {"==", "==="} or specifier.version.endswith(".*"):
        return None
    try:
        return Version(specifier.version)
    except InvalidVersion:  # `===` compares spellings, and any spelling may stand there
        return None


def fill_partners(
    components: Sequence[Component],
    *,
    facts: Facts,
    places: Places,
    left_out: Mapping[NormalizedName, Place] | None = None,
) -> tuple[Component, ...]:
    """Return the components with each version `"matrix"` replaced by the release that belongs to the manifest's torch.

    `left_out` are components that the target leaves out, with where that is said. Raises ManifestError where torch is not
    pinned exactly, or the facts do not say.
    """
    findings: list[Finding] = []
    filled: list[Component] = []
    for component in components:
        answer: Component | Finding = component
        if component.version is MatrixVersion.MATRIX:
            answer = _partner(component, components, facts, places, left_out or {})
        if isinstance(answer, Finding):
            findings.append(answer)
        else:
            filled.append(answer)
    if findings:
        raise ManifestError(findings)
    return tuple(filled)


def _partner(
    component: Component,
    components: Sequence[Component],
    facts: Facts,
    places: Places,
    left_out: Mapping[NormalizedName, Place],
) -> Component | Finding:
    place = place_of_version(component, places=places)
    asked = f"`{component.spelled}` asks the matrix for its version"
    if component.name not in PARTNERS:
        hint = f"the matrix knows the partners {joined(f'`{name}`' for name in PARTNERS)}; state a version such as `>=1.0`"
        return Finding(code="S223", message=f"{asked}, and the matrix has none", places=(place,), hint=hint)
    torch = next((other for other in components if other.name == "torch"), None)
    if torch is None and _TORCH in left_out:
        hint = f"leave `{component.spelled}` out too, or state its version for this target"
        return Finding(
            code="S220", message=f"{asked}, and the target leaves torch out", places=(place, left_out[_TORCH]), hint=hint
        )
    if torch is None:
        hint = "add `[components.torch]`, or state the version"
        return Finding(code="S220", message=f"{asked}, and torch is no component", places=(place,), hint=hint)
    at_torch = place_of_version(torch, places=places)
    version = exact_version(torch)
    if version is None:
        hint = "pin torch with `==`, or state the version"
        message = f"{asked}, and torch is not pinned to one release"
        return Finding(code="S221", message=message, places=(place, at_torch), hint=hint)
    row = facts.torch(version)
    partner = None if row is None else row.partner(component.name)
    if partner is None:
        message = f"{asked}, and the matrix does not know the partner of torch {version.public}"
        hint = f"state the version; the newest torch that the matrix knows is {max(facts.torches)}"
        return Finding(code="S222", message=message, places=(place, at_torch), hint=hint)
    return replace(component, version=partner)


def check_torch(
    components: Sequence[Component], *, target: Target, facts: Facts, policy: Policy, places: Places
) -> tuple[Finding, ...]:
    """Return what the facts say against a torch that is pinned exactly: its Python, and its torchvision and torchaudio."""
    by_name = {component.name: component for component in components}
    torch = next((component for component in components if component.name == "torch"), None)
    version = None if torch is None else exact_version(torch)
    if torch is None or version is None:
        return ()
    row = facts.torch(version)
    if row is None:
        return under_policy(_unknown_torch(torch, version, facts, target, places), policy)
    findings: list[Finding] = []
    if "torch" not in policy.sdists:
        findings += _check_python(torch, row, target, facts, places)
    for name, component in by_name.items():
        if name in _CHECKED:
            findings += _check_partner(component, torch, row, target, policy, places)
            findings += _check_partner_python(component, row, target, facts, policy, places)
    return tuple(findings)


def _unknown_torch(torch: Component, version: Version, facts: Facts, target: Target, places: Places) -> Finding:
    return Finding(
        code="S205",
        message=f"the matrix does not know torch {version.public}",
        places=(place_of_version(torch, places=places, target=target.name),),
        notes=(f"it knows torch {min(facts.torches)} to {max(facts.torches)}",),
        hint="check by hand what belongs to it; `[policy] unknown` decides whether this is an error",
    )


def _check_python(torch: Component, row: TorchFacts, target: Target, facts: Facts, places: Places) -> list[Finding]:
    python = f"{target.python.major}.{target.python.minor}"
    if python in row.pythons:
        return []
    others = [str(version) for version, other in facts.torches.items() if python in other.pythons]
    span = (
        f"torch {others[0]} to {others[-1]} have wheels for Python {python}"
        if others
        else f"no torch known has Python {python}"
    )
    return [
        Finding(
            code="S204",
            message=f"torch {row.version} has no wheel for Python {python}",
            places=(
                place_of_version(torch, places=places, target=target.name),
                place_of_virtual("python", target=target, places=places),
            ),
            wanted=f"Python {joined(row.pythons, conjunction='or')}",
            found=f"Python {python}",
            notes=(f"source: {row.source_of('version')}",),
            hint=span,
        )
    ]


def _check_partner_python(
    component: Component, torch: TorchFacts, target: Target, facts: Facts, policy: Policy, places: Places
) -> tuple[Finding, ...]:
    """Return that a pinned partner has no wheel for the target's Python; an index of its own may have more of them."""
    pinned = exact_version(component)
    row = None if pinned is None else facts.partners(component.name).get(Version(pinned.public))
    python = f"{target.python.major}.{target.python.minor}"
    if row is None or python in row.pythons or component.name in policy.sdists:
        return ()
    others = [str(version) for version, other in facts.partners(component.name).items() if python in other.pythons]
    finding = Finding(
        code="S204",
        message=f"{component.name} {row.version} has no wheel for Python {python}",
        places=(
            place_of_version(component, places=places, target=target.name),
            place_of_virtual("python", target=target, places=places),
        ),
        wanted=f"Python {joined(row.pythons, conjunction='or')}",
        found=f"Python {python}",
        notes=(f"source: {row.source}", *_nearest_trio(torch, python, facts)),
        hint=f"{component.name} {others[0]} to {others[-1]} have wheels for Python {python}" if others else None,
    )
    return (finding,) if component.index is None else under_policy(finding, policy)


def _nearest_trio(torch: TorchFacts, python: str, facts: Facts) -> tuple[str, ...]:
    """Return the line that names the first later torch which, with both its partners, has wheels for a Python."""
    for version, row in facts.torches.items():
        partners = {name: _only(row.partner(name), facts.partners(name)) for name in _CHECKED}
        rows = (row, *partners.values())
        if version > torch.version and all(each is not None and python in each.pythons for each in rows):
            named = [f"{name} {each.version}" for name, each in partners.items() if each is not None]
            return (f"the next torch with partners for Python {python}: {joined((f'torch {version}', *named))}",)
    return ()


def _only(specifiers: SpecifierSet | None, rows: Mapping[Version, PartnerFacts]) -> PartnerFacts | None:
    """Return the row of the one release that a partner's specifier names."""
    if specifiers is None:
        return None
    return next((row for version, row in rows.items() if specifiers.contains(version)), None)


def _check_partner(
    component: Component, torch: Component, row: TorchFacts, target: Target, policy: Policy, places: Places
) -> tuple[Finding, ...]:
    partner, status = row.partner(component.name), row.status_of(component.name)
    pinned = exact_version(component)
    if isinstance(component.version, MatrixVersion) or partner is None:
        return ()
    fits = not pre_release_range(component.version).is_disjoint(pre_release_range(partner))
    if fits and status == "verified":
        return ()
    finding = _mismatch(component, torch, row, partner, target, places)
    if status == "verified":
        return (finding,)
    return () if pinned is None else under_policy(_unsure(finding, component, pinned, row, partner), policy)


def _mismatch(
    component: Component, torch: Component, row: TorchFacts, partner: SpecifierSet, target: Target, places: Places
) -> Finding:
    return Finding(
        code="S202",
        message=f"`{component.spelled}{component.version}` does not belong to torch {row.version}",
        places=tuple(place_of_version(each, places=places, target=target.name) for each in (component, torch)),
        wanted=f"{component.name}{spelled(partner)}",
        found=f"{component.name}{component.version}",
        notes=(f"source: {row.source_of(component.name)}",),
        hint='write `version = "matrix"` to take the partner of torch from the matrix',
    )


def _unsure(finding: Finding, component: Component, pinned: Version, row: TorchFacts, partner: SpecifierSet) -> Finding:
    return replace(
        finding,
        code="S206",
        message=f"whether {component.name} {pinned.public} belongs to torch {row.version} is not verified",
        wanted=None,
        found=None,
        notes=(f"{component.name}{spelled(partner)} is {row.status_of(component.name)}: {row.source_of(component.name)}",),
        hint="try the pair before you rely on it; `[policy] unknown` decides whether this is an error",
    )
