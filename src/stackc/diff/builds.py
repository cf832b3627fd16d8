"""The build of torch in a lock: its CUDA, the oldest driver that runs it, and the GPU architectures that it has code for."""

from __future__ import annotations

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.lock.model import Lock
from stackc.matrix.builds import Builds
from stackc.matrix.facts import Facts
from stackc.target import MACHINES

__all__ = ["TORCH", "TorchBuild", "torch_build"]

TORCH = NormalizedName("torch")


class TorchBuild(Struct, frozen=True, kw_only=True):
    """One build of torch. What the facts do not know is None; a build without CUDA needs no driver."""

    version: Version
    cuda: Version | None
    driver: str | None
    sm: tuple[str, ...] | None


def torch_build(lock: Lock, *, facts: Facts) -> TorchBuild | None:
    """Return the build of torch that a lock pins, None where it pins none."""
    package = lock.by_name.get(TORCH)
    if package is None:
        return None
    machine = MACHINES.get(lock.target.platform, "")
    unlabelled = Builds({row.version: Version(row.pypi_cuda) for row in facts.releases.values()})
    cuda = unlabelled.cuda(package.version, machine=machine)
    row = facts.cudas.get(cuda) if cuda is not None else None
    sm = _architectures(package.version, cuda, facts) if cuda is not None and machine == "x86_64" else None
    return TorchBuild(version=package.version, cuda=cuda, driver=row.runs if row else None, sm=sm)


def _architectures(torch: Version, cuda: Version, facts: Facts) -> tuple[str, ...] | None:
    minor = f"{torch.major}.{torch.minor}"
    found = next((row for row in facts.architectures if row.torch == minor and row.cuda == cuda), None)
    return tuple(f"sm_{capability.replace('.', '')}" for capability in found.sm) if found is not None else None
