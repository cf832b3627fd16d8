"""How git shows a lock: every pin in one line, and nothing that makes two different locks look alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackc.history.lock_text import shown
from stackc.lock.head import digest_of

SAMPLE = (Path(__file__).parents[1] / "lock/lock_sample.toml").read_text(encoding="utf-8")


def test_a_lock_is_told_line_by_line() -> None:
    assert shown(SAMPLE) == Path(__file__).with_name("lock_sample.txt").read_text(encoding="utf-8")


@given(st.text())
def test_any_other_text_is_told_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    "changed",
    [
        SAMPLE.replace("format = 1\n", "format = 2\n"),
        SAMPLE.replace("[target]", "[goal]"),
        SAMPLE.replace("[inputs]", "[[inputs]]"),
        SAMPLE.replace("[[package]]", "[package]", 1),
        SAMPLE[: len(SAMPLE) // 2],
    ],
)
def test_a_lock_of_another_format_or_a_broken_one_is_told_as_it_is(changed: str) -> None:
    assert shown(changed) == changed


def test_an_edit_by_hand_is_told() -> None:
    edited = SAMPLE.replace("size = ", "size = 1", 1)
    assert shown(edited).splitlines()[0] == f"lock gpu edited by hand: {digest_of(edited)[7:17]}"


def test_a_pin_that_comes_from_no_index_says_from_where_it_comes() -> None:
    root, pin = '{ requirement = "scipy<1.13.0", order = 2 }', 'version = "1.12.0"\nindex = "pypi"\n'
    assert (root in SAMPLE, pin in SAMPLE) == (True, True)
    file = f'direct = "path", file = "scipy-1.12.0-py3-none-any.whl", sha256 = "{"b" * 64}"'
    told = shown(SAMPLE.replace(root, f"{root[:-2]}, {file} }}").replace(pin, 'version = "1.12.0"\ndirect = "path"\n'))
    assert [line for line in told.splitlines() if " scipy" in line] == [
        "asks scipy<1.13.0, order 2, path scipy-1.12.0-py3-none-any.whl bbbbbbbbbb",
        "  scipy                  1.12.0        path   step 2  aaaaaaaaaa asked <1.13.0",
    ]


def test_bytes_that_are_no_text_are_told_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "lock.toml").write_bytes(b"\x00\xff\r\n")
    command = [sys.executable, "-m", "stackc.cli.lock_text", str(tmp_path / "lock.toml")]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"\x00\xff\r\n"


def test_no_text_of_a_lock_reaches_the_terminal_as_a_command_to_it() -> None:
    told = shown(SAMPLE.replace('index = "pypi"', 'index = "p\\u001b[2J"', 1))
    assert ("\x1b" in told, "p\\x1b[2J" in told) == (False, True)


@given(st.integers(min_value=0, max_value=SAMPLE.count("\n") - 1), st.sampled_from("abc019"))
def test_two_locks_that_differ_are_never_told_alike(line: int, character: str) -> None:
    lines = SAMPLE.splitlines(keepends=True)
    lines[line] = lines[line].rstrip("\n") + f" # {character}\n"
    assert shown("".join(lines)) != shown(SAMPLE)
