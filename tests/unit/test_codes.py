from __future__ import annotations

import ast
import re
from difflib import get_close_matches
from pathlib import Path

import pytest

import stackc
from stackc.codes import Code, all_codes, load
from stackc.errors import BugError, Finding, Place, UsageError

SOURCE = Path(stackc.__file__).parent
CODE = re.compile(r"S\d{3}")


def codes_in_source() -> set[str]:
    """Every string literal of the source that is a finding code."""
    nodes = (node for file in SOURCE.rglob("*.py") for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in texts if CODE.fullmatch(text)}


def test_every_code_in_the_source_has_a_page() -> None:
    assert sorted(codes_in_source() - all_codes().keys()) == []


def test_every_page_is_about_a_code_in_the_source() -> None:
    assert sorted(all_codes().keys() - codes_in_source()) == []


def test_every_title_is_one_lower_case_line_without_a_period() -> None:
    assert [code.code for code in all_codes().values() if not re.fullmatch(r"[^A-Z\n][^\n]*[^.\n]", code.title)] == []


def test_every_page_has_two_sentences_at_least() -> None:
    assert [code.code for code in all_codes().values() if len(re.findall(r"[.:;?](?:\s|$)", code.page)) < 2] == []


def test_a_code_is_found_in_either_case() -> None:
    code = load("s444")
    assert (code.code, code.family, code.title) == ("S444", "files", "another run of stackc is writing the same folder")
    assert code.page.startswith("Two runs that write beside each other take turns.")
    assert load("S444") == code


def test_an_unknown_code_is_refused_with_the_nearest_ones() -> None:
    near = get_close_matches("S40", all_codes(), n=3)
    assert len(near) == 3
    hints = {"S40": f"the nearest codes are `{near[0]}`, `{near[1]}`, `{near[2]}`", "nonsense": "codes look like `S301`"}
    for asked, hint in hints.items():
        with pytest.raises(UsageError) as caught:
            load(asked)
        assert caught.value.findings == (Finding(code="S001", message=f"no finding has the code `{asked}`", hint=hint),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[S101]\ntitle = "x"\n', "`S101` is no table of a title and a page"),
        ('[S101]\ntitle = "x"\npage = 1\n', "`S101` is no table of a title and a page"),
        ('[S101]\ntitle = "x"\npage = "x"\nmore = 1\n', "`S101` is no table of a title and a page"),
        ('[X1]\ntitle = "x"\npage = "x"\n', "`X1` is no table of a title and a page"),
        ('S101 = "x"\n', "`S101` is no table of a title and a page"),
    ],
)
def test_a_malformed_page_is_a_bug(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BugError) as caught:
        all_codes(tmp_path)
    place = Place(file="x.toml", path=(message.split("`")[1],))
    assert caught.value.findings == (Finding(code="S903", message=message, places=(place,)),)


def test_a_code_in_two_files_is_a_bug(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text('[S101]\ntitle = "x"\npage = "x"\n', encoding="utf-8")
    with pytest.raises(BugError) as caught:
        all_codes(tmp_path)
    message = "`S101` has a page in `a.toml` too"
    assert caught.value.findings == (Finding(code="S903", message=message, places=(Place(file="b.toml", path=("S101",)),)),)


def test_codes_are_sorted_and_their_pages_stripped(tmp_path: Path) -> None:
    (tmp_path / "z.toml").write_text('[S101]\ntitle = "x"\npage = """\nwhy\n"""\n', encoding="utf-8")
    (tmp_path / "a.toml").write_text('[S201]\ntitle = "y"\npage = "y"\n', encoding="utf-8")
    assert list(all_codes(tmp_path).values()) == [
        Code(code="S101", family="z", title="x", page="why"),
        Code(code="S201", family="a", title="y", page="y"),
    ]
