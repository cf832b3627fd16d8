"""A machine's GPUs against the matrix and the target."""

from __future__ import annotations

import re

from msgspec.structs import replace
from packaging.version import Version

from stackc.errors import Finding, Place
from stackc.matrix.builds import Builds
from stackc.matrix.derive import derived_rules, known_builds
from stackc.matrix.facts import Facts
from stackc.matrix.model import Matrix
from stackc.verify.gpu import check_gpu
from stackc.verify.told import Device, Driver, Gpu
from unit.render.gpu_stack import gpu_lock, gpu_target

FACTS = Facts.load()
MATRIX = Matrix(
    rules={rule.id: rule for rule in derived_rules(FACTS)}, waived=(), digest="sha256:0", builds=known_builds(FACTS)
)
PLACE = Place(file="locks/gpu/lock.toml")
H100 = Device(name="NVIDIA H100", capability="9.0")


def found(gpu: Gpu, *, matrix: Matrix = MATRIX, **changes: object) -> list[Finding]:
    target = replace(gpu_target(driver=None, gpus=()), **changes)
    return list(check_gpu(gpu, gpu_lock(), target, matrix, places=(PLACE,)))


def machine(driver: str, *devices: Device) -> Gpu:
    return Gpu(driver=Driver(version=driver, cuda="12.4", devices=devices or (H100,)), devices=devices or (H100,))


def test_a_new_driver_and_a_gpu_that_the_build_has_code_for_are_fine() -> None:
    assert found(machine("580.159.04")) == []


def test_no_driver_is_no_matter_of_the_matrix() -> None:
    assert found(Gpu(driver=None)) == []


def test_a_driver_that_is_too_old_for_the_locked_cuda_is_told_with_the_rule() -> None:
    errors = [finding for finding in found(machine("470.82.01")) if finding.severity == "error"]
    assert [(finding.code, finding.message, finding.wanted, finding.found) for finding in errors] == [
        ("S641", "driver 470.82.01 does not run what the lock of target `gpu` has", "driver>=525", "470.82.01")
    ]
    assert re.match(r"rule torch-driver: torch-cuda\S+ needs driver>=525 \(", errors[0].notes[0])


def test_a_driver_that_is_older_than_the_target_states_is_told() -> None:
    (finding,) = found(machine("550.54.14"), driver=Version("560"))
    assert (finding.code, finding.wanted, finding.found) == ("S644", "driver 560 or newer", "550.54.14")


def test_a_gpu_that_no_code_is_for_is_told_with_the_rule() -> None:
    (finding,) = found(machine("580.159.04", Device(name="NVIDIA B200", capability="10.0")))
    assert (finding.code, finding.message) == (
        "S642",
        "the locked torch has no code for NVIDIA B200 (sm_100), says the matrix",
    )


def test_a_gpu_that_the_target_does_not_name_is_a_warning() -> None:
    (finding,) = found(machine("580.159.04"), gpus=("sm_80", "sm_86"))
    assert (finding.code, finding.severity, finding.wanted, finding.found) == ("S645", "warning", "sm_80, sm_86", "sm_90")
    assert found(machine("580.159.04"), gpus=("sm_90a",)) == []


def test_a_build_that_the_matrix_does_not_know_is_a_warning() -> None:
    rules = {rule.id: rule for rule in derived_rules(FACTS) if rule.id == "torch-sm"}
    rules["torch-sm"] = replace(rules["torch-sm"], arms=rules["torch-sm"].arms[:1])
    matrix = Matrix(rules=rules, waived=(), digest="sha256:0", builds=Builds())
    (finding,) = found(machine("580.159.04"), matrix=matrix)
    assert (finding.code, finding.severity) == ("S647", "warning")


def test_a_driver_that_says_no_version_is_not_judged() -> None:
    assert found(machine("unknown")) == []
