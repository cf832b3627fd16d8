from __future__ import annotations

import datetime as dt

import pytest
from msgspec.structs import replace

from stackc.diff.edits import components_of, edits_between, implied_edits
from stackc.diff.model import Edit
from stackc.diff.words import edit_words
from stackc.errors import ManifestError
from stackc.lock.model import Root, Route
from unit.lock.lock_samples import LOCK

BEFORE = """\
[indexes.own]
url = "https://me:secret@index.example/simple?token=1"

[targets.gpu]
python = "3.10"
gpus = ["sm_80"]

[components.numpy]
version = ">=1.26" # why
order = 1

[components.old]
version = "==1"

[matrix]
waive = [{ rule = "a", because = "b", until = 2027-01-01 }]
"""
AFTER = """\
[indexes.own]
url = "https://me:other@index.example/simple?token=1"

[targets.gpu]
gpus = [
    "sm_80",
    "sm_90",
]

[components.numpy]
order = 1
version = ">=2" # why not

[components.peft]
version = ">=0.10"
extras = ["x"]

[targets.gpu.components.numpy]
version = "<3"

[matrix]
waive = [{ rule = "a", because = "b", until = 2028-01-01 }, { rule = "c", because = "d", until = 2028-01-01 }]
"""


HIDDEN = '"https://***@index.example/simple?***"'


def told(before: str, after: str) -> list[str]:
    return [edit_words(edit) for edit in edits_between(before, after, file="stack.toml")]


def test_every_key_whose_value_differs_is_told_with_its_line_and_tables_that_come_or_go_as_one() -> None:
    assert told(BEFORE, AFTER) == [
        f"stack.toml:2 indexes.own.url: {HIDDEN} → {HIDDEN} (differs in what is not shown)",
        'stack.toml:5 targets.gpu.gpus: ["sm_80"] → [ "sm_80", "sm_90",]',
        'stack.toml:5 targets.gpu.python: "3.10" removed',
        'stack.toml:12 components.numpy.version: ">=1.26" → ">=2"',
        'stack.toml:12 components.old: version = "==1" removed',
        'stack.toml:14 components.peft: version = ">=0.10", extras = ["x"] added',
        'stack.toml:19 targets.gpu.components.numpy.version: "<3" added',
        "stack.toml:22 matrix.waive.0.until: 2027-01-01 → 2028-01-01",
        'stack.toml:22 matrix.waive.1.because: "d" added',
        'stack.toml:22 matrix.waive.1.rule: "c" added',
        "stack.toml:22 matrix.waive.1.until: 2028-01-01 added",
    ]


def test_the_other_way_round_what_came_goes() -> None:
    there, back = edits_between(BEFORE, AFTER, file="a"), edits_between(AFTER, BEFORE, file="a")
    assert {edit.path for edit in there} == {edit.path for edit in back}
    assert {edit.path for edit in there if edit.before is None} == {edit.path for edit in back if edit.after is None}


def test_layout_and_comments_are_no_edit() -> None:
    assert told('a.b = "1"\n', '# why\n[a]\nb = "1"\n') == []


def test_a_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(ManifestError):
        edits_between("a = 1", "a = ", file="stack.toml")


def test_two_locks_say_what_their_manifests_must_have_edited() -> None:
    numpy, scipy, torch, _uvicorn = LOCK.roots
    after = replace(
        LOCK,
        target=replace(LOCK.target, driver="550", gpus=("sm_90",)),
        exclude_newer=dt.datetime(2026, 11, 25, tzinfo=dt.timezone.utc),
        routes=(Route(index="cu124", serves=("torch",)), Route(index="pypi", default=True)),
        roots=(
            replace(numpy, order=4),
            scipy,
            replace(torch, requirement="torch[opt-einsum]==2.6.0", index=None),
            Root(requirement="peft"),
        ),
    )
    assert [edit_words(edit) for edit in implied_edits(LOCK, after)] == [
        "components.numpy.order: 1 → 4",
        'components.peft.version: "*" added',
        'components.torch.version: "==2.5.1" → "==2.6.0"',
        "components.torch.extras: opt-einsum added",
        "components.torch.index: cu124 removed",
        'components.uvicorn.version: "*" removed',
        "components.uvicorn.extras: standard removed",
        "targets.gpu.driver: 550 added",
        "targets.gpu.gpus: sm_80, sm_90 → sm_90",
        "policy.exclude-newer: 2026-11-20T00:00:00+00:00 → 2026-11-25T00:00:00+00:00",
        "indexes.cu124.serves: torch, torchvision → torch",
    ]


def test_an_edit_belongs_to_a_component_by_its_normalized_name_in_overrides_too() -> None:
    named = {
        ("components", "Flash_Attn", "version"): ("flash-attn",),
        ("targets", "gpu", "components", "numpy", "version"): ("numpy",),
        ("targets", "gpu", "python"): (),
    }
    assert {path: components_of(Edit(path=path, before=None, after="1")) for path in named} == named


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ("", 'without = ["Flash_Attn", "numpy"]', ("flash-attn", "numpy")),
        ('without = ["numpy", "scipy"]', 'without = ["scipy", "torch"]', ("numpy", "torch")),
        ('without = ["numpy"]', "", ("numpy",)),
    ],
)
def test_an_edit_of_what_a_target_leaves_out_is_about_the_components_that_came_and_went(
    before: str, after: str, names: tuple[str, ...]
) -> None:
    head = '[targets.cpu]\npython = "3.10"\n'
    (edit,) = edits_between(head + before, head + after, file="stack.toml")
    assert (edit.path, components_of(edit)) == (("targets", "cpu", "without"), names)
