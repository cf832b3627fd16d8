"""What the command says of a manifest that it cannot take: each text whole, and nothing written."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from support.cli import Desk, Outcome, manifest

GOOD = manifest(
    None,
    """\
[components.base]
version = "<2"
order = 1

[components.app]
version = ">=0"
""",
)
TWO_DEFAULTS = """
[indexes.a]
url = "https://a.example.org/simple"
default = true

[indexes.b]
url = "https://b.example.org/simple"
default = true
"""
NEAR_INDEX = """
[indexes.cu124]
url = "https://download.pytorch.org/whl/cu124"
"""

CASES = {
    "not TOML": (
        GOOD.replace("order = 1", "order ="),
        """\
        error[S104]: cannot be read as TOML: invalid value, at column 8
         --> stack.toml:11: order =

        hint: strings stand in quotes, tables in `[brackets]`; see https://toml.io
        """,
    ),
    "an unknown key": (
        GOOD.replace("order = 1", "ordre = 1"),
        """\
        error[S105]: unknown key `ordre`
         --> stack.toml:11: components.base.ordre = 1

        hint: did you mean `order`?
        """,
    ),
    "a wrong type": (
        GOOD.replace('python = "3.11"', "python = 3.11"),
        """\
        error[S106]: `python` has the wrong type
         --> stack.toml:5: targets.gpu.python = 3.11
        wanted: a string
         found: a float

        hint: put it in quotes
        """,
    ),
    "a component on an unknown index": (
        GOOD.replace("order = 1", 'index = "cu12"') + NEAR_INDEX,
        """\
        error[S116]: there is no index `cu12`
         --> stack.toml:11: components.base.index = "cu12"

        hint: did you mean `cu124`?
        """,
    ),
    "two default indexes": (
        GOOD + TWO_DEFAULTS,
        """\
        error[S117]: more than one index is the default one
         --> stack.toml:18: indexes.a.default = true
         --> stack.toml:22: indexes.b.default = true

        hint: keep one `default = true`
        """,
    ),
    "a target without python": (
        GOOD.replace('python = "3.11"\n', ""),
        """\
        error[S107]: `[targets.gpu]` has no `python`
         --> stack.toml:4: targets.gpu

        hint: add `python = "3.10"`
        """,
    ),
    "an impossible platform": (
        GOOD.replace("linux/amd64", "windows/amd64"),
        """\
        error[S122]: `windows/amd64` is not a platform that stackc builds for
         --> stack.toml:6: targets.gpu.platform = "windows/amd64"
        wanted: one of `linux/amd64`, `linux/arm64`

        hint: did you mean `linux/amd64`?
        """,
    ),
    "order 0": (
        GOOD.replace("order = 1", "order = 0"),
        """\
        error[S110]: `order` is out of range
         --> stack.toml:11: components.base.order = 0
        wanted: an integer from 1 to 999

        hint: count from 1
        """,
    ),
    "a negative order": (
        GOOD.replace("order = 1", "order = -3"),
        """\
        error[S110]: `order` is out of range
         --> stack.toml:11: components.base.order = -3
        wanted: an integer from 1 to 999

        hint: count from 1
        """,
    ),
    "several mistakes at once": (
        GOOD.replace("order = 1", "order = 0").replace('platform = "linux/amd64"\n', ""),
        """\
        error[S107]: `[targets.gpu]` has no `platform`
         --> stack.toml:4: targets.gpu

        hint: add `platform = "linux/amd64"`

        error[S110]: `order` is out of range
         --> stack.toml:10: components.base.order = 0
        wanted: an integer from 1 to 999

        hint: count from 1
        """,
    ),
    "a value with a newline and an escape": (
        GOOD.replace('"debian:12"', r'"debian:12\nRUN reboot\u001b[2J"'),
        r"""
        error[S108]: `debian:12\nRUN reboot\x1b[2J` holds a control character
         --> stack.toml:7: targets.gpu.base = "debian:12\nRUN reboot\x1b[2J"

        hint: write it on one line, in plain text
        """,
    ),
    "a name with a command and an escape": (
        GOOD.replace("[components.app]", r'[components."$(reboot)\u001b[31m"]'),
        r"""
        error[S112]: `$(reboot)\x1b[31m` is not a project's name
         --> stack.toml:13: components."$(reboot)\u001b[31m"

        hint: a name holds ASCII letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit
        """,
    ),
    "an address with a password and a command": (
        GOOD + '\n[indexes.evil]\nurl = "https://user:s3cr3t@example.org/$(id)"\n',
        """\
        error[S115]: `https://***@example.org/$(id)` is not the http or https address of an index
         --> stack.toml:17: indexes.evil.url = "https://***@example.org/$(id)"

        hint: write it as `https://host/path`: no query, no fragment, all else percent-encoded
        """,
    ),
    "a system package with a command": (
        GOOD + '\n[image]\napt = ["git; reboot"]\n',
        """\
        error[S129]: `git; reboot` is not a Debian package, with or without `=version`
         --> stack.toml:17: image.apt[0] = "git; reboot"

        hint: write it as `build-essential` or `git=1:2.34.1-1ubuntu1`
        """,
    ),
}


@pytest.mark.parametrize(("text", "told"), CASES.values(), ids=CASES)
def test_each_mistake_has_a_text_of_its_own(tmp_path: Path, text: str, told: str) -> None:
    desk = Desk(tmp_path)
    desk.write(text)
    assert desk.fail("compile") == Outcome(2, "", dedent(told).removeprefix("\n"))


@pytest.mark.parametrize("command", [["check"], ["export", "pylock"], ["compile", "--dry-run"]], ids=" ".join)
def test_every_command_tells_a_mistake_alike(tmp_path: Path, command: list[str]) -> None:
    text, told = CASES["several mistakes at once"]
    desk = Desk(tmp_path)
    desk.write(text)
    assert desk.fail(*command) == Outcome(2, "", dedent(told))


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    told = """\
    error[S101]: there is no manifest
     --> stack.toml

    hint: run stackc in the folder that holds `stack.toml`, or name the file
    """
    assert Desk(tmp_path).fail("compile") == Outcome(2, "", dedent(told))


def test_an_unknown_base_image_is_told_with_what_to_state(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(GOOD.replace("debian:12", "alpine:3.20"))
    told = (
        "error[S210]: the matrix does not know the base image `alpine:3.20`\n"
        ' --> stack.toml:7: targets.gpu.base = "alpine:3.20"\n'
        "it reads the tags of debian, nvidia/cuda, python, pytorch/pytorch, ubuntu\n"
        "\n"
        'hint: state `glibc = "X.Y"` under `[targets.gpu]`; `ldd --version` in the image prints it, '
        "and `cuda` too if the image has it\n"
    )
    assert desk.fail("compile") == Outcome(2, "", told)


def test_the_matrix_refuses_a_stack_even_where_no_index_can_be_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    components = '[components.scipy]\nversion = "<1.13"\n\n[components.numpy]\nversion = ">=2"\n'
    desk.write(manifest(None, components) + '\n[indexes.pypi]\nurl = "http://nowhere.invalid/simple"\n')
    told = (
        "error[S201]: `scipy<1.13` and `numpy>=2` do not work together\n"
        ' --> stack.toml:10: components.scipy.version = "<1.13"\n'
        ' --> stack.toml:13: components.numpy.version = ">=2"\n'
        "rule scipy-numpy1: scipy<1.13 needs numpy<2 (SciPy before 1.13 is compiled against the NumPy 1 ABI: with NumPy 2 its "
        "extension modules fail at import) scipy/scipy pyproject.toml at tags v1.12.0 and v1.13.0\n"
        "\n"
        "hint: any one of these satisfies the matrix; no index could be asked whether anything else is in the way\n"
        '      scipy  "<1.13" → ">=1.13"\n'
        '      numpy  ">=2"   → "<2"\n'
    )
    assert desk.fail("compile") == Outcome(3, "", told)


@pytest.mark.parametrize("command", [["compile"], ["check"], ["export", "pylock"]], ids=" ".join)
def test_an_unknown_target_is_told_with_those_that_there_are(tmp_path: Path, command: list[str]) -> None:
    desk = Desk(tmp_path)
    desk.write(GOOD)
    told = "error[S002]: there is no target `cpu`\n\nhint: the manifest has `gpu`\n"
    assert desk.fail(*command, "cpu") == Outcome(2, "", told)


def test_an_unknown_engine_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(GOOD)
    told = "error[S003]: there is no engine `poetry`\n\nhint: the engines are `pip-tools`, `uv`\n"
    assert desk.fail("compile", "--engine", "poetry") == Outcome(2, "", told)
