"""Revisions: what a user calls one, which commit it is, and which one a branch began from."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from stackc.errors import Finding, UsageError
from stackc.history.repository import Repository

__all__ = ["Revision", "common_ancestor", "default_branch", "find_revision", "is_revision", "merge_base"]

_SHORT = 12


class Revision(Struct, frozen=True):
    """A commit, and what it was called."""

    name: str
    commit: str

    @property
    def short(self) -> str:
        """Return the first digits of the commit."""
        return self.commit[:_SHORT]


def find_revision(repository: Repository, name: str) -> Revision:
    """Return the commit that a name stands for. Raises UsageError where it stands for none."""
    commit = _commit(repository, name)
    if commit is None:
        raise UsageError(_unknown(repository, name))
    return Revision(name, commit)


def is_revision(repository: Repository, name: str) -> bool:
    """Say whether a name stands for a commit."""
    return _commit(repository, name) is not None


def merge_base(repository: Repository, *, head: str = "HEAD") -> Revision:
    """Return the commit at which `head` left the default branch. Raises UsageError where there is none, or no such branch.

    It is called by the branch's name; where `head` is the default branch itself, it is that branch's own last commit.
    """
    branch = default_branch(repository)
    commit = find_revision(repository, head).commit
    answer = repository.git("merge-base", branch, commit)
    if answer.status != 0 or not answer.text:
        raise UsageError(_unrelated(repository, branch, head))
    return Revision(_called(branch), answer.text.split("\n", 1)[0])


def common_ancestor(repository: Repository, base: str, head: str) -> Revision:
    """Return the commit at which `head` left `base`, called by the name of `base`. Raises UsageError where there is none."""
    commits = [find_revision(repository, name).commit for name in (base, head)]
    answer = repository.git("merge-base", *commits)
    if answer.status != 0 or not answer.text:
        raise UsageError(_no_ancestor(repository, base, head))
    return Revision(base, answer.text.split("\n", 1)[0])


def default_branch(repository: Repository) -> str:
    """Return the default branch's full name, the remote's before the clone's own. Raises UsageError where none is found.

    It is what the remote calls its HEAD, else the branch of `init.defaultBranch`, else `main`, else `master`.
    """
    for name in _candidates(repository):
        if _commit(repository, name) is not None:
            return name
    raise UsageError(_unknown(repository, "HEAD") if _commit(repository, "HEAD") is None else _no_default(repository))


def _candidates(repository: Repository) -> Iterator[str]:
    remotes = repository.git("remote").text.split()
    remotes = ["origin"] if "origin" in remotes else remotes[:1]
    for remote in remotes:
        head = repository.git("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD").text
        yield from (head,) if head else ()
    configured = repository.git("config", "--get", "init.defaultBranch").text
    for branch in dict.fromkeys((configured, "main", "master")):
        if branch:
            yield from (f"refs/remotes/{remote}/{branch}" for remote in remotes)
            yield f"refs/heads/{branch}"


def _commit(repository: Repository, name: str) -> str | None:
    if not name or name.startswith("-") or not name.isprintable():
        return None
    answer = repository.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return answer.text if answer.status == 0 else None


def _called(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")


def _is_shallow(repository: Repository) -> bool:
    return repository.git("rev-parse", "--is-shallow-repository").text == "true"


_DEEPEN = "this clone is shallow: `git fetch --unshallow` brings the rest, as `fetch-depth: 0` of actions/checkout does"


def _unknown(repository: Repository, name: str) -> Finding:
    if name == "HEAD":
        message, hint = "the repository has no commit yet", "commit first: `git add . && git commit`"
    else:
        message = f"`{name}` is no revision of the repository"
        hint = _hint(repository, name)
    return Finding(code="S462", message=message, hint=hint)


def _hint(repository: Repository, name: str) -> str:
    remotes = repository.git("remote").text.split()
    there = next((f"{remote}/{name}" for remote in remotes if _commit(repository, f"{remote}/{name}") is not None), None)
    if there is not None:
        return f"did you mean `{there}`? this clone has no branch `{name}` of its own"
    return _DEEPEN if _is_shallow(repository) else "`git log --oneline` and `git branch --all` list what there is"


def _no_default(repository: Repository) -> Finding:
    hint = "name the revision to compare with; or tell git the default branch: `git remote set-head origin --auto`"
    return Finding(
        code="S463",
        message="there is no default branch to compare with",
        notes=("looked for origin's HEAD, the branch of `init.defaultBranch`, `main` and `master`",),
        hint=f"{hint}\n{_DEEPEN}" if _is_shallow(repository) else hint,
    )


def _no_ancestor(repository: Repository, base: str, head: str) -> Finding:
    return Finding(
        code="S464",
        message=f"`{base}` and `{head}` have no commit in common",
        hint=_DEEPEN if _is_shallow(repository) else f"compare the two themselves: `stackc diff {base}..{head}`",
    )


def _unrelated(repository: Repository, branch: str, head: str) -> Finding:
    name = _called(branch)
    return Finding(
        code="S464",
        message=f"`{head}` and the default branch `{name}` have no commit in common",
        hint=_DEEPEN if _is_shallow(repository) else f"name the revision to compare with, such as `{name}` itself",
    )
