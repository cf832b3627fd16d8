"""`stackc restore` in real repositories: all of a revision comes back, proved, or nothing changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import UNIVERSE, index_of, manifest, tree
from support.index_server import serving
from support.repository import Repository, Said, stackc_on_path
from support.universe import Release, build_wheel

ONE = '[components.base]\nversion = "<2"\norder = 1\n'
TWO = f'{ONE}\n[components.app]\nversion = ">=0"\n'
PACKS = '\n[matrix]\npacks = ["builtin", "rules/*.toml"]\n'
RULE = """\
[[rule]]
id = "old-base"
when = "app<1"
requires = ["base<1.1"]
because = "it breaks"
source = "a document"
date = 2026-01-01
"""
LATER = '{% extends "builtin/Dockerfile.j2" %}\n{% block app %}\n# later\n{% endblock %}\n'
INPUTS = ("stack.toml", "rules", "templates", "locks")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with two compiled commits: one component, and then two, with a rule and a template."""
    folder = tmp_path_factory.mktemp("history")
    made = Repository(folder / "project", stackc_on_path(folder / "bin")).start()
    with serving(index_of(UNIVERSE)) as server:
        made.write({"stack.toml": manifest(server, ONE), "locks/gpu/notes.txt": "mine\n", "app.py": "1\n"})
        assert made.run("stackc", "compile").status == 0
        assert made.commit().status == 0
        made.write({"stack.toml": manifest(server, TWO, rest=PACKS), "rules/a.toml": RULE, "templates/Dockerfile.j2": LATER})
        made.write({"app.py": "2\n"})
        assert made.run("stackc", "compile").status == 0
        assert made.commit().status == 0
        yield made.root


@pytest.fixture
def made(tmp_path: Path, history: Path) -> Repository:
    shutil.copytree(history, tmp_path / "project")
    return Repository(tmp_path / "project", stackc_on_path(tmp_path / "bin"))


BACK = """\
gpu: proved, 2 versions moved
  base 1.0 -> 1.1
  app 0.1 removed
written:
  locks/gpu/Dockerfile
  locks/gpu/STACK.md
  locks/gpu/constraints.txt
  locks/gpu/lock.toml
  locks/gpu/requirements.txt
  locks/gpu/steps/01-base.txt
  locks/gpu/verify.py
  stack.toml
removed:
  templates/Dockerfile.j2
brought HEAD~1 (COMMIT) back
"""


def said(made: Repository, *words: str, folder: str = ".") -> Said:
    """What restoring says, without the commit's digits."""
    told = made.run("stackc", "restore", *words, folder=folder)
    return Said(told.status, told.text.replace(made.git("rev-parse", "HEAD~1").text[:12], "COMMIT"))


def refuses(made: Repository, *words: str) -> Said:
    """What restoring says that must change nothing."""
    before = tree(made.root)
    told = said(made, *words)
    assert told.status != 0
    assert tree(made.root) == before
    return told


def test_a_revision_comes_back_whole_and_nothing_else_changes(made: Repository) -> None:
    assert said(made, "HEAD~1") == Said(0, BACK)
    assert made.git("diff", "--stat", "HEAD~1", "--", "stack.toml", "locks", "templates").text == ""
    assert (made.root / "app.py").read_text(encoding="utf-8") == "2\n"
    assert (made.root / "rules/a.toml").is_file()
    assert made.run("stackc", "check").text == "gpu: proved, nothing drifted\n"
    assert said(made, "HEAD~1") == Said(0, "nothing to do: the project is that of HEAD~1 (COMMIT)\n")


def test_rule_packs_and_templates_come_back_with_the_locks(made: Repository) -> None:
    said(made, "HEAD~1")
    made.git("rm", "-r", "--quiet", "--cached", "rules")
    shutil.rmtree(made.root / "rules")
    made.commit()
    assert said(made, "HEAD~1").status == 0
    made.git("add", ".")
    assert made.git("diff", "--cached", "--stat", "HEAD~1", "--", *INPUTS).text == ""
    assert made.run("stackc", "check").status == 0


def test_a_pack_that_the_old_manifest_would_read_and_did_not_have_goes(made: Repository) -> None:
    made.write({"rules/b.toml": RULE.replace("old-base", "other").replace("base<1.1", "base<3"), "rules/b.md": ""})
    assert made.run("stackc", "compile", "--offline").status == 0
    made.commit()
    assert said(made, "HEAD~1").text.endswith("removed:\n  rules/b.toml\nbrought HEAD~1 (COMMIT) back\n")
    assert sorted(path.name for path in (made.root / "rules").iterdir()) == ["a.toml", "b.md"]


