"""The GPUs of a machine against the matrix: may this driver run that build of torch, and is this a GPU that it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, Place
from stackc.lock.model import Lock
from stackc.matrix.builds import TORCH_CUDA
from stackc.matrix.model import Clause, Matrix, ProjectName, Rule
from stackc.matrix.wording import rule_note
from stackc.target import Target
from stackc.verify.told import Device, Gpu

__all__ = ["check_gpu"]

_CUDA = ProjectName("cuda")
_DRIVER = ProjectName("driver")
_SM = ProjectName("sm")
_TORCH = ProjectName("torch")
_BUILD = ProjectName(TORCH_CUDA)

_Pins = Mapping[ProjectName, Version]


def check_gpu(gpu: Gpu, lock: Lock, target: Target, matrix: Matrix, *, places: tuple[Place, ...]) -> Iterator[Finding]:
    """Yield what the matrix and the target say against a driver and its GPUs; that there is no GPU, verify.py itself tells."""
    if gpu.driver is None:
        return
    pins = _pins(lock, target, matrix)
    driver = _version(gpu.driver.version)
    if driver is not None:
        yield from _driver(driver, gpu.driver.version, pins, target, matrix, places=places)
    for device in gpu.devices or gpu.driver.devices:
        yield from _device(device, pins, target, matrix, places=places)


def _pins(lock: Lock, target: Target, matrix: Matrix) -> _Pins:
    found = {ProjectName(package.name): package.version for package in lock.packages}
    torch = found.get(_TORCH)
    cuda = None if torch is None else matrix.builds.cuda(torch, machine=target.machine)
    if cuda is not None:
        found[_BUILD] = cuda
    if target.cuda is not None:
        found[_CUDA] = target.cuda
    return found


def _driver(
    driver: Version, spelled: str, pins: _Pins, target: Target, matrix: Matrix, *, places: tuple[Place, ...]
) -> Iterator[Finding]:
    if target.driver is not None and driver < target.driver:
        yield Finding(
            code="S644",
            message=f"driver {spelled} is older than the oldest one that target `{target.name}` is for",
            places=places,
            wanted=f"driver {target.driver} or newer",
            found=spelled,
            hint="upgrade the driver of this machine, or run the image on another one",
        )
    for rule, clause in _broken(_rules(matrix, _DRIVER), {**pins, _DRIVER: driver}):
        yield Finding(
            code="S641",
            message=f"driver {spelled} does not run what the lock of target `{target.name}` has",
            places=places,
            wanted=f"driver{clause.required.text}" if clause.required is not None else None,
            found=spelled,
            notes=(rule_note(rule, clause),),
            hint="upgrade the driver of this machine, or compile for an older CUDA",
            severity=rule.severity,
        )


def _device(device: Device, pins: _Pins, target: Target, matrix: Matrix, *, places: tuple[Place, ...]) -> Iterator[Finding]:
    capability = "".join(device.capability.split("."))
    known = {gpu.removeprefix("sm_").rstrip("a") for gpu in target.gpus}
    if known and capability not in known:
        yield Finding(
            code="S645",
            message=f"{device.name} (sm_{capability}) is none of the GPUs of target `{target.name}`",
            places=places,
            wanted=", ".join(target.gpus),
            found=f"sm_{capability}",
            hint=f"add `sm_{capability}` to the target's `gpus`, so that the matrix is asked before the image is built",
            severity="warning",
        )
    number = _version(capability)
    if number is None:
        return
    with_device = {**pins, _SM: number}
    rules = _rules(matrix, _SM)
    for rule, clause in _broken(rules, with_device):
        yield Finding(
            code="S642",
            message=f"the locked torch has no code for {device.name} (sm_{capability}), says the matrix",
            places=places,
            notes=(rule_note(rule, clause),),
            hint="compile for an index whose builds have it",
            severity=rule.severity,
        )
    for rule in rules:
        if rule.complete and _TORCH in pins and not _covered(rule, with_device):
            yield Finding(
                code="S647",
                message=f"the matrix does not know which GPUs torch {pins[_TORCH]} has code for",
                places=places,
                notes=(f"rule {rule.id}: {rule.because}",),
                hint="what torch itself says is told above; upgrade stackc for a newer matrix",
                severity="warning",
            )


def _rules(matrix: Matrix, virtual: ProjectName) -> Sequence[Rule]:
    """Return the rules that speak of a virtual project, in their order."""
    return [rule for rule in matrix.rules.values() if virtual in rule.names()]


def _broken(rules: Sequence[Rule], pins: _Pins) -> Iterator[tuple[Rule, Clause]]:
    for rule in rules:
        for clause in rule.clauses():
            if clause.holds_in(pins):
                yield rule, clause


def _covered(rule: Rule, pins: _Pins) -> bool:
    return any(all(each.name in pins and each.holds(pins[each.name]) for each in arm.when) for arm in rule.arms)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
