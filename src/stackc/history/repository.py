"""The git repository that a project lies in, and git itself as a child process."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct

from stackc.errors import Finding, UsageError

__all__ = ["Answer", "Repository", "find_repository", "git_failed", "working_tree"]

_PLACES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
)
"""The variables by which a user or a hook tells git where things are. Relative ones are so to the working folder."""

_KEPT = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_QUARANTINE_PATH",
)
_NOTES = 4


class Answer(Struct, frozen=True):
    """How git ended, and what it wrote on each stream."""

    status: int
    output: bytes
    words: str

    @property
    def text(self) -> str:
        """Return the output as text, without the newline at its end."""
        return os.fsdecode(self.output).rstrip("\n")


class Repository(Struct, frozen=True, kw_only=True):
    """A repository, as seen by one project.

    `root` is the top of the working tree, None in a bare repository. `project` is the project's folder as seen from there.
    git runs in `folder`, in an environment of its own.
    """

    root: Path | None
    project: PurePosixPath
    folder: Path
    environment: Mapping[str, str]

    def path_of(self, name: str) -> str:
        """Return a project's file as git names it: from the root of the tree."""
        return (self.project / name).as_posix()

    def git(self, *words: str, given: bytes = b"") -> Answer:
        """Run git, and return how it ended. Raises UsageError where there is none."""
        return _run(words, folder=self.folder, environment=self.environment, given=given)

    def ask(self, *words: str, given: bytes = b"") -> Answer:
        """Run git, and return what it answered. Raises UsageError, with git's own words, where it failed."""
        answer = self.git(*words, given=given)
        if answer.status != 0:
            raise UsageError(git_failed(words, answer))
        return answer


def find_repository(folder: Path, *, environment: Mapping[str, str]) -> Repository:
    """Return the repository of a project's folder, which need not be there any more.

    Variables that tell git where things are count, as they do for git. Raises UsageError where there is no repository.
    """
    own = dict(_environment(environment))
    there = _nearest(folder)
    if "GIT_DIR" in own and "GIT_WORK_TREE" not in own:
        # git takes the folder that it is run in for the root of the working tree then: that is the user's, not the project's.
        top = _rev_parse(Path(), own, "--show-toplevel")
        if top.status == 0:
            own["GIT_WORK_TREE"] = top.text
    inside = _rev_parse(there, own, "--is-inside-work-tree", "--show-prefix")
    if inside.status != 0:
        raise UsageError(_no_repository(there, inside))
    works, _, prefix = inside.text.partition("\n")
    if works != "true":
        return _bare(folder, there, own)
    top = _rev_parse(there, own, "--show-toplevel")
    missing = os.path.relpath(folder, there)
    project = PurePosixPath(prefix) / ("" if missing == "." else Path(missing).as_posix())
    return Repository(root=Path(top.text), project=project, folder=there, environment=own)


def working_tree(repository: Repository) -> Path:
    """Return the top of the working tree. Raises UsageError for a bare repository, which has none."""
    if repository.root is None:
        raise UsageError(
            Finding(
                code="S474",
                message="the repository has no working tree",
                hint="run it in a clone that has one: a bare repository can only be read",
            )
        )
    return repository.root


def git_failed(words: tuple[str, ...], answer: Answer) -> Finding:
    """Return the finding that git could not do something, in its own words."""
    said = tuple(line for line in answer.words.strip().splitlines() if line)
    return Finding(
        code="S466",
        message=f"git could not do `git {' '.join(words[:2])}`",
        notes=said[:_NOTES] or (f"it ended with exit status {answer.status}",),
        hint="git's own words stand above; `git fsck` tells whether the repository is whole",
    )


def _bare(folder: Path, there: Path, own: Mapping[str, str]) -> Repository:
    """Return a repository without a working tree: the folder, as it was named, is one of its tree's own."""
    named = folder if not folder.is_absolute() and ".." not in folder.parts else Path()
    return Repository(root=None, project=PurePosixPath(named.as_posix()), folder=there, environment=own)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next((above for above in (folder, *folder.parents) if above.is_dir()), Path())


def _environment(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the variables that git runs with: those that say where things are, none that changes what it prints."""
    for name, value in given.items():
        if name in _PLACES:
            yield name, os.path.abspath(value)  # noqa: PTH100 (a link stays one)
        elif not name.startswith("GIT_") or name.startswith("GIT_CONFIG") or name in _KEPT:
            yield name, value
    yield "LC_ALL", "C"
    yield "GIT_OPTIONAL_LOCKS", "0"
    yield "GIT_LITERAL_PATHSPECS", "1"
    yield "GIT_TERMINAL_PROMPT", "0"


def _rev_parse(folder: Path, environment: Mapping[str, str], *words: str) -> Answer:
    return _run(("rev-parse", *words), folder=folder, environment=environment)


def _run(words: tuple[str, ...], *, folder: Path, environment: Mapping[str, str], given: bytes = b"") -> Answer:
    command = ["git", "--no-pager", *words]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, input=given, capture_output=True, check=False)
    except OSError as error:
        raise UsageError(_no_git(error)) from error
    return Answer(done.returncode, done.stdout, os.fsdecode(done.stderr))


def _no_git(error: OSError) -> Finding:
    return Finding(
        code="S460",
        message=f"git cannot be run: {(error.strerror or type(error).__name__).lower()}",
        hint="install git, and let it be on the PATH",
    )


def _no_repository(folder: Path, answer: Answer) -> Finding:
    if "dubious ownership" in answer.words:
        return Finding(
            code="S461",
            message=f"`{folder}` is in a repository that belongs to another user, and git does not read it",
            hint="where you trust it, as in a container that CI checks out into: "
            f"`git config --global --add safe.directory {shlex.quote(str(folder.absolute()))}`",
        )
    return Finding(
        code="S461",
        message=f"`{folder}` is in no repository of git",
        notes=tuple(answer.words.strip().splitlines()[:_NOTES]),
        hint="run it in a repository, or make one by `git init`",
    )
