"""Two edits of one manifest as text: what changes is what the other side changed, and every comment stays."""

from __future__ import annotations

import pytest

from stackc.errors import Finding, ManifestError, Place
from stackc.history.manifest_merge import Merged, merge_manifest

BASE = """\
# The stack.
[stack]
name = "a" # its name

[components.base]
version = "<2"
order = 1

# needed by the service
[components.app]
version = ">=1" # a range
extras = ["x"]
"""


def by_key(base: str, ours: str, theirs: str) -> Merged:
    """The merge where every line is in conflict."""
    return merge_manifest(base, ours, theirs, by_line=lambda _base, _ours, _theirs: None, file="stack.toml")


def test_lines_that_merge_are_taken_as_git_merges_them() -> None:
    merged = merge_manifest("", "a = 1\n", "b = 1\n", by_line=lambda *_: "a = 1\n# by lines\nb = 1\n", file="stack.toml")
    assert merged == Merged(text="a = 1\n# by lines\nb = 1\n")


def test_lines_that_merge_to_what_is_no_toml_are_merged_by_key() -> None:
    merged = merge_manifest(
        "", "[a]\nx = 1\n", "[a]\ny = 1\n", by_line=lambda *_: "[a]\nx = 1\n[a]\ny = 1\n", file="stack.toml"
    )
    assert merged == Merged(text="[a]\nx = 1\ny = 1\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('version = "<2"', 'version = "<3"'),
        ("order = 1\n", ""),
        ("order = 1\n", 'order = 1\nindex = "cpu"\n'),
        ('extras = ["x"]', 'extras = ["x", "y"]'),
        ('# needed by the service\n[components.app]\nversion = ">=1" # a range\nextras = ["x"]\n', ""),
        ("# needed", '# another\n# of two lines\n[components.other]\nversion = "1"\n\n# needed'),
        ("[components.base]", '[components.first]\nversion = "1"\n\n[components.base]'),
        ('extras = ["x"]\n', 'extras = ["x"]\n\n[image]\napt = [\n    "git", # for it\n]\n'),
    ],
)
def test_an_edit_of_one_side_comes_into_an_edit_of_the_other_as_it_is_written(old: str, new: str) -> None:
    theirs, ours = BASE.replace(old, new), BASE.replace('name = "a" # its name', 'name = "b" # a new name')
    assert theirs != BASE
    expected = ours.replace(old, new).rstrip("\n") + "\n"
    assert by_key(BASE, ours, theirs) == Merged(text=expected)


def test_tables_that_both_sides_add_at_one_place_are_both_there() -> None:
    ours, theirs = (f'{BASE}\n# for {name}\n[components.{name}]\nversion = "1"\n' for name in ("one", "two"))
    assert by_key(BASE, ours, theirs) == Merged(
        text=f'{BASE}\n# for two\n[components.two]\nversion = "1"\n\n# for one\n[components.one]\nversion = "1"\n'
    )


def test_what_both_sides_changed_is_told_with_all_three_values() -> None:
    ours = BASE.replace('"<2"', '"<3"')
    merged = by_key(BASE, ours, BASE.replace('version = "<2"\n', ""))
    assert merged == Merged(
        text=None,
        findings=(
            Finding(
                code="S475",
                message="both sides changed `components.base.version`, and not alike",
                places=(Place(file="stack.toml", line=6, path=("components", "base", "version")),),
                notes=('before: "<2"', 'ours:   "<3"', "theirs: not there"),
                hint="say in the file what it is to be, then run `stackc merge` again",
            ),
        ),
    )


LISTS = """\
[targets.cpu]
python = "3.10"
without = [
    "a", # for CUDA alone
    "b", # no wheel
]
base = "x"
"""


def added(text: str, *names: str) -> str:
    return text.replace("\n]", "".join(f'\n    "{name}",' for name in names) + "\n]")


def test_what_both_sides_add_to_a_list_of_names_and_take_from_it_stands_in_the_merge() -> None:
    ours = added(LISTS.replace('    "a", # for CUDA alone\n', ""), "ours", "both")
    theirs = added(LISTS.replace('    "b", # no wheel\n', ""), "both", "theirs")
    assert by_key(LISTS, ours, theirs) == Merged(text=added(ours.replace('    "b", # no wheel\n', ""), "theirs"))


def test_a_list_of_names_that_both_sides_begin_has_the_names_of_both() -> None:
    base = '[targets.cpu]\npython = "3.10"\n'
    ours, theirs = (f'{base}without = ["{name}"]\n' for name in ("ours", "theirs"))
    assert by_key(base, ours, theirs) == Merged(text=f'{base}without = ["ours", "theirs"]\n')


def test_a_list_of_names_of_which_nothing_is_left_goes() -> None:
    ours, theirs = (LISTS.replace(f'    "{name}", # {why}\n', "") for name, why in (("a", "for CUDA alone"), ("b", "no wheel")))
    assert by_key(LISTS, ours, theirs) == Merged(text='[targets.cpu]\npython = "3.10"\nbase = "x"\n')


def test_a_list_of_names_that_one_side_deleted_keeps_what_the_other_added() -> None:
    gone = '[targets.cpu]\npython = "3.10"\nbase = "x"\n'
    assert by_key(LISTS, added(LISTS, "c"), gone) == Merged(text=gone.replace("base", 'without = [\n    "c",\n]\nbase'))
    assert by_key(LISTS, gone, added(LISTS, "c")) == Merged(text=f'{gone}without = ["c"]\n')


def test_lists_whose_order_says_something_clash() -> None:
    base, ours, theirs = (f'[image]\ncmd = ["{word}"]\n' for word in ("a", "b", "c"))
    (finding,) = by_key(base, ours, theirs).findings
    assert (finding.code, finding.places[0].path) == ("S475", ("image", "cmd"))


def test_a_list_of_names_that_one_side_made_another_thing_clashes() -> None:
    (finding,) = by_key(LISTS, added(LISTS, "c"), '[targets.cpu]\npython = "3.10"\nwithout = 1\nbase = "x"\n').findings
    assert (finding.code, finding.places[0].path) == ("S475", ("targets", "cpu", "without"))


def test_a_credential_in_a_clash_is_not_told() -> None:
    sides = [f'[indexes.own]\nurl = "https://user:{secret}@example.org/"\n' for secret in ("a1", "b2", "c3")]
    (finding,) = by_key(*sides).findings
    assert finding.notes == tuple(f'{side} "https://***@example.org/"' for side in ("before:", "ours:  ", "theirs:"))


def test_a_layout_that_cannot_be_edited_is_left_to_people() -> None:
    base, ours = "a = { b = 1 }\n", "a = { b = 1 }\nc = 1\n"
    (finding,) = by_key(base, ours, "[a]\nb = 1\n\n[a.d]\ne = 1\n").findings
    assert (finding.code, finding.places) == ("S476", (Place(file="stack.toml"),))


def test_a_side_that_is_no_toml_is_told() -> None:
    with pytest.raises(ManifestError):
        by_key(BASE, "broken [", BASE + "# x\n")
