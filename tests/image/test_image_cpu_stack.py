"""Real wheels all through: numpy, scipy, the real torch for the CPU from an index of its own, transformers and accelerate."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.image import SITE, installed_in
from support.image_workshop import Good, Workshop
from support.index_server import Site, html_page, serving

TORCH = "torch==2.13.0+cpu"
INDEX = "https://download.pytorch.org/whl/cpu"

MANIFEST = """\
[stack]
name = "real-cpu"

[indexes.cpu]
url = "{url}/whl/cpu"
serves = ["torch"]

[targets.gpu]
python = "3.11"
platform = "linux/amd64"
base = "{base}"

[components.numpy]
version = ">=2,<3"
order = 1

[components.scipy]
version = ">=1.15"
order = 2
verify = ["scipy.special.expit(0) == 0.5"]

[components.torch]
version = "==2.13.0"
order = 3
verify = ["torch.version.cuda is None", "torch.ones(2, 2).matmul(torch.ones(2, 2)).sum().item() == 8.0"]

[components.transformers]
version = ">=4.50,<6"

[components.accelerate]
version = ">=1"

[image]
apt = ["libgomp1"]
copy = ["app/"]
cmd = ["python", "-m", "app"]

[policy]
exclude-newer = 2026-11-20T00:00:00Z
unknown = "allow"
"""

APP = """\
import accelerate, scipy.linalg, torch
from transformers import BertConfig, BertModel

device = accelerate.Accelerator().device
config = BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=50)
with torch.no_grad():
    state = BertModel(config).to(device)(torch.tensor([[1, 2, 3]])).last_hidden_state
print(device, tuple(state.shape), scipy.linalg.norm(state.numpy()) > 0)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of torch, from wherever this machine's pip finds it, or else from the index of its makers."""
    folder = tmp_path_factory.mktemp("torch")
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--python-version", "3.11"]
    command = [*pip, "--platform", "manylinux_2_28_x86_64", "--dest", str(folder), TORCH]
    for where in ([], ["--index-url", INDEX]):
        if subprocess.run([*command, *where], check=False).returncode == 0:
            return next(folder.glob("*.whl"))
    pytest.skip(f"{TORCH} can be had neither where this machine's pip looks nor from {INDEX}")


@pytest.fixture(scope="module")
def real(workshop: Workshop, wheel: Path) -> Iterator[Good]:
    site = Site()
    content = wheel.read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (archive.read(name) for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    path = f"/whl/cpu/files/{wheel.name}"
    site.put_file(path, content)
    site.put(f"{path}.metadata", metadata, content_type="application/octet-stream")
    link = f"{path}#sha256={hashlib.sha256(content).hexdigest()}"
    site.put("/whl/cpu/torch/", html_page({wheel.name: link.replace("+", "%2B")}), content_type="text/html", max_age=None)
    with serving(site) as server:
        workshop.bench.base("debian:12")
        desk = workshop.project("real", MANIFEST.replace("{url}", server.url), base="debian:12", app=APP)
        yield Good(desk, "real", workshop.bench.build("real", desk.project, cached=False))


def test_the_image_holds_the_real_stack_and_runs_a_model(workshop: Workshop, real: Good) -> None:
    assert real.outcome.status == 0, real.outcome.log[-3000:]
    versions = {str(package.name): str(package.version) for package in (*real.lock.packages, *real.lock.tools)}
    assert versions["torch"] == "2.13.0+cpu"
    with workshop.bench.mounted(real.image) as root:
        assert installed_in(root / SITE) == versions
        receipt = json.loads((root / "opt/stack/verified.json").read_text())
    assert (receipt["torch"]["version"], receipt["torch"]["cuda"], receipt["extra"]) == ("2.13.0+cpu", None, {})
    outcome = workshop.bench.run(real.image)
    assert outcome.status == 0, outcome.log
    assert outcome.log.splitlines()[-1] == "cpu (1, 3, 16) True"
