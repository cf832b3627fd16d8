"""What a base image implies for a target: its CUDA, glibc and Pythons, from the tag alone."""

from __future__ import annotations

import re

from msgspec import Struct
from packaging.version import Version

from stackc.errors import Finding, IncompatibleError, ManifestError
from stackc.manifest.model import BaseImage, Places, Policy, TargetTable
from stackc.matrix.facts import Distribution, Facts, Family
from stackc.matrix.verdict import under_policy
from stackc.matrix.wording import joined
from stackc.target import Target

__all__ = ["Base", "check_base", "read_base", "resolve_target"]


class Base(Struct, frozen=True, kw_only=True):
    """What the tag of a base image says; None where it is silent, or the image is not known."""

    family: Family | None = None
    distribution: Distribution | None = None
    cuda: str | None = None
    python: str | None = None


def read_base(image: BaseImage, *, facts: Facts) -> Base:
    """Return what an image's repository and tag say; a registry in front of the repository makes no difference."""
    family = facts.families.get(image.repository.removeprefix("library/"))
    found = family.tag.fullmatch(image.tag) if family is not None and image.tag is not None else None
    if family is None or found is None:
        return Base()
    said = found.groupdict()
    return Base(
        family=family,
        distribution=facts.distributions.get(said.get("distribution") or ""),
        cuda=said.get("cuda"),
        python=said.get("python"),
    )


def resolve_target(table: TargetTable, *, facts: Facts, places: Places) -> Target:
    """Return the target with what its base image implies filled in.

    Raises IncompatibleError where the manifest states what the base image contradicts, and ManifestError where neither says
    which glibc there is.
    """
    base = read_base(table.base, facts=facts)
    implied_glibc = base.distribution.glibc if base.distribution else None
    contradictions = [
        _contradiction(table, key, stated, implied, places)
        for key, stated, implied in (("cuda", table.cuda, base.cuda), ("glibc", table.glibc, implied_glibc))
        if stated is not None and implied is not None and not _same(stated, implied)
    ]
    if base.python is not None and not _same(table.python, base.python):
        contradictions.append(_contradiction(table, "python", table.python, base.python, places))
    if contradictions:
        raise IncompatibleError(contradictions)
    glibc = table.glibc or implied_glibc
    if glibc is None:
        raise ManifestError(_no_glibc(table, base, facts, places))
    cuda = table.cuda or base.cuda
    return Target(
        name=table.name,
        python=Version(table.python),
        platform=table.platform,
        base=table.base.reference,
        glibc=_glibc(glibc),
        cuda=Version(cuda) if cuda else None,
        driver=Version(table.driver) if table.driver else None,
        gpus=table.gpus,
        distribution=base.distribution.id if base.distribution else None,
        system_python=base.distribution.python3 if base.distribution else None,
        image_python=base.python,
    )


def check_base(table: TargetTable, *, facts: Facts, policy: Policy, places: Places) -> tuple[Finding, ...]:
    """Return that nobody knows of an image of this CUDA release on this distribution, where the table goes so far."""
    if table.base.digest is not None or table.base.repository != _NVIDIA:
        return ()
    base, release = read_base(table.base, facts=facts), _RELEASE.match(table.base.tag or "")
    if base.distribution is None or release is None:
        return ()
    cuda, on = Version(release[0]), base.distribution.id
    known = [image.cuda for image in facts.images if on in image.distributions]
    if cuda in known or not known or cuda > max(image.cuda for image in facts.images):
        return ()
    near = [str(version) for version in known if version.release[:2] == cuda.release[:2]] or [str(max(known))]
    finding = Finding(
        code="S212",
        message=f"the matrix knows no image of {_NVIDIA} with CUDA {cuda} on {on}",
        places=(places.at("targets", table.name, "base"),),
        hint=f"it knows {joined(near)} on {on}; NVIDIA takes old images away, so see that yours is still there",
    )
    return under_policy(finding, policy)


_NVIDIA = "nvidia/cuda"
_RELEASE = re.compile(r"\d+\.\d+\.\d+(?=-)")


def _same(stated: str, implied: str) -> bool:
    """Say whether two versions agree as far as both go: `3.11` agrees with `3.11.9`, and `3.11.4` does not."""
    return all(left == right for left, right in zip(Version(stated).release, Version(implied).release, strict=False))


def _glibc(text: str) -> tuple[int, int]:
    version = Version(text)
    return version.major, version.minor


def _contradiction(table: TargetTable, key: str, stated: str, implied: str, places: Places) -> Finding:
    spelled = {"cuda": "CUDA", "python": "Python"}.get(key, key)
    return Finding(
        code="S211",
        message=f"target `{table.name}` states {spelled} {stated}, and its base image has {spelled} {implied}",
        places=(places.at("targets", table.name, key), places.at("targets", table.name, "base")),
        wanted=f"{spelled} {stated}",
        found=f"{spelled} {implied} in `{table.base.reference}`",
        hint=f'choose a base image with {spelled} {stated}, or state `{key} = "{implied}"`',
    )


def _no_glibc(table: TargetTable, base: Base, facts: Facts, places: Places) -> Finding:
    """Return the finding that the glibc is not known: of an unknown image, or of a tag that does not name its distribution."""
    state = f'state `glibc = "X.Y"` under `[targets.{table.name}]`; `ldd --version` in the image prints it'
    if base.family is None:
        message = f"the matrix does not know the base image `{table.base.reference}`"
        known = ", ".join(sorted(facts.families))
        hint = state + ("" if table.cuda else ", and `cuda` too if the image has it")
        notes: tuple[str, ...] = (f"it reads the tags of {known}",)
    else:
        message = f"the tag of the base image `{table.base.reference}` does not say which distribution is inside"
        hint, notes = state, ("a tag without the distribution's name moves to a newer one with time",)
        if base.family.repository == "python":
            hint = f"name the distribution, such as `{table.base.repository}:{table.base.tag}-bookworm`, or {state}"
    return Finding(code="S210", message=message, places=(places.at("targets", table.name, "base"),), notes=notes, hint=hint)
