"""Edits change the values that they name, and no other byte."""

from __future__ import annotations

import datetime as dt
from textwrap import dedent

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from stackc.errors import ManifestError
from stackc.manifest.edit import Edit, changed_lines, edited

TEXT = """\
# the head
[stack]
name = "demo"   # its name

[indexes.cu124] # builds
url = "https://example.org/whl/cu124"
serves = [ "torch",
  "torchvision" ] # both

[targets.gpu]
python = "3.10"
base = "nvidia/cuda:12.4.1-devel-ubuntu22.04" # gives CUDA
# driver = "550"

[components]
numpy = { version = ">=1.26,<2", order = 1 } # inline
scipy.version = '>=1.11' # dotted
[components."torch"]
version = "==2.5.1"
verify = ["torch.version.cuda == '12.4'"]

[targets.cpu]
python = "3.11"

[policy]
exclude-newer = 2026-11-01T00:00:00+01:00 # the day
"""
MOMENT = dt.datetime(2026, 11, 20, 12, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))


def changes(*edits: Edit, text: str = TEXT) -> list[str]:
    return changed_lines(text, edited(text, edits))


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (
            Edit(("policy", "exclude-newer"), MOMENT),
            ["- exclude-newer = 2026-11-01T00:00:00+01:00 # the day", "+ exclude-newer = 2026-11-20T10:30:00Z # the day"],
        ),
        (
            Edit(("targets", "gpu", "base"), "nvidia/cuda:12.6.3-devel-ubuntu22.04"),
            [
                '- base = "nvidia/cuda:12.4.1-devel-ubuntu22.04" # gives CUDA',
                '+ base = "nvidia/cuda:12.6.3-devel-ubuntu22.04" # gives CUDA',
            ],
        ),
        (
            Edit(("components", "numpy", "version"), ">=2"),
            [
                '- numpy = { version = ">=1.26,<2", order = 1 } # inline',
                '+ numpy = { version = ">=2", order = 1 } # inline',
            ],
        ),
        (
            Edit(("components", "scipy", "version"), ">=1.13"),
            ["- scipy.version = '>=1.11' # dotted", '+ scipy.version = ">=1.13" # dotted'],
        ),
        (
            Edit(("components", "torch", "verify"), ("torch.version.cuda == '12.6'", 'a "quoted" one')),
            [
                "- verify = [\"torch.version.cuda == '12.4'\"]",
                '+ verify = ["torch.version.cuda == \'12.6\'", "a \\"quoted\\" one"]',
            ],
        ),
        (
            Edit(("components", "torch", "index"), "cu126"),
            ['+ index = "cu126"'],
        ),
        (Edit(("targets", "gpu", "python"), None), ['- python = "3.10"']),
        (Edit(("targets", "cpu", "cuda"), None), []),
    ],
)
def test_a_value_is_set_where_it_stands(edit: Edit, changed: list[str]) -> None:
    assert changes(edit) == changed


def test_a_new_table_stands_beside_those_of_its_kind() -> None:
    edits = [
        Edit(("indexes", "cu126", "url"), "https://example.org/whl/cu126", "builds for CUDA 12.6"),
        Edit(("indexes", "cu126", "serves"), ("torch",)),
        Edit(("targets", "cpu", "components", "torch", "index"), "cpu"),
    ]

    made = edited(TEXT, edits)

    assert (
        dedent(
            """\
          "torchvision" ] # both

        [indexes.cu126] # builds for CUDA 12.6
        url = "https://example.org/whl/cu126"
        serves = ["torch"]

        [targets.gpu]
        """
        )
        in made
    )
    assert (
        dedent(
            """\
        [targets.cpu]
        python = "3.11"

        [targets.cpu.components.torch]
        index = "cpu"

        [policy]
        """
        )
        in made
    )


def test_a_table_without_its_like_stands_at_the_end() -> None:
    text = '[stack]\nname = "demo"\n'

    assert (
        edited(text, [Edit(("policy", "exclude-newer"), MOMENT)]) == f"{text}\n[policy]\nexclude-newer = 2026-11-20T10:30:00Z\n"
    )


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    text = "\ufeff" + TEXT.replace("\n", "\r\n")

    made = edited(text, [Edit(("policy", "exclude-newer"), MOMENT), Edit(("indexes", "a", "url"), "https://example.org")])

    assert made.startswith("\ufeff# the head\r\n")
    assert made.count("\n") == made.count("\r\n") == text.count("\n") + 3


def test_a_text_that_is_no_toml_is_refused_with_its_place() -> None:
    with pytest.raises(ManifestError) as caught:
        edited("[stack\n", [Edit(("stack", "name"), "x")])
    (finding,) = caught.value.findings
    assert (finding.code, finding.places[0].line) == ("S104", 1)


paths = st.sampled_from(
    [
        ("targets", "gpu", "base"),
        ("targets", "new", "components", "torch", "index"),
        ("components", "numpy", "version"),
        ("components", "scipy", "verify"),
        ("components", "torch", "version"),
        ("indexes", "cu126", "url"),
        ("policy", "exclude-newer"),
        ("image", "workdir"),
    ]
)
values = st.none() | st.text(max_size=20) | st.lists(st.text(max_size=9), max_size=3).map(tuple)


@given(st.lists(st.builds(Edit, paths, values), max_size=4))
def test_whatever_is_set_is_what_a_reader_finds_and_nothing_else_moves(edits: list[Edit]) -> None:
    made = tomli.loads(edited(TEXT, edits))

    content = tomli.loads(TEXT)
    for edit in edits:
        *tables, key = edit.path
        table = content
        for name in tables:
            table = table.setdefault(name, {})
        table.pop(key, None)
        if edit.value is not None:
            table[key] = list(edit.value) if isinstance(edit.value, tuple) else edit.value
    assert made == content
