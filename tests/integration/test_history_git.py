"""A project's past read from real repositories: where the project lies, which revision is meant, and what it held."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from stackc.errors import Finding, Place, UsageError
from stackc.history.repository import find_repository
from stackc.history.revision import Revision, default_branch, find_revision, merge_base
from stackc.history.snapshot import read_folder, read_snapshot
from support.repository import Repository

MANIFEST = '[stack]\nname = "a"\n\n[targets.gpu]\n\n[matrix]\npacks = ["builtin", "rules/*.toml"]\n'
FILES = {
    "stack.toml": MANIFEST,
    "rules/own.toml": "# a rule\n",
    "rules/inner/deeper.toml": "# not named\n",
    "rules/notes.md": "not a rule\n",
    "templates/Dockerfile.j2": "FROM x\n",
    "templates/README.md": "not a template\n",
    "locks/gpu/lock.toml": "format = 1\n",
    "locks/gpu/steps/01-numpy.txt": "numpy==1.26.4\n",
    "locks/gpu/steps/01-numpy.md": "not generated\n",
    "locks/gpu/notes.txt": "not generated\n",
    "locks/docker-bake.hcl": "# bake\n",
    "locks/cpu/lock.toml": "format = 1\n",
    "app/main.py": "",
}
OURS = {
    "locks/cpu/lock.toml",
    "locks/docker-bake.hcl",
    "locks/gpu/lock.toml",
    "locks/gpu/steps/01-numpy.txt",
    "rules/own.toml",
    "stack.toml",
    "templates/Dockerfile.j2",
}


def repository(folder: Path, files: Mapping[str, str] = FILES, *, below: str = ".", branch: str = "main") -> Repository:
    """A repository with a project in a folder of it, committed."""
    made = Repository(folder / "repository", os.defpath).start()
    made.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    made.write({f"{below}/{name}": text for name, text in files.items()})
    assert made.commit().status == 0
    return made


def commit_of(made: Repository, name: str) -> str:
    return made.git("rev-parse", name).text.strip()


def refused(made: Repository, folder: Path, *, revision: str = "HEAD") -> Finding:
    """The finding of asking for a revision."""
    with pytest.raises(UsageError) as caught:
        find_revision(find_repository(folder, environment=made.environment), revision)
    (finding,) = caught.value.findings
    return finding


def bodies(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: files[name].encode() for name in sorted(OURS)}


@pytest.mark.parametrize("below", [".", "images/the gpu's", "im*ges[1]", ":(top)x"])
def test_what_is_stackc_s_is_read_and_nothing_else_wherever_the_project_lies(tmp_path: Path, below: str) -> None:
    made = repository(tmp_path, below=below)
    made.write({"decoy/stack.toml": "", "images/stack.toml": ""})
    made.commit()
    found = find_repository(made.root / below, environment=made.environment)
    assert (found.root, found.project) == (made.root, PurePosixPath(below))
    snapshot = read_snapshot(found, find_revision(found, "HEAD"))
    assert snapshot.files == bodies(FILES)
    assert (snapshot.targets, snapshot.lock("gpu"), snapshot.lock("arm")) == (("cpu", "gpu"), b"format = 1\n", None)
    assert snapshot.generated("gpu") == {"lock.toml": b"format = 1\n", "steps/01-numpy.txt": b"numpy==1.26.4\n"}
    assert snapshot.called("stack.toml") == "HEAD:stack.toml"


def test_the_working_tree_is_read_alike(tmp_path: Path) -> None:
    made = repository(tmp_path)
    snapshot = read_folder(made.root)
    assert (snapshot.files, snapshot.revision, snapshot.called("stack.toml")) == (bodies(FILES), None, "stack.toml")


def test_a_revision_is_read_as_it_was_whatever_lies_in_the_folder(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.write({"stack.toml": "broken [", "locks/gpu/lock.toml": "edited\n"})
    (made.root / "templates/Dockerfile.j2").unlink()
    found = find_repository(made.root, environment=made.environment)
    assert read_snapshot(found, find_revision(found, "HEAD")).files == bodies(FILES)
    made.commit()
    later = read_snapshot(found, find_revision(found, "HEAD"))
    assert sorted(later.files) == sorted(OURS - {"rules/own.toml", "templates/Dockerfile.j2"})
    assert later.files["locks/gpu/lock.toml"] == b"edited\n"
    assert read_snapshot(found, find_revision(found, "main~1")).files == bodies(FILES)


def test_bytes_are_those_that_were_committed(tmp_path: Path) -> None:
    body = b"\x00\xff\r\nbinary\n\nblob 3\n"
    made = repository(tmp_path)
    (made.root / "locks/gpu/lock.toml").write_bytes(body)
    (made.root / "locks/cpu/lock.toml").write_bytes(b"")
    made.commit()
    found = find_repository(made.root, environment=made.environment)
    snapshot = read_snapshot(found, find_revision(found, "HEAD"))
    assert (snapshot.lock("gpu"), snapshot.lock("cpu")) == (body, b"")


@pytest.mark.parametrize(
    ("pattern", "packs"),
    [
        ("rules/*.toml", {"rules/own.toml"}),
        ("rules/own.toml", {"rules/own.toml"}),
        ("*/*.toml", {"rules/own.toml"}),
        (
            "**/*.toml",
            {"locks/cpu/lock.toml", "locks/gpu/lock.toml", "rules/inner/deeper.toml", "rules/own.toml", "stack.toml"},
        ),
        ("rules/**/*.toml", {"rules/inner/deeper.toml", "rules/own.toml"}),
        ("../*.toml", set()),
        ("/etc/*.toml", set()),
        ("", set()),
    ],
)
def test_the_rule_packs_are_those_that_the_manifest_of_that_revision_names(
    tmp_path: Path, pattern: str, packs: set[str]
) -> None:
    made = repository(tmp_path, {**FILES, "stack.toml": MANIFEST.replace("rules/*.toml", pattern)}, below="inner")
    found = find_repository(made.root / "inner", environment=made.environment)
    others = OURS - {"rules/own.toml"}
    assert set(read_snapshot(found, find_revision(found, "HEAD")).files) == others | packs
    assert set(read_folder(made.root / "inner").files if pattern.startswith("r") else others | packs) == others | packs


@pytest.mark.parametrize("name", ["locks/gpu/lock.toml", "stack.toml", "rules/own.toml", "templates/Dockerfile.j2"])
def test_a_link_where_a_file_belongs_is_refused_and_not_followed(tmp_path: Path, name: str) -> None:
    made = repository(tmp_path)
    (made.root / name).unlink()
    (made.root / name).symlink_to("/etc/hostname")
    made.commit()
    found = find_repository(made.root, environment=made.environment)
    snapshot = read_snapshot(found, find_revision(found, "HEAD"))
    assert name not in snapshot.files
    assert snapshot.refused == (
        Finding(
            code="S465",
            message=f"`{name}` is a symbolic link in that revision, and no file",
            places=(Place(file=f"HEAD:{name}"),),
            hint="stackc reads files alone from git, and follows nothing: commit the file itself",
        ),
    )


@pytest.mark.parametrize("name", ["locks", "locks/gpu", "templates"])
def test_a_link_where_a_folder_belongs_is_refused_and_one_of_the_user_s_own_is_not(tmp_path: Path, name: str) -> None:
    made = repository(tmp_path)
    (made.root / name).rename(made.root / "elsewhere")
    (made.root / name).symlink_to("elsewhere")
    (made.root / "rules/latest").symlink_to("own.toml")
    made.commit()
    found = find_repository(made.root, environment=made.environment)
    snapshot = read_snapshot(found, find_revision(found, "HEAD"))
    assert [finding.message for finding in snapshot.refused] == [f"`{name}` is a symbolic link in that revision, and no file"]
    assert not any(file.startswith(f"{name}/") for file in snapshot.files)


def test_a_submodule_in_place_of_the_locks_is_refused(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.git("rm", "-r", "--quiet", "--cached", "locks")
    made.git("update-index", "--add", "--cacheinfo", f"160000,{commit_of(made, 'HEAD')},locks")
    made.git("commit", "--quiet", "-m", "a submodule")
    found = find_repository(made.root, environment=made.environment)
    (finding,) = read_snapshot(found, find_revision(found, "HEAD")).refused
    assert finding.message == "`locks` is a submodule in that revision, and no file"


def test_a_worktree_and_a_bare_repository_are_read_too(tmp_path: Path) -> None:
    made = repository(tmp_path, below="inner")
    made.git("worktree", "add", "--quiet", "--detach", "../worktree")
    made.git("clone", "--quiet", "--bare", ".", "../bare.git")
    worktree = find_repository(tmp_path / "worktree/inner", environment=made.environment)
    assert worktree.root == tmp_path / "worktree"
    assert read_snapshot(worktree, find_revision(worktree, "HEAD")).files == bodies(FILES)
    there = find_repository(Path("inner"), environment={**made.environment, "GIT_DIR": str(tmp_path / "bare.git")})
    assert (there.root, there.project) == (None, PurePosixPath("inner"))
    assert read_snapshot(there, find_revision(there, "HEAD")).files == bodies(FILES)


def test_the_variables_of_a_hook_are_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = repository(tmp_path, below="inner")
    monkeypatch.chdir(made.root)
    environment = {**made.environment, "GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index", "GIT_PREFIX": "inner/"}
    found = find_repository(Path("inner"), environment=environment)
    assert (found.root, found.project) == (made.root, PurePosixPath("inner"))
    assert read_snapshot(found, find_revision(found, "HEAD")).files == bodies(FILES)


def test_a_folder_that_is_no_longer_there_is_still_one_of_the_past(tmp_path: Path) -> None:
    made = repository(tmp_path, below="images/gpu")
    made.git("rm", "-r", "--quiet", "images")
    made.commit()
    found = find_repository(made.root / "images/gpu", environment=made.environment)
    assert found.project == PurePosixPath("images/gpu")
    assert read_snapshot(found, find_revision(found, "HEAD")).files == {}
    assert read_snapshot(found, find_revision(found, "HEAD~1")).files == bodies(FILES)


def test_a_folder_in_no_repository_is_told_in_git_s_words(tmp_path: Path) -> None:
    made = repository(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    assert refused(made, tmp_path / "elsewhere") == Finding(
        code="S461",
        message=f"`{tmp_path / 'elsewhere'}` is in no repository of git",
        notes=("fatal: not a git repository (or any of the parent directories): .git",),
        hint="run it in a repository, or make one by `git init`",
    )


def test_a_repository_of_another_user_is_told_with_what_lets_git_read_it(tmp_path: Path) -> None:
    made = repository(tmp_path)
    git = tmp_path / "bin/git"
    git.parent.mkdir()
    real = shutil.which("git", path=made.path)
    git.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {real} "$@"\n', encoding="utf-8")
    git.chmod(0o755)
    with pytest.raises(UsageError) as caught:
        find_repository(made.root, environment={**made.environment, "PATH": str(git.parent)})
    assert caught.value.findings == (
        Finding(
            code="S461",
            message=f"`{made.root}` is in a repository that belongs to another user, and git does not read it",
            hint="where you trust it, as in a container that CI checks out into: "
            f"`git config --global --add safe.directory {made.root}`",
        ),
    )


def test_without_git_that_is_told(tmp_path: Path) -> None:
    made = repository(tmp_path)
    with pytest.raises(UsageError) as caught:
        find_repository(made.root, environment={**made.environment, "PATH": str(tmp_path)})
    assert caught.value.findings == (
        Finding(
            code="S460",
            message="git cannot be run: no such file or directory",
            hint="install git, and let it be on the PATH",
        ),
    )


@pytest.mark.parametrize("name", ["nowhere", "--all", "", "HEAD:stack.toml", "HEAD\nmain"])
def test_what_is_no_commit_is_refused(tmp_path: Path, name: str) -> None:
    made = repository(tmp_path)
    assert refused(made, made.root, revision=name) == Finding(
        code="S462",
        message=f"`{name}` is no revision of the repository",
        hint="`git log --oneline` and `git branch --all` list what there is",
    )


def test_a_branch_that_only_the_remote_has_is_offered_by_its_name_there(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.git("branch", "topic")
    made.git("clone", "--quiet", ".", "../clone")
    hint = "did you mean `origin/topic`? this clone has no branch `topic` of its own"
    assert refused(made, tmp_path / "clone", revision="topic").hint == hint


def test_a_repository_without_a_commit_says_so(tmp_path: Path) -> None:
    made = Repository(tmp_path / "repository", os.defpath).start()
    assert refused(made, made.root).message == "the repository has no commit yet"
    with pytest.raises(UsageError, match="the repository has no commit yet"):
        merge_base(find_repository(made.root, environment=made.environment))


def branch_off(made: Repository) -> str:
    """Commit once more on the branch, and on one that leaves it here; return where it left."""
    left = commit_of(made, "HEAD")
    made.git("checkout", "--quiet", "-b", "topic")
    made.write({"topic.txt": ""})
    made.commit()
    made.git("checkout", "--quiet", "-")
    made.write({"later.txt": ""})
    made.commit()
    made.git("checkout", "--quiet", "topic")
    return left


@pytest.mark.parametrize("branch", ["main", "master"])
def test_a_branch_is_compared_with_where_it_left_the_usual_default_branch(tmp_path: Path, branch: str) -> None:
    made = repository(tmp_path, branch=branch)
    left = branch_off(made)
    assert merge_base(find_repository(made.root, environment=made.environment)) == Revision(branch, left)


def test_a_default_branch_of_another_name_is_found_by_git_s_own_setting(tmp_path: Path) -> None:
    made = repository(tmp_path, branch="trunk")
    left = branch_off(made)
    made.git("branch", "master", "topic")
    made.git("config", "init.defaultBranch", "trunk")
    assert merge_base(find_repository(made.root, environment=made.environment)) == Revision("trunk", left)


def test_a_clone_compares_with_what_the_remote_calls_its_head(tmp_path: Path) -> None:
    made = repository(tmp_path, branch="trunk")
    left = branch_off(made)
    made.git("checkout", "--quiet", "trunk")
    made.git("branch", "main", "topic")
    made.git("clone", "--quiet", "--origin", "upstream", ".", "../clone")
    clone = Repository(tmp_path / "clone", os.defpath)
    clone.git("checkout", "--quiet", "topic")
    found = find_repository(clone.root, environment=clone.environment)
    assert default_branch(found) == "refs/remotes/upstream/trunk"
    assert merge_base(found) == Revision("upstream/trunk", left)


def test_without_a_default_branch_that_is_told(tmp_path: Path) -> None:
    made = repository(tmp_path, branch="trunk")
    with pytest.raises(UsageError) as caught:
        merge_base(find_repository(made.root, environment=made.environment))
    assert caught.value.findings == (
        Finding(
            code="S463",
            message="there is no default branch to compare with",
            notes=("looked for origin's HEAD, the branch of `init.defaultBranch`, `main` and `master`",),
            hint="name the revision to compare with; or tell git the default branch: `git remote set-head origin --auto`",
        ),
    )


def test_unrelated_branches_have_nothing_to_compare_from(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.git("checkout", "--quiet", "--orphan", "other")
    made.write({"other.txt": ""})
    made.commit()
    with pytest.raises(UsageError) as caught:
        merge_base(find_repository(made.root, environment=made.environment))
    assert caught.value.findings == (
        Finding(
            code="S464",
            message="`HEAD` and the default branch `main` have no commit in common",
            hint="name the revision to compare with, such as `main` itself",
        ),
    )


def test_a_shallow_clone_says_how_to_deepen_it(tmp_path: Path) -> None:
    made = repository(tmp_path)
    branch_off(made)
    url = f"file://{made.root}"
    made.git("clone", "--quiet", "--depth", "1", "--no-single-branch", url, "../shallow")
    shallow = Repository(tmp_path / "shallow", os.defpath)
    hint = "this clone is shallow: `git fetch --unshallow` brings the rest, as `fetch-depth: 0` of actions/checkout does"
    assert refused(shallow, shallow.root, revision="main~1").hint == hint
    shallow.git("remote", "set-head", "origin", "main")
    with pytest.raises(UsageError) as caught:
        merge_base(find_repository(shallow.root, environment=shallow.environment))
    assert [(finding.code, finding.hint) for finding in caught.value.findings] == [("S464", hint)]


def test_content_that_is_missing_from_the_repository_is_told(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.write({"locks/gpu/lock.toml": "a lock\n"})
    made.commit()
    blob = commit_of(made, "HEAD:locks/gpu/lock.toml")
    (made.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    found = find_repository(made.root, environment=made.environment)
    with pytest.raises(UsageError) as caught:
        read_snapshot(found, find_revision(found, "HEAD"))
    assert [finding.message for finding in caught.value.findings] == [
        "the repository does not have the content of `locks/gpu/lock.toml`"
    ]
