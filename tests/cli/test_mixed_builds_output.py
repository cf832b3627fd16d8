"""Torch from one index and a partner of it from another: told with both lines, wherever the partner's route comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import TOOLS, Desk, Outcome
from support.index_server import IndexServer, Site, serving
from support.universe import Release, publish

TORCH = '\n[components.torch]\nversion = "==2.5.1"\nindex = "cu124"\n'
TORCHVISION = '\n[components.torchvision]\nversion = "matrix"\nindex = "cu124"\n'
USER = '\n[components.user]\nversion = ">=1"\n'
TAKE = 'take it from the index of torch: `index = "cpu"` in `[targets.cpu.components.torchvision]`'
TO_CPU = 'torch = { index = "cpu" }\n'


@pytest.fixture
def server() -> Iterator[IndexServer]:
    site = Site()
    publish(site, {**TOOLS, "user": (Release(version="1.0", requires=("torchvision",)),)})
    for label in ("cpu", "cu124"):
        builds = {
            "torch": (Release(version=f"2.5.1+{label}"),),
            "torchvision": (Release(version=f"0.20.1+{label}", requires=("torch==2.5.1",)),),
        }
        publish(site, builds, root=f"/whl/{label}")
    with serving(site) as server:
        yield server


def stack(server: IndexServer, components: str, *, without: str = "", overrides: str = TO_CPU) -> str:
    """A stack without a GPU, in which the index of the builds for CUDA serves torchvision."""
    return f"""\
[stack]
name = "small"
default-target = "cpu"

[indexes.pypi]
url = "{server.url}/simple"

[indexes.cpu]
url = "{server.url}/whl/cpu"

[indexes.cu124]
url = "{server.url}/whl/cu124"
serves = ["torchvision"]

[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "nvidia/cuda:12.4.1-devel-ubuntu22.04"

[targets.cpu]
python = "3.10"
platform = "linux/amd64"
base = "python:3.10-slim-bookworm"
{without}
[targets.cpu.components]
{overrides}{components}"""


@pytest.mark.parametrize(
    ("components", "without", "place", "hint"),
    [
        (
            TORCH + USER,
            "",
            '13: indexes.cu124.serves = ["torchvision"]',
            f"make `torchvision` a component of the target, and {TAKE}",
        ),
        (
            TORCH + TORCHVISION + USER,
            'without = ["torchvision"]\n',
            '24: targets.cpu.without[0] = "torchvision"',
            f"make `torchvision` a component of the target, and {TAKE}",
        ),
        (
            TORCH + TORCHVISION,
            "",
            '34: components.torchvision.index = "cu124"',
            TAKE,
        ),
    ],
)
def test_a_partner_of_another_build_than_torch_is_told_by_compile_and_check(
    tmp_path: Path, server: IndexServer, components: str, without: str, place: str, hint: str
) -> None:
    desk = Desk(tmp_path)
    desk.write(stack(server, components, without=without))
    line = 27 if without else 26
    told = f"""\
warning[S213]: `torchvision` 0.20.1+cu124 and `torch` 2.5.1+cpu are of different builds
 --> stack.toml:{place}
 --> stack.toml:{line}: targets.cpu.components.torch.index = "cpu"
torchvision comes from index cu124, torch from index cpu

hint: {hint}

"""
    compiled = desk.run("compile")
    assert compiled.status == 0
    assert compiled.stderr.endswith(told)
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\ncpu: proved, nothing drifted, 1 warning\n", told)


def test_builds_of_one_index_belong_together(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(stack(server, TORCH + TORCHVISION, overrides=TO_CPU + 'torchvision = { index = "cpu" }\n'))
    assert desk.run("compile").status == 0
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\ncpu: proved, nothing drifted\n", "")
