"""What a line could say instead: values to be tried, the nearest to the present one first. None is offered untried.

Where a rule bounds a project, its own range is the value to try, kept within the present one if that leaves anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.manifest.model import BaseImage, Component
from stackc.matrix.builds import TORCH_CUDA, cuda_of_label, label_of_index
from stackc.matrix.facts import PARTNERS, Facts
from stackc.matrix.model import Clause, pre_release_range
from stackc.matrix.partners import exact_version
from stackc.matrix.wording import spelled
from stackc.target import Target

__all__ = [
    "addresses",
    "base_images",
    "demanded_versions",
    "drivers",
    "gpus_left",
    "nearest_specifier",
    "partner_versions",
    "pythons",
    "rule_versions",
    "torch_versions",
]


def rule_versions(component: Component, clauses: Iterable[Clause]) -> Iterator[str]:
    """Yield the specifiers with which a component would keep out of each clause's way."""
    if not isinstance(component.version, SpecifierSet):
        return
    exact = exact_version(component) is not None
    for clause in clauses:
        for option in _options(clause, component.name):
            if exact:
                yield from (f"=={each.version}" for each in option if each.operator == ">=")
            yield _within(component.version, option)


def demanded_versions(component: Component, demands: Iterable[SpecifierSet]) -> Iterator[str]:
    """Yield the specifiers with which a component would give in to what other projects demand of it."""
    if not isinstance(component.version, SpecifierSet):
        return
    present = pre_release_range(component.version)
    for demand in demands:
        opposed = [each for each in demand if pre_release_range(SpecifierSet(str(each))).is_disjoint(present)]
        yield _within(component.version, SpecifierSet(",".join(map(str, opposed or demand))))


def nearest_specifier(present: SpecifierSet, version: Version) -> str:
    """Return how to ask for `version`, which `present` does not admit: by the other side of a bound, else exactly."""
    public = Version(version.public)
    for option in _outside(present):
        if option.contains(public, prereleases=True) and not str(option).startswith("!="):
            return str(option)
    return f"=={version.public}"


def partner_versions(name: NormalizedName, components: Sequence[Component], facts: Facts) -> Iterator[str]:
    """Yield the release of one of torch, torchvision and torchaudio that belongs to another of them, as the facts say."""
    pinned = {each.name: version for each in components if (version := exact_version(each)) is not None}
    torch = pinned.get(_TORCH)
    row = None if torch is None else facts.torch(torch)
    if name in PARTNERS and row is not None and (partner := row.partner(name)) is not None:
        yield spelled(partner)
    if name == _TORCH:
        for other, version in pinned.items():
            for release, row in facts.torches.items():
                partner = row.partner(other)
                if partner is not None and str(partner) == f"=={version.public}":
                    yield f"=={release}"


def torch_versions(torch: Component, target: Target, facts: Facts) -> Iterator[str]:
    """Yield the releases of torch that have a wheel for the target's Python, the nearest to the present one first."""
    version = exact_version(torch)
    if version is None:
        return
    fitting = [release for release, row in facts.torches.items() if _minor(target.python) in row.pythons and release != version]
    later = [release for release in fitting if release > version]
    earlier = [release for release in reversed(fitting) if release < version]
    yield from (f"=={release}" for release in (*later, *earlier))


def drivers(clauses: Iterable[Clause]) -> Iterator[str]:
    """Yield the drivers that clauses ask for, the oldest that will do."""
    for clause in clauses:
        if clause.required is not None and clause.required.name == "driver":
            yield from _FROM.findall(clause.required.text)


def gpus_left(target: Target, clauses: Iterable[Clause]) -> tuple[str, ...]:
    """Return the target's GPU architectures that no clause speaks against."""
    refused = [condition for clause in clauses for condition in clause.conditions if condition.name == "sm"]
    numbers = dict(zip(target.gpus, target.virtual_versions().get("sm", ()), strict=True))
    return tuple(gpu for gpu, number in numbers.items() if not any(condition.holds(number) for condition in refused))


