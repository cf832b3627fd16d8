"""The image that runs, where the environment is built on another one: what it holds, and whether the two fit."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from packaging.version import Version

from stackc.errors import Finding
from stackc.manifest.model import BaseImage, Manifest
from stackc.matrix.bases import Base, read_base
from stackc.matrix.facts import Facts
from stackc.render.interpreter import Python, serves
from stackc.render.system import System
from stackc.target import Target

__all__ = ["Runtime", "check_runtime"]


class Runtime(Struct, frozen=True, kw_only=True):
    """The stage that runs: its base image, and the system packages that it needs beside Python."""

    image: BaseImage
    system: System
    python: Python

    @property
    def base(self) -> str:
        """Return the reference of its base image."""
        return self.image.reference

    @property
    def packages(self) -> tuple[str, ...]:
        """Return its system packages: without `venv`, since the environment is copied."""
        own = (f"python{self.python.wanted}",) if self.python.origin == "distribution" else ()
        return tuple(sorted({*self.system.packages, *own}))


def check_runtime(runtime: Runtime, *, manifest: Manifest, target: Target) -> Iterator[Finding]:
    """Yield what the matrix knows against running on the runtime base what was built on the target's base.

    An image that the matrix cannot read is taken at the manifest's word: the verification in the image has the last one.
    """
    base = read_base(runtime.image, facts=Facts.load())
    places = (manifest.places.at("image", "runtime-base"), manifest.places.at("targets", target.name, "base"))
    hint = "choose a runtime base of the same distribution and CUDA as `base`, such as its `-runtime` sibling"
    for wanted, found in _differences(base, runtime=runtime, target=target):
        yield Finding(
            code="S514",
            message=f"what is built for target `{target.name}` does not fit its runtime base",
            places=places,
            wanted=wanted,
            found=f"{found} in `{runtime.base}`",
            hint=hint,
        )


def _differences(base: Base, *, runtime: Runtime, target: Target) -> Iterator[tuple[str, str]]:
    """Yield (wanted, found) for each thing that the two bases must share."""
    there = base.distribution
    if there is not None and target.distribution is not None and there.id != target.distribution:
        yield f"the distribution {target.distribution}", there.id
    elif there is not None and Version(there.glibc) < Version("{}.{}".format(*target.glibc)):
        yield "glibc {}.{} or newer".format(*target.glibc), f"glibc {there.glibc}"
    if target.cuda is not None and base.family is not None and (base.cuda is None or Version(base.cuda) != target.cuda):
        yield f"CUDA {target.cuda}", f"CUDA {base.cuda}" if base.cuda else "no CUDA"
    wanted = runtime.python.wanted
    if _from_base(runtime.python) and base.family is not None and not serves(base.python, wanted):
        yield f"Python {wanted} of its own", f"Python {base.python}" if base.python else "no Python of its own"


def _from_base(python: Python) -> bool:
    """Say whether the environment's Python is the base image's own, without asking whether there is one."""
    return python.asked == "base" or (python.asked is None and serves(python.target.image_python, python.wanted))
