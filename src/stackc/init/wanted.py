"""The projects that a new manifest is to have, as `--with` or an answer names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from stackc.errors import Finding, UsageError

__all__ = ["Wanted", "want"]


class Wanted(Struct, frozen=True, kw_only=True):
    """One project by the name that the user spelled, the versions that may be chosen, and its extras."""

    spelled: str
    versions: SpecifierSet
    extras: tuple[str, ...] = ()


def want(texts: Iterable[str]) -> Mapping[NormalizedName, Wanted]:
    """Return the projects that texts such as `accelerate==1.0.1` name, in their order.

    Raises UsageError S012 with every text that a manifest has no place for, and for a project that is named twice.
    """
    found: dict[NormalizedName, Wanted] = {}
    findings: list[Finding] = []
    for text in texts:
        requirement = _read(text)
        if requirement is None:
            hint = "write it as `transformers`, `accelerate==1.0.1` or `transformers[torch]>=4.50,<5`"
            message = f"`{text}` is no project with versions and extras alone"
            findings.append(Finding(code="S012", message=message, hint=hint))
        elif canonicalize_name(requirement.name) in found:
            message = f"`{text}` names a project a second time"
            findings.append(Finding(code="S012", message=message, hint="name it once, with all of its bounds"))
        else:
            name = canonicalize_name(requirement.name)
            extras = tuple(sorted(requirement.extras))
            found[name] = Wanted(spelled=requirement.name, versions=requirement.specifier, extras=extras)
    if findings:
        raise UsageError(findings)
    return found


def _read(text: str) -> Requirement | None:
    """Return the requirement that a text is; None where it is none, or has an address or a marker."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    return None if requirement.url or requirement.marker else requirement
