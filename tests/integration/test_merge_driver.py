"""The driver that compiles locks again while git merges them: merges, rebases and cherry-picks without a second step."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from support.cli import TOOLS, index_of, manifest
from support.index_server import IndexServer, serving
from support.repository import Repository, Said, stackc_on_path
from support.universe import Release

UNIVERSE = {
    **TOOLS,
    "base": (Release(version="1.0"), Release(version="1.1")),
    "left": (Release(version="1.0", requires=("base>=1",)), Release(version="2.0", requires=("base<1.1",))),
    "right": (Release(version="1.0", requires=("shared",)), Release(version="2.0", requires=("base>=1.1",))),
    "shared": (Release(version="1.0"),),
    "extra": (Release(version="1.0"),),
}
BASE = '[components.base]\nversion = "<2"\norder = 1\n'
LEFT = '\n[components.left]\nversion = "<2"\n'
RIGHT = '\n[components.right]\nversion = "<2"\n# for the one\n'
BOTH = {"base": "1.1", "left": "1.0", "right": "1.0", "shared": "1.0"}


@pytest.fixture(scope="module")
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as running:
        yield running


def branched(folder: Path, server: IndexServer, ours: str, theirs: str, *, below: str = ".") -> Repository:
    """A repository with the drivers, and two compiled branches of one commit; `ours` is checked out."""
    made = Repository(folder / "project", stackc_on_path(folder / "bin")).start()
    made.write({f"{below}/.gitattributes": "locks/** text eol=lf linguist-generated -merge\n"})
    for branch, start, components in (("main", "main", BASE), ("theirs", "main", theirs), ("ours", "main", ours)):
        made.git("checkout", "--quiet", "-B", branch, *((start,) if branch != "main" else ()))
        made.write({f"{below}/stack.toml": manifest(server, components)})
        assert made.run("stackc", "compile", folder=below).status == 0
        assert made.commit().status == 0
    assert made.run("stackc", "install-drivers", folder=below).status == 0
    return made


@pytest.fixture(scope="module")
def additions(tmp_path_factory: pytest.TempPathFactory, server: IndexServer) -> Path:
    """Two branches that each add a component."""
    return branched(tmp_path_factory.mktemp("additions"), server, BASE + LEFT, BASE + RIGHT).root


@pytest.fixture
def made(tmp_path: Path, additions: Path) -> Repository:
    shutil.copytree(additions, tmp_path / "project")
    found = Repository(tmp_path / "project", stackc_on_path(tmp_path / "bin"))
    assert found.run("stackc", "install-drivers").status == 0
    return found


def pins(made: Repository, below: str = ".") -> dict[str, str]:
    """The pins of the lock."""
    text = (made.root / below / "locks/gpu/lock.toml").read_text(encoding="utf-8")
    return dict(re.findall(r'\[\[package\]\]\nname = "(.*?)"\nversion = "(.*?)"', text))


def merged(made: Repository, below: str = ".") -> None:
    """Hold a merge to what it promises: nothing in conflict or uncommitted, the locks proved, and the same compiled again."""
    assert made.git("status", "--porcelain").text == ""
    assert made.run("stackc", "check", folder=below) == Said(0, "gpu: proved, nothing drifted\n")
    assert "gpu: byte-identical: " in made.run("stackc", "diff", "--reproduce", "HEAD", folder=below).text


def stash(made: Repository) -> Said:
    made.git("checkout", "--quiet", "theirs")
    made.git("reset", "--quiet", "--soft", "main")
    made.git("stash", "--quiet")
    made.git("checkout", "--quiet", "ours")
    made.git("stash", "pop", "--quiet")
    return made.git("commit", "--quiet", "-a", "-m", "stashed")


WAYS: Mapping[str, Callable[[Repository], Said]] = {
    "merge": lambda made: made.git("merge", "--quiet", "theirs"),
    "merge --squash": lambda made: (made.git("merge", "--quiet", "--squash", "theirs"), made.git("commit", "-qm", "x"))[1],
    "rebase": lambda made: made.git("rebase", "--quiet", "theirs"),
    "cherry-pick": lambda made: made.git("cherry-pick", "theirs"),
    "stash": stash,
}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_both_sides_add_a_component_and_git_merges_manifest_and_locks(made: Repository, way: str) -> None:
    assert WAYS[way](made).status == 0
    assert pins(made) == BOTH
    merged(made)


def test_a_rebase_of_several_commits_merges_each_of_them(made: Repository, server: IndexServer) -> None:
    for components in (BASE + LEFT.replace("<2", "<=1"), BASE.replace("<2", "<=1.1") + LEFT.replace("<2", "<=1")):
        made.write({"stack.toml": manifest(server, components)})
        assert made.run("stackc", "compile").status == 0
        made.commit()
    assert made.git("rebase", "--quiet", "theirs").status == 0
    assert pins(made) == BOTH
    merged(made)
    for commit in ("HEAD~1", "HEAD~2"):
        assert "gpu: byte-identical: " in made.run("stackc", "diff", "--reproduce", commit).text


def test_a_revert_takes_one_addition_out_from_under_another(made: Repository, server: IndexServer) -> None:
    made.write({"stack.toml": manifest(server, BASE + LEFT + RIGHT)})
    assert made.run("stackc", "compile").status == 0
    made.commit()
    assert made.git("revert", "--no-edit", "HEAD~1").status == 0
    assert pins(made) == {"base": "1.1", "right": "1.0", "shared": "1.0"}
    merged(made)


def test_a_merge_in_a_worktree_and_in_a_folder_of_the_repository(tmp_path: Path, server: IndexServer) -> None:
    below = "images/the gpu's"
    made = branched(tmp_path, server, BASE + LEFT, BASE + RIGHT, below=below)
    made.git("worktree", "add", "--quiet", "../other", "-b", "third", "ours")
    other = Repository(tmp_path / "other", made.path)
    assert other.git("merge", "--quiet", "theirs").status == 0
    assert pins(other, below) == BOTH
    merged(other, below)


def left_in_conflict(made: Repository, reason: str) -> None:
    """Hold a merge that stopped to it: each side's lock is whole or ours is, none is mixed, and `stackc merge` is named."""
    lock = made.git("show", "ours:locks/gpu/lock.toml").text
    said = made.git("merge", "theirs")
    assert said.status == 1
    assert f"stackc: locks/gpu/lock.toml is left in conflict: {reason}\n" in said.text
    assert "stackc: `stackc merge` finishes the locks once the rest is settled\n" in said.text
    assert (made.root / "locks/gpu/lock.toml").read_text(encoding="utf-8") == lock
    assert "locks/gpu/lock.toml" in made.git("diff", "--name-only", "--diff-filter=U").text


