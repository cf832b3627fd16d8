"""A merge that stopped, as git's index has it: of each file in conflict the version of the base, of ours and of theirs.

The index says the same for a merge, a rebase, a cherry-pick, a revert and a stash that is applied. A file in no conflict stands
in it once, and is the same for all three.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from stackc.history.repository import Repository, working_tree
from stackc.history.snapshot import read_blobs

__all__ = ["Stages", "continuation", "mark_merged", "merge_lines", "read_stages"]

BASE, OURS, THEIRS = 1, 2, 3

_MERGED = "0"
_FILES = {"100644", "100755"}


class Stages(Struct, frozen=True, kw_only=True):
    """The project's files in the index: `merged` once each, `unmerged` by name and stage; a side that deleted it has none."""

    merged: Mapping[str, bytes]
    unmerged: Mapping[str, Mapping[int, bytes]]

    def of(self, name: str, stage: int) -> bytes | None:
        """Return what one side has under a name, None where it has no such file."""
        return self.unmerged[name].get(stage) if name in self.unmerged else self.merged.get(name)


def read_stages(repository: Repository, names: tuple[str, ...]) -> Stages:
    """Return what the index has at some names of the project and below them. Raises UsageError."""
    root = str(working_tree(repository))
    paths = [repository.path_of(name) for name in names]
    listed = repository.ask("-C", root, "ls-files", "--stage", "-z", "--full-name", "--", *paths)
    rows = [_row(line) for line in os.fsdecode(listed.output).split("\0") if line]
    prefix = f"{repository.project.as_posix()}/" if repository.project.parts else ""
    wanted = [(path.removeprefix(prefix), stage, blob) for mode, blob, stage, path in rows if mode in _FILES]
    bodies = read_blobs(repository, {f"{name} ({stage})": blob for name, stage, blob in wanted})
    merged: dict[str, bytes] = {}
    unmerged: dict[str, dict[int, bytes]] = {}
    for name, stage, _ in wanted:
        body = bodies[f"{name} ({stage})"]
        if stage == _MERGED:
            merged[name] = body
        else:
            unmerged.setdefault(name, {})[int(stage)] = body
    return Stages(merged=merged, unmerged=unmerged)


def _row(line: str) -> tuple[str, str, str, str]:
    about, _, path = line.partition("\t")
    mode, blob, stage = about.split(" ")
    return mode, blob, stage, path


def mark_merged(repository: Repository, names: tuple[str, ...]) -> tuple[str, ...]:
    """Tell git that files of the project are merged as they lie there, or gone; return the paths that are still in conflict."""
    root = str(working_tree(repository))
    given = "".join(f"{repository.path_of(name)}\0" for name in names)
    repository.ask("-C", root, "update-index", "--add", "--remove", "-z", "--stdin", given=os.fsencode(given))
    left = repository.ask("-C", root, "diff", "--name-only", "--diff-filter=U", "-z").output
    return tuple(sorted({path for path in os.fsdecode(left).split("\0") if path}))


def continuation(repository: Repository) -> str | None:
    """Return the command that goes on with what stopped, None where nothing waits for one."""
    for mark, command in (
        ("rebase-merge", "git rebase --continue"),
        ("rebase-apply", "git rebase --continue"),
        ("CHERRY_PICK_HEAD", "git cherry-pick --continue"),
        ("REVERT_HEAD", "git revert --continue"),
        ("MERGE_HEAD", "git commit"),
    ):
        if (repository.folder / repository.ask("rev-parse", "--git-path", mark).text).exists():
            return command
    return None


def merge_lines(repository: Repository, folder: Path, base: str, ours: str, theirs: str) -> str | None:
    """Return git's own merge of three texts, None where lines are in conflict; `folder` is one for temporary files."""
    files = {"ours": ours, "base": base, "theirs": theirs}
    for name, text in files.items():
        (folder / name).write_bytes(text.encode("utf-8"))
    answer = repository.git("merge-file", "-p", *(str((folder / name).absolute()) for name in files))
    return answer.output.decode("utf-8") if answer.status == 0 else None