def test_a_dry_run_tells_the_same_and_writes_nothing(made: Repository) -> None:
    before = tree(made.root)
    told = (
        BACK.replace("written:", "would write:")
        .replace("removed:", "would remove:")
        .replace("brought HEAD~1 (COMMIT) back", "dry run: nothing was written; it would bring HEAD~1 (COMMIT) back")
    )
    assert said(made, "HEAD~1", "--dry-run") == Said(0, told)
    assert tree(made.root) == before


def test_a_dry_run_tells_what_would_change_and_what_is_in_its_way(made: Repository, tmp_path: Path) -> None:
    made.write({"stack.toml": "edited\n"})
    (made.root / "templates").rename(tmp_path / "elsewhere")
    (made.root / "templates").symlink_to(tmp_path / "elsewhere")
    before = tree(made.root)
    would = BACK.replace("written:", "would write:").replace("removed:", "would remove:").rpartition("brought")[0]
    assert said(made, "HEAD~1", "--dry-run") == Said(
        1,
        f"""\
{would}dry run: nothing was written, and HEAD~1 (COMMIT) would not be brought back either:
error[S469]: 2 files have changes that no commit holds, and would lose them
stack.toml
templates/Dockerfile.j2

hint: commit them, or put them aside by `git stash --include-untracked`; --force writes over them

error[S472]: `templates` is a link, and what is brought back would be written to where it leads
 --> templates

hint: replace the link by what belongs there, then run the command again
""",
    )
    assert said(made, "HEAD~1", "--dry-run", "--force").status == 1
    (made.root / "templates").unlink()
    forced = said(made, "HEAD~1", "--dry-run", "--force")
    assert (forced.status, "error" in forced.text, tree(made.root)["stack.toml"]) == (0, False, before["stack.toml"])


def test_changes_that_no_commit_holds_are_not_lost_unless_forced(made: Repository) -> None:
    made.write({"stack.toml": "edited\n", "templates/new.j2": "untracked\n", "locks/gpu/STACK.md": "staged\n"})
    made.git("add", "locks/gpu/STACK.md")
    assert refuses(made, "HEAD~1") == Said(
        1,
        """\
error[S469]: 3 files have changes that no commit holds, and would lose them
locks/gpu/STACK.md
stack.toml
templates/new.j2

hint: commit them, or put them aside by `git stash --include-untracked`; --force writes over them
""",
    )
    assert said(made, "HEAD~1", "--force").status == 0
    assert made.git("diff", "--stat", "HEAD~1", "--", "stack.toml", "locks", "templates").text == ""


def test_files_that_git_ignores_are_not_lost_either(made: Repository) -> None:
    made.git("rm", "-r", "--quiet", "--cached", "templates")
    made.write({".gitignore": "templates/\n"})
    made.commit(".gitignore")
    assert refuses(made, "HEAD~2").text.startswith(
        "error[S469]: 1 file has changes that no commit holds, and would lose them\n"
    )


def test_a_change_elsewhere_is_nobody_s_business(made: Repository) -> None:
    made.write({"app.py": "3\n", "locks/gpu/notes.txt": "edited\n", "templates/README.md": "new\n"})
    assert said(made, "HEAD~1").status == 0
    assert (made.root / "locks/gpu/notes.txt").read_text(encoding="utf-8") == "edited\n"


def edit_lock(made: Repository, old: str, new: str, *, sealed: bool = False) -> None:
    """Edit the lock by hand and commit it; `sealed` gives it the digest of its new text."""
    from stackc.lock.head import seal

    lock = made.root / "locks/gpu/lock.toml"
    text = lock.read_text(encoding="utf-8").replace(old, new)
    if sealed:
        text = seal("".join(line for line in text.splitlines(keepends=True) if not line.startswith("digest = ")))
    lock.write_text(text, encoding="utf-8")
    made.commit()


@pytest.mark.parametrize(
    ("old", "new", "sealed", "code"),
    [
        ('version = "0.1"', 'version = "0.2"', False, "S408"),
        ("[[package]]", "[[packages]]", False, "S4"),
        ('stackc = "0', 'stackc = "99', True, "S525"),
        ("format = 1", "format = 9", True, "S403"),
        ('"base>=1"', '"base>=2"', True, "S412"),
    ],
)
def test_a_lock_that_does_not_prove_is_not_brought_back(made: Repository, old: str, new: str, sealed: bool, code: str) -> None:
    edit_lock(made, old, new, sealed=sealed)
    made.git("revert", "--no-edit", "HEAD")
    told = refuses(made, "HEAD~1")
    assert told.status == 1
    assert told.text.startswith(
        "error[S470]: the project of `HEAD~1` is not brought back: it does not hold together\n"
        "nothing was written; what is wrong with it stands below\n"
    )
    assert f"error[{code}" in told.text
    assert " --> HEAD~1:locks/gpu/lock.toml" in told.text


