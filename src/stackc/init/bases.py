"""The base images that serve a CUDA and a Python, by the facts: which releases there are, on which distributions."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from packaging.version import Version

from stackc.matrix.facts import Distribution, Facts, ImageFacts

__all__ = ["Chosen", "choose", "imaged", "native_pythons"]


class Chosen(Struct, frozen=True, kw_only=True):
    """A base image, and the distribution inside. `own` says that image or distribution brings the wanted Python."""

    reference: str
    distribution: Distribution
    own: bool


def imaged(facts: Facts) -> frozenset[Version]:
    """Return the CUDAs, as X.Y, that an image is known of whose distribution is known too."""
    return frozenset(_minor(image) for image in facts.images if _distributions(image, facts))


def native_pythons(facts: Facts, cuda: Version | None) -> tuple[str, ...]:
    """Return the Pythons that the distributions of a CUDA's images bring, or Debian's own without a CUDA; the newest first."""
    rows = _debians(facts) if cuda is None else [row for image in _images(facts, cuda) for row in _distributions(image, facts)]
    return tuple(sorted({row.python3 for row in rows if row.python3 is not None}, key=Version, reverse=True))


def choose(facts: Facts, cuda: Version | None, python: str) -> Chosen:
    """Return the newest image for a CUDA that has a known image, and a Python: one that brings this Python if there is one.

    Without a CUDA it is Python's own image, on the newest Debian whose own Python is no newer: such an image was made while
    that Python was kept, and names what it is on.
    """
    if cuda is None:
        debian = _debian_for(facts, python)
        return Chosen(reference=f"python:{python}-slim-{debian.aliases[0]}", distribution=debian, own=True)
    pairs = [(image, row) for image in _images(facts, cuda) for row in _distributions(image, facts)]
    image, row = next((pair for pair in pairs if pair[1].python3 == python), pairs[0])
    return Chosen(reference=f"nvidia/cuda:{image.cuda}-devel-{row.id}", distribution=row, own=row.python3 == python)


def _debian_for(facts: Facts, python: str) -> Distribution:
    newest_first = _debians(facts)
    fitting = (row for row in newest_first if row.python3 is not None and Version(row.python3) <= Version(python))
    return next(fitting, newest_first[-1])


def _images(facts: Facts, cuda: Version) -> list[ImageFacts]:
    """Return the images of a CUDA X.Y, the newest release first."""
    return sorted((image for image in facts.images if _minor(image) == cuda), key=lambda image: image.cuda, reverse=True)


def _minor(image: ImageFacts) -> Version:
    return Version(f"{image.cuda.major}.{image.cuda.minor}")


def _distributions(image: ImageFacts, facts: Facts) -> list[Distribution]:
    """Return the known distributions of an image, the newest first."""
    known = [facts.distributions[name] for name in image.distributions if name in facts.distributions]
    return _newest_first([row for row in known if row.packages == "apt"])


def _debians(facts: Facts) -> list[Distribution]:
    return _newest_first([row for name, row in facts.distributions.items() if name == row.id and name.startswith(_DEBIAN)])


_DEBIAN = "debian"


def _newest_first(rows: Sequence[Distribution]) -> list[Distribution]:
    return sorted(rows, key=lambda row: Version(row.id.lstrip("abcdefghijklmnopqrstuvwxyz")), reverse=True)
