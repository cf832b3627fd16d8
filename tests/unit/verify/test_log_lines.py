"""Lines of logs as files, terminals and CI leave them."""

from __future__ import annotations

import codecs
import io

import pytest

from stackc.verify.log_lines import LONGEST, LogLine, read_lines

MOMENT = 1714567890.0
"""2024-05-01T12:51:30Z, in seconds since the epoch."""


def lines(content: bytes) -> list[LogLine]:
    return list(read_lines(io.BytesIO(content)))


def test_lines_are_counted_and_empty_ones_left_out() -> None:
    assert lines(b"one\n\nthree") == [LogLine(1, "one"), LogLine(3, "three")]


def test_a_carriage_return_before_a_newline_is_part_of_it() -> None:
    assert lines(b"one\r\ntwo\r\n") == [LogLine(1, "one"), LogLine(2, "two")]


def test_what_was_drawn_over_comes_part_by_part_under_one_number() -> None:
    assert lines(b"10%\r50%\r100%\nnext\n") == [LogLine(1, "10%"), LogLine(1, "50%"), LogLine(1, "100%"), LogLine(2, "next")]


def test_escape_sequences_are_left_out() -> None:
    content = b"\x1b[1m\x1b[38;5;208mSTEP\x1b[0m 1/2: FROM x\x1b]8;;https://example.org\x07link\x1b]8;;\x07\x1b[?25h"
    assert lines(content) == [LogLine(1, "STEP 1/2: FROM xlink")]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("2024-05-01T12:51:30.5000000Z STEP 1/2: FROM x", "STEP 1/2: FROM x"),
        ("2024-05-01T12:51:30.500000Z 00O STEP 1/2: FROM x", "STEP 1/2: FROM x"),
        ("2024-05-01T12:51:30.500000Z 01E+continued", "continued"),
        ("build\tBuild the image\t2024-05-01T12:51:30.5000000Z STEP 1/2: FROM x", "STEP 1/2: FROM x"),
        ("build\tBuild the image\t\ufeff2024-05-01T12:51:30.5Z #5 DONE 0.1s", "#5 DONE 0.1s"),
    ],
)
def test_the_moment_that_ci_writes_first_is_taken_apart(written: str, text: str) -> None:
    assert lines(written.encode()) == [LogLine(1, text, MOMENT + 0.5)]


@pytest.mark.parametrize("text", ["2024-99-01T12:51:30Z text", "2024-05-01 text", "20 texts", "a\tb\tc"])
def test_what_only_resembles_a_moment_is_text_or_no_moment(text: str) -> None:
    (line,) = lines(text.encode())
    assert (line.text.endswith(text[-4:]), line.moment) == (True, None)


@pytest.mark.parametrize(
    "content",
    [codecs.BOM_UTF8 + "größe\n".encode(), "größe\n".encode("utf-16"), codecs.BOM_UTF16_BE + "größe\n".encode("utf-16-be")],
)
def test_a_byte_order_mark_says_the_encoding(content: bytes) -> None:
    assert lines(content) == [LogLine(1, "größe")]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert lines(b"a\xff\n") == [LogLine(1, "a\ufffd")]


def test_a_line_without_an_end_is_cut_and_the_next_one_is_whole() -> None:
    content = b"x" * (3 * LONGEST) + b"\nnext\n"
    assert lines(content) == [LogLine(1, "x" * LONGEST), LogLine(2, "next")]


def test_a_character_that_two_chunks_share_is_one() -> None:
    content = b"x" * 65_535 + "ü\n".encode()
    assert lines(content)[0].text == "x" * 65_535 + "ü"


def test_an_empty_log_has_no_lines() -> None:
    assert lines(b"") == []
