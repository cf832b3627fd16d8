from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from packaging.version import Version

from stackc.explain import Bound, explain_pin
from stackc.lock.model import Lock
from unit.lock.lock_samples import LOCK, NUMPY, name


def versions(text: str) -> tuple[Version, ...]:
    return tuple(map(Version, text.split()))


def with_reasons(*why: str) -> Lock:
    packages = tuple(replace(NUMPY, why=why) if package.name == "numpy" else package for package in LOCK.packages)
    return replace(LOCK, packages=packages)


def test_each_bound_tells_the_first_newer_release_that_it_keeps_out() -> None:
    found = explain_pin(name("numpy"), LOCK, releases=versions("1.22.0 1.26.4 1.29.1 2.0.0rc1 2.0.0 2.2.6"))

    assert found.bounds == (
        Bound(source="rule scipy-numpy1", text="<2", keeps_out=Version("2.0.0")),
        Bound(source="scipy", text="<1.29.0,>=1.22.4", keeps_out=Version("1.29.1")),
        Bound(source="stack.toml", text=">=1.26.0,<2.0.0", keeps_out=Version("2.0.0")),
    )
    assert found.newer == versions("1.29.1 2.0.0 2.2.6")
    assert [bound.source for bound in found.tight()] == ["scipy"]
    assert [bound.rule for bound in found.bounds] == ["scipy-numpy1", None, None]


def test_without_the_index_nothing_is_said_of_newer_releases() -> None:
    found = explain_pin(name("numpy"), LOCK, releases=None)

    assert (found.newer, found.tight(), {bound.keeps_out for bound in found.bounds}) == (None, (), {None})


@pytest.mark.parametrize(
    ("why", "text", "keeps_out"),
    [
        (["a >=1.17", "a >=1.23.5", "a <3"], "<3,>=1.23.5", "3.0"),
        (["a"], "", None),
        (["a !=2.0.0", "a"], "!=2.0.0", "2.0.0"),
        (["rule r not >=2,<2.1"], "not >=2,<2.1", "2.0.0"),
        (["rule r in 12.1, 12.4"], "in 12.1, 12.4", None),
    ],
)
def test_the_bounds_of_one_source_are_one(why: Sequence[str], text: str, keeps_out: str | None) -> None:
    found = explain_pin(name("numpy"), with_reasons(*why), releases=versions("1.26.4 2.0.0 2.1 3.0"))

    assert [(bound.text, bound.keeps_out) for bound in found.bounds] == [(text, Version(keeps_out) if keeps_out else None)]


@pytest.mark.parametrize(
    ("package", "chain"),
    [("torch", ["torch"]), ("filelock", ["torch", "filelock"]), ("click", ["uvicorn", "click"]), ("numpy", ["numpy"])],
)
def test_the_chain_is_the_shortest_from_a_component(package: str, chain: list[str]) -> None:
    assert list(explain_pin(name(package), LOCK, releases=()).chain) == chain


def test_a_pre_release_is_offered_only_to_a_pre_release() -> None:
    assert explain_pin(name("click"), LOCK, releases=versions("8.2.0rc2 8.2.0")).newer == versions("8.2.0rc2 8.2.0")
    assert explain_pin(name("filelock"), LOCK, releases=versions("3.17.0rc1 3.18")).newer == versions("3.18")
