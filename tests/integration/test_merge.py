"""Merges, rebases and cherry-picks by real git that stop at the locks, and how `stackc merge` finishes them.

The driver that would merge the locks while git merges is switched off: see test_merge_driver.py for what it does.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from support.cli import TOOLS, index_of, manifest
from support.index_server import IndexServer, serving
from support.repository import Repository, Said, stackc_on_path
from support.universe import Release

UNIVERSE = {
    **TOOLS,
    "base": (Release(version="1.0"), Release(version="1.1"), Release(version="2.0")),
    "left": (Release(version="1.0", requires=("base>=1",)), Release(version="2.0", requires=("base<1.1",))),
    "right": (Release(version="1.0", requires=("shared",)), Release(version="2.0", requires=("base>=1.1",))),
    "shared": (Release(version="1.0", extras=("fast",), requires=('extra; extra == "fast"',)),),
    "extra": (Release(version="1.0"),),
}
BASE = '[components.base]\nversion = "<2"\norder = 1\n'
PACKS = '\n[matrix]\npacks = ["builtin", "rules/*.toml"]\n'
MANY = 'name = "small"\ndefault-target = "gpu"\n'
CPU = '\n[targets.{name}]\npython = "3.11"\nplatform = "linux/arm64"\nbase = "debian:12"\n'
RULE = """\
[[rule]]
id = "no-old-left"
when = "left"
requires = ["base<1.1"]
because = "it breaks"
source = "a document"
date = 2026-01-01
"""
Files = Mapping[str, str | None]


def with_target(server: IndexServer, name: str, components: str = BASE) -> str:
    """A manifest of two targets, `gpu` and another."""
    text = manifest(server, components, target=CPU.format(name=name))
    return text.replace('name = "small"\n', MANY)


def component(name: str, version: str, more: str = "") -> str:
    return f'\n[components.{name}]\nversion = "{version}"\n{more}'


@pytest.fixture(scope="module")
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as running:
        yield running


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, server: IndexServer) -> Path:
    """A repository with one compiled commit, and the drivers set up."""
    folder = tmp_path_factory.mktemp("begun")
    made = Repository(folder / "project", stackc_on_path(folder / "bin")).start()
    made.write({"stack.toml": manifest(server, BASE), ".gitattributes": "locks/** text eol=lf linguist-generated -merge\n"})
    assert made.run("stackc", "compile").status == 0
    assert made.commit().status == 0
    return made.root


@pytest.fixture
def made(tmp_path: Path, begun: Path) -> Repository:
    shutil.copytree(begun, tmp_path / "project")
    found = Repository(tmp_path / "project", stackc_on_path(tmp_path / "bin"))
    assert found.run("stackc", "install-drivers").status == 0
    assert found.git("config", "merge.stackc.driver", "false").status == 0
    return found


def edited(made: Repository, branch: str, server: IndexServer, text: str, files: Files | None = None) -> None:
    """Branch off the first commit, write the manifest and other files (None deletes one), compile and commit."""
    made.git("checkout", "--quiet", "-B", branch, "main")
    made.write({"stack.toml": text})
    for name, content in (files or {}).items():
        made.git("rm", "--quiet", "-r", name) if content is None else made.write({name: content})
    assert made.run("stackc", "compile").status == 0
    assert made.commit().status == 0


def both(
    made: Repository,
    server: IndexServer,
    ours: str,
    theirs: str,
    *,
    our_files: Files | None = None,
    their_files: Files | None = None,
) -> None:
    """Make two branches of two edits, each compiled, and stand on `ours`."""
    edited(made, "theirs", server, theirs, their_files)
    edited(made, "ours", server, ours, our_files)


def pins(made: Repository, target: str = "gpu") -> dict[str, str]:
    """The pins of a target's lock."""
    text = (made.root / f"locks/{target}/lock.toml").read_text(encoding="utf-8")
    return dict(re.findall(r'\[\[package\]\]\nname = "(.*?)"\nversion = "(.*?)"', text))


