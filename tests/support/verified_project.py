"""A project with a lock, and an environment of stand-in wheels that is what the lock says, for tests of `stackc verify`."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from msgspec.structs import replace

from stackc.lock.codec import encode
from stackc.lock.stored import load_lock
from unit.render.stand_in_image import MINOR, PLATFORM, install, make_python

__all__ = ["CASES", "TORCH", "environment_of", "write_project"]

CASES = Path(__file__).parents[1] / "cases" / "build-logs"
"""A small project with recorded logs of its builds: numpy, torch from an index of its own, and click."""

TORCH = {
    "torch/__init__.py": "from torch import version\n",
    "torch/version.py": "__version__ = '2.5.1+cu124'\ncuda = '12.4'\n",
}


def write_project(folder: Path) -> Path:
    """Write the project of CASES into a new folder, for the Python and platform that the tests run on."""
    locks = folder / "locks" / "gpu"
    locks.mkdir(parents=True)
    text = (CASES / "stack.toml").read_text(encoding="utf-8")
    text = text.replace('python = "3.11"', f'python = "{MINOR}"').replace('"linux/amd64"', f'"{PLATFORM}"')
    (folder / "stack.toml").write_text(text, encoding="utf-8")
    lock = load_lock(CASES / "locks" / "gpu", "gpu")
    assert lock is not None
    target = replace(lock.target, python=MINOR, platform=PLATFORM)
    (locks / "lock.toml").write_text(encode(replace(lock, target=target)), encoding="utf-8")
    return folder


def environment_of(folder: Path) -> tuple[Path, Path]:
    """Return the interpreter of a new environment that holds what the lock says, and its site-packages."""
    python = make_python(folder)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    install(
        site,
        "numpy",
        "1.26.4",
        {"numpy/__init__.py": "class ones:\n    def __init__(self, n): self.n = n\n    sum = lambda self: self.n * 1.0\n"},
    )
    install(site, "torch", "2.5.1+cu124", TORCH, requires=("numpy",))
    install(site, "click", "8.1.8", {"click/__init__.py": ""})
    return python, site
