"""The receipt that verify.py leaves, its JSON, and what it says of an environment that holds more or other than the lock."""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path

import pytest

from unit.render.gpu_stack import DIGEST
from unit.render.stand_in_image import LOCKED, PLATFORM, TORCH_FILES, Image, install, install_good, make_image, make_python

RECEIPT = {
    "format": 1,
    "target": "gpu",
    "inputs": {"manifest": DIGEST, "matrix": DIGEST, "templates": DIGEST},
    "python": platform.python_version(),
    "platform": PLATFORM,
    "cuda": {"CUDA_VERSION": "12.4.1"},
    "packages": {
        "numpy": {"version": "1.26.4", "locked": "1.26.4", "index": "pypi", "file": LOCKED[0].file.name},
        "torch": {"version": "2.5.1+cu124", "locked": "2.5.1+cu124", "index": "cu124", "file": LOCKED[1].file.name},
    },
    "tools": {"pip": "PIP"},
    "extra": {},
    "torch": {"version": None, "cuda": "12.4", "git": "abc", "cudnn": 90100, "architectures": ["sm_80", "sm_90"]},
    "checks": 11,
}
"""What a good image leaves, whatever its pip is."""

TOLD_TORCH = {
    **TORCH_FILES,
    "torch/__init__.py": "from torch import backends, cuda\n",
    "torch/version.py": "cuda = '12.4'\ngit_version = 'abc'\n",
    "torch/cuda.py": "def get_arch_list():\n    return ['sm_80', 'sm_90']\n",
    "torch/backends.py": "class cudnn:\n    version = staticmethod(lambda: 90100)\n",
}


def install_told(folder: Path) -> None:
    install(folder, "numpy", "1.26.4", {"numpy/__init__.py": ""})
    install(folder, "torch", "2.5.1+cu124", TOLD_TORCH, requires=("numpy<2",))


def without_pip_version(text: str) -> object:
    """Return a receipt with what venv brought left out: its pip, and in older Pythons setuptools."""
    receipt = json.loads(text)
    receipt["tools"] = {name: name.upper() for name in receipt["tools"] if name != "setuptools"}
    return receipt


def test_a_good_image_leaves_a_receipt_of_all_that_was_found(image: Image) -> None:
    install_told(image.site)
    assert image.run(CUDA_VERSION="12.4.1").returncode == 0
    assert without_pip_version(image.receipt.read_text()) == RECEIPT
    assert sorted(path.name for path in image.receipt.parent.iterdir()) == ["site", "verified.json", "verify.py"]


def test_the_same_image_leaves_the_same_bytes(image: Image, tmp_path: Path) -> None:
    install_told(image.site)
    image.run()
    first = image.receipt.read_bytes()
    other = tmp_path / "other.json"
    image.run("--receipt", str(other))
    assert (other.read_bytes(), image.receipt.read_bytes()) == (first, first)


def test_a_failing_check_removes_the_receipt_of_an_older_run(image: Image) -> None:
    install_good(image.site)
    assert image.run().returncode == 0
    (image.site / "numpy" / "__init__.py").write_text("raise ImportError('gone')\n")
    assert image.run().returncode == 1
    assert not image.receipt.exists()


def test_a_receipt_that_cannot_be_written_is_a_failure(image: Image) -> None:
    install_good(image.site)
    done = image.run("--receipt", str(image.site / "nowhere" / "verified.json"))
    last = done.stdout.splitlines()[-1]
    assert (done.returncode, last.startswith("verify: the receipt cannot be written: [Errno 2] ")) == (1, True)
    assert last.endswith("; let verify.py write there, or name another place with --receipt (1 of 11 checks failed)")


def test_the_document_has_every_check_and_no_other_output(image: Image) -> None:
    install_good(image.site)
    (image.site / "numpy" / "__init__.py").write_text("print('hello')\n__import__('os').system('echo hello')\n")
    told = image.document()
    assert [check["kind"] for check in told["checks"]] == [
        *("python", "machine", "version", "version", "requirement", "import", "import", "expression", "expression", "build")
    ]
    assert told["checks"][2] == {"kind": "version", "name": "numpy", "holds": True, "text": "numpy 1.26.4"}
    assert not image.receipt.exists()


def test_a_failed_check_tells_what_was_wanted_and_found(image: Image) -> None:
    install(image.site, "numpy", "1.26.4", {"numpy/__init__.py": ""})
    install(image.site, "torch", "2.5.1", TORCH_FILES)
    (failed,) = (check for check in image.document()["checks"] if not check["holds"])
    assert failed == {
        "kind": "label",
        "name": "torch",
        "holds": False,
        "text": "torch is 2.5.1, the lock has 2.5.1+cu124: it came from another index than cu124",
        "remedy": "install it by steps/02-torch.cu124.txt alone, in no other requirements file; rebuild from step 2",
        "wanted": "2.5.1+cu124",
        "found": "2.5.1",
    }


