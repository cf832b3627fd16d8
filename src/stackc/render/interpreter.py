"""Where the image's Python comes from, and whether the base image can serve it from there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from stackc.errors import Finding, Place, RenderError
from stackc.target import Target

__all__ = ["APT_DISTRIBUTIONS", "Origin", "Python", "serves"]

Origin = Literal["base", "distribution", "uv"]

APT_DISTRIBUTIONS = ("debian", "ubuntu")
"""How the ids of the distributions begin that install system packages by apt."""

_UV_COMMANDS = "/opt/python/bin"


def serves(version: str | None, wanted: str) -> bool:
    """Say whether a Python `X.Y` or `X.Y.Z` is of the wanted `X.Y`."""
    return version is not None and (version == wanted or version.startswith(f"{wanted}."))


class Python(Struct, frozen=True, kw_only=True):
    """The image's Python. `asked` is where the manifest wants it from: None for the base if that has it, else its distribution.

    A base that cannot serve the target's Python is refused where a template asks, so that a project's own block `python` may
    install any other.
    """

    target: Target
    places: tuple[Place, ...]
    asked: Origin | None = None

    @property
    def wanted(self) -> str:
        """Return the target's Python as `X.Y`."""
        return "{}.{}".format(*self.target.python_minor)

    @property
    def version(self) -> str:
        """Return the target's Python as the manifest gives it, `X.Y` or `X.Y.Z`."""
        return str(self.target.python)

    @property
    def origin(self) -> Origin:
        """Return where the interpreter comes from. Raises RenderError S505 where the base image has none."""
        offered = list(self._offered())
        if self.asked is None and offered:
            return offered[0]
        if self.asked is not None and self.asked in (*offered, *self._trusted()):
            return self.asked
        raise RenderError(self._refusal())

    @property
    def command(self) -> str:
        """Return the interpreter that makes the image's virtual environment."""
        name = f"python{self.wanted}"
        return f"{_UV_COMMANDS}/{name}" if self.origin == "uv" else name

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the system packages that bring the interpreter and `venv`; none where it comes from elsewhere."""
        return (f"python{self.wanted}", f"python{self.wanted}-venv") if self.origin == "distribution" else ()

    @property
    def starters(self) -> tuple[str, ...]:
        """Return the system packages that bring a Python of any version, for uv to be installed by; none where there is one."""
        return ("python3", "python3-venv") if self.origin == "uv" and self.target.image_python is None else ()

    def _offered(self) -> Iterator[Origin]:
        if serves(self.target.image_python, self.wanted):
            yield "base"
        if serves(self.target.system_python, self.wanted):
            yield "distribution"

    def _trusted(self) -> Iterator[Origin]:
        """Yield the origins that nothing is known against: an image that the matrix cannot read may hold any Python."""
        unread = self.target.distribution is None
        if unread and self.target.image_python is None:
            yield from ("base", "distribution")
        if unread or self.target.image_python is not None or _has_apt(self.target):
            yield "uv"

    def _refusal(self) -> Finding:
        known = {"in the image": self.target.image_python, "from its distribution": self.target.system_python}
        found = [f"{version} ({source})" for source, version in known.items() if version]
        asked = {
            None: "",
            "base": " of its own",
            "distribution": " from its distribution",
            "uv": " by uv, which itself needs one",
        }
        return Finding(
            code="S505",
            message=f"the base image of target `{self.target.name}` cannot serve Python {self.wanted}{asked[self.asked]}",
            places=self.places,
            wanted=f"Python {self.wanted}",
            found=", ".join(found) or "no Python that stackc knows of",
            hint=self._hint(),
        )

    def _hint(self) -> str:
        own = "install it in the block `python` of templates/Dockerfile.j2"
        if "uv" in self._trusted():
            return f'write `python-from = "uv"` below `[image]`, choose another Python or base image, or {own}'
        return f"choose a base image that has it, or {own}"


def _has_apt(target: Target) -> bool:
    return target.distribution is not None and target.distribution.startswith(APT_DISTRIBUTIONS)
