"""A stand-in for an image: a virtual environment, folders of small stand-in wheels on its path, and a rendered verify.py."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.lock.model import Package
from stackc.manifest.model import Component
from stackc.render.outputs import render
from stackc.target import MACHINES
from unit.render.gpu_stack import gpu_lock, gpu_manifest, gpu_target, name, package

HERE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
PLATFORM = next(name for name, machine in MACHINES.items() if machine == HERE)
MINOR = sysconfig.get_python_version()
LOCKED = (
    package("numpy", "1.26.4", step=1, why=("stack.toml <2",)),
    package("torch", "2.5.1+cu124", step=2, index="cu124", requires=("numpy",), why=("stack.toml ==2.5.1",)),
)
NUMPY = Component(name=name("numpy"), spelled="numpy", version=SpecifierSet("<2"), order=1)
TORCH = Component(
    name=name("torch"),
    spelled="torch",
    version=SpecifierSet("==2.5.1"),
    order=2,
    index="cu124",
    verify=("torch.version.cuda == '12.4'", "torch.nn.functional.relu(-1) == 0 and all(n > 0 for n in (1, 2))"),
)
TORCH_FILES = {
    "torch/__init__.py": "",
    "torch/version.py": "cuda = '12.4'\n",
    "torch/nn/__init__.py": "",
    "torch/nn/functional.py": "def relu(x):\n    return max(x, 0)\n",
    "torchgen/__init__.py": "raise ImportError('not the module of the project itself')\n",
}


def make_python(folder: Path, *, pip: bool = True) -> Path:
    """Return the interpreter of a new virtual environment that holds pip alone, as the image's holds it, or nothing."""
    subprocess.run([sys.executable, "-m", "venv", *(() if pip else ("--without-pip",)), folder], check=True)
    return folder / "bin" / "python"


def install(folder: Path, project: str, version: str, files: Mapping[str, str], *, requires: tuple[str, ...] = ()) -> None:
    """Build a wheel and unpack it into `folder`, which is how a pure wheel is installed."""
    info = f"{project.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {**files, f"{info}/METADATA": metadata, f"{info}/WHEEL": wheel}
    digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in contents.items()}
    record = "".join(f"{path},sha256={digest},\n" for path, digest in digests.items()) + f"{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "built.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for entry, text in {**contents, f"{info}/RECORD": record}.items():
            archive.writestr(entry, text)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    path.unlink()


def install_good(folder: Path) -> None:
    install(folder, "numpy", "1.26.4", {"numpy/__init__.py": ""})
    install(folder, "torch", "2.5.1+cu124", TORCH_FILES, requires=("numpy<2",))


@dataclass(frozen=True)
class Image:
    python: Path
    site: Path
    script: Path

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run verify.py as a build would; `more` are environment variables."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.site), "LC_ALL": "C.UTF-8", **more}
        command = [str(self.python), str(self.script), *arguments]
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False, text=True)

    def verify(self, *arguments: str, **more: str) -> tuple[int, list[str]]:
        """Run verify.py and return its exit status and its lines, tracebacks left out."""
        done = self.run(*arguments, **more)
        kept = [line for line in done.stdout.splitlines() if re.match(r"ok  |note|FAIL|      remedy|verify:", line)]
        return done.returncode, kept

    def document(self, *arguments: str, **more: str) -> Any:
        """Run verify.py with --json, and return what it prints."""
        return json.loads(self.run("--json", *arguments, **more).stdout)

    @property
    def receipt(self) -> Path:
        """Return where the receipt is left if nothing else is asked."""
        return self.script.with_name("verified.json")

    def failures(self, **more: str) -> list[str]:
        """Run verify.py, which must fail, and return its failures and remedies and its last line."""
        status, lines = self.verify(**more)
        assert status == 1
        return [line for line in lines if not line.startswith("ok ")]


def make_image(
    python: Path,
    folder: Path,
    *,
    components: tuple[Component, ...] = (NUMPY, TORCH),
    packages: tuple[Package, ...] = LOCKED,
    minor: str = MINOR,
    where: str = PLATFORM,
) -> Image:
    target = gpu_target(python=Version(minor), system_python=minor, platform=where)
    lock = gpu_lock(packages=packages, components=components, target=target)
    manifest = gpu_manifest(components=components)
    files = render(lock, manifest=manifest, target=target, folder="locks/gpu", project_templates=None)
    script = folder / "verify.py"
    script.write_bytes(files["verify.py"])
    return Image(python=python, site=folder / "site", script=script)
