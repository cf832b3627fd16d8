"""Whatever excludes whatever, the core is inconsistent, minimal and the same each time; and few questions find it."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from stackc.conflict.core import Core, Unanswered, minimal_core

MEMBERS = tuple("abcdefghijkl")
subsets = st.frozensets(st.sampled_from(MEMBERS), min_size=1, max_size=5)
universes = st.lists(subsets, min_size=1, max_size=5)


class Oracle:
    """Members fit together as long as none of `excluded` is wholly among them. Counts what it is asked."""

    def __init__(self, excluded: Iterable[frozenset[str]], *, patience: int = 10_000) -> None:
        self.excluded = tuple(excluded)
        self.asked: list[frozenset[str]] = []
        self.patience = patience

    def __call__(self, members: frozenset[str]) -> bool:
        if len(self.asked) == self.patience:
            raise Unanswered
        self.asked.append(members)
        return self.fits(members)

    def fits(self, members: frozenset[str]) -> bool:
        return not any(one <= members for one in self.excluded)


@given(universes, st.permutations(MEMBERS), st.frozensets(st.sampled_from(MEMBERS)))
def test_a_core_is_inconsistent_and_none_of_its_members_can_be_spared(
    excluded: list[frozenset[str]], members: list[str], suspects: frozenset[str]
) -> None:
    oracle = Oracle(excluded)

    core = minimal_core(members, oracle, suspects=[suspects])

    found = frozenset(core.members)
    assert core == Core(tuple(member for member in members if member in found), minimal=True)
    assert not oracle.fits(found)
    assert all(oracle.fits(found - {member}) for member in found)


@given(universes, st.frozensets(st.sampled_from(MEMBERS)))
def test_the_same_members_give_the_same_core(excluded: list[frozenset[str]], suspects: frozenset[str]) -> None:
    first = minimal_core(MEMBERS, Oracle(excluded), suspects=[suspects])
    again = minimal_core(MEMBERS, Oracle(reversed(excluded)), suspects=[suspects])

    assert first == again


@given(universes, st.frozensets(st.sampled_from(MEMBERS)))
def test_no_question_is_asked_whose_answer_follows_from_others(
    excluded: list[frozenset[str]], suspects: frozenset[str]
) -> None:
    oracle = Oracle(excluded)

    minimal_core(MEMBERS, oracle, suspects=[suspects])

    for number, question in enumerate(oracle.asked):
        earlier = oracle.asked[:number]
        assert not any(question <= known for known in earlier if oracle.fits(known))
        assert not any(known <= question for known in earlier if not oracle.fits(known))


@given(universes, st.integers(0, 12))
def test_an_oracle_that_gives_up_leaves_the_best_core_so_far(excluded: list[frozenset[str]], patience: int) -> None:
    oracle = Oracle(excluded, patience=patience)

    core = minimal_core(MEMBERS, oracle)

    assert not oracle.fits(frozenset(core.members))
    if core.minimal:
        assert all(oracle.fits(frozenset(core.members) - {member}) for member in core.members)
    else:
        assert len(oracle.asked) == patience


@given(st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=3, unique=True))
def test_right_suspects_spare_nearly_all_questions(culprits: list[str]) -> None:
    oracle = Oracle([frozenset(culprits)])

    core = minimal_core(MEMBERS, oracle, suspects=[frozenset(culprits)])

    assert set(core.members) == set(culprits)
    assert len(oracle.asked) <= 2 * len(culprits) + 1


def test_members_of_which_each_is_impossible_by_itself_give_one_of_them() -> None:
    assert minimal_core(("a", "b"), Oracle([frozenset("a"), frozenset("b")])) == Core(("a",), minimal=True)


def test_what_is_inconsistent_without_any_member_has_an_empty_core() -> None:
    assert minimal_core(("a", "b"), lambda _members: False) == Core((), minimal=True)
