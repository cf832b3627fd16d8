"""What builds the sdists of a lock is installed before their step."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stackc.errors import Finding, Place
from stackc.lock.builders import missing_builders
from stackc.lock.model import LockedFile, Package
from stackc.view.metadata import Need
from unit.lock.lock_samples import name, package

WHY = "it is locked there, and a build then downloads nothing unlocked"
PLACE = Place(file="stack.toml", path=("image", "build-tools"))
TORCH = package("torch", "2.5.1", step=1)
TOOLS = (package("pip", "25.3", step=0), package("setuptools", "80.9.0", step=0))


def sdist(step: int = 2) -> Package:
    return replace(package("legacy", "1.0", step=step), file=LockedFile(name="legacy-1.0.tar.gz", sha256="a" * 64))


def missing(*needs: Need, step: int = 2, pin: Package | None = None) -> list[Finding]:
    packages = (pin or sdist(step), TORCH)
    return list(missing_builders(packages, TOOLS, {name("legacy"): needs}, place=PLACE))


@pytest.mark.parametrize(("project", "specifier"), [("setuptools", ">=61"), ("setuptools", ""), ("torch", "==2.5.*")])
def test_tools_and_earlier_steps_build(project: str, specifier: str) -> None:
    assert missing(Need(name(project), specifier)) == []


@pytest.mark.parametrize(
    ("need", "step", "text", "found"),
    [
        (Need(name("hatchling"), ">=1.27"), 2, "hatchling>=1.27", None),
        (Need(name("setuptools"), ">=81"), 2, "setuptools>=81", "setuptools 80.9.0"),
        (Need(name("torch"), ""), 1, "torch", None),
    ],
)
def test_what_is_not_there_before_is_told(need: Need, step: int, text: str, found: str | None) -> None:
    assert missing(need, step=step) == [
        Finding(
            code="S434",
            message=f"`legacy` is an sdist whose build requires `{text}`, which the image does not have before it",
            places=(PLACE,),
            found=found,
            hint=f'add `"{text}"` to `build-tools` of `[image]`: {WHY}',
        )
    ]


def test_a_wheel_needs_no_builder() -> None:
    assert missing(Need(name("hatchling"), ""), pin=package("legacy", "1.0", step=2)) == []
