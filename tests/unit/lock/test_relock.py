"""The old pins for new inputs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stackc.lock.model import Lock, LockedFile, Root
from stackc.lock.relock import Pinned, relock
from stackc.matrix.model import Matrix
from support.workbench import make_target
from unit.lock.lock_samples import LOCK, MATRIX, PIP, matrix, name, package, rule, with_package

ROOTS = LOCK.roots


def again(*roots: Root, tools: tuple[str, ...] = ("pip",), rules: Matrix = MATRIX, previous: Lock = LOCK) -> Pinned | None:
    return relock(previous, roots=roots, tools=tools, target=make_target(), matrix=rules)


def pins(found: Pinned | None) -> dict[str, tuple[str, int]]:
    assert found is not None
    return {package.name: (str(package.version), package.step) for package in found.packages}


def test_the_same_roots_give_the_same_packages() -> None:
    assert again(*ROOTS) == Pinned(packages=LOCK.packages, tools=LOCK.tools, engine=LOCK.engine)


def test_a_component_that_was_dropped_takes_along_what_it_alone_needed() -> None:
    found = again(*ROOTS[:2])

    assert pins(found) == {"numpy": ("1.26.4", 1), "scipy": ("1.12.0", 2)}


def test_another_order_moves_projects_to_other_steps() -> None:
    found = again(Root(requirement="torch==2.5.1", order=1, index="cu124"), Root(requirement="scipy<1.13.0"))

    assert pins(found) == {
        "filelock": ("3.16.1", 1),
        "numpy": ("1.26.4", 2),
        "scipy": ("1.12.0", 2),
        "torch": ("2.5.1+cu124", 1),
    }


def test_reasons_are_worked_out_anew() -> None:
    other = matrix(rule("new-rule", [("scipy", "<1.14")], [("numpy", "<1.99")]))
    found = again(Root(requirement="scipy>=1.11"), rules=other)

    assert found is not None
    assert [(package.name, package.why) for package in found.packages] == [
        ("numpy", ("rule new-rule <1.99", "scipy <1.29.0,>=1.22.4")),
        ("scipy", ("stack.toml >=1.11",)),
    ]


def test_a_project_that_only_something_else_needed_may_become_a_component() -> None:
    assert pins(again(Root(requirement="filelock>=3", order=1))) == {"filelock": ("3.16.1", 1)}


def test_bounds_that_the_pins_break_are_for_the_proof_to_find() -> None:
    assert pins(again(Root(requirement="numpy>=2"))) == {"numpy": ("1.26.4", 1)}


@pytest.mark.parametrize("root", ["new-project", "uvicorn", "uvicorn[standard,other]", "filelock[extra]", "torch[opt]==2.5.1"])
def test_what_the_old_lock_does_not_know_is_for_an_engine(root: str) -> None:
    assert again(Root(requirement=root)) is None


@pytest.mark.parametrize(
    ("tools", "kept"),
    [
        (("pip",), ("pip",)),
        (("pip>=24",), ("pip",)),
        (("Pip==24.3.1",), ("pip",)),
        ((), ()),
        (("pip>=25",), None),
        (("pip", "setuptools"), None),
    ],
)
def test_tools_are_kept_where_they_are_the_ones_asked_for(tools: tuple[str, ...], kept: tuple[str, ...] | None) -> None:
    found = again(*ROOTS, tools=tools)

    assert (tuple(tool.name for tool in found.tools) if found is not None else None) == kept


def test_a_tool_that_is_no_longer_asked_for_is_dropped() -> None:
    previous = Lock(
        target=LOCK.target,
        stackc=LOCK.stackc,
        inputs=LOCK.inputs,
        engine=LOCK.engine,
        exclude_newer=LOCK.exclude_newer,
        routes=LOCK.routes,
        roots=LOCK.roots,
        sdists=LOCK.sdists,
        tools=(PIP, package("setuptools", "70.0", step=0)),
        packages=LOCK.packages,
    )
    found = again(*ROOTS, previous=previous)

    assert found is not None
    assert found.tools == (PIP,)


@pytest.mark.parametrize(
    ("roots", "tools", "kept"),
    [
        (ROOTS, ("pip", "wheel"), True),
        (ROOTS, ("pip",), False),
        (ROOTS[:2], ("pip", "wheel"), False),
        ((replace(ROOTS[0], order=2), *ROOTS[1:]), ("pip", "wheel"), False),
    ],
)
def test_an_sdist_keeps_its_pin_only_beside_all_that_may_have_built_it(
    roots: tuple[Root, ...], tools: tuple[str, ...], kept: bool
) -> None:
    scipy = LOCK.by_name[name("scipy")]
    built = with_package(LOCK, replace(scipy, file=LockedFile(name="scipy-1.12.0.tar.gz", sha256="a" * 64)))
    previous = replace(built, tools=(PIP, package("wheel", "0.45", step=0)))
    assert (again(*roots, tools=tools, previous=previous) is not None) is kept