def finished(made: Repository) -> None:
    """Hold a finished merge to what it promises: current, proved, with no file in conflict, the same when compiled again."""
    assert made.git("ls-files", "--unmerged").text == ""
    assert made.run("stackc", "check") == Said(0, "gpu: proved, nothing drifted\n")
    assert "nothing to do, its lock is that of stack.toml" in made.run("stackc", "compile", "--offline").text


def stopped(made: Repository) -> Said:
    """Run `stackc merge` where it cannot finish: no lock changes, and nothing in git's index does."""
    before = {path: path.read_bytes() for path in sorted((made.root / "locks").rglob("*")) if path.is_file()}
    index = made.git("ls-files", "--stage").text
    said = made.run("stackc", "merge")
    assert said.status != 0
    assert {path: path.read_bytes() for path in sorted((made.root / "locks").rglob("*")) if path.is_file()} == before
    assert made.git("ls-files", "--stage").text == index
    return said


LEFT, RIGHT = component("left", "<2"), component("right", "<2", "# for the one\n")
MERGED = """\
gpu: compiled from what both sides locked, and proved; no index was asked
  against ours:
    right 1.0 added
    shared 1.0 added
  against theirs:
    left 1.0 added
merged, and added to git's index; next: git commit
"""


def two_additions(made: Repository, server: IndexServer) -> None:
    both(made, server, manifest(server, BASE + LEFT), manifest(server, BASE + RIGHT))


def test_both_sides_add_a_component(made: Repository, server: IndexServer) -> None:
    two_additions(made, server)
    assert made.git("merge", "theirs").status == 1
    assert made.run("stackc", "merge") == Said(0, MERGED)
    assert pins(made) == {"base": "1.1", "left": "1.0", "right": "1.0", "shared": "1.0"}
    text = (made.root / "stack.toml").read_text(encoding="utf-8")
    assert text == manifest(server, f"{BASE}{RIGHT}{LEFT}")
    finished(made)
    assert made.git("commit", "--quiet", "--no-edit").status == 0


@pytest.mark.parametrize("attributes", ["locks/** text eol=lf linguist-generated -merge\n", ""])
def test_it_finishes_in_a_clone_without_drivers_and_whatever_the_attributes_are(
    made: Repository, server: IndexServer, attributes: str
) -> None:
    made.run("stackc", "install-drivers", "--remove")
    made.write({".gitattributes": attributes or "# none\n"})
    made.git("commit", "--quiet", "--amend", "--no-edit", "-a")
    two_additions(made, server)
    assert made.git("merge", "theirs").status == 1
    assert made.run("stackc", "merge").status == 0
    finished(made)


def stash(made: Repository) -> None:
    made.git("checkout", "--quiet", "theirs")
    made.git("reset", "--quiet", "--soft", "main")
    made.git("stash", "--quiet")
    made.git("checkout", "--quiet", "ours")
    made.git("stash", "pop", "--quiet")


QUIETLY = ("-c", "core.editor=true")
STOPS: Mapping[str, tuple[Callable[[Repository], object], str, tuple[str, ...]]] = {
    "rebase": (
        lambda made: made.git("rebase", "theirs"),
        "git rebase --continue",
        ("-c", "core.editor=true", "rebase", "--continue"),
    ),
    "cherry-pick": (
        lambda made: made.git("cherry-pick", "theirs"),
        "git cherry-pick --continue",
        ("-c", "core.editor=true", "cherry-pick", "--continue"),
    ),
    "stash": (stash, "", ("commit", "--quiet", "-m", "stashed")),
}


