"""`stackc install-drivers` in real repositories: what git then shows of a lock, and that nothing else changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackc.lock.head import digest_of
from support.cli import UNIVERSE, index_of, manifest
from support.index_server import serving
from support.repository import Repository, Said, stackc_on_path

ONE = '[components.base]\nversion = "<2"\norder = 1\n'
TWO = f'{ONE}\n[components.app]\nversion = ">=0"\n'
INSTALLED = """\
set up in this clone, by .git/config and .git/info/attributes:
  git diff, log -p     show a lock pin by pin, and fold what is rendered from it
  git merge, rebase    merge the manifest by key and compile the locks again,
                       offline, or leave a conflict for `stackc merge`
"""
ATTRIBUTES = "wrote .gitattributes, to be committed: locks/** text eol=lf linguist-generated -merge\n"
SHOWN = ("diff", "--unified=0", "--", "locks/gpu/lock.toml", "locks/gpu/steps")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository in which `app` was added to `base`, in a second commit."""
    folder = tmp_path_factory.mktemp("history")
    made = Repository(folder / "project", stackc_on_path(folder / "bin")).start()
    with serving(index_of(UNIVERSE)) as server:
        for components in (ONE, TWO):
            made.write({"stack.toml": manifest(server, components)})
            assert made.run("stackc", "compile").status == 0
            assert made.commit().status == 0
        yield made.root


def clone(tmp_path: Path, history: Path, *, below: str | None = None) -> Repository:
    """A copy of the repository, whole; or one commit of a project in a folder of it."""
    made = Repository(tmp_path / "project", stackc_on_path(tmp_path / "bin"))
    if below is None:
        shutil.copytree(history, made.root)
        return made
    made.start()
    for name in ("stack.toml", "locks"):
        place = made.root / below / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (history / name).is_dir() else shutil.copy)(history / name, place)
    assert made.commit().status == 0
    return made


def without_digests(said: Said) -> str:
    """What git said, without the lines that differ from run to run: digests, and the ids of blobs."""
    dropped = ("index ", "-input", "+input", "-lock", "+lock", "--- ", "@@")
    return "".join(line for line in said.text.splitlines(keepends=True) if not line.startswith(dropped))


def test_a_lock_is_shown_pin_by_pin_and_what_is_rendered_in_one_line(tmp_path: Path, history: Path) -> None:
    made = clone(tmp_path, history)
    assert made.run("stackc", "install-drivers") == Said(0, INSTALLED + ATTRIBUTES)
    assert (
        without_digests(made.git("show", "--format=%s", "--unified=0", "HEAD", "--", "locks/gpu/lock.toml"))
        == """\
change

diff --git a/locks/gpu/lock.toml b/locks/gpu/lock.toml
+++ b/locks/gpu/lock.toml
+asks app>=0
+  app                    0.1           pypi   step 2  e0176b9c51 asked >=0
"""
    )
    said = made.git("log", "-p", "-1", "--format=%s", "--", "locks/gpu/constraints.txt", "locks/gpu/STACK.md")
    assert [line[:23] for line in said.text.splitlines() if line[0:1] in "+-" and line[1:2] not in "+-"] == [
        "-generated, and folded ",
        "+generated, and folded ",
        "-generated, and folded ",
        "+generated, and folded ",
    ]
    assert "sha256 = " in made.git("show", "--no-textconv", "HEAD", "--", "locks/gpu/lock.toml").text


def test_a_lock_that_is_edited_by_hand_says_so(tmp_path: Path, history: Path) -> None:
    made = clone(tmp_path, history)
    made.run("stackc", "install-drivers")
    lock = made.root / "locks/gpu/lock.toml"
    text = lock.read_text(encoding="utf-8")
    lock.write_text(text.replace('version = "1.1"', 'version = "1.0"'), encoding="utf-8")
    shown = [line for line in made.git(*SHOWN).text.splitlines() if line[:1] in "+-" and line[1:2] not in "+-"]
    assert [line[:42] for line in shown] == [
        f"-lock gpu {digest_line(text)}",
        f"+lock gpu edited by hand: {digest_of(lock.read_text(encoding='utf-8'))[7:17]}",
        "-  base                   1.1           py",
        "+  base                   1.0           py",
    ]


def digest_line(text: str) -> str:
    """The first digits of the digest that a lock states."""
    return text.split('digest = "sha256:')[1][:10]


@pytest.mark.parametrize("content", ["format = 2\nnew = true\n", "broken [\n", "format = 1\n"])
def test_what_is_no_lock_of_this_format_is_shown_as_it_is(tmp_path: Path, history: Path, content: str) -> None:
    made = clone(tmp_path, history)
    made.run("stackc", "install-drivers")
    made.write({"locks/gpu/lock.toml": content})
    said = made.git(*SHOWN)
    added = "".join(f"{line[1:]}\n" for line in said.text.splitlines() if line[:1] == "+" and line[1:2] != "+")
    assert (said.status, added) == (0, content)


