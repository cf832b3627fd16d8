"""What the facts offer to a new project: the CUDAs, the Pythons of each, and for a choice of both the torch and the base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Finding, UsageError
from stackc.init.bases import Chosen, choose, imaged, native_pythons
from stackc.init.trios import Trio, trios
from stackc.matrix.facts import CudaFacts, Facts

__all__ = ["CPU", "Offer", "Shop"]

CPU = "cpu"
"""What stands for no CUDA: on the command line, and as the label of PyTorch's builds without one."""


class Offer(Struct, frozen=True, kw_only=True):
    """What fits a choice of CUDA and Python. `capabilities` are the architectures that torch's build has code for."""

    cuda: Version | None
    python: str
    trio: Trio
    base: Chosen
    driver: CudaFacts | None = None
    capabilities: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the label of the builds, which ends the address of their index: `cu124`, or `cpu`."""
        return CPU if self.cuda is None else f"cu{self.cuda.major}{self.cuda.minor}"


class Shop(Struct, frozen=True, dict=True):
    """The offers of some facts."""

    facts: Facts

    def cudas(self) -> tuple[str, ...]:
        """Return the CUDAs that there is a whole trio, an image and a driver for, the newest first."""
        there = imaged(self.facts) & self.facts.cudas.keys()
        known = {cuda for trio in self._trios if trio.pythons for cuda in trio.cudas if cuda in there}
        return tuple(str(cuda) for cuda in sorted(known, reverse=True))

    def pythons(self, cuda: str | None) -> tuple[str, ...]:
        """Return the Pythons that a whole trio has wheels for, the oldest first. Raises UsageError S011 for an unknown CUDA."""
        return tuple(sorted({python for trio in self._built(cuda) for python in trio.pythons}, key=Version))

    def default_python(self, cuda: str | None) -> str:
        """Return the newest Python that needs no other source than the image, else the newest. Raises UsageError S011."""
        there = self.pythons(cuda)
        own = native_pythons(self.facts, None if cuda is None else Version(cuda))
        return next((python for python in own if python in there), there[-1])

    def offer(self, *, cuda: str | None, python: str, bounds: Mapping[NormalizedName, SpecifierSet]) -> Offer:
        """Return what fits a CUDA and a Python: the newest trio within `bounds`, and the newest base image.

        Raises UsageError S011 with what there is, where the facts do not have it.
        """
        fitting = [trio for trio in self._built(cuda) if python in trio.pythons]
        if not fitting:
            raise UsageError(_no_python(cuda, python, self.pythons(cuda)))
        trio = next((trio for trio in fitting if _within(trio, bounds)), None)
        if trio is None:
            raise UsageError(_no_version(cuda, python, fitting, bounds))
        number = None if cuda is None else Version(cuda)
        return Offer(
            cuda=number,
            python=python,
            trio=trio,
            base=choose(self.facts, number, python),
            driver=None if number is None else self.facts.cudas[number],
            capabilities=tuple(self._capabilities(trio.torch, number)),
        )

    @cached_property
    def _trios(self) -> tuple[Trio, ...]:
        return trios(self.facts)

    def _built(self, cuda: str | None) -> list[Trio]:
        """Return the trios that are built for a CUDA, or at all, since each torch has builds without one; the newest first."""
        if cuda is None:
            return list(self._trios)
        if cuda not in self.cudas():
            raise UsageError(_no_cuda(cuda, self.cudas()))
        return [trio for trio in self._trios if Version(cuda) in trio.cudas]

    def _capabilities(self, torch: Version, cuda: Version | None) -> Iterator[str]:
        minor = f"{torch.major}.{torch.minor}"
        for row in self.facts.architectures:
            if row.torch == minor and row.cuda == cuda:
                yield from row.sm


def _within(trio: Trio, bounds: Mapping[NormalizedName, SpecifierSet]) -> bool:
    return all(bounds[name].contains(version, prereleases=True) for name, version in trio.versions.items() if name in bounds)


def _no_cuda(cuda: str, known: Iterable[str]) -> Finding:
    return Finding(
        code="S011",
        message=f"the facts have no image and no torch with its partners for CUDA `{cuda}`",
        hint=f"choose one of {', '.join(known)} with `--cuda`, or `--cpu`",
    )


def _no_python(cuda: str | None, python: str, known: Iterable[str]) -> Finding:
    return Finding(
        code="S011",
        message=f"the facts have no torch with its partners for Python `{python}` {_on(cuda)}",
        hint=f"choose one of {', '.join(known)} with `--python`",
    )


def _no_version(cuda: str | None, python: str, there: Iterable[Trio], bounds: Mapping[NormalizedName, SpecifierSet]) -> Finding:
    asked = ", ".join(f"`{name}{bound}`" for name, bound in bounds.items())
    rows = (", ".join(f"{name} {version}" for name, version in trio.versions.items()) for trio in there)
    return Finding(
        code="S011",
        message=f"the facts have no torch with its partners within {asked} for Python {python} {_on(cuda)}",
        hint="\n".join(["these belong together there:", *rows]),
    )


def _on(cuda: str | None) -> str:
    return "without CUDA" if cuda is None else f"and CUDA {cuda}"