@pytest.mark.parametrize("how", sorted(STOPS))
def test_a_rebase_a_cherry_pick_and_a_stash_are_finished_alike(made: Repository, server: IndexServer, how: str) -> None:
    stop, command, go_on = STOPS[how]
    two_additions(made, server)
    stop(made)
    said = made.run("stackc", "merge")
    assert (said.status, said.text.splitlines()[-1]) == (
        0,
        f"merged, and added to git's index{f'; next: {command}' if command else ''}",
    )
    assert pins(made) == {"base": "1.1", "left": "1.0", "right": "1.0", "shared": "1.0"}
    finished(made)
    assert made.git(*go_on).status == 0


def test_a_reverted_addition_leaves_what_came_after_it(made: Repository, server: IndexServer) -> None:
    edited(made, "ours", server, manifest(server, BASE + LEFT))
    made.write({"stack.toml": manifest(server, BASE + LEFT + RIGHT)})
    made.run("stackc", "compile")
    made.commit()
    assert made.git("revert", "--no-edit", "HEAD~1").status == 1
    assert made.run("stackc", "merge").text.endswith("merged, and added to git's index; next: git revert --continue\n")
    assert pins(made) == {"base": "1.1", "right": "1.0", "shared": "1.0"}
    finished(made)


def test_what_one_side_moved_stays_moved(made: Repository, server: IndexServer) -> None:
    both(made, server, manifest(server, BASE.replace("<2", "<1.1")), manifest(server, BASE + RIGHT))
    made.git("merge", "theirs")
    assert made.run("stackc", "merge").status == 0
    assert pins(made) == {"base": "1.0", "right": "1.0", "shared": "1.0"}
    finished(made)


def test_where_the_preferred_pins_exclude_each_other_others_of_the_two_locks_are_taken(
    made: Repository, server: IndexServer
) -> None:
    ours = manifest(server, BASE + component("left", ">=2"))
    both(made, server, ours, manifest(server, BASE + component("right", ">=1,<2")))
    made.git("merge", "theirs")
    assert made.run("stackc", "merge").status == 0
    assert pins(made) == {"base": "1.0", "left": "2.0", "right": "1.0", "shared": "1.0"}
    finished(made)


def test_extras_that_each_side_asks_for_add_up(made: Repository, server: IndexServer) -> None:
    fast = component("shared", "<2", 'extras = ["fast"]\n')
    both(made, server, manifest(server, BASE + fast), manifest(server, BASE + RIGHT))
    made.git("merge", "theirs")
    assert made.run("stackc", "merge").status == 0
    assert pins(made) == {"base": "1.1", "extra": "1.0", "right": "1.0", "shared": "1.0"}
    finished(made)


def test_pins_that_exclude_each_other_are_left_to_compile(made: Repository, server: IndexServer) -> None:
    both(
        made, server, manifest(server, BASE + component("left", "==2.0")), manifest(server, BASE + component("right", "==2.0"))
    )
    made.git("merge", "theirs")
    assert stopped(made) == Said(
        1,
        """\
error[S479]: what both sides locked for target `gpu` is together no solution of the merged manifest
 --> stack.toml:7: targets.gpu
the pins of the one side and of the other do not fit each other, or the merge asks for what neither has

hint: run `stackc compile`, which asks the indexes, then `git add` what it wrote
""",
    )


def test_both_sides_move_the_same_component(made: Repository, server: IndexServer) -> None:
    both(made, server, manifest(server, BASE.replace("<2", "<1.1")), manifest(server, BASE.replace("<2", ">=2")))
    said = made.git("merge", "theirs")
    clash = """\
error[S475]: both sides changed `components.base.version`, and not alike
 --> stack.toml:13: components.base.version
before: "<2"
ours:   "<1.1"
theirs: ">=2"

hint: say in the file what it is to be, then run `stackc merge` again
"""
    assert (said.status, clash in said.text) == (1, True)
    assert "<<<<<<< ours\n" in (made.root / "stack.toml").read_text(encoding="utf-8")
    assert stopped(made) == Said(1, clash)
    made.write({"stack.toml": manifest(server, BASE.replace("<2", ">=2"))})
    assert made.run("stackc", "merge").status == 0
    assert pins(made) == {"base": "2.0"}
    finished(made)