def pythons(target: Target, facts: Facts, components: Sequence[Component], clauses: Iterable[Clause]) -> Iterator[str]:
    """Yield the Pythons of the facts that no clause speaks against and that torch has wheels for, the nearest first."""
    refused = [condition for clause in clauses for condition in clause.conditions if condition.name == "python"]
    torch = next((version for each in components if each.name == _TORCH and (version := exact_version(each))), None)
    row = None if torch is None else facts.torch(torch)
    listed = row.pythons if row is not None else {python for each in facts.torches.values() for python in each.pythons}
    known = {Version(python) for python in listed} - {Version(_minor(target.python))}
    fitting = [python for python in known if not any(condition.holds(python) for condition in refused)]
    yield from (
        str(python) for python in sorted(fitting, key=lambda python: (abs(python.minor - target.python.minor), -python.minor))
    )


def base_images(image: BaseImage, target: Target, facts: Facts, clauses: Iterable[Clause]) -> Iterator[str]:
    """Yield images of another CUDA for the same distribution, as far as the facts know that they exist, the nearest first."""
    refused = [condition for clause in clauses for condition in clause.conditions if condition.name == "cuda"]
    family = facts.families.get(image.repository)
    found = family.tag.fullmatch(image.tag) if family is not None and image.tag is not None else None
    if found is None or target.cuda is None or image.repository != "nvidia/cuda" or _NUMBERED_CUDNN.search(image.tag or ""):
        return
    present = target.cuda
    known = {
        _minor_of(row.cuda): row.cuda
        for row in sorted(facts.images, key=lambda row: row.cuda)
        if target.distribution in row.distributions and _minor_of(row.cuda) != present
    }
    fitting = [cuda for cuda in known if not any(condition.holds(cuda) for condition in refused)]
    later = sorted(cuda for cuda in fitting if cuda > present)
    for cuda in (*later, *sorted((cuda for cuda in fitting if cuda < present), reverse=True)):
        tag = re.sub(r"^\d+\.\d+(\.\d+)?", str(known[cuda]), image.tag or "")
        yield image.reference.replace(f":{image.tag}", f":{tag}", 1).partition("@")[0]


def addresses(url: str, torch: Component, facts: Facts, clauses: Iterable[Clause]) -> Iterator[str]:
    """Yield the addresses of PyTorch's indexes whose builds no clause speaks against, the newest CUDA first."""
    refused = [condition for clause in clauses for condition in clause.conditions if condition.name == TORCH_CUDA]
    label, version = label_of_index(url), exact_version(torch)
    row = None if version is None else facts.torch(version)
    for variant in reversed(row.variants if row is not None and label is not None else ()):
        cuda = cuda_of_label(variant)
        if cuda is not None and variant != label and not any(condition.holds(cuda) for condition in refused):
            yield re.sub(rf"{re.escape(label or '')}(/?)$", rf"{variant}\1", url)


_TORCH = NormalizedName("torch")
_FROM = re.compile(r">=\s*([0-9.]+)")
_NUMBERED_CUDNN = re.compile(r"-cudnn\d")


def _options(clause: Clause, name: str) -> list[SpecifierSet]:
    """Return the ranges in which a project is out of a clause's way."""
    *when, last = clause.conditions
    needed = clause.required or last.negated()
    found = [option for condition in when if condition.name == name for option in _outside(_parsed(condition.text))]
    return [*found, _parsed(needed.text)] if needed.name == name and _parsed(needed.text) else found


def _parsed(text: str) -> SpecifierSet:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:  # a table's own way to say a range, such as ` in 11.*, 12.*`
        return SpecifierSet()


def _outside(specifiers: SpecifierSet) -> list[SpecifierSet]:
    """Return what lies beyond the bounds of a range: below its lower ones, above its upper ones."""
    found = (_beyond(specifier) for specifier in sorted(specifiers, key=str, reverse=True))
    return [SpecifierSet(text) for text in found if text is not None]


def _beyond(specifier: Specifier) -> str | None:
    opposite = {">=": "<", ">": "<=", "<": ">=", "<=": ">", "~=": "<", "==": "!=", "!=": "=="}.get(specifier.operator)
    return None if opposite is None else f"{opposite}{specifier.version}"


def _within(present: SpecifierSet, option: SpecifierSet) -> str:
    """Return `option` with those of the present bounds that it leaves room for, or alone."""
    admitted = pre_release_range(option)
    if pre_release_range(present & option).is_empty:
        return spelled(option)
    kept = [each for each in present if not admitted.is_subset(pre_release_range(SpecifierSet(str(each))))]
    return spelled(SpecifierSet(",".join(map(str, (*kept, *option)))))


def _minor(version: Version) -> str:
    return f"{version.major}.{version.minor}"


def _minor_of(version: Version) -> Version:
    return Version(_minor(version))
