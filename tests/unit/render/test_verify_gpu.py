"""`verify.py --gpu` on stand-ins for nvidia-smi and for torch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unit.render.stand_in_image import Image, install

SMI = """\
#!/bin/sh
echo "535.183.01, NVIDIA A100-SXM4-80GB, 8.0"
"""
MATRICES = """\
class Matrix:
    def __init__(self, shift=0.0, device="cpu"):
        self.shift, self.device = shift, device
    def to(self, device):
        return Matrix(self.shift, device)
    def __matmul__(self, other):
        return Matrix(SHIFT if self.device.startswith("cuda") else 0.0)
    def cpu(self):
        return self
    def abs(self):
        return Matrix(abs(self.shift))
    def __sub__(self, other):
        return Matrix(self.shift - other.shift)
    def __truediv__(self, other):
        return self
    def max(self):
        return self.shift


class Generator:
    def manual_seed(self, seed):
        return self


def rand(*size, generator):
    return Matrix()
"""
CUDA = """\
import sys


def init():
    pass


def device_count():
    return 1


def get_device_name(number):
    return "NVIDIA A100-SXM4-80GB"


def get_device_capability(number):
    return (8, 0)


def get_arch_list():
    return ARCHITECTURES


def mem_get_info(number):
    return (80 * 2**30, 85 * 2**30)
"""


@pytest.fixture
def machine_of(image: Image, tmp_path: Path) -> Image:
    """Return an image on a machine whose nvidia-smi is a stand-in, and whose driver's library is not found."""
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text(SMI)
    smi.chmod(0o755)
    image.script.write_text(image.script.read_text().replace('"libnvidia-ml.so.1"', '"libnone.so"'))
    install(image.site, "numpy", "1.26.4", {"numpy/__init__.py": ""})
    return image


def lines(
    image: Image, tmp_path: Path, *, built: str = "['sm_80', 'compute_90']", shift: str = "1e-6", cuda: str = ""
) -> list[str]:
    files = {
        "torch/__init__.py": "from torch import version, cuda\nfrom torch.matrices import *\n",
        "torch/version.py": "cuda = '12.4'\n",
        "torch/nn/__init__.py": "",
        "torch/nn/functional.py": "def relu(x):\n    return max(x, 0)\n",
        "torch/cuda.py": CUDA.replace("ARCHITECTURES", built) + cuda,
        "torch/matrices.py": MATRICES.replace("SHIFT", shift),
    }
    install(image.site, "torch", "2.5.1+cu124", files)
    told = image.run("--gpu", PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}").stdout.splitlines()
    return told[told.index("ok    torch is built for CUDA 12.4") + 1 :]


A100 = "GPU 0, NVIDIA A100-SXM4-80GB (sm_80)"


def test_a_gpu_that_computes_right_passes(machine_of: Image, tmp_path: Path) -> None:
    assert lines(machine_of, tmp_path) == [
        "ok    driver 535.183.01, for CUDA up to that of its version",
        f"ok    torch has code for {A100}",
        "ok    a matrix product on GPU 0 is the CPU's, to 1.0e-06",
        "verify: all 13 checks hold",
    ]


def test_a_gpu_that_computes_wrong_fails(machine_of: Image, tmp_path: Path) -> None:
    text = f"a matrix product on {A100} differs from the CPU's by 5.0e-01"
    remedy = "the device or its driver computes wrongly: try another one"
    assert lines(machine_of, tmp_path, shift="0.5")[-3:] == [
        f"FAIL  {text}",
        f"      remedy: {remedy}",
        f"verify: {text}; {remedy} (1 of 13 checks failed)",
    ]


@pytest.mark.parametrize(
    ("built", "runs"),
    [
        ("['sm_70', 'sm_80']", True),
        ("['sm_80a']", True),
        ("['sm_86']", False),
        ("['sm_90', 'compute_90']", False),
        ("['sm_70', 'compute_70']", True),
        ("['sm_70', 'compute_70a']", False),
        ("['gfx90a', 'sm_75']", False),
    ],
)
def test_a_build_runs_on_its_major_number_and_beyond_by_ptx(
    machine_of: Image, tmp_path: Path, built: str, *, runs: bool
) -> None:
    line = lines(machine_of, tmp_path, built=built)[1]
    assert line.startswith(
        f"ok    torch has code for {A100}" if runs else f"FAIL  torch has no code for {A100}: it was built for "
    )


def test_a_cpu_build_that_cannot_start_cuda_fails_with_its_own_words(machine_of: Image, tmp_path: Path) -> None:
    broken = "\ndef init():\n    raise AssertionError('Torch not compiled with CUDA enabled')\n"
    text = "torch cannot use the GPU: Torch not compiled with CUDA enabled"
    assert f"FAIL  {text}" in lines(machine_of, tmp_path, cuda=broken)


def test_a_crash_while_the_gpu_is_used_has_a_name(machine_of: Image, tmp_path: Path) -> None:
    broken = "\ndef mem_get_info(number):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    assert "FAIL  trying the GPU ended with SIGKILL" in lines(machine_of, tmp_path, cuda=broken)
