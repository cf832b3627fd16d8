"""Leaving a component out of a target changes what is asked for there, and never where a project is looked up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from stackc.lock.routing import index_of
from stackc.manifest.model import (
    BaseImage,
    Component,
    Image,
    Index,
    Manifest,
    MatrixChoice,
    Places,
    Policy,
    TargetTable,
)
from stackc.plan import routes_of

NAMES = ("torch", "torchvision", "nvidia-nccl", "nvidia-cublas", "numpy")
INDEXES = ("pypi", "cu124", "cpu")
CLAIMS = ("torch", "torch*", "nvidia-*", "numpy", "TorchVision")


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Manifests of two targets, the first of which leaves nothing out; each claim stands in one `serves` at most."""
    claims = {claim: draw(st.sampled_from((*INDEXES, None))) for claim in CLAIMS}
    default = draw(st.sampled_from(INDEXES))
    indexes = {
        name: Index(
            name=name,
            url=None,
            serves=tuple(claim for claim, index in claims.items() if index == name),
            default=name == default,
        )
        for name in INDEXES
    }
    listed = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    components = {
        canonicalize_name(name): Component(
            name=canonicalize_name(name),
            spelled=name,
            version=SpecifierSet(">=1"),
            index=draw(st.sampled_from((*INDEXES, None))),
        )
        for name in listed
    }
    without = tuple(draw(st.lists(st.sampled_from(sorted(components)), unique=True)))
    base = BaseImage(reference="a", repository="a", tag=None, digest=None)
    return Manifest(
        name="a",
        default_target="all",
        indexes=indexes,
        targets={
            "all": TargetTable(name="all", python="3.10", platform="linux/amd64", base=base),
            "some": TargetTable(name="some", python="3.10", platform="linux/amd64", base=base, without=without),
        },
        components=components,
        image=Image(),
        policy=Policy(),
        matrix=MatrixChoice(),
        places=Places(file="stack.toml", lines={}, sources={}),
    )


def indexes_in(manifest: Manifest, target: str) -> dict[str, str | None]:
    own = {each.name: each.index for each in manifest.components_for(target) if each.index is not None}
    routes = routes_of(manifest, target)
    return {name: index_of(canonicalize_name(name), own=own, routes=routes) for name in NAMES}


@given(manifests())
def test_every_project_keeps_its_one_index_where_components_are_left_out(manifest: Manifest) -> None:
    assert indexes_in(manifest, "some") == indexes_in(manifest, "all")
    assert [route.default for route in routes_of(manifest, "some")] == [route.default for route in routes_of(manifest)]
