"""The shape of the project's own stack, built for real: torch and its partners are stand-ins, all else is real."""

from __future__ import annotations

import json

from support.image import SITE, installed_in
from support.image_workshop import Good, Workshop


def test_the_build_verifies_all_that_is_locked_and_says_so(good: Good) -> None:
    lock = good.lock
    assert good.outcome.status == 0, good.outcome.log[-3000:]
    told = [line for line in good.outcome.log.splitlines() if line.startswith(("ok    ", "FAIL  ", "verify: "))]
    versions = [f"{package.name} {package.version}" for package in lock.packages]
    installed = ["python 3.11", "machine x86_64", "cuda 12.4 (CUDA_VERSION)", *versions, "pip check"]
    components = [
        "import numpy",
        "numpy.ones(2).sum() == 2.0",
        "import scipy",
        "scipy.special.expit(0) == 0.5",
        "import torch",
        "torch.version.cuda == '12.4'",
        "import torchvision",
        "import torchaudio",
        "import transformers",
        "import fastapi",
        "torch is built for CUDA 12.4",
    ]
    steps = list((good.desk.project / "locks/gpu/steps").iterdir())
    files = f"{len([*steps, 'requirements.txt', 'constraints.txt'])} requirement files are as they were compiled"
    held, again = [*installed, *components, files], [*installed, files]
    assert told == [
        *(f"ok    {check}" for check in held),
        f"verify: all {len(held)} checks hold",
        *(f"ok    {check}" for check in again),  # once more, after the application part
        f"verify: all {len(again)} checks hold",
    ]


def test_from_outside_the_image_holds_what_the_lock_names_and_nothing_else(workshop: Workshop, good: Good) -> None:
    lock = good.lock
    with workshop.bench.mounted(good.image) as root:
        installed = installed_in(root / SITE)
    assert installed == {package.name: str(package.version) for package in (*lock.packages, *lock.tools)}


def test_the_receipt_in_the_image_is_what_the_lock_says(workshop: Workshop, good: Good) -> None:
    lock = good.lock
    with workshop.bench.mounted(good.image) as root:
        receipt = json.loads((root / "opt/stack/verified.json").read_text())
        assert (root / "opt/stack/lock.toml").read_bytes() == (good.desk.project / "locks/gpu/lock.toml").read_bytes()
    assert {name: entry["version"] for name, entry in receipt["packages"].items()} == {
        package.name: str(package.version) for package in lock.packages
    }
    assert receipt["extra"] == {}
    assert receipt["torch"] == {
        "version": "2.5.1+cu124",
        "cuda": "12.4",
        "git": "a8d6afb",
        "cudnn": 90100,
        "architectures": ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"],
    }
    written = good.desk.write(json.dumps(receipt), "verified.json")
    outcome = good.desk.run("verify", "--receipt", str(written))
    written.unlink()
    assert outcome.status == 0, outcome


def test_the_log_of_the_build_passes_the_checklist(good: Good) -> None:
    written = good.desk.write(good.outcome.log, "build.log")
    outcome = good.desk.run("verify", "--build-log", str(written))
    written.unlink()
    assert outcome.status == 0, outcome


def test_the_application_starts_by_the_command_of_the_image(workshop: Workshop, good: Good) -> None:
    assert workshop.bench.config(good.image)["Cmd"] == ["python", "-m", "app"]
    outcome = workshop.bench.run(good.image)
    versions = {str(package.name): package.version for package in good.lock.packages}
    assert outcome.status == 0, outcome.log
    assert outcome.log.splitlines()[-2:] == [
        f"numpy {versions['numpy']} scipy {versions['scipy']} torch 2.5.1+cu124 cuda 12.4",
        "expit(0) = 0.5",
    ]