def test_a_lock_that_is_not_that_of_its_manifest_is_not_brought_back(made: Repository) -> None:
    text = (made.root / "stack.toml").read_text(encoding="utf-8")
    made.write({"stack.toml": text.replace('"<2"', '"<3"')})
    made.commit()
    assert "error[S471]: the lock of target `gpu` is not that of the manifest beside it\n" in refuses(made, "HEAD").text


def test_a_revision_without_locks_or_without_a_manifest_is_refused(made: Repository) -> None:
    made.git("rm", "-r", "--quiet", "locks")
    made.commit()
    made.git("rm", "--quiet", "stack.toml")
    made.commit()
    assert "error[S520]: target `gpu` has no lock\n --> HEAD~1:stack.toml:" in refuses(made, "HEAD~1").text
    assert refuses(made, "HEAD") == Said(
        2,
        """\
error[S468]: `HEAD` has no `stack.toml`

hint: `git log --oneline -- stack.toml` lists the revisions that changed it
""",
    )
    assert said(made, "HEAD~2").status == 0


def test_a_revision_with_a_link_in_it_is_refused(made: Repository) -> None:
    (made.root / "stack.toml").unlink()
    (made.root / "stack.toml").symlink_to("/etc/hostname")
    made.commit()
    assert refuses(made, "HEAD").text.startswith("error[S465]: `stack.toml` is a symbolic link in that revision, and no file\n")


def test_a_link_in_the_working_tree_is_not_written_through(made: Repository, tmp_path: Path) -> None:
    (made.root / "locks").rename(tmp_path / "elsewhere")
    (made.root / "locks").symlink_to(tmp_path / "elsewhere")
    assert refuses(made, "HEAD~1", "--force") == Said(
        1,
        """\
error[S472]: `locks` is a link, and what is brought back would be written to where it leads
 --> locks

hint: replace the link by what belongs there, then run the command again
""",
    )


def test_where_one_file_cannot_be_written_none_is(made: Repository) -> None:
    (made.root / "locks/gpu/verify.py").unlink()
    made.write({"locks/gpu/verify.py/in the way": ""})
    assert refuses(made, "HEAD~1", "--force").text.startswith(
        "error[S442]: `locks/gpu/verify.py` is a folder where a file belongs"
    )
    assert sorted(path.name for path in made.root.rglob(".*") if path.name != ".git" and ".git" not in path.parts) == []


def test_a_project_in_a_folder_of_a_worktree_comes_back_there(made: Repository, tmp_path: Path) -> None:
    (made.root / "images").mkdir()
    for name in INPUTS:
        made.git("mv", name, f"images/{name}")
    made.commit()
    made.git("worktree", "add", "--quiet", "../other")
    other = Repository(tmp_path / "other", made.path)
    shutil.rmtree(other.root / "images")
    assert said(other, "HEAD", "--file", "images/stack.toml").status == 1
    assert said(other, "HEAD", "--file", "images/stack.toml", "--force").status == 0
    assert other.git("status", "--porcelain").text == " D images/locks/gpu/notes.txt\n"


def test_an_unknown_revision_is_told(made: Repository) -> None:
    assert refuses(made, "nowhere").text.startswith("error[S462]: `nowhere` is no revision of the repository\n")


def test_a_wheel_that_the_manifest_names_by_its_path_comes_back_with_its_lock(tmp_path: Path) -> None:
    made = Repository(tmp_path / "project", stackc_on_path(tmp_path / "bin")).start()
    with serving(index_of(UNIVERSE)) as server:
        for version in ("1.0", "2.0"):
            wheel = f"wheels/own-{version}-py3-none-any.whl"
            shutil.rmtree(made.root / "wheels", ignore_errors=True)
            made.write({"stack.toml": manifest(server, f'{ONE}\n[components.own]\npath = "{wheel}"\n'), wheel: ""})
            (made.root / wheel).write_bytes(build_wheel("own", Release(version=version)))
            assert made.run("stackc", "compile").status == 0
            assert made.commit().status == 0
        assert said(made, "HEAD~1").status == 0
    assert made.run("stackc", "check").text == "gpu: proved, nothing drifted\n"
    assert [path.name for path in sorted((made.root / "wheels").iterdir())] == [
        "own-1.0-py3-none-any.whl",
        "own-2.0-py3-none-any.whl",
    ]
