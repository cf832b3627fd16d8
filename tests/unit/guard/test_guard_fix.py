"""Deleting lines: whole ones, and no other byte."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from stackc.guard.fix import removals
from stackc.guard.source import Source, UndecodableError, decode
from support.guard import verdicts, write


def fixed(tmp_path: Path, data: str | bytes, name: str = "requirements.txt") -> bytes:
    """Return a file without what is deleted of it, itself where nothing is."""
    write(tmp_path, {name: data})
    chosen = removals(verdicts(tmp_path, name))
    assert len(chosen) <= 1
    before = data if isinstance(data, bytes) else data.encode()
    for source, spans in chosen.items():
        after = source.without(spans)
        return before if after is None else after
    return before


REQUIREMENTS = {
    "a line": ("numpy\ntorch\nscipy\n", "numpy\nscipy\n"),
    "the first line": ("torch\nnumpy\n", "numpy\n"),
    "the last line without a newline": ("numpy\ntorch", "numpy\n"),
    "all lines": ("torch\ntorchvision\n", ""),
    "a line with a comment": ("torch # why\n# torch\n", "# torch\n"),
    "a continued line": (
        "a\ntorch==2 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via b\nc\n",
        "a\n    # via b\nc\n",
    ),
    "a name that is split": ("a\ntor\\\nch\nb\n", "a\nb\n"),
    "CRLF": ("a\r\ntorch\r\nb\r\n", "a\r\nb\r\n"),
    "mixed line ends": ("a\r\ntorch\nb\rtorch\rc\n", "a\r\nb\rc\n"),
    "a form feed": ("a\n\ftorch\n\fb\n", "a\n\f\fb\n"),
    "a form feed as line end": ("a\ftorch\fb\n", "a\fb\n"),
    "spaces and tabs elsewhere": ("  a  \n\ttorch\t\n b\t\n\n\n", "  a  \n b\t\n\n\n"),
    "an editable": ("-e git+https://github.com/pytorch/pytorch#egg=torch\na\n", "a\n"),
    "a line that cannot be parsed": ("torch=2\na\n", "a\n"),
    "a line that names another project too": ("numpy torch\na\n", "numpy torch\na\n"),
    "a warning": ("triton\na\n", "triton\na\n"),
    "an allowed line": ("torch # stackc: allow torch: why\n", "torch # stackc: allow torch: why\n"),
}


@pytest.mark.parametrize(("before", "after"), REQUIREMENTS.values(), ids=REQUIREMENTS)
def test_a_requirements_file_loses(tmp_path: Path, before: str, after: str) -> None:
    assert fixed(tmp_path, before) == after.encode()


ENCODINGS = {
    "a BOM": (codecs.BOM_UTF8, "utf-8"),
    "UTF-16-LE": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "UTF-16-BE": (codecs.BOM_UTF16_BE, "utf-16-be"),
    "UTF-32-LE": (codecs.BOM_UTF32_LE, "utf-32-le"),
    "Latin-1 by its comment": ("# coding: latin-1\n".encode("latin-1"), "latin-1"),
    "cp1252 by its comment": ("# -*- coding: cp1252 -*-\n".encode("latin-1"), "cp1252"),
    "UTF-8": (b"", "utf-8"),
}


@pytest.mark.parametrize(("lead", "codec"), ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_other_byte_stays_in(tmp_path: Path, lead: bytes, codec: str, end: str) -> None:
    before, after = (lead + end.join(lines).encode(codec) for lines in (["# é", "a", "torch", "b # ü"], ["# é", "a", "b # ü"]))
    assert fixed(tmp_path, before) == after


def test_a_stray_byte_stays(tmp_path: Path) -> None:
    assert fixed(tmp_path, b"# caf\xe9\ntorch\na\n") == b"# caf\xe9\na\n"


@pytest.mark.parametrize(
    "data",
    [b"# coding: utf-7\nt+AG8-rch\na\n", b"torch\n#\n# coding: latin-1\n# \xe9\n"],
    ids=["several spellings of one text", "a comment that would begin to declare an encoding"],
)
def test_an_encoding_that_does_not_let_lines_be_told_apart_is_left_alone(tmp_path: Path, data: bytes) -> None:
    assert fixed(tmp_path, data) == data


OTHERS = {
    "an element of an array": (
        "pyproject.toml",
        '[project]\ndependencies = [\n  "a",\n  "torch", # why\n  "b"\n]\n',
        '[project]\ndependencies = [\n  "a",\n  "b"\n]\n',
    ),
    "no element that shares its line": (
        "pyproject.toml",
        '[project]\ndependencies = ["a",\n  "torch", "b"]\n',
        '[project]\ndependencies = ["a",\n  "torch", "b"]\n',
    ),
    "a key of poetry": (
        "pyproject.toml",
        '[tool.poetry.dependencies]\na = "1"\ntorch = "2"\n',
        '[tool.poetry.dependencies]\na = "1"\n',
    ),
    "a package of conda": ("environment.yml", "dependencies:\n  - a\n  - pytorch\n", "dependencies:\n  - a\n"),
    "no list of which nothing would be left": (
        "environment.yml",
        "dependencies:\n  - a\n  - pip:\n    - torch\n    - torchvision\n",
        "dependencies:\n  - a\n  - pip:\n    - torch\n    - torchvision\n",
    ),
    "a line of setup.cfg": (
        "setup.cfg",
        "[options]\ninstall_requires =\n  a\n  torch\n",
        "[options]\ninstall_requires =\n  a\n",
    ),
    "an element in setup.py": (
        "setup.py",
        "setup(install_requires=[\n  'a',\n  'torch',\n])\n",
        "setup(install_requires=[\n  'a',\n])\n",
    ),
    "no command of a Dockerfile": ("Dockerfile", "RUN pip install \\\n  torch\n", "RUN pip install \\\n  torch\n"),
}


@pytest.mark.parametrize(("name", "before", "after"), OTHERS.values(), ids=OTHERS)
def test_another_file_loses(tmp_path: Path, name: str, before: str, after: str) -> None:
    assert fixed(tmp_path, before, name) == after.encode()


def test_places_are_counted_as_editors_count_them() -> None:
    source = Source.of("a\r\nb\fc\rd\n")
    assert [source.position(source.text.index(letter)) for letter in "abcd"] == [(1, 1), (2, 1), (2, 3), (3, 1)]
    assert source.line_at(source.text.index("c")) == "b\fc"


@pytest.mark.parametrize("data", [b"a\x00b", b"# coding: idna\n\xff", b"\xff\xfea", b"# coding: undefined\na"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode("x", data)