def test_where_the_interpreter_is_gone_git_shows_the_text(tmp_path: Path, history: Path) -> None:
    made = clone(tmp_path, history)
    made.run("stackc", "install-drivers")
    config = made.root / ".git/config"
    text = config.read_text(encoding="utf-8")
    before, _, after = text.partition("f() { ")
    config.write_text(f"{before}f() {{ /nowhere/{after.lstrip('/')}", encoding="utf-8")
    said = made.git("show", "HEAD", "--", "locks/gpu/lock.toml")
    assert (said.status, '+name = "app"\n' in said.text) == (0, True)


def test_code_that_lies_in_the_repository_is_not_run(tmp_path: Path, history: Path) -> None:
    made = clone(tmp_path, history)
    made.run("stackc", "install-drivers")
    made.write({"stackc/__init__.py": "open('ran', 'w')\n", "tomli.py": "open('ran', 'w')\n"})
    assert "+  app    " in made.git("show", "HEAD", "--", "locks/gpu/lock.toml").text
    assert not (made.root / "ran").exists()


def test_installing_twice_changes_nothing_and_removing_leaves_what_is_committed(tmp_path: Path, history: Path) -> None:
    made = clone(tmp_path, history)
    info, config = made.root / ".git/info/attributes", made.root / ".git/config"
    info.parent.mkdir(exist_ok=True)
    info.write_text("*.png binary", encoding="utf-8")
    before = config.read_bytes()
    made.write({".gitattributes": "*.py text\n"})
    made.run("stackc", "install-drivers")
    written = (info.read_bytes(), config.read_bytes())
    assert made.run("stackc", "install-drivers") == Said(
        0, "the drivers are there already, in .git/config and .git/info/attributes\n"
    )
    assert (info.read_bytes(), config.read_bytes()) == written
    assert (made.root / ".gitattributes").read_text(encoding="utf-8") == (
        "*.py text\n"
        "# Text of the same bytes on every system, folded in diffs on forges, and never merged line by line.\n"
        "locks/** text eol=lf linguist-generated -merge\n"
    )
    assert made.run("stackc", "install-drivers", "--remove") == Said(
        0, "removed from .git/config and .git/info/attributes: git shows locks as text again\n"
    )
    assert (info.read_bytes(), config.read_bytes()) == (b"*.png binary\n", before)
    assert made.run("stackc", "install-drivers", "--remove") == Said(0, "there are no drivers in this clone\n")


@pytest.mark.parametrize("below", ["images/the gpu's", 'a "b"', "[x]*?", "back\\slash"])
def test_a_project_in_a_folder_of_any_name_has_its_drivers_there(tmp_path: Path, history: Path, below: str) -> None:
    made = clone(tmp_path, history, below=below)
    said = made.run("stackc", "install-drivers", folder=below)
    assert (said.status, (made.root / below / ".gitattributes").is_file()) == (0, True)
    for name, diff, merge in (("locks/gpu/lock.toml", "stackc", "stackc"), ("locks/gpu/notes.txt", "unspecified", "unset")):
        assert made.git("check-attr", "-z", "diff", "merge", "--", f"{below}/{name}").text.split("\0")[2::3] == [diff, merge]
    shown = made.git("show", "HEAD", "--", f":(literal){below}/locks/gpu/lock.toml").text
    assert "+  app    " in shown


def test_two_projects_of_one_repository_do_not_get_in_each_other_s_way(tmp_path: Path, history: Path) -> None:
    made = clone(tmp_path, history, below="one")
    shutil.copytree(made.root / "one", made.root / "two")
    for folder in ("one", "two"):
        assert made.run("stackc", "install-drivers", folder=folder).status == 0
    made.run("stackc", "install-drivers", "--remove", folder="one")
    drivers = made.git("check-attr", "diff", "--", "one/locks/gpu/lock.toml", "two/locks/gpu/lock.toml").text
    assert drivers == "one/locks/gpu/lock.toml: diff: unspecified\ntwo/locks/gpu/lock.toml: diff: stackc\n"
    assert "stackc" in made.git("config", "--get", "diff.stackc.textconv").text


def test_a_worktree_has_the_drivers_of_its_repository(tmp_path: Path, history: Path) -> None:
    made = clone(tmp_path, history)
    made.git("worktree", "add", "--quiet", "../other")
    other = Repository(tmp_path / "other", made.path)
    assert other.run("stackc", "install-drivers").text.startswith("set up in this clone, by ../project/.git/config and ")
    assert "+  app    " in made.git("show", "HEAD", "--", "locks/gpu/lock.toml").text


def test_without_a_working_tree_or_a_repository_nothing_is_set_up(tmp_path: Path, history: Path) -> None:
    made = clone(tmp_path, history)
    made.git("config", "core.bare", "true")
    assert made.run("stackc", "install-drivers") == Said(
        2,
        """\
error[S474]: the repository has no working tree

hint: run it in a clone that has one: a bare repository can only be read
""",
    )
    shutil.rmtree(made.root / ".git")
    assert made.run("stackc", "install-drivers") == Said(
        2,
        """\
error[S461]: `.` is in no repository of git
fatal: not a git repository (or any of the parent directories): .git

hint: run it in a repository, or make one by `git init`
""",
    )
