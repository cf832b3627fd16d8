"""`stackc diff` as a user meets it: revisions of a real repository, the working tree, files, and wrong command lines."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.cli import Desk, Outcome
from support.diff_stories import CASES

STORY = CASES / "diff-range-widened"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A repository whose branch `edit` has one commit more than `main`: the story of a widened range."""
    desk = Desk(tmp_path)
    take(desk, "base")
    git(desk, "-c", "init.defaultBranch=main", "init", "--quiet")
    git(desk, "add", ".")
    git(desk, "commit", "--quiet", "--message", "base")
    git(desk, "tag", "v1")
    git(desk, "checkout", "--quiet", "-b", "edit")
    take(desk, "head")
    return desk


def take(desk: Desk, end: str) -> None:
    """Write the files of an end, with the time of now: git takes a file of the same size and time for the one it knows."""
    shutil.copytree(STORY / end, desk.project, dirs_exist_ok=True, copy_function=shutil.copyfile)


def git(desk: Desk, *words: str) -> str:
    who = {f"GIT_{role}_{what}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**desk.environment, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(["git", *words], cwd=desk.project, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def story(desk: Desk, *, base: str, head: str) -> str:
    """The story's text with the names of its ends as they are here."""
    first, rest = (STORY / "expected.txt").read_text(encoding="utf-8").split("\n", 1)
    assert first == "base → head"
    return f"{base} → {head}\n{rest.replace('head/', '')}"


def called(desk: Desk, name: str) -> str:
    return f"{name} ({git(desk, 'rev-parse', name)[:12]})"


def test_without_a_name_the_branch_is_compared_as_it_lies_there(desk: Desk) -> None:
    expected = story(desk, base=called(desk, "main"), head="working tree")
    assert desk.run("diff") == Outcome(0, expected, "")
    git(desk, "add", ".")
    assert desk.run("diff") == Outcome(0, expected, "")
    git(desk, "commit", "--quiet", "--message", "edit")
    assert desk.run("diff") == Outcome(0, expected, "")


def test_two_revisions_are_compared_whatever_lies_in_the_folder(desk: Desk) -> None:
    git(desk, "add", ".")
    git(desk, "commit", "--quiet", "--message", "edit")
    shutil.rmtree(desk.project / "locks")
    expected = story(desk, base=called(desk, "v1"), head=called(desk, "edit"))
    assert desk.run("diff", "v1", "edit") == Outcome(0, expected, "")
    assert desk.run("diff", "v1..edit") == Outcome(0, expected, "")


def test_a_range_is_taken_as_git_takes_it(desk: Desk) -> None:
    git(desk, "add", ".")
    git(desk, "commit", "--quiet", "--message", "edit")
    left = called(desk, "main")
    git(desk, "checkout", "--quiet", "main")
    git(desk, "rm", "--quiet", "-r", "locks")
    git(desk, "commit", "--quiet", "--message", "main goes on")
    git(desk, "checkout", "--quiet", "edit")
    expected = story(desk, base=left, head=called(desk, "edit"))
    assert desk.run("diff", "main...edit") == Outcome(0, expected, "")
    assert desk.run("diff", "main...") == Outcome(0, story(desk, base=left, head=called(desk, "HEAD")), "")
    assert desk.run("diff", "v1..") == Outcome(0, story(desk, base=called(desk, "v1"), head=called(desk, "HEAD")), "")
    assert desk.run("diff", "main..edit").stdout != expected
    for words in ("..", "...", "main....edit", "../edit", "main../x"):
        assert desk.run("diff", words).status == 2
    git(desk, "checkout", "--quiet", "--orphan", "alone")
    git(desk, "commit", "--quiet", "--message", "alone")
    assert desk.run("diff", "main...alone") == Outcome(
        2,
        "",
        "error[S464]: `main` and `alone` have no commit in common\n\n"
        "hint: compare the two themselves: `stackc diff main..alone`\n",
    )


def test_the_exit_status_tells_of_a_difference_where_it_is_asked_for(desk: Desk) -> None:
    assert desk.run("diff", "--exit-code").status == 1
    assert desk.run("diff", "v1", "main", "--exit-code") == Outcome(
        0, f"{called(desk, 'v1')} → {called(desk, 'main')}: no difference\n", ""
    )


def test_from_a_folder_below_the_manifest_is_named(desk: Desk) -> None:
    (desk.project / "app").mkdir()
    done = Desk(desk.root / "inner").run("diff", "--file", str(desk.project / "stack.toml"), "--exit-code")
    assert (done.status, done.stdout.splitlines()[0]) == (1, f"{called(desk, 'main')} → working tree")


def test_a_lock_that_is_not_there_yet_is_a_new_target_and_one_that_is_gone_is_told(desk: Desk) -> None:
    git(desk, "rm", "--quiet", "-r", "--cached", "locks")
    git(desk, "commit", "--quiet", "--message", "no locks")
    first = called(desk, "HEAD")
    told = desk.run("diff", "HEAD").stdout.splitlines()
    assert told[:2] == [f"{first} → working tree", "gpu  new target, 14 packages"]
    shutil.rmtree(desk.project / "locks")
    take(desk, "base")
    shutil.rmtree(desk.project / "locks")
    assert desk.run("diff", "HEAD", "--exit-code") == Outcome(0, f"{first} → working tree: no difference\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "error[S462]: `nowhere` is no revision of the repository"),
        (("v1", "edit", "--target", "cpu"), "error[S002]: there is no target `cpu`"),
        (("locks/gpu/nothing",), "error[S462]: `locks/gpu/nothing` is no revision of the repository"),
        (("--recent", "-1"), "Usage: stackc diff [OPTIONS] [BASE] [HEAD]"),
        (("--format", "sarif"), "Usage: stackc diff [OPTIONS] [BASE] [HEAD]"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_command_line_is_a_mistake_of_usage(desk: Desk, arguments: tuple[str, ...], message: str) -> None:
    done = desk.run("diff", *arguments)
    assert (done.status, done.stdout, done.stderr.splitlines()[0]) == (2, "", message)


def test_a_terminal_without_arrows_is_written_to_in_ascii_and_a_forge_in_utf_8(desk: Desk) -> None:
    plain = desk.run("diff", PYTHONIOENCODING="ascii")
    assert (plain.status, plain.stderr) == (0, "")
    assert plain.stdout.splitlines()[0] == f"{called(desk, 'main')} -> working tree"
    assert "  ^ fastapi        0.115.14 -> 0.120.4  minor  [1]\n" in plain.stdout
    assert plain.stdout.isascii()
    told = desk.run("diff", "--format", "markdown", PYTHONIOENCODING="ascii")
    assert told == desk.run("diff", "--format", "markdown")
    assert "`0.115.14 → 0.120.4`" in told.stdout


def test_outside_a_repository_files_and_folders_can_be_compared_and_nothing_else(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for end in ("base", "head"):
        shutil.copytree(STORY / end, desk.project / end)
    files = desk.run("diff", "base/locks/gpu/lock.toml", "head/locks/gpu", "--format", "json")
    folders = desk.run("diff", "base/locks", "head/locks/gpu/lock.toml", "--exit-code")
    assert (files.status, folders.status, files.stderr, folders.stderr) == (0, 1, "", "")
    assert desk.run("diff", "base", "elsewhere") == Outcome(
        2,
        "",
        "error[S813]: `elsewhere` is no file, and there is no repository to look for a revision in\n"
        "`.` is in no repository of git\n\n"
        "hint: name a revision of git, a lock, or a folder that holds one\n",
    )
    (desk.project / "nothing").mkdir()
    assert desk.run("diff", "base", "nothing") == Outcome(
        2,
        "",
        "error[S813]: `nothing` holds neither a lock nor a manifest\n\n"
        "hint: name a revision of git, a lock, or a folder that holds one\n",
    )