def test_pins_that_exclude_each_other_are_left_in_conflict(tmp_path: Path, server: IndexServer) -> None:
    ours, theirs = BASE + LEFT.replace("<2", "==2.0"), BASE + RIGHT.replace("<2", "==2.0")
    made = branched(tmp_path, server, ours, theirs)
    left_in_conflict(made, "what both sides locked for target `gpu` is together no solution of the merged manifest")


def test_one_key_changed_on_both_sides_is_left_in_conflict_with_the_manifest(tmp_path: Path, server: IndexServer) -> None:
    made = branched(tmp_path, server, BASE.replace("<2", "<1.1"), BASE.replace("<2", ">=1.1"))
    left_in_conflict(made, "both sides changed `components.base.version`, and not alike")
    assert "<<<<<<< ours\n" in (made.root / "stack.toml").read_text(encoding="utf-8")


def test_a_file_that_git_takes_from_one_side_leaves_all_of_them_in_conflict(made: Repository) -> None:
    made.git("checkout", "--quiet", "theirs")
    path = made.root / "locks/gpu/steps/00-tools.txt"
    path.write_text(path.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    made.commit()
    made.git("checkout", "--quiet", "ours")
    left_in_conflict(made, "git takes `locks/gpu/steps/00-tools.txt` from one side alone, and the merge has another")
    assert made.run("stackc", "merge").status == 0
    assert made.git("commit", "--quiet", "--no-edit").status == 0
    merged(made)


def test_a_merge_of_several_bases_is_left_in_conflict(made: Repository) -> None:
    for branch, other in (("ours", "theirs"), ("theirs", "ours~1")):
        made.git("checkout", "--quiet", branch)
        made.git("merge", "--quiet", "--strategy=ours", "-m", "crossed", other)
    made.git("checkout", "--quiet", "ours")
    left_in_conflict(made, "git does not tell what is merged")


def test_where_stackc_is_gone_git_reports_a_plain_conflict(made: Repository) -> None:
    config = made.root / ".git/config"
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(r"/[^ ]*/python[0-9.]*", "/nowhere/python", text), encoding="utf-8")
    said = made.git("merge", "theirs")
    assert (said.status, "CONFLICT (content): Merge conflict in locks/gpu/lock.toml\n" in said.text) == (1, True)
    assert "<<<<<<< ours\n" in (made.root / "stack.toml").read_text(encoding="utf-8")
    assert made.run("stackc", "merge").status == 0
    assert pins(made) == BOTH


CPU = '\n[targets.cpu]\npython = "3.11"\nplatform = "linux/amd64"\nbase = "debian:12"\nwithout = ["extra"]\n'
EXTRA = '\n[components.extra]\nversion = ">=1"\n'


def leaving_out(server: IndexServer, without: str) -> str:
    text = manifest(server, BASE + LEFT + RIGHT + EXTRA, target=CPU.replace('["extra"]', without))
    return text.replace('name = "small"', 'name = "small"\ndefault-target = "gpu"')


def test_what_each_side_leaves_out_of_a_target_is_left_out_of_the_merge(tmp_path: Path, server: IndexServer) -> None:
    made = Repository(tmp_path / "project", stackc_on_path(tmp_path / "bin")).start()
    made.write({".gitattributes": "locks/** text eol=lf linguist-generated -merge\n"})
    sides = {"main": '["extra"]', "theirs": '["extra", "right"]', "ours": '["left"]'}
    for branch, without in sides.items():
        made.git("checkout", "--quiet", "-B", branch, *(("main",) if branch != "main" else ()))
        made.write({"stack.toml": leaving_out(server, without)})
        assert made.run("stackc", "compile").status == 0
        assert made.commit().status == 0
    assert made.run("stackc", "install-drivers").status == 0
    assert made.git("merge", "--quiet", "theirs").status == 0
    assert (made.root / "stack.toml").read_text(encoding="utf-8") == leaving_out(server, '["left", "right"]')
    lock = (made.root / "locks/cpu/lock.toml").read_text(encoding="utf-8")
    assert re.findall(r'\[\[package\]\]\nname = "(.*?)"', lock) == ["base", "extra"]
    assert made.git("status", "--porcelain").text == ""
    assert made.run("stackc", "check") == Said(0, "gpu: proved, nothing drifted\ncpu: proved, nothing drifted\n")
