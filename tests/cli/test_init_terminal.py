"""`stackc init` on a terminal: a pseudo-terminal, and somebody who types."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from stackc.init.answers import Answers, draft
from stackc.init.hook import hook_text
from stackc.init.offer import Shop
from stackc.matrix.facts import Facts
from support.cli import Desk, tree
from support.typist import typing


def text_of(answers: Answers) -> bytes:
    today = dt.datetime.now(dt.timezone.utc).date()
    return draft(answers, shop=Shop(Facts.load()), today=today).text().encode()


def test_it_asks_and_writes_what_was_answered(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with typing(desk, "init") as typist:
        typist.answer("CUDA, or cpu (cpu, ", "12.4\n")
        typist.answer("Python (3.8, 3.9, 3.10, 3.11, 3.12, 3.13) [3.10]: ", "3.11\n")
        typist.answer("Projects: ", "transformers accelerate==1.0.1\n")
        typist.answer("Name of the stack [project]: ", "mine\n")
        typist.answer("Write .pre-commit-config.yaml too? [y/N]: ", "y\n")
        assert typist.end() == 0
    answers = Answers(name="mine", cuda="12.4", python="3.11", projects=("transformers", "accelerate==1.0.1"))
    assert tree(desk.project) == {
        ".pre-commit-config.yaml": hook_text("stack.toml").encode(),
        "stack.toml": text_of(answers),
    }
    assert typist.seen.replace("\r\n", "\n").endswith(
        """\
wrote stack.toml
wrote .pre-commit-config.yaml

torch 2.6.0, torchvision 0.21.0, torchaudio 2.6.0 for CUDA 12.4
Python 3.11 on nvidia/cuda:12.4.1-devel-ubuntu22.04

next: stackc compile
"""
    )


def test_five_times_return_gives_what_is_usual(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with typing(desk, "init") as typist:
        for question in ("CUDA, or cpu", "Python", "Projects: ", "Name of the stack", "Write .pre-commit-config.yaml too?"):
            typist.answer(question, "\n")
        assert typist.end() == 0
    assert tree(desk.project) == {"stack.toml": text_of(Answers(name="project", cuda=Shop(Facts.load()).cudas()[0]))}


def test_a_wrong_answer_is_asked_for_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with typing(desk, "init") as typist:
        typist.answer("CUDA, or cpu", "12.3\n")
        typist.answer("Error: '12.3' is not one of 'cpu'", "")
        typist.answer("CUDA, or cpu", "cpu\n")
        typist.answer("Python (", "3.11\n")
        typist.answer("Projects: ", "torch==99\n")
        typist.answer("Error: the facts have no torch with its partners within `torch==99`", "")
        typist.answer("Projects: ", "./x\n")
        typist.answer("Error: `./x` is no project", "")
        typist.answer("Projects: ", "\n")
        typist.answer("Name of the stack", "A B\n")
        typist.answer("Error: `A B` is not a name", "")
        typist.answer("Name of the stack", "\n")
        typist.answer("Write .pre-commit-config.yaml too?", "\n")
        assert typist.end() == 0
    assert tree(desk.project) == {"stack.toml": text_of(Answers(name="project", cuda=None, python="3.11"))}


def test_ctrl_c_writes_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with typing(desk, "init") as typist:
        typist.answer("CUDA, or cpu", "\n")
        typist.answer("Python (", "")
        assert typist.interrupt() == 130
    assert typist.seen.replace("\r\n", "\n").endswith("\ninterrupted: nothing was written\n")
    assert tree(desk.project) == {}


def test_a_flag_that_answers_is_answer_enough(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with typing(desk, "init", "--cpu") as typist:
        assert typist.end() == 0
    assert tree(desk.project) == {"stack.toml": text_of(Answers(name="project", cuda=None))}


def test_a_file_that_is_there_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write("# mine\n")
    with typing(desk, "init") as typist:
        assert typist.end() == 2
    assert typist.seen.startswith("error[S013]: `stack.toml` is there already")
