"""Every key of a document is found on its line, whatever the document's layout."""

from __future__ import annotations

import json
from collections.abc import Iterator

import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from stackc.errors import Place
from stackc.manifest.locate import Path, located

EXAMPLE = """\
# top
title = "x"  # [not.a.table]
"quoted key" . b = '''
[not.a.table]
'''

[a]
list = [  # comment ] here
  1, "two ] # no comment",
  [3,
   4],
]
[a.'d.e']
inline = { x = 1, y.z = [ { w = 2 } ], when = 1979-05-27 07:32:00 }
[[t]]
n = 1
[t.sub]
n = 2
[[t]]
[[t.deep]]
n = "it's \\"quoted\\" \\\\"
  [ b ]
text = \"\"\"
a ""quoted"" \\\"\"\" end\"\"\"\"\"
last = true"""


def test_each_line_and_source_of_an_example() -> None:
    places = located(EXAMPLE, file="x.toml")
    assert {path: (line, places.sources.get(path)) for path, line in places.lines.items()} == {
        ("title",): (2, '"x"'),
        ("quoted key",): (3, None),
        ("quoted key", "b"): (3, r"'''\n[not.a.table]\n'''"),
        ("a",): (7, None),
        ("a", "list"): (8, '[  1, "two ] # no comment", [3, 4],]'),
        ("a", "list", 0): (9, "1"),
        ("a", "list", 1): (9, '"two ] # no comment"'),
        ("a", "list", 2): (10, "[3, 4]"),
        ("a", "list", 2, 0): (10, "3"),
        ("a", "list", 2, 1): (11, "4"),
        ("a", "d.e"): (13, None),
        ("a", "d.e", "inline"): (14, None),
        ("a", "d.e", "inline", "x"): (14, "1"),
        ("a", "d.e", "inline", "y"): (14, None),
        ("a", "d.e", "inline", "y", "z"): (14, None),
        ("a", "d.e", "inline", "y", "z", 0): (14, None),
        ("a", "d.e", "inline", "y", "z", 0, "w"): (14, "2"),
        ("a", "d.e", "inline", "when"): (14, "1979-05-27 07:32:00"),
        ("t",): (15, None),
        ("t", 0): (15, None),
        ("t", 0, "n"): (16, "1"),
        ("t", 0, "sub"): (17, None),
        ("t", 0, "sub", "n"): (18, "2"),
        ("t", 1): (19, None),
        ("t", 1, "deep"): (20, None),
        ("t", 1, "deep", 0): (20, None),
        ("t", 1, "deep", 0, "n"): (21, r'''"it's \"quoted\" \\"'''),
        ("b",): (22, None),
        ("b", "text"): (23, r'"""\na ""quoted"" \""" end"""""'),
        ("b", "last"): (25, "true"),
    }


def test_a_table_that_is_named_before_its_own_header_is_found_at_the_header() -> None:
    places = located("[a.b]\n[a]\n", file="x.toml")
    assert dict(places.lines) == {("a",): 2, ("a", "b"): 1}


def test_a_path_that_is_not_written_down_is_placed_at_its_table() -> None:
    assert located("x = 1\n[a.b]\n", file="x.toml").at("a", "b", "c", 0) == Place(
        file="x.toml", line=2, path=("a", "b", "c", 0)
    )


def test_sources_are_short_and_keep_no_secret() -> None:
    text = "\n".join(
        [
            'x = "https://user:secret@example.org"',
            r'y = ["https\u003a//user:secret\u0040example.org"]',
            "indexes.a = { url = ['user:secret@example.org?key=secret'], user = \"user:secret@example.org\" }",
            f'z = "{"long " * 100}"',
        ]
    )
    assert dict(located(text, file="x.toml").sources) == {
        ("x",): '"https://***@example.org"',
        ("y",): '["https://***@example.org"]',
        ("y", 0): '"https://***@example.org"',
        ("indexes", "a", "url"): '["***@example.org?***"]',
        ("indexes", "a", "url", 0): '"***@example.org?***"',
        ("indexes", "a", "user"): '"***@example.org"',
        ("z",): f'"{"long " * 100}"'[:100] + "…",
    }


