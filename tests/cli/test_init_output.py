"""All that `stackc init` prints without a terminal, and what it leaves."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

import pytest

from stackc.init.answers import Answers, draft
from stackc.init.hook import hook_text
from stackc.init.offer import Shop
from stackc.matrix.facts import Facts
from support.cli import Desk, Outcome, tree

CUDAS = ", ".join(Shop(Facts.load()).cudas())
WROTE = """\
wrote stack.toml

torch 2.6.0, torchvision 0.21.0, torchaudio 2.6.0 for CUDA 12.4
Python 3.10 on nvidia/cuda:12.4.1-devel-ubuntu22.04

next: stackc compile
"""
WROTE_ALL = """\
wrote images/gpu.toml
wrote images/.pre-commit-config.yaml

torch 2.5.1, torchvision 0.20.1, torchaudio 2.5.1 without CUDA
Python 3.11 on python:3.11-slim-bookworm

next: stackc compile -f images/gpu.toml
"""
LOADED = """
import sys, json
from stackc.cli.app import run
run(["init", "--help"])
heavy = {"importlib.metadata", "jinja2", "msgspec", "packaging", "pycurl", "sqlite3", "tomli", "yaml"}
inner = {name for name in sys.modules if name.startswith("stackc.") and not name.startswith("stackc.cli")}
print(json.dumps(sorted(inner | heavy & set(sys.modules))))
"""


def text_of(answers: Answers) -> str:
    today = dt.datetime.now(dt.timezone.utc).date()
    return draft(answers, shop=Shop(Facts.load()), today=today).text()


def test_a_cuda_is_enough(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.run("init", "--cuda", "12.4") == Outcome(0, WROTE, "")
    assert tree(desk.project) == {"stack.toml": text_of(Answers(name="project", cuda="12.4")).encode()}


def test_every_flag_says_what_it_says(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    flags = ["--cpu", "--python", "3.11", "--with", "torch==2.5.1", "--with", "accelerate==1.0.1", "--name", "mine"]
    flags += ["--target", "small", "--hook", "--output", "images/gpu.toml"]
    assert desk.run("init", *flags) == Outcome(0, WROTE_ALL, "")
    answers = Answers(name="mine", cuda=None, python="3.11", target="small", projects=("torch==2.5.1", "accelerate==1.0.1"))
    assert tree(desk.project) == {
        "images/.pre-commit-config.yaml": hook_text("gpu.toml").encode(),
        "images/gpu.toml": text_of(answers).encode(),
    }


def test_a_file_that_is_there_is_kept_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("# mine\n")
    expected = """\
error[S013]: `stack.toml` is there already
 --> stack.toml

hint: `--force` replaces it; `--output` names another file
"""
    assert desk.fail("init", "--cuda", "12.4") == Outcome(2, "", expected)
    assert desk.run("init", "--cuda", "12.4", "--force") == Outcome(0, WROTE, "")


def test_hooks_that_are_there_are_kept_and_those_to_add_are_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("repos: []\n", ".pre-commit-config.yaml")
    told = desk.run("init", "--cuda", "12.4", "--hook")
    added = "".join(f"      {line}\n" for line in hook_text("stack.toml").splitlines())
    expected = f"""\
error[S013]: `.pre-commit-config.yaml` is there already
 --> .pre-commit-config.yaml

hint: `--force` replaces it, other hooks too; else leave `--hook` out, and add these to its `repos`:
{added}"""
    assert told == Outcome(2, "", expected)
    assert tree(desk.project) == {".pre-commit-config.yaml": b"repos: []\n"}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (
            (),
            f"error[S010]: neither `--cuda` nor `--cpu` is given\n\nhint: say `--cpu`, or `--cuda` with one of {CUDAS}\n",
        ),
        (
            ("--cpu", "--cuda", "12.4"),
            f"error[S010]: `--cpu` and `--cuda` exclude each other\n\nhint: say `--cpu`, or `--cuda` with one of {CUDAS}\n",
        ),
        (
            ("--cuda", "12.3"),
            (
                "error[S011]: the facts have no image and no torch with its partners for CUDA `12.3`\n\n"
                f"hint: choose one of {CUDAS} with `--cuda`, or `--cpu`\n"
            ),
        ),
        (
            ("--cuda", "12.1", "--python", "3.14"),
            (
                "error[S011]: the facts have no torch with its partners for Python `3.14` and CUDA 12.1\n\n"
                "hint: choose one of 3.8, 3.9, 3.10, 3.11, 3.12 with `--python`\n"
            ),
        ),
        (
            ("--cpu", "--with", "transformers; \x1b[31m"),
            (
                "error[S012]: `transformers; \\x1b[31m` is no project with versions and extras alone\n\n"
                "hint: write it as `transformers`, `accelerate==1.0.1` or `transformers[torch]>=4.50,<5`\n"
            ),
        ),
        (
            ("--cpu", "--name", "My\nImage", "--target", "../x"),
            (
                "error[S108]: `My\\nImage` holds a control character\n"
                ' --> the manifest that is not written:5: stack.name = "My\\nImage"\n\n'
                "hint: write it on one line, in plain text\n\n"
                "error[S111]: `../x` is not a target's name\n"
                ' --> the manifest that is not written:11: targets."../x"\n\n'
                "hint: use lower-case letters, digits, `-` and `_`; it names files and folders\n"
            ),
        ),
    ],
)
def test_what_cannot_be_is_refused_with_what_there_is(tmp_path: Path, flags: tuple[str, ...], expected: str) -> None:
    assert Desk(tmp_path).fail("init", *flags) == Outcome(2, "", expected)


def test_a_folder_that_may_not_hold_it_is_said_to_be_in_the_way(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("", "stack.toml/file")
    told = desk.run("init", "--cpu", "--force")
    assert (told.status, told.stdout, told.stderr.splitlines()[0].split("]")[0]) == (1, "", "error[S442")


def test_its_help_loads_nothing_but_the_command_line(tmp_path: Path) -> None:
    told = Desk(tmp_path).run(launcher=(sys.executable, "-c", LOADED))
    assert (told.status, told.stderr) == (0, "")
    assert json.loads(told.stdout.splitlines()[-1]) == []
