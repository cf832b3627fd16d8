"""Three-way merging of tables: what one side changed is kept, what both changed alike too, and all else is a clash."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackc.history.three_way import GONE, Clash, Edit, Table, edits, same

LEAVES = st.sampled_from([0, 1, True, 1.0, "a", "b"]) | st.lists(st.sampled_from(["a", "b"]), max_size=2)
TABLES = st.recursive(
    st.dictionaries(st.sampled_from("xyz"), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner | LEAVES, max_size=3),
    max_leaves=8,
)


def merged(base: Table, ours: Table, theirs: Table) -> Table | None:
    """The merge of two tables, None where they clash."""
    result = copied(ours)
    for each in edits(base, ours, theirs):
        if isinstance(each, Clash):
            return None
        *above, key = each.path
        table = result
        for part in above:
            inner = table[part]
            assert isinstance(inner, dict)
            table = inner
        if each.value is GONE:
            del table[key]
        else:
            table[key] = each.value
    return result


def copied(table: Table) -> dict[str, object]:
    return {key: copied(value) if isinstance(value, dict) else value for key, value in table.items()}


def test_what_one_side_changed_is_an_edit_and_what_both_changed_otherwise_is_a_clash() -> None:
    base = {"a": {"x": 1, "y": 1, "z": 1}, "b": 1}
    ours = {"a": {"x": 2, "y": 2, "z": 1}, "c": {"v": 1}}
    theirs = {"a": {"x": 1, "y": 3}, "b": 1, "c": {"v": 1}, "d": [1]}
    assert list(edits(base, ours, theirs)) == [
        Clash(("a", "y"), 1, 2, 3),
        Edit(("a", "z"), GONE),
        Edit(("d",), [1]),
    ]


def test_a_value_of_another_type_is_another_value() -> None:
    assert [same(1, True), same(1, 1.0), same([1], [1.0]), same({"a": 1}, {"a": True}), same({}, {})] == [False] * 4 + [True]


@given(TABLES, TABLES)
def test_what_only_one_side_changed_is_what_comes_out(base: Table, changed: Table) -> None:
    for ours, theirs in ((base, changed), (changed, base), (changed, changed)):
        found = merged(base, ours, theirs)
        assert found is not None
        assert same(found, changed)


@given(TABLES, TABLES, TABLES)
def test_it_does_not_matter_which_side_is_ours(base: Table, ours: Table, theirs: Table) -> None:
    one, other = merged(base, ours, theirs), merged(base, theirs, ours)
    assert (one is None) == (other is None)
    assert one is None or other is None or same(one, other)
