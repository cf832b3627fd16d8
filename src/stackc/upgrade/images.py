"""The base image of another CUDA or Python: the same repository, distribution and flavour, as far as the facts know it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.version import Version

from stackc.manifest.model import BaseImage, TargetTable
from stackc.matrix.bases import read_base
from stackc.matrix.facts import Facts

__all__ = ["cudas_of", "image_with_cuda", "image_with_python"]

_MORE_NUMBERS = re.compile(r"^(\.\d+)+")
_NUMBERED_CUDNN = re.compile(r"-cudnn\d")


def cudas_of(table: TargetTable, *, facts: Facts) -> Sequence[Version] | None:
    """Return the CUDAs, as X.Y, that a target's base image could be changed to; None where it has no say in that."""
    base = read_base(table.base, facts=facts)
    if base.cuda is None:
        return None if table.cuda is None else ()
    if base.distribution is None or table.base.repository != _NVIDIA or _NUMBERED_CUDNN.search(table.base.tag or ""):
        return ()
    return sorted({_minor(row.cuda) for row in facts.images if base.distribution.id in row.distributions})


def image_with_cuda(image: BaseImage, cuda: Version, *, facts: Facts) -> str:
    """Return the newest image of a CUDA on the same distribution, or the image itself where it says nothing of CUDA."""
    base = read_base(image, facts=facts)
    if base.cuda is None or base.distribution is None or _minor(Version(base.cuda)) == cuda:
        return image.reference
    known = [row.cuda for row in facts.images if base.distribution.id in row.distributions and _minor(row.cuda) == cuda]
    return _with(image, "cuda", str(max(known)), facts) if known else image.reference


def image_with_python(image: BaseImage, python: str, *, facts: Facts) -> str:
    """Return the image with another Python, where its tag names the one that it brings."""
    present = read_base(image, facts=facts).python
    if present is None or present == python or present.startswith(f"{python}."):
        return image.reference
    return _with(image, "python", python, facts)


def _with(image: BaseImage, group: str, text: str, facts: Facts) -> str:
    """Return a reference with one part of its tag replaced, and without a digest, which was that of another image."""
    family = facts.families[image.repository.removeprefix("library/")]
    found = family.tag.fullmatch(image.tag or "")
    if found is None or image.tag is None:
        return image.reference
    tag = image.tag[: found.start(group)] + text + _MORE_NUMBERS.sub("", image.tag[found.end(group) :])
    return image.reference.partition("@")[0].removesuffix(image.tag) + tag


def _minor(version: Version) -> Version:
    return Version(f"{version.major}.{version.minor}")


_NVIDIA = "nvidia/cuda"
