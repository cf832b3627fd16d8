from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackc.cli.columns import in_columns

ROWS = (("name", "what it says", "no"), ("a", "one two three four", "1"), ("bcd", "", "22"))


def test_a_table_that_fits_has_one_line_per_row() -> None:
    assert list(in_columns(ROWS, width=40, folding=[False, True, False])) == [
        "name  what it says        no",
        "a     one two three four  1",
        "bcd                       22",
    ]


def test_a_wide_column_folds_between_words() -> None:
    assert list(in_columns(ROWS, width=20, folding=[False, True, False])) == [
        "name  what it     no",
        "      says",
        "a     one two     1",
        "      three four",
        "bcd               22",
    ]


def test_a_column_that_may_not_fold_stays_whole_and_no_word_is_broken() -> None:
    assert list(in_columns(ROWS, width=1, folding=[True, False, False]))[1] == "a     one two three four  1"
    assert list(in_columns(ROWS, width=1, folding=[True, True, True]))[1:4] == ["      it", "      says", "a     one    1"]


words = st.lists(st.text("ab-,", min_size=1, max_size=6), max_size=4).map(" ".join)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=4), st.integers(1, 40))
def test_no_word_is_lost_and_lines_keep_to_the_width_where_words_allow_it(rows: list[tuple[str, str]], width: int) -> None:
    lines = list(in_columns(rows, width=width, folding=[True, True]))
    assert sorted(" ".join(lines).split()) == sorted(" ".join(cell for row in rows for cell in row).split())
    least = sum(max(len(word) for row in rows for word in row[column].split(" ")) for column in (0, 1)) + 2
    assert all(len(line) <= max(width, least) for line in lines)
