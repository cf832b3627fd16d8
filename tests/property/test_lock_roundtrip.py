from __future__ import annotations

from random import Random
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from property.lock_universe import Solution, solutions
from stackc.errors import LockError
from stackc.lock.codec import decode, encode, read_head
from stackc.lock.model import Lock
from stackc.lock.proof import prove

T = TypeVar("T")
FILE = "locks/gpu/lock.toml"
few = settings(deadline=None, max_examples=80)


@few
@given(solutions())
def test_a_good_lock_is_proved(solution: Solution) -> None:
    assert prove(solution.lock, matrix=solution.matrix) == ()


@few
@given(solutions())
def test_a_lock_reads_back_and_is_written_again_with_the_same_bytes(solution: Solution) -> None:
    text = encode(solution.lock)
    again = decode(text, file=FILE)
    assert again == solution.lock
    assert encode(again) == text


@few
@given(solutions())
def test_the_head_of_every_written_lock_is_intact(solution: Solution) -> None:
    head = read_head(encode(solution.lock))
    assert head is not None
    assert head.intact
    assert (head.format, head.stackc, head.manifest) == (1, solution.lock.stackc, solution.lock.inputs.manifest)


@few
@given(solutions(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_sorted_does_not_change_the_text(solution: Solution, random: Random) -> None:
    lock = solution.lock
    shuffled = replace(
        lock,
        packages=tuple(
            replace(package, requires=package.requires[::-1], why=package.why[::-1], extras=package.extras[::-1])
            for package in _shuffled(lock.packages, random)
        ),
        tools=_shuffled(lock.tools, random),
        routes=_shuffled(lock.routes, random),
    )
    assert encode(shuffled) == encode(lock)


def _shuffled(items: tuple[T, ...], random: Random) -> tuple[T, ...]:
    return tuple(random.sample(items, len(items)))


@st.composite
def edits(draw: st.DrawFn) -> tuple[Solution, str]:
    """Draw a lock and its text with one character changed, dropped or added, or two lines swapped."""
    solution = draw(solutions())
    text = encode(solution.lock)
    at = draw(st.integers(0, len(text) - 1))
    character = draw(st.characters(max_codepoint=127) | st.sampled_from('"\n# =[]{}\\'))
    lines = text.split("\n")
    line = draw(st.integers(0, len(lines) - 2))
    lines[line : line + 2] = lines[line + 1], lines[line]
    return solution, draw(
        st.sampled_from(
            (
                text[:at] + character + text[at + 1 :],
                text[:at] + text[at + 1 :],
                text[:at] + character + text[at:],
                "\n".join(lines),
                text[:at],
                text + character,
            )
        )
    )


@settings(deadline=None, max_examples=200)
@given(edits())
def test_an_edited_text_is_refused_or_says_the_same(edit: tuple[Solution, str]) -> None:
    solution, text = edit
    again = _decoded(text)
    assert again is None or again == solution.lock


def _decoded(text: str) -> Lock | None:
    try:
        return decode(text, file=FILE)
    except LockError:
        return None
