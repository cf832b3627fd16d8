"""`--help` of every command, compared whole with the files beside this one, and how a wrong command line ends."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import stackc
from stackc.cli.app import stackc as commands
from support.cli import Desk, Outcome

HELP = Path(__file__).with_name("help")


def command_lines(command: click.Command, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    return [words, *(line for each in inner for line in command_lines(each, (*words, str(each.name))))]


def name_of(words: tuple[str, ...]) -> str:
    return "-".join(("stackc", *words))


@pytest.mark.parametrize("words", command_lines(commands), ids=name_of)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_as_written_down(tmp_path: Path, words: tuple[str, ...], option: str) -> None:
    expected = (HELP / f"{name_of(words)}.txt").read_text(encoding="utf-8")
    assert Desk(tmp_path).run(*words, option, COLUMNS="80") == Outcome(0, expected, "")


def test_no_help_is_written_down_of_a_command_that_is_gone() -> None:
    assert sorted(path.stem for path in HELP.iterdir()) == sorted(map(name_of, command_lines(commands)))


def test_the_version_is_told(tmp_path: Path) -> None:
    assert Desk(tmp_path).run("--version") == Outcome(0, f"stackc {stackc.__version__}\n", "")


def test_without_a_command_the_help_is_shown_and_the_exit_status_is_2(tmp_path: Path) -> None:
    told = Desk(tmp_path).run(COLUMNS="80")
    assert told == Outcome(2, "", (HELP / "stackc.txt").read_text(encoding="utf-8"))


def test_an_unknown_command_is_a_mistake_of_usage(tmp_path: Path) -> None:
    told = Desk(tmp_path).run("compil")
    assert (told.status, told.stdout) == (2, "")
    assert told.stderr.startswith(
        "Usage: stackc [OPTIONS] COMMAND [ARGS]...\nTry 'stackc --help' for help.\n\nError: No such command"
    )


@pytest.mark.parametrize("words", [("compile",), ("check",), ("export", "pylock")], ids=" ".join)
def test_an_unknown_option_is_a_mistake_of_usage(tmp_path: Path, words: tuple[str, ...]) -> None:
    told = Desk(tmp_path).run(*words, "--frobnicate")
    assert (told.status, told.stdout) == (2, "")
    assert told.stderr.startswith(f"Usage: stackc {' '.join(words)} [OPTIONS]")
    assert told.stderr.splitlines()[-1].startswith("Error: No such option")


def test_a_code_is_explained(tmp_path: Path) -> None:
    page = """\
S390: an engine is not installed, or cannot be run

The external resolver that `--engine` names was not found in the environment
that stackc runs in (uv is looked for on the PATH too), or it is there and
cannot be run: its own words then say why. pip-tools uses much of pip that has
no public name, so that one of the two may be too old for the other. Install the
engine into that environment anew.
"""
    assert Desk(tmp_path).run("explain", "s390") == Outcome(0, page, "")


def test_an_unknown_code_is_said_to_be_none(tmp_path: Path) -> None:
    expected = "error[S001]: no finding has the code `S999`\n\nhint: codes look like `S301`\n"
    assert Desk(tmp_path).run("explain", "S999") == Outcome(2, "", expected)