def test_what_the_lock_does_not_know_is_told_and_fails_nothing(image: Image) -> None:
    install_good(image.site)
    install(image.site, "stranger", "1.0", {"stranger.py": ""}, requires=("nothing-has-this>=2",))
    status, lines = image.verify()
    assert (status, [line for line in lines if line.startswith("note")]) == (
        0,
        [
            "note  the lock does not know stranger 1.0",
            "note  stranger 1.0 requires nothing-has-this, which is not installed",
        ],
    )
    assert json.loads(image.receipt.read_text())["extra"] == {"stranger": "1.0"}


def test_what_the_lock_does_not_know_may_not_bring_a_file_of_a_locked_project(image: Image) -> None:
    install_good(image.site)
    install(image.site, "torch-slim", "2.5.1", {"torch/version.py": "cuda = '12.4' \n", "torch/nn/__init__.py": ""})
    path = image.site / "torch" / "version.py"
    text = f"torch-slim, which the lock does not know, brings another {path} than torch"
    remedy = "remove torch-slim from the image, and rebuild from step 2"
    assert image.failures() == [
        "note  the lock does not know torch-slim 2.5.1",
        f"FAIL  {text}",
        f"      remedy: {remedy}",
        f"verify: {text}; {remedy} (1 of 11 checks failed)",
    ]


def test_a_project_that_is_there_twice_is_a_failure(image: Image) -> None:
    install_good(image.site)
    install(image.site, "numpy", "2.1.0", {"numpy/__init__.py": ""})
    failed = image.failures()[0]
    assert re.fullmatch(r"FAIL  numpy is installed twice in \S+/site: as (1.26.4 and as 2.1.0|2.1.0 and as 1.26.4)", failed)


def test_a_base_image_of_another_cuda_is_named(image: Image) -> None:
    install_good(image.site)
    text = "the base image has CUDA 12.1 (CUDA_VERSION), the lock is for 12.4"
    base = "nvidia/cuda:12.4.1-devel-ubuntu22.04"
    remedy = f"build from the base image that the lock names, {base}, or compile for the other one"
    assert image.failures(CUDA_VERSION="12.1.0") == [
        f"FAIL  {text}",
        f"      remedy: {remedy}",
        f"verify: {text}; {remedy} (1 of 11 checks failed)",
    ]


def test_the_toolkit_s_own_file_says_its_cuda_too(image: Image, tmp_path: Path) -> None:
    install_good(image.site)
    file = tmp_path / "version.json"
    file.write_text('{"cuda": {"name": "CUDA SDK", "version": "12.4.20240405"}}')
    image.script.write_text(image.script.read_text().replace("/usr/local/cuda/version.json", str(file)))
    assert f"ok    cuda 12.4 ({file})" in image.verify()[1]


def test_a_torch_whose_files_are_of_another_build_is_named(image: Image) -> None:
    install_good(image.site)
    (image.site / "torch" / "version.py").write_text("cuda = None\n")
    assert "FAIL  torch says that it is built for CUDA None, its version label cu124 says 12.4" in image.failures()


def test_without_pip_the_lock_s_own_proof_answers(tmp_path: Path) -> None:
    image = make_image(make_python(tmp_path / "venv", pip=False), tmp_path)
    install_good(image.site)
    assert "ok    requirements (by the lock's own proof: pip is not installed)" in image.verify()[1]
    install(image.site, "torch", "2.5.0+cu124", {})
    assert not any("requirements" in line for line in image.verify()[1])


@pytest.mark.parametrize("arguments", [("--gpu",), ("--json", "--gpu")])
def test_a_machine_without_a_gpu_fails_the_question_for_one(image: Image, arguments: tuple[str, ...]) -> None:
    install_good(image.site)
    image.run()
    before = image.receipt.read_bytes()
    hidden = (
        image.script.read_text().replace('libnvidia-ml.so.1")', 'no-such-library")').replace('["nvidia-smi"', '["no-such-smi"')
    )
    image.script.write_text(hidden)
    done = image.run(*arguments)
    text = "no NVIDIA driver answers here: neither libnvidia-ml.so.1 nor nvidia-smi names a GPU"
    assert (done.returncode, text in done.stdout, image.receipt.read_bytes()) == (1, True, before)
