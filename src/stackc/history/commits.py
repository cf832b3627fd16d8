"""Which three commits git is merging while it calls a driver for one file.

git does not say it to a driver: it hands over the three contents of one file. A merge names its other side in the environment,
a rebase writes down what it is at, and for a cherry-pick, a revert or a stash the log has a commit that changed the file from
the one content to the other. Whatever is found is held against all three contents, and what is not certain is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from stackc.history.repository import Repository, working_tree
from stackc.history.revision import Revision

__all__ = ["Commits", "commits_of"]

_HEADS = re.compile(r"GITHEAD_([0-9a-f]{40,64})")
_RAW = re.compile(r":\d+ \d+ ([0-9a-f]+) ([0-9a-f]+) [A-Z]\d*\t")
_MOST_SEARCHED = 2000


class Commits(Struct, frozen=True, kw_only=True):
    """The commits of a three-way merge."""

    base: Revision
    ours: Revision
    theirs: Revision


def commits_of(
    repository: Repository, path: str, blobs: tuple[str, str, str], *, manifest: str, environment: Mapping[str, str]
) -> Commits | None:
    """Return the commits whose contents of `path` are these blobs (base, ours, theirs), None where that is not certain.

    `manifest` is the path of the manifest, which has to be the same in all commits that come into question.
    """
    ours = _commit(repository, "HEAD")
    if ours is None or _blob(repository, ours, path) != blobs[1]:
        return None
    heads = [found[1] for name in environment if (found := _HEADS.fullmatch(name))]
    picked = (_of_rebase(repository), _of_log(repository, path, blobs))
    for candidates in (_of_merge(repository, heads),) if heads else picked:
        fitting = [
            (base, theirs)
            for base, theirs in candidates
            if (_blob(repository, base, path), _blob(repository, theirs, path)) == (blobs[0], blobs[2])
        ]
        if fitting:
            return _one(repository, ours, fitting, manifest)
    return None


def _one(repository: Repository, ours: str, pairs: Sequence[tuple[str, str]], manifest: str) -> Commits | None:
    """Return the commits of the first pair, unless another one means another manifest."""
    meant = {tuple(_blob(repository, commit, manifest) for commit in pair) for pair in pairs}
    base, theirs = pairs[0]
    if len(meant) > 1:
        return None
    return Commits(base=Revision("base", base), ours=Revision("ours", ours), theirs=Revision("theirs", theirs))


def _of_merge(repository: Repository, heads: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the one base and the other side of a merge; a merge of several bases or sides has no such pair."""
    for theirs in heads if len(heads) == 1 else ():
        bases = repository.git("merge-base", "--all", "HEAD", theirs).text.split()
        if len(bases) == 1:
            yield bases[0], theirs


def _of_rebase(repository: Repository) -> Iterator[tuple[str, str]]:
    """Yield the commit that a rebase is about to apply, and its parent."""
    done = repository.folder / repository.git("rev-parse", "--git-path", "rebase-merge/done").text
    words = _last_line(done).split()
    theirs = _commit(repository, words[1]) if len(words) > 1 else None
    base = _commit(repository, f"{theirs}^") if theirs else None
    if theirs and base:
        yield base, theirs


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
    return next((line for line in reversed(lines) if line.strip() and not line.startswith("#")), "")


def _of_log(repository: Repository, path: str, blobs: tuple[str, str, str]) -> Iterator[tuple[str, str]]:
    """Yield the commits that changed the file from the base's content to theirs, and those that did the reverse."""
    options = ("--all", "--raw", "--no-abbrev", "--no-renames", "--diff-merges=first-parent", f"--max-count={_MOST_SEARCHED}")
    said = repository.git("-C", str(working_tree(repository)), "log", "--format=commit %H", *options, "--", path).text
    commit = ""
    for line in said.split("\n"):
        if line.startswith("commit "):
            commit = line.removeprefix("commit ")
        elif found := _RAW.match(line):
            parent = _commit(repository, f"{commit}^")
            if parent and (found[1], found[2]) == (blobs[0], blobs[2]):
                yield parent, commit
            elif parent and (found[2], found[1]) == (blobs[0], blobs[2]):
                yield commit, parent


def _commit(repository: Repository, name: str) -> str | None:
    if name.startswith("-"):
        return None  # a word of a rebase's list that is an option, not a commit
    answer = repository.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return answer.text if answer.status == 0 else None


def _blob(repository: Repository, commit: str, path: str) -> str | None:
    """Return the id of a file in a commit, None where it has no such file."""
    answer = repository.git("rev-parse", "--verify", "--quiet", f"{commit}:{path}")
    return answer.text if answer.status == 0 else None
