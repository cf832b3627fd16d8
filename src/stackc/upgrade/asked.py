"""What a move is to lead to, and whether the facts know anything of it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, UsageError
from stackc.matrix.facts import Facts

__all__ = ["Asked"]

_NEAREST = 4


class Asked(Struct, frozen=True, kw_only=True):
    """The versions that are asked for; None where the present one may stay."""

    cuda: Version | None = None
    torch: Version | None = None
    python: str | None = None

    @classmethod
    def read(cls, facts: Facts, *, cuda: str | None, torch: str | None, python: str | None) -> Asked:
        """Return what the command line asks for. Raises UsageError S018 with the nearest that the facts know."""
        found: list[Finding] = []
        images = {Version(f"{row.cuda.major}.{row.cuda.minor}") for row in facts.images}
        known_cuda = [version for version in facts.cudas if version in images]
        pythons = {Version(python) for row in facts.torches.values() for python in row.pythons}
        asked = (
            _known("CUDA", "cuda", cuda, known_cuda, found),
            _known("torch", "torch", torch, facts.torches, found),
            _known("Python", "python", python, pythons, found),
        )
        if found:
            raise UsageError(found)
        return cls(cuda=asked[0], torch=asked[1], python=None if asked[2] is None else str(asked[2]))

    @property
    def spelled(self) -> str:
        """Return what is asked for, in words."""
        parts = (("CUDA", self.cuda), ("torch", self.torch), ("Python", self.python))
        return ", ".join(f"{name} {version}" for name, version in parts if version is not None)


def _known(noun: str, option: str, text: str | None, known: Iterable[Version], found: list[Finding]) -> Version | None:
    """Return the version of the facts that a text names; where there is none, add a finding with the nearest."""
    if text is None:
        return None
    versions = sorted(known)
    try:
        wanted = Version(text)
    except InvalidVersion:
        found.append(_unknown(noun, option, text, versions[-_NEAREST:]))
        return None
    if wanted not in versions:
        below = [version for version in versions if version < wanted][-_NEAREST // 2 :]
        above = [version for version in versions if version > wanted][: _NEAREST - len(below)]
        found.append(_unknown(noun, option, text, [*below, *above]))
        return None
    return next(version for version in versions if version == wanted)


def _unknown(noun: str, option: str, text: str, nearest: Iterable[Version]) -> Finding:
    return Finding(
        code="S018",
        message=f"the facts know no {noun} `{text}`",
        hint=f"the nearest that they know: {', '.join(f'`--{option} {version}`' for version in nearest)}",
    )
