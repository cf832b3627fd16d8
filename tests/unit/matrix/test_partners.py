from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import pytest
from msgspec.structs import replace

from stackc.errors import Finding, ManifestError, Place
from stackc.manifest.model import Component, Places, Policy
from stackc.matrix.facts import Facts
from stackc.matrix.partners import check_torch, exact_version, fill_partners
from stackc.target import Target
from support.workbench import name_of

Components = Callable[[Mapping[str, str]], tuple[Component, ...]]
FACTS = Facts.load()


@pytest.mark.parametrize(
    ("version", "exact"),
    [
        ("==2.5.1", "2.5.1"),
        ("==2.5.1+cu124", "2.5.1+cu124"),
        ("===2.5.1", "2.5.1"),
        ("===anything", "None"),
        ("==2.5.*", "None"),
        ("==2.5.1,<3", "None"),
        (">=2.5", "None"),
        ("", "None"),
        ("matrix", "None"),
    ],
)
def test_a_component_is_pinned_exactly_by_one_equality(components: Components, version: str, exact: str) -> None:
    assert str(exact_version(components({"torch": version})[0])) == exact


def test_partners_come_from_the_facts(components: Components, places: Places) -> None:
    stack = {"numpy": "<2", "torchvision": "matrix", "torch": "==2.5.1+cu124", "torchaudio": "matrix", "triton": "matrix"}
    filled = fill_partners(components(stack), facts=FACTS, places=places)
    assert [(component.name, str(component.version)) for component in filled] == [
        ("numpy", "<2"),
        ("torchvision", "==0.20.1"),
        ("torch", "==2.5.1+cu124"),
        ("torchaudio", "==2.5.1"),
        ("triton", "==3.1.0"),
    ]


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        (
            {"torchvision": "matrix"},
            Finding(
                code="S220",
                message="`torchvision` asks the matrix for its version, and torch is no component",
                places=(Place(file="stack.toml", line=13, path=("components", "torchvision", "version")),),
                hint="add `[components.torch]`, or state the version",
            ),
        ),
        (
            {"torchvision": "matrix", "torch": ">=2.5"},
            Finding(
                code="S221",
                message="`torchvision` asks the matrix for its version, and torch is not pinned to one release",
                places=(
                    Place(file="stack.toml", line=13, path=("components", "torchvision", "version")),
                    Place(file="stack.toml", line=12, path=("components", "torch", "version")),
                ),
                hint="pin torch with `==`, or state the version",
            ),
        ),
        (
            {"torchvision": "matrix", "torch": "==99.0"},
            Finding(
                code="S222",
                message="`torchvision` asks the matrix for its version, and the matrix does not know the partner of torch 99.0",
                places=(
                    Place(file="stack.toml", line=13, path=("components", "torchvision", "version")),
                    Place(file="stack.toml", line=12, path=("components", "torch", "version")),
                ),
                hint="state the version; the newest torch that the matrix knows is 2.15.0",
            ),
        ),
        (
            {"numpy": "matrix", "torch": "==2.5.1"},
            Finding(
                code="S223",
                message="`numpy` asks the matrix for its version, and the matrix has none",
                places=(Place(file="stack.toml", line=10, path=("components", "numpy", "version")),),
                hint="the matrix knows the partners `torchvision`, `torchaudio` and `triton`; state a version such as `>=1.0`",
            ),
        ),
    ],
)
def test_a_partner_that_cannot_be_told_is_refused(
    components: Components, places: Places, stack: Mapping[str, str], expected: Finding
) -> None:
    with pytest.raises(ManifestError) as raised:
        fill_partners(components(stack), facts=FACTS, places=places)
    assert raised.value.findings == (expected,)


def test_a_partner_of_a_torch_that_the_target_leaves_out_cannot_be_told(components: Components, places: Places) -> None:
    left_out = {name_of("torch"): Place(file="stack.toml", line=5, path=("targets", "cpu", "without", 0))}
    with pytest.raises(ManifestError) as raised:
        fill_partners(components({"torchvision": "matrix"}), facts=FACTS, places=places, left_out=left_out)
    assert raised.value.findings == (
        Finding(
            code="S220",
            message="`torchvision` asks the matrix for its version, and the target leaves torch out",
            places=(Place(file="stack.toml", line=13, path=("components", "torchvision", "version")), *left_out.values()),
            hint="leave `torchvision` out too, or state its version for this target",
        ),
    )


def test_every_partner_that_cannot_be_told_is_reported(components: Components, places: Places) -> None:
    stack = {"torchvision": "matrix", "numpy": "matrix", "triton": "matrix", "torch": "==1.13.1"}
    with pytest.raises(ManifestError) as raised:
        fill_partners(components(stack), facts=FACTS, places=places)
    assert [finding.code for finding in raised.value.findings] == ["S223", "S222"]


