"""Where the standard streams of a run lead nowhere: a full disk, a reader that has gone, streams that the caller closed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import UNIVERSE, Desk, index_of, manifest, tree
from support.index_server import IndexServer, serving

APP = '[components.app]\nversion = ">=0"\n'
STACKC = (sys.executable, "-m", "stackc")

FULL = """\
error[S007]: what stackc says cannot be written to standard output: no space left on device

hint: make room where it goes, or send it elsewhere, and run the command again
"""

INTERRUPTED_WHILE_LOADED = """\
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "stackc.cli.app":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from stackc.__main__ import main
main()
"""


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


@pytest.fixture
def compiled(tmp_path: Path, server: IndexServer) -> Desk:
    desk = Desk(tmp_path)
    desk.write(manifest(server, APP))
    assert desk.run("compile").status == 0
    return desk


def shell(desk: Desk, redirections: str, *arguments: str) -> tuple[int, str]:
    """Run a command with the redirections of a shell, and return its exit status and what came out of its standard error."""
    desk.project.mkdir(parents=True, exist_ok=True)
    command = ["sh", "-c", f'exec "$@" {redirections}', "sh", *STACKC, *arguments]
    done = subprocess.run(command, cwd=desk.project, env=desk.environment, capture_output=True, check=False)
    return done.returncode, desk.told(done.stderr)


ANSWERS = (("compile",), ("compile", "gpu", "--dry-run"), ("check",), ("guard",), ("guard", "stack.toml"), ("--version",))


@pytest.mark.parametrize("arguments", ANSWERS, ids=" ".join)
def test_an_answer_that_finds_no_room_is_told_as_one_that_could_not_be_given(
    compiled: Desk, arguments: tuple[str, ...]
) -> None:
    assert shell(compiled, ">/dev/full", *arguments) == (4, FULL)


@pytest.mark.parametrize("arguments", ANSWERS, ids=" ".join)
def test_a_reader_that_has_gone_ends_a_run_without_a_word(compiled: Desk, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*STACKC, *arguments],
        cwd=compiled.project,
        env=compiled.environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_compile_whose_reader_has_gone_has_written_all_of_its_files(tmp_path: Path, server: IndexServer) -> None:
    told, untold = Desk(tmp_path / "told"), Desk(tmp_path / "untold")
    for desk in (told, untold):
        desk.write(manifest(server, APP))
    assert told.run("compile").status == 0
    assert shell(untold, ">/dev/full", "compile") == (4, FULL)
    assert tree(untold.project) == tree(told.project)


@pytest.mark.parametrize("redirections", [">&-", "2>&-", "<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_change_neither_the_outcome_nor_any_file(
    tmp_path: Path, server: IndexServer, redirections: str
) -> None:
    open_desk, closed_desk = Desk(tmp_path / "open"), Desk(tmp_path / "closed")
    for desk in (open_desk, closed_desk):
        desk.write(manifest(server, APP))
    assert open_desk.run("compile").status == 0
    assert shell(closed_desk, redirections, "compile", "--upgrade") == (0, "")
    assert tree(closed_desk.project) == tree(open_desk.project)
    assert shell(closed_desk, redirections, "compile") == (0, "")
    assert shell(closed_desk, redirections, "compile", "nosuch")[0] == 2


@pytest.mark.parametrize("stream", ["/dev/full", "&-"])
def test_what_standard_error_cannot_take_changes_no_exit_status(compiled: Desk, stream: str) -> None:
    compiled.write("torch\n", "requirements.txt")
    assert shell(compiled, f">/dev/null 2>{stream}", "compile", "nosuch") == (2, "")
    assert shell(compiled, f">/dev/null 2>{stream}", "guard", "requirements.txt") == (1, "")
    assert shell(compiled, f">/dev/null 2>{stream}", "compile", "--upgrade") == (0, "")


def test_an_encoding_without_arrows_gets_their_escapes(compiled: Desk) -> None:
    compiled.write((compiled.project / "stack.toml").read_text() + '\n[components.base]\nversion = "<2"\n')
    assert compiled.run("compile").status == 0
    outcome = compiled.run("explain", "base==2.0", PYTHONIOENCODING="latin-1")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines()[-1] == '      base  "<2" \\u2192 ">=2"  gives base 2.0'


def test_an_interrupt_while_the_command_line_is_loaded_is_told_like_a_later_one(compiled: Desk) -> None:
    outcome = compiled.run("compile", "--upgrade", launcher=(sys.executable, "-c", INTERRUPTED_WHILE_LOADED))
    assert (outcome.status, outcome.stdout, outcome.stderr) == (130, "", "\ninterrupted: nothing was written\n")
