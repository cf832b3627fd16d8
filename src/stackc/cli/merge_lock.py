"""What git runs to merge a generated file: `python -m stackc.cli.merge_lock BASE OURS THEIRS PATH`.

It is no command of stackc's own. The first call of a merge works out the merge of the whole project and keeps it beside the
repository's files; the others take their file from there. Where there is no merge, OURS stays and git reports a conflict.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from stackc import __version__

if TYPE_CHECKING:
    from stackc.history.commits import Commits
    from stackc.history.repository import Repository

__all__ = ["main"]


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Merge one file, and return the exit status that tells git whether that went well."""
    *contents, path = arguments
    project, name = _split(path)
    try:
        files, reason = _merged(project, path, contents, environment)
    except Exception as error:  # noqa: BLE001 (whatever it is, git has to be told that there is no merge)
        files, reason = {}, f"stackc stopped on an unexpected {type(error).__name__}: {error}"
    if reason is None and name in files:
        Path(contents[1]).write_bytes(files[name])
        return 0
    if name.endswith("/lock.toml"):
        from stackc.cli.report import safe

        sys.stderr.write(f"stackc: {safe(path)} is left in conflict: {safe(reason or 'the merge has no such file')}\n")
        sys.stderr.write("stackc: `stackc merge` finishes the locks once the rest is settled\n")
    return 1


def _split(path: str) -> tuple[PurePosixPath, str]:
    """Return the folder of the project that a generated file belongs to, and the file's name as seen from there."""
    parts = PurePosixPath(path).parts
    at = max(at for at, part in enumerate(parts) if part == "locks")
    return PurePosixPath(*parts[:at]), "/".join(parts[at:])


def _merged(
    project: PurePosixPath, path: str, contents: list[str], environment: Mapping[str, str]
) -> tuple[Mapping[str, bytes], str | None]:
    """Return the merged files of a project, or why there are none."""
    from stackc.errors import StackcError
    from stackc.history.commits import commits_of
    from stackc.history.repository import find_repository
    from stackc.layout import MANIFEST

    try:
        repository = find_repository(Path(project), environment=environment)
        hashed = repository.ask("hash-object", "--no-filters", "--", *(str(Path(each).absolute()) for each in contents))
        base, ours, theirs = hashed.text.split()
        manifest = (project / MANIFEST).as_posix()
        commits = commits_of(repository, path, (base, ours, theirs), manifest=manifest, environment=environment)
        if commits is None:
            return {}, "git does not tell what is merged"
        return _kept(repository, commits, project, environment)
    except StackcError as error:
        return {}, error.findings[0].message


def _kept(
    repository: Repository, commits: Commits, project: PurePosixPath, environment: Mapping[str, str]
) -> tuple[Mapping[str, bytes], str | None]:
    """Return what the first call of this merge worked out, or work it out and keep it for the others."""
    import msgspec

    from stackc.files import write_file

    today = dt.datetime.now(dt.timezone.utc).date()
    sides = (commits.base.commit, commits.ours.commit, commits.theirs.commit)
    key = " ".join((__version__, today.isoformat(), *sides, str(project)))
    place = repository.folder / repository.ask("rev-parse", "--git-path", _KEPT).text
    try:
        known, files, reason = msgspec.msgpack.decode(place.read_bytes(), type=_Record)
        if known == key:
            return files, reason
    except (OSError, msgspec.DecodeError):
        pass  # nothing was kept, or it cannot be read: it is worked out anew
    files, reason = _worked_out(repository, commits, project, today=today, environment=environment)
    write_file(place, msgspec.msgpack.encode((key, files, reason)))
    return files, reason


_KEPT = "stackc-merge"
_Record = tuple[str, dict[str, bytes], str | None]


def _worked_out(
    repository: Repository, commits: Commits, project: PurePosixPath, *, today: dt.date, environment: Mapping[str, str]
) -> tuple[dict[str, bytes], str | None]:
    from stackc.errors import StackcError
    from stackc.files import scratch_folder, scratch_parent
    from stackc.history.repository import working_tree
    from stackc.history.whole_merge import merged_project

    home = working_tree(repository) / project
    with scratch_folder(scratch_parent(environment.get("TMPDIR"))) as scratch:
        try:
            return dict(merged_project(repository, commits, home=home, scratch=scratch, today=today)), None
        except StackcError as error:
            return {}, error.findings[0].message


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
