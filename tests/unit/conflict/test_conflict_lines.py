"""Lines of a manifest: where they stand, and the manifest with one of them changed."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from stackc.conflict.lines import (
    AddressLine,
    Change,
    ComponentLine,
    ExtrasLine,
    Line,
    TargetLine,
    VersionLine,
    changed,
    line_at,
    place_of,
    target_lines,
)
from stackc.errors import Place
from stackc.manifest.decode import decode
from stackc.matrix.bases import resolve_target
from stackc.matrix.facts import Facts
from stackc.matrix.model import Clause, Condition, ProjectName
from support.workbench import name_of

MANIFEST = decode(
    """\
[stack]
name = "small"

[indexes.cu124]
url = "https://download.pytorch.org/whl/cu124"

[targets.gpu]
python = "3.11"
platform = "linux/amd64"
base = "nvidia/cuda:12.4.1-devel-ubuntu22.04"
driver = "550"
gpus = ["sm_80", "sm_90"]

[targets.gpu.components.numpy]
version = "<2"

[components.NumPy]
version = ">=1"

[components.app]
version = "==1.0"
extras = ["fast"]
""",
    file="stack.toml",
)
TARGET = resolve_target(MANIFEST.targets["gpu"], facts=Facts.load(), places=MANIFEST.places)
NUMPY, APP = name_of("numpy"), name_of("app")


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (VersionLine(APP), Place(file="stack.toml", line=21, path=("components", "app", "version"), source='"==1.0"')),
        (ExtrasLine(APP), Place(file="stack.toml", line=22, path=("components", "app", "extras"), source='["fast"]')),
        (ComponentLine(APP), Place(file="stack.toml", line=20, path=("components", "app"))),
        (
            VersionLine(NUMPY),
            Place(file="stack.toml", line=15, path=("targets", "gpu", "components", "numpy", "version"), source='"<2"'),
        ),
        (TargetLine("driver"), Place(file="stack.toml", line=11, path=("targets", "gpu", "driver"), source='"550"')),
        (
            AddressLine("cu124"),
            Place(
                file="stack.toml",
                line=5,
                path=("indexes", "cu124", "url"),
                source='"https://download.pytorch.org/whl/cu124"',
            ),
        ),
    ],
)
def test_where_a_line_stands(line: Line, place: Place) -> None:
    components = MANIFEST.components_for("gpu")
    assert place_of(line, components=components, target=TARGET, places=MANIFEST.places) == place


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("components", "NumPy", "version"), VersionLine(NUMPY)),
        (("targets", "gpu", "components", "numpy", "version"), VersionLine(NUMPY)),
        (("components", "torch", "index"), AddressLine("cu124")),
        (("components", "app", "order"), None),
        (("targets", "gpu", "base"), TargetLine("base")),
        (("policy",), None),
    ],
)
def test_which_line_a_finding_points_at(path: tuple[str, ...], line: Line | None) -> None:
    assert line_at(Place(file="stack.toml", path=path), address=AddressLine("cu124")) == line


def test_a_components_line_changes_where_it_stands() -> None:
    app = changed(MANIFEST, Change(VersionLine(APP), ">=2"), target="gpu")
    assert app.components[APP].version == SpecifierSet(">=2")
    numpy = changed(MANIFEST, Change(VersionLine(NUMPY), None), target="gpu")
    assert numpy.components == MANIFEST.components
    assert numpy.targets["gpu"].overrides[0].version == SpecifierSet()
    assert changed(MANIFEST, Change(ExtrasLine(APP), None), target="gpu").components[APP].extras == ()


def test_a_targets_line_changes_for_that_target() -> None:
    def value(key: str, new: str | tuple[str, ...] | None) -> object:
        return getattr(changed(MANIFEST, Change(TargetLine(key), new), target="gpu").targets["gpu"], key)

    assert value("driver", "580") == "580"
    assert value("driver", None) is None
    assert value("gpus", ("sm_90",)) == ("sm_90",)
    assert value("gpus", None) == ()
    assert value("python", "3.12") == "3.12"
    assert getattr(value("base", "debian:12"), "tag", None) == "12"
    moved = changed(MANIFEST, Change(AddressLine("cu124"), "https://example.org/whl/cu121"), target="gpu")
    assert moved.indexes["cu124"].url == "https://example.org/whl/cu121"


def test_a_value_is_spelled_as_toml() -> None:
    assert Change(VersionLine(APP), "<2").spelled == '"<2"'
    assert Change(TargetLine("gpus"), ("sm_80", "sm_90")).spelled == '["sm_80", "sm_90"]'


def test_the_lines_that_give_virtual_projects_their_versions() -> None:
    def clause(*names: str) -> Clause:
        return Clause("x", tuple(Condition.of(ProjectName(name), SpecifierSet(">=0")) for name in names))

    found = target_lines([clause("cuda", "app"), clause("driver", "sm", "glibc")], target=TARGET, places=MANIFEST.places)
    assert found == [TargetLine("base"), TargetLine("driver"), TargetLine("gpus")]
