"""Projects whose images are built: compiled by the real command line, against real indexes and the stand-ins."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stackc.lock.model import Lock
from stackc.lock.stored import load_lock
from support.cli import Desk
from support.image import ImageBench, Outcome, default_index
from support.index_server import IndexServer
from support.universe import Release

__all__ = ["APP", "BASE", "MANIFEST", "Good", "Workshop"]

LAUNCHER = (sys.executable, "-m", "stackc")

BASE = "example.org/cuda:12.4.1-devel-debian12"
"""What the stack's manifest calls the base: the matrix does not know it, so the manifest says what is in it."""

MANIFEST = """\
[stack]
name = "small-gpu"
default-target = "gpu"

[indexes.cu124]
url = "{url}/whl/cu124"
serves = ["torch", "torchvision", "torchaudio"]

[targets.gpu]
python = "3.11"
platform = "linux/amd64"
base = "{base}"
cuda = "12.4"
glibc = "2.36"

[components.numpy]
version = ">=1.26.0,<2.0.0"
order = 1
verify = ["numpy.ones(2).sum() == 2.0"]

[components.scipy]
version = ">=1.11.0,<1.13.0"
order = 2
verify = ["scipy.special.expit(0) == 0.5"]

[components.torch]
version = "==2.5.1"
order = 3
verify = ["torch.version.cuda == '12.4'"]

[components.torchvision]
version = "matrix"
order = 3

[components.torchaudio]
version = "matrix"
order = 3

[components.transformers]
version = ">=4.38,<4.51"

[components.fastapi]
version = ">=0.104,<0.116"

[image]
apt = ["libgomp1"]
python-from = "distribution"
copy = ["app/"]
cmd = ["python", "-m", "app"]

[policy]
exclude-newer = 2026-11-20T00:00:00Z
"""

APP = """\
import fastapi, numpy, scipy.special, torch, torchaudio, torchvision, transformers

print("numpy", numpy.__version__, "scipy", scipy.__version__, "torch", torch.__version__, "cuda", torch.version.cuda)
print("expit(0) =", scipy.special.expit(0.0))
"""


@dataclass(frozen=True)
class Workshop:
    """The bench, the site of stand-ins and what it lists, and the folder in which projects are made."""

    bench: ImageBench
    server: IndexServer
    listed: Mapping[str, Mapping[str, Release]]
    folder: Path

    def desk(self, name: str) -> Desk:
        """Return a desk whose command line sees the network as this process does."""
        return Desk(self.folder / name)

    def compile(self, desk: Desk) -> None:
        """Compile a project by the real command line, against the index that this machine's pip asks and the stand-ins."""
        own = desk.environment
        network = {name: value for name, value in os.environ.items() if name not in own}
        network |= {"PIP_INDEX_URL": default_index(), "STACKC_CACHE": str(self.folder / "cache")}
        outcome = desk.run("compile", launcher=LAUNCHER, **network)
        assert (outcome.status, outcome.stderr) == (0, ""), outcome

    def project(
        self,
        name: str,
        manifest: str = MANIFEST,
        *,
        base: str = BASE,
        app: str = APP,
        templates: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Desk:
        """Return a desk with a compiled project, which may bring templates and other files of its own."""
        desk = self.desk(name)
        desk.write(manifest.replace("{url}", self.server.url).replace("{base}", base))
        desk.write("", "app/__init__.py")
        desk.write(app, "app/__main__.py")
        for file, text in (templates or {}).items():
            desk.write(text, f"templates/{file}")
        for file, content in (files or {}).items():
            desk.write(content, file)
        self.compile(desk)
        return desk

    def copy(self, desk: Desk, name: str) -> Path:
        """Return a copy of a compiled project, to be spoilt by hand."""
        copied = self.folder / name
        shutil.rmtree(copied, ignore_errors=True)
        shutil.copytree(desk.project, copied)
        return copied


@dataclass(frozen=True)
class Good:
    """The good project and the build of it, from nothing."""

    desk: Desk
    image: str
    outcome: Outcome

    @property
    def lock(self) -> Lock:
        """Return the project's lock."""
        lock = load_lock(self.desk.project / "locks" / "gpu", "gpu")
        assert lock is not None
        return lock