def test_a_manifest_in_conflict_is_merged_key_by_key_without_the_driver_too(made: Repository, server: IndexServer) -> None:
    made.run("stackc", "install-drivers", "--remove")
    ours = manifest(server, BASE.replace('version = "<2"\norder = 1', 'version = "<1.1" # old\norder = 1'))
    both(made, server, ours, manifest(server, BASE.replace("order = 1", "order = 2")))
    made.git("merge", "theirs")
    assert "<<<<<<<" in (made.root / "stack.toml").read_text(encoding="utf-8")
    assert made.run("stackc", "merge").status == 0
    assert (made.root / "stack.toml").read_text(encoding="utf-8") == ours.replace("order = 1", "order = 2")
    assert sorted(path.name for path in (made.root / "locks/gpu/steps").iterdir()) == ["00-tools.txt", "02-base.txt"]
    finished(made)


def test_a_rule_that_one_side_brings_holds_for_what_the_other_side_locked(made: Repository, server: IndexServer) -> None:
    text = manifest(server, BASE + component("right", ">=2"), rest=PACKS)
    both(made, server, manifest(server, BASE + LEFT), text, their_files={"rules/own.toml": RULE})
    made.git("merge", "theirs")
    assert stopped(made).text.startswith("error[S479]: what both sides locked for target `gpu` is together no solution")


def test_a_rule_pack_and_a_template_of_one_side_are_part_of_the_merge(made: Repository, server: IndexServer) -> None:
    template = '{% extends "builtin/Dockerfile.j2" %}\n{% block app %}\n# own\n{% endblock %}\n'
    rule = RULE.replace("base<1.1", "base<3")
    both(
        made,
        server,
        manifest(server, BASE + LEFT),
        manifest(server, BASE, rest=PACKS),
        our_files={"templates/Dockerfile.j2": template},
        their_files={"rules/own.toml": rule},
    )
    made.git("merge", "theirs")
    assert made.run("stackc", "merge").status == 0
    assert "rule no-old-left <3" in (made.root / "locks/gpu/lock.toml").read_text(encoding="utf-8")
    assert "# own\n" in (made.root / "locks/gpu/Dockerfile").read_text(encoding="utf-8")
    finished(made)


def test_a_template_in_conflict_is_settled_first(made: Repository, server: IndexServer) -> None:
    def template(word: str) -> dict[str, str | None]:
        block = f"{{% block app %}}\n# {word}\n{{% endblock %}}\n"
        return {"templates/Dockerfile.j2": '{% extends "builtin/Dockerfile.j2" %}\n' + block}

    both(
        made, server, manifest(server, BASE + LEFT), manifest(server, BASE), our_files=template("a"), their_files=template("b")
    )
    made.git("merge", "theirs")
    assert stopped(made).text == (
        "error[S478]: `templates/Dockerfile.j2` is still in conflict, and the locks are compiled from it\n"
        " --> templates/Dockerfile.j2\n"
        "\nhint: settle it first, then run `stackc merge` again\n"
    )
    made.write({name: str(text) for name, text in template("c").items()})
    said = made.run("stackc", "merge")
    assert (said.status, said.text.splitlines()[-1]) == (0, "still in conflict, and not stackc's: templates/Dockerfile.j2")
    assert "# c\n" in (made.root / "locks/gpu/Dockerfile").read_text(encoding="utf-8")


def test_a_target_that_each_side_adds(made: Repository, server: IndexServer) -> None:
    ours, theirs = (with_target(server, name) for name in ("one", "two"))
    both(made, server, ours, theirs)
    made.git("merge", "theirs")
    assert made.run("stackc", "merge").status == 0
    assert [pins(made, name) for name in ("gpu", "one", "two")] == [{"base": "1.1"}] * 3
    assert made.run("stackc", "check").text == (
        "gpu: proved, nothing drifted\ntwo: proved, nothing drifted\none: proved, nothing drifted\n"
    )
    assert '"gpu", "two", "one"' in (made.root / "locks/docker-bake.hcl").read_text(encoding="utf-8")
    assert made.git("ls-files", "--unmerged").text == ""


