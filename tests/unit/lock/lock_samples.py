"""A small good lock, its matrix, and its text, for the tests of `stackc.lock`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.errors import Place
from stackc.lock.model import Engine, Inputs, Lock, LockedFile, LockedTarget, Package, Root, Route
from stackc.matrix.model import Arm, Condition, Matrix, ProjectName, Rule

ANY = "py3-none-any"
CP310 = "cp310-cp310-manylinux_2_17_x86_64"
FILE = "locks/gpu/lock.toml"
AGAIN = "run `stackc compile` to write the lock again from stack.toml"


def name(text: str) -> NormalizedName:
    return NormalizedName(text)


def names(text: str) -> tuple[NormalizedName, ...]:
    return tuple(name(word) for word in text.split())


def wheel(project: str, version: str, tags: str = ANY, *, digit: str = "a", size: int | None = None) -> LockedFile:
    return LockedFile(name=f"{project.replace('-', '_')}-{version}-{tags}.whl", sha256=digit * 64, size=size)


def package(
    project: str,
    version: str,
    *,
    step: int,
    tags: str = ANY,
    index: str = "pypi",
    extras: str = "",
    requires: Sequence[str] = (),
    why: Sequence[str] = (),
    requires_python: str | None = None,
) -> Package:
    return Package(
        name=name(project),
        version=Version(version),
        index=index,
        step=step,
        file=wheel(project, version, tags),
        extras=names(extras),
        requires_python=requires_python,
        requires=tuple(requires),
        why=tuple(why),
    )


def condition(project: str, specifiers: str) -> Condition:
    return Condition.of(ProjectName(project), SpecifierSet(specifiers))


def matrix(*rules: Rule) -> Matrix:
    return Matrix(rules={rule.id: rule for rule in rules}, waived=(), digest=f"sha256:{'2' * 64}")


def rule(rule_id: str, when: Sequence[tuple[str, str]], requires: Sequence[tuple[str, str]]) -> Rule:
    return Rule(
        id=rule_id,
        arms=(
            Arm(
                when=tuple(condition(*words) for words in when),
                requires=tuple(condition(*words) for words in requires),
            ),
        ),
        because="it breaks",
        source="https://example.org/rule",
        date=dt.date(2024, 6, 16),
        place=Place(file="rules.toml"),
    )


SCIPY_NUMPY = rule("scipy-numpy1", [("scipy", "<1.13")], [("numpy", "<2")])
TORCH_GLIBC = rule("torch-glibc", [("torch", ">=2.5")], [("glibc", ">=2.17")])
MATRIX = matrix(SCIPY_NUMPY, TORCH_GLIBC)

NUMPY = replace(
    package(
        "numpy",
        "1.26.4",
        step=1,
        tags=CP310,
        requires_python=">=3.9",
        why=("rule scipy-numpy1 <2", "scipy <1.29.0,>=1.22.4", "stack.toml >=1.26.0,<2.0.0"),
    ),
    file=LockedFile(
        name=f"numpy-1.26.4-{CP310}.whl",
        sha256="0123456789abcdef" * 4,
        size=18232920,
        uploaded=dt.datetime(2024, 2, 5, 23, 48, 1, 203941, tzinfo=dt.timezone.utc),
    ),
)
SCIPY = package(
    "scipy",
    "1.12.0",
    step=2,
    tags=CP310,
    requires=("numpy<1.29.0,>=1.22.4",),
    why=("stack.toml <1.13.0",),
    requires_python=">=3.9",
)
TORCH = package("torch", "2.5.1+cu124", step=3, tags=CP310, index="cu124", requires=("filelock",), why=("stack.toml ==2.5.1",))
FILELOCK = package("filelock", "3.16.1", step=3, why=("torch",))
UVICORN = package(
    "uvicorn", "0.32.0", step=4, extras="standard", requires=("click>=7.0",), why=("stack.toml",), requires_python=">=3.8"
)
CLICK = package("click", "8.2.0rc1", step=4, why=("uvicorn >=7.0",))
PIP = package("pip", "24.3.1", step=0, why=("stack.toml",))

LOCK = Lock(
    target=LockedTarget(
        name="gpu",
        python="3.10",
        platform="linux/amd64",
        base="nvidia/cuda:12.4.1-devel-ubuntu22.04",
        cuda="12.4",
        glibc="2.35",
        gpus=("sm_80", "sm_90"),
    ),
    stackc="0.1.0",
    inputs=Inputs(
        manifest=f"sha256:{'1' * 64}",
        matrix=f"sha256:{'2' * 64}",
        templates=f"sha256:{'3' * 64}",
        outputs=f"sha256:{'4' * 64}",
    ),
    engine=Engine(name="uv", version="0.13.9"),
    exclude_newer=dt.datetime(2026, 11, 20, tzinfo=dt.timezone.utc),
    routes=(Route(index="cu124", serves=("torch", "torchvision")), Route(index="pypi", default=True)),
    roots=(
        Root(requirement="numpy>=1.26.0,<2.0.0", order=1),
        Root(requirement="scipy<1.13.0", order=2),
        Root(requirement="torch==2.5.1", order=3, index="cu124"),
        Root(requirement="uvicorn[standard]"),
    ),
    sdists=(),
    tools=(PIP,),
    packages=(CLICK, FILELOCK, NUMPY, SCIPY, TORCH, UVICORN),
)


def with_package(lock: Lock, changed: Package) -> Lock:
    """Return the lock with the package of that name put in the place of the old one."""
    return replace(lock, packages=tuple(changed if old.name == changed.name else old for old in lock.packages))


def with_packages(lock: Lock, *changed: Package) -> Lock:
    for one in changed:
        lock = with_package(lock, one)
    return lock
