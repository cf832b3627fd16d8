from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.utils import NormalizedName

from stackc.errors import Finding, Place
from stackc.lock.model import Root
from stackc.lock.steps import Conflict, assign, conflict_finding, conflicts
from unit.lock.lock_samples import name, names


def graph(**edges: str) -> Mapping[NormalizedName, Sequence[NormalizedName]]:
    return {name(project): names(needed) for project, needed in edges.items()}


def roots(**orders: int | None) -> tuple[Root, ...]:
    return tuple(Root(requirement=project, order=order) for project, order in orders.items())


def test_a_step_holds_its_components_and_what_no_earlier_step_installed() -> None:
    requires = graph(numpy="", scipy="numpy", torch="numpy filelock", filelock="", fastapi="filelock pydantic", pydantic="")
    assert assign(roots(numpy=1, scipy=2, torch=3, fastapi=None), requires) == {
        "numpy": 1,
        "scipy": 2,
        "filelock": 3,
        "torch": 3,
        "fastapi": 4,
        "pydantic": 4,
    }


def test_what_two_steps_need_is_installed_in_the_first() -> None:
    assert assign(roots(b=2, a=1), graph(a="shared", b="shared", shared="deep", deep="")) == {
        "a": 1,
        "b": 2,
        "deep": 1,
        "shared": 1,
    }


def test_an_unordered_component_that_an_ordered_one_needs_goes_to_its_step() -> None:
    assert assign(roots(fsspec=None, torch=3), graph(fsspec="", torch="fsspec")) == {"fsspec": 3, "torch": 3}


def test_step_numbers_are_order_numbers_with_their_gaps() -> None:
    assert assign(roots(a=10, b=20, c=20, d=None), graph(a="", b="", c="", d="")) == {"a": 10, "b": 20, "c": 20, "d": 21}


def test_without_orders_all_is_one_step() -> None:
    assert assign(roots(a=None), graph(a="b", b="")) == {"a": 1, "b": 1}


def test_cycles_are_installed_together() -> None:
    requires = graph(a="b", b="c", c="a", d="a")
    assert assign(roots(a=1, d=None), requires) == {"a": 1, "b": 1, "c": 1, "d": 2}
    assert conflicts(roots(a=1, d=None), requires) == ()


def test_extras_and_spelling_of_a_root_do_not_matter() -> None:
    found = assign((Root(requirement="Flask_Login[async]>=2", order=2),), {name("flask-login"): names("click")})
    assert found == {"click": 2, "flask-login": 2}


def test_nothing_has_no_steps() -> None:
    assert assign((), {}) == {}
    assert conflicts((), {}) == ()


def test_a_component_that_needs_one_of_a_later_step_is_a_conflict() -> None:
    assert conflicts(roots(scipy=1, numpy=2), graph(scipy="numpy", numpy="")) == (
        Conflict(name("scipy"), name("numpy"), 1, 2, names("scipy numpy")),
    )


def test_the_shortest_chain_to_the_later_component_is_told() -> None:
    requires = graph(a="long short", long="longer", longer="b", short="b", b="")
    assert conflicts(roots(a=1, b=2), requires) == (Conflict(name("a"), name("b"), 1, 2, names("a short b")),)


def test_what_a_later_component_needs_is_its_own_conflict() -> None:
    assert conflicts(roots(a=1, b=2, c=3), graph(a="b", b="c", c="")) == (
        Conflict(name("a"), name("b"), 1, 2, names("a b")),
        Conflict(name("b"), name("c"), 2, 3, names("b c")),
    )


def test_components_of_one_step_may_need_each_other() -> None:
    assert conflicts(roots(a=1, b=1), graph(a="b", b="a")) == ()


def test_a_later_component_may_need_an_earlier_one() -> None:
    assert conflicts(roots(a=1, b=2), graph(a="", b="x", x="a")) == ()


def test_a_cycle_across_steps_is_a_conflict() -> None:
    assert conflicts(roots(a=1, b=2), graph(a="b", b="a")) == (Conflict(name("a"), name("b"), 1, 2, names("a b")),)


def test_an_unordered_component_is_never_late() -> None:
    assert conflicts(roots(a=1, b=None), graph(a="b", b="")) == ()


def test_a_conflict_is_told_with_its_chain_and_both_ways_out() -> None:
    place = Place(file="stack.toml", line=9, path=("components", "a", "order"), source="1")
    assert conflict_finding(Conflict(name("a"), name("b"), 1, 3, names("a x b")), places=(place,)) == Finding(
        code="S423",
        message="`a` is installed in step 1, but needs `b` of step 3",
        places=(place,),
        notes=("`a` requires `x`; `x` requires `b`",),
        hint="give `b` the order 1 or lower, or `a` the order 3 or higher",
    )


def test_a_direct_conflict_needs_no_chain() -> None:
    assert conflict_finding(Conflict(name("a"), name("b"), 1, 2, names("a b"))).notes == ()
