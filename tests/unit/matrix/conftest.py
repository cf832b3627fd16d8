"""Small stacks to check against the matrix, without a manifest around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from stackc.errors import Place
from stackc.manifest.model import MATRIX, Component, Places
from stackc.matrix.model import Matrix, Rule
from stackc.matrix.packs import decode_pack
from stackc.target import Target

TargetMaker = Callable[..., Target]
Components = Callable[[Mapping[str, str]], tuple[Component, ...]]
MatrixMaker = Callable[..., Matrix]


@pytest.fixture
def places() -> Places:
    lines: dict[tuple[str | int, ...], int] = {
        ("targets", "gpu", "python"): 2,
        ("targets", "gpu", "base"): 3,
        ("components", "numpy", "version"): 10,
        ("components", "scipy", "version"): 11,
        ("components", "torch", "version"): 12,
        ("components", "torchvision", "version"): 13,
        ("components", "torchaudio", "version"): 14,
    }
    return Places(file="stack.toml", lines=lines, sources={})


@pytest.fixture
def target() -> TargetMaker:
    def make(
        python: str = "3.10",
        *,
        cuda: str | None = "12.4",
        driver: str | None = None,
        gpus: tuple[str, ...] = (),
        distribution: str | None = None,
    ) -> Target:
        return Target(
            name="gpu",
            python=Version(python),
            platform="linux/amd64",
            base="nvidia/cuda:12.4.1-devel-ubuntu22.04",
            glibc=(2, 35),
            cuda=Version(cuda) if cuda else None,
            driver=Version(driver) if driver else None,
            gpus=gpus,
            distribution=distribution,
        )

    return make


@pytest.fixture
def components() -> Components:
    def make(versions: Mapping[str, str]) -> tuple[Component, ...]:
        return tuple(
            Component(
                name=canonicalize_name(name),
                spelled=name,
                version=MATRIX if text == "matrix" else SpecifierSet(text),
            )
            for name, text in versions.items()
        )

    return make


@pytest.fixture
def matrix() -> MatrixMaker:
    """Make a matrix of one-line rules: `scipy<1.13 -> numpy<2`; `&` joins conditions, `warning:` begins a weaker rule."""

    def make(*lines: str) -> Matrix:
        rules: dict[str, Rule] = {}
        for number, line in enumerate(lines, start=1):
            severity = "warning" if line.startswith("warning:") else "error"
            when, requires = line.removeprefix("warning:").split("->")
            text = (
                f'[[rule]]\nid = "rule-{number}"\nseverity = "{severity}"\n'
                f"when = {_listed(when)}\nrequires = {_listed(requires)}\n"
                'because = "reason"\nsource = "source"\ndate = 2026-11-23\n'
            )
            pack = decode_pack(text, file="rules.toml")
            assert pack.findings == ()
            rules |= {packed.rule.id: packed.rule for packed in pack.rules}
        return Matrix(rules=rules, waived=(), digest="sha256:0")

    return make


def _listed(conditions: str) -> str:
    return str([condition.strip() for condition in conditions.split("&")])


@pytest.fixture
def rule_place() -> Place:
    return Place(file="rules.toml", line=1, path=("rule", 0))