def test_deep_nesting_is_located_no_finer_than_a_manifest_needs() -> None:
    text = f"a = {'[' * 300}{']' * 300}\nb = 1\n"
    places = located(text, file="x.toml")
    assert (len(places.lines), places.lines[("b",)]) == (18, 2)


# A small writer of TOML: each statement in one of the layouts that TOML has for it, with the paths that it should be found at.

KEYS = st.text(st.sampled_from("ab-_ .\"'#[]{}=,é"), min_size=1, max_size=4) | st.sampled_from(["a", "b", "url", "name"])
SCALARS = st.one_of(
    st.integers(-99, 99).map(str),
    st.sampled_from(["true", "1.5", "nan", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00", "07:32:00", "0xff"]),
    st.text(max_size=6).filter(lambda text: "\x7f" not in text).map(lambda text: json.dumps(text, ensure_ascii=True)),
    st.text(st.sampled_from('ab"#[]{},=\\ '), max_size=6).map(lambda text: f"'{text}'"),
    st.text(st.sampled_from("ab\"'#[]\n "), max_size=6)
    .map(lambda text: f"'''{text}'''")
    .filter(lambda text: valid(f"x = {text}")),
    st.text(st.sampled_from("ab\"'#[]\n "), max_size=6)
    .map(lambda text: f'"""{text}"""')
    .filter(lambda text: valid(f"x = {text}")),
)
GAPS = st.sampled_from(["", " ", "\n", '\n  # ] } , "\n', "\n\n"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.tuples(GAPS, st.lists(st.tuples(inner, GAPS), max_size=3)).map(
            lambda parts: f"[{parts[0]}{''.join(f'{item},{gap}' for item, gap in parts[1])}]"
        ),
        st.dictionaries(KEYS, inner, max_size=3).map(
            lambda table: f"{{ {', '.join(f'{json.dumps(key)} = {value}' for key, value in table.items())} }}"
        ),
    ),
    max_leaves=8,
)
STATEMENTS = st.one_of(
    st.tuples(st.lists(KEYS.map(json.dumps), min_size=1, max_size=2).map(" . ".join), VALUES).map(" = ".join),
    st.lists(KEYS.map(json.dumps), min_size=1, max_size=3).map(lambda keys: f"[{'.'.join(keys)}]"),
    st.lists(KEYS.map(json.dumps), min_size=1, max_size=2).map(lambda keys: f"[[ {'.'.join(keys)} ]]"),
    st.sampled_from(["", "# [a]", "  "]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STATEMENTS, max_size=8), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", " # end ]\n"]))
def test_every_key_of_any_document_is_found_in_the_statement_that_writes_it(
    statements: list[str], ending: str, end: str
) -> None:
    kept: list[str] = []
    starts: list[int] = []
    expected: dict[Path, int] = {}
    for statement in statements:
        if not valid("\n".join([*kept, statement])):
            continue
        starts.append(sum(each.count("\n") + 1 for each in kept) + 1)
        kept.append(statement)
        document = tomli.loads("\n".join(kept))
        if statement.startswith("[") and not statement.startswith("[["):
            expected[header_path(statement, document)] = starts[-1]
        for path in paths(document):
            expected.setdefault(path, starts[-1])
    text = "\n".join(kept) + end
    lines = located(text.replace("\n", ending), file="x.toml").lines
    assert {path: max(start for start in starts if start <= line) for path, line in lines.items()} == expected


def header_path(header: str, document: object) -> Path:
    """Return the path of the table that a header opens: in an array of tables, of the last one."""
    path: Path = ()
    keys = tomli.loads(header)
    while keys:
        key, keys = next(iter(keys.items()))
        assert isinstance(document, dict)
        document, path = document[key], (*path, key)
        if isinstance(document, list) and keys:
            path = (*path, len(document) - 1)
            document = document[-1]
    return path


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield every path of a parsed document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from paths(child, (*path, key))


def valid(text: str) -> bool:
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError:
        return False
    return True