def test_a_target_that_one_side_takes_away_while_the_other_compiles_it_again(made: Repository, server: IndexServer) -> None:
    made.write({"stack.toml": with_target(server, "cpu")})
    made.run("stackc", "compile")
    made.commit()
    made.git("branch", "--force", "main", "HEAD")
    both(made, server, manifest(server, BASE), with_target(server, "cpu", BASE + RIGHT), our_files={"locks/cpu": None})
    made.git("merge", "theirs")
    assert made.run("stackc", "merge").status == 0
    assert not (made.root / "locks/cpu/lock.toml").exists()
    assert pins(made) == {"base": "1.1", "right": "1.0", "shared": "1.0"}
    finished(made)


def test_a_lock_that_one_side_deleted_is_made_of_the_other_s(made: Repository, server: IndexServer) -> None:
    edited(made, "theirs", server, manifest(server, BASE + RIGHT))
    made.git("checkout", "--quiet", "-B", "ours", "main")
    made.git("rm", "-r", "--quiet", "locks")
    made.commit()
    assert made.git("merge", "theirs").status == 1
    assert made.run("stackc", "merge").status == 0
    assert pins(made) == {"base": "1.1", "right": "1.0", "shared": "1.0"}
    finished(made)


def test_one_version_with_two_hashes_is_never_merged(tmp_path: Path, made: Repository, server: IndexServer) -> None:
    edited(made, "theirs", server, manifest(server, BASE + RIGHT))
    changed = tuple(replace(release, sha256="0" * 64) for release in UNIVERSE["shared"])
    with serving(index_of({**UNIVERSE, "shared": changed})) as other:
        elsewhere = Repository(made.root, made.path, {"STACKC_CACHE": str(tmp_path / "other")})
        edited(elsewhere, "ours", other, manifest(other, BASE + component("shared", "<2")))
    made.git("merge", "theirs")
    made.write({"stack.toml": manifest(server, BASE + component("shared", "<2") + RIGHT)})
    said = stopped(made)
    assert said.text.startswith("error[S477]: both sides locked `shared` 1.0, but not the same file of it\n")
    assert f"ours:   shared-1.0-py3-none-any.whl {'0' * 64}\n" in said.text


def test_a_project_in_a_folder_is_merged_there_and_what_is_not_stackc_s_is_left_alone(
    made: Repository, server: IndexServer
) -> None:
    (made.root / "images").mkdir()
    for name in ("stack.toml", "locks"):
        made.git("mv", name, f"images/{name}")
    made.commit()
    made.git("branch", "--force", "main", "HEAD")
    for branch, text in (("theirs", RIGHT), ("ours", LEFT)):
        made.git("checkout", "--quiet", "-B", branch, "main")
        made.write({"images/stack.toml": manifest(server, BASE + text), "app.py": branch, "images/locks/gpu/notes.txt": branch})
        assert made.run("stackc", "compile", folder="images").status == 0
        made.commit()
    made.git("merge", "theirs")
    said = made.run("stackc", "merge", "--file", "images/stack.toml")
    left = "still in conflict, and not stackc's: app.py, images/locks/gpu/notes.txt"
    assert (said.status, said.text.splitlines()[-1]) == (0, left)
    assert made.run("stackc", "check", folder="images").text == "gpu: proved, nothing drifted\n"


def test_without_a_conflict_there_is_nothing_to_finish(made: Repository) -> None:
    assert made.run("stackc", "merge") == Said(
        2,
        """\
error[S816]: no file of the project is in conflict

hint: `stackc merge` finishes what git could not merge; where the locks are only out of date, run `stackc compile`
""",
    )