@pytest.fixture
def checked(
    components: Components, target: Callable[..., Target], places: Places
) -> Callable[..., list[tuple[str, str, str | None]]]:
    def check(
        stack: Mapping[str, str], *, python: str = "3.10", unknown: Literal["allow", "warn", "error"] = "warn"
    ) -> list[tuple[str, str, str | None]]:
        findings = check_torch(
            components(stack), target=target(python), facts=FACTS, policy=Policy(unknown=unknown), places=places
        )
        return [(finding.code, finding.severity, finding.wanted) for finding in findings]

    return check


Checked = Callable[..., list[tuple[str, str, str | None]]]


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ({"torch": "==2.5.1", "torchvision": "==0.20.1", "torchaudio": "==2.5.1"}, []),
        ({"torch": "==2.5.1+cu124", "torchvision": "==0.20.1+cu124", "torchaudio": "===2.5.1"}, []),
        ({"torch": "==2.5.1", "torchvision": "==0.19.1"}, [("S202", "error", "torchvision==0.20.1")]),
        ({"torch": "==2.5.1", "torchvision": "==0.20.1.post1"}, [("S202", "error", "torchvision==0.20.1")]),
        ({"torch": "==2.5.1", "torchaudio": "===2.5.0"}, [("S202", "error", "torchaudio==2.5.1")]),
        ({"torch": "==2.5.1", "torchvision": ">=0.19", "torchaudio": "<2.5"}, [("S202", "error", "torchaudio==2.5.1")]),
        ({"torch": "==2.5.1", "torchvision": ">=0.19", "torchaudio": "<2.6"}, []),
        ({"torch": ">=2.5.1", "torchvision": "==0.19.1"}, []),
        ({"torchvision": "==0.19.1"}, []),
        ({"torch": "==2.14.1", "torchvision": "==0.29.1"}, [("S206", "warning", None)]),
        ({"torch": "==2.14.1", "torchvision": "==0.28.0"}, [("S206", "warning", None)]),
        ({"torch": "==99.0", "torchvision": "==0.29.1"}, [("S205", "warning", None)]),
    ],
)
def test_the_trio_is_checked_where_it_is_pinned(
    checked: Checked, stack: Mapping[str, str], expected: list[tuple[str, str, str | None]]
) -> None:
    assert checked(stack) == expected


@pytest.mark.parametrize(
    ("unknown", "expected"),
    [("allow", []), ("warn", [("S205", "warning", None)]), ("error", [("S205", "error", None)])],
)
def test_an_unknown_torch_follows_the_policy(
    checked: Checked, unknown: str, expected: list[tuple[str, str, str | None]]
) -> None:
    assert checked({"torch": "==99.0"}, unknown=unknown) == expected


def test_a_torch_without_a_wheel_for_the_python_is_told_whole(
    components: Components, target: Callable[..., Target], places: Places
) -> None:
    findings = check_torch(components({"torch": "==2.5.1"}), target=target("3.14"), facts=FACTS, policy=Policy(), places=places)
    row = FACTS.torch(next(version for version in FACTS.torches if str(version) == "2.5.1"))
    assert row is not None
    assert findings == (
        Finding(
            code="S204",
            message="torch 2.5.1 has no wheel for Python 3.14",
            places=(
                Place(file="stack.toml", line=12, path=("components", "torch", "version")),
                Place(file="stack.toml", line=2, path=("targets", "gpu", "python")),
            ),
            wanted="Python 3.9, 3.10, 3.11, 3.12 or 3.13",
            found="Python 3.14",
            notes=(f"source: {row.source_of('version')}",),
            hint="torch 2.9.0 to 2.15.0 have wheels for Python 3.14",
        ),
    )


def test_a_torch_that_may_be_built_from_source_needs_no_wheel(
    components: Components, target: Callable[..., Target], places: Places
) -> None:
    stack = components({"torch": "==2.5.1"})
    policy = Policy(sdists=(stack[0].name,))
    assert check_torch(stack, target=target("3.14"), facts=FACTS, policy=policy, places=places) == ()


@pytest.mark.parametrize(
    ("index", "unknown", "severities"),
    [(None, "allow", ["error", "error"]), ("cu124", "warn", ["warning", "warning"]), ("cu124", "allow", [])],
)
def test_a_partner_without_a_wheel_for_the_python_is_refused(
    components: Components,
    target: Callable[..., Target],
    places: Places,
    index: str | None,
    unknown: Literal["allow", "warn"],
    severities: list[str],
) -> None:
    """The wheels of an index that a component names for itself are not all known: there the engine has the last word."""
    trio = {"torch": "==2.5.1", "torchvision": "==0.20.1", "torchaudio": "==2.5.1"}
    stack = [replace(component, index=index) for component in components(trio)]
    findings = check_torch(stack, target=target("3.13"), facts=FACTS, policy=Policy(unknown=unknown), places=places)

    assert [finding.severity for finding in findings] == severities
    assert [finding.message for finding in findings] == [
        "torchvision 0.20.1 has no wheel for Python 3.13",
        "torchaudio 2.5.1 has no wheel for Python 3.13",
    ][: len(severities)]
    assert {finding.notes[1:] for finding in findings} <= {
        ("the next torch with partners for Python 3.13: torch 2.6.0, torchvision 0.21.0 and torchaudio 2.6.0",)
    }
