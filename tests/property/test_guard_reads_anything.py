"""Every reader of the guard ends, and without an exception, whatever stands in its file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackc.guard.allowance import allowances
from stackc.guard.kinds import reader
from stackc.guard.names import in_text, of_requirement
from stackc.guard.source import Joined, Source, UndecodableError, decode

KINDS = (
    "requirements",
    "constraints",
    "pyproject.toml",
    "Pipfile",
    "cog.yaml",
    "environment.yml",
    "setup.cfg",
    "setup.py",
    "Dockerfile",
    "Makefile",
    "script",
)
PIECES = {
    "requirements": ["torch", "==", "-r ", "x.txt", "\\\n", "#", "--index-url", "; ", "@", "git+https://", "${A}", "-e ", "'"],
    "pyproject.toml": [
        "[project]\n",
        "dependencies = [",
        '"torch"',
        "]",
        "'''",
        '"""',
        "\\",
        "[tool.poetry.dependencies]\n",
        "a = {",
    ],
    "environment.yml": [
        "dependencies:\n",
        "  - torch\n",
        "  - pip:\n",
        "    - torch\n",
        "&a ",
        "*a",
        "{",
        "[",
        '"',
        "- - ",
        "|\n",
        "? ",
    ],
    "setup.cfg": ["[options]\n", "install_requires =", " torch\n", "file: x", ";", "[options.extras_require]\n", "a:"],
    "setup.py": [
        "setup(",
        "install_requires=",
        "['torch']",
        ")",
        "x = ",
        "x",
        "+",
        "def f():\n ",
        "%",
        "f'{x}'",
        ".split()",
        "**x",
    ],
    "Dockerfile": [
        "RUN ",
        "pip install ",
        "torch",
        "\\\n",
        "<<EOF",
        "\nEOF\n",
        '["',
        '"]',
        "ENV A=",
        "$A",
        "COPY ",
        "# escape=`\n",
        "`",
    ],
    "script": [
        "pip install ",
        "torch",
        ">=2",
        "'",
        '"',
        "$(",
        ")",
        "`",
        "${",
        "}",
        "<<E",
        "\nE\n",
        "&&",
        "\\\n",
        "bash -c ",
        "#",
        "A=",
        "eval ",
    ],
}
PIECES |= {"constraints": PIECES["requirements"], "Pipfile": PIECES["pyproject.toml"], "cog.yaml": PIECES["environment.yml"]}
PIECES |= {"Makefile": [*PIECES["script"], "\n\t", "\n\t@", "$(A)"]}


def texts(kind: str) -> st.SearchStrategy[str]:
    """Return texts that have much of what the kind's grammar knows, in any order."""
    piece = st.one_of(st.sampled_from([*PIECES[kind], "\n", " "]), st.text(max_size=3))
    return st.lists(piece, max_size=20).map("".join)


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_is_read(kind: str) -> None:
    @settings(max_examples=150, deadline=2000)
    @given(texts(kind))
    def holds(text: str) -> None:
        source = Source.of(text.encode("utf-8", "replace").decode("utf-8"))
        for item in reader(kind)(source):
            line, column = source.position(item.at or 0)
            assert line >= 1
            assert column >= 1

    holds()


@pytest.mark.parametrize("kind", KINDS)
def test_all_bytes_are_read_or_refused(kind: str) -> None:
    @settings(max_examples=80, deadline=2000)
    @given(st.binary(max_size=120))
    def holds(data: bytes) -> None:
        try:
            source = decode("file", data)
        except UndecodableError:
            return
        list(reader(kind)(source))

    holds()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "unit", ["(", "$(", "`", '"', "'", "[", "{", "\\", " ", "a", "-", "\t", "#", "- ", "<<a ", "\n", ";", "="]
)
def test_long_runs_of_one_mark_take_no_time(kind: str, unit: str) -> None:
    for text in (unit * 4000, f"RUN pip install {unit * 4000}", f"install_requires={unit * 4000}"):
        list(reader(kind)(Source.of(text)))


@given(st.text(max_size=60))
def test_every_text_has_names_or_none(text: str) -> None:
    assert of_requirement(text) == of_requirement(text)
    assert all(name == name.lower() for name in in_text(text))
    assert isinstance(allowances([f"# stackc: allow {text}"]), tuple)


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(0, 99)), max_size=6), st.integers(0, 30), st.integers(0, 30))
def test_a_stretch_of_a_joined_text_leads_to_the_same_places(pieces: list[tuple[str, int]], start: int, end: int) -> None:
    joined = Joined(pieces)
    cut = joined.cut(start, end)
    assert cut.text == joined.text[start:end]
    assert [cut.at(offset) for offset in range(len(cut.text))] == [joined.at(start + offset) for offset in range(len(cut.text))]
