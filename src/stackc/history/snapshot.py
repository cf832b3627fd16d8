"""What a project was at one moment: the files that are stackc's business, read from a revision or from the working tree.

They are the manifest, the rule packs that it names, the templates, and what was compiled. Nothing is checked out: the bytes
are those of the repository, whatever lies in the folder. Links and submodules are refused, never followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from msgspec import Struct

from stackc.errors import Finding, ManifestError, Place, UsageError
from stackc.history.repository import Repository
from stackc.history.revision import Revision
from stackc.layout import BAKE, LOCK, MANIFEST, generated, lock_folder
from stackc.matrix.files import BUILTIN, matched_rules

__all__ = ["Snapshot", "read_blobs", "read_folder", "read_snapshot"]

_LOCKS, _TEMPLATES = "locks", "templates"
_TEMPLATE = ".j2"
_WILD = frozenset("*?[")
_FILES = {"100644", "100755", "100664"}
_KINDS = {"120000": "a symbolic link", "160000": "a submodule"}


class Snapshot(Struct, frozen=True, kw_only=True):
    """A project's files at one moment, by name relative to the project's folder and POSIX, sorted.

    `revision` is None for the working tree. `refused` tells of what stood where one of the files belongs and is none.
    """

    revision: Revision | None
    manifest: str
    files: Mapping[str, bytes]
    refused: tuple[Finding, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the targets whose lock is there, sorted."""
        found = (PurePosixPath(name) for name in self.files)
        return tuple(sorted(path.parts[1] for path in found if len(path.parts) == _DEPTH and path.name == LOCK))

    def lock(self, target: str) -> bytes | None:
        """Return the bytes of a target's lock, None where it has none."""
        return self.files.get(f"{lock_folder(target)}/{LOCK}")

    def generated(self, target: str) -> dict[str, bytes]:
        """Return what was compiled for a target, the lock included, by name relative to its folder."""
        prefix = f"{lock_folder(target)}/"
        return {name.removeprefix(prefix): body for name, body in self.files.items() if name.startswith(prefix)}

    def called(self, name: str) -> str:
        """Return how people are told of one of the files: as git names it, `REVISION:PATH`; in the working tree by its name."""
        return name if self.revision is None else f"{self.revision.name}:{name}"


_DEPTH = 3
"""The parts of `locks/TARGET/lock.toml`."""


def read_snapshot(
    repository: Repository, revision: Revision, *, manifest: str = MANIFEST, with_installed: bool = False
) -> Snapshot:
    """Return the project at a revision; a manifest that is missing or cannot be read names no rule packs. Raises UsageError.

    `with_installed` reads the wheels too that components name by their path: they are needed to compile, and may be large.
    """
    tree = _Tree(repository, revision)
    entries = tree.entries((manifest, _LOCKS, _TEMPLATES))
    files = tree.read({name: entry for name, entry in entries.items() if name == manifest or _is_ours(name)})
    declared = _declared(files.get(manifest))
    named = tree.named(declared.patterns, declared.installed if with_installed else ())
    files |= tree.read({name: entry for name, entry in named.items() if name not in files})
    odd = {name for name in entries if name == manifest or _is_ours(name) or _is_folder_of_ours(name, declared.targets)}
    return Snapshot(
        revision=revision,
        manifest=manifest,
        files=dict(sorted(files.items())),
        refused=tuple(tree.refused({**{name: entries[name] for name in odd}, **named})),
    )


def read_folder(
    folder: Path, *, manifest: str = MANIFEST, named_by: bytes | None = None, with_installed: bool = False
) -> Snapshot:
    """Return the project as it lies in its folder. Raises OSError.

    `named_by` is another manifest, whose rule packs count; `with_installed` is as in `read_snapshot`.
    """
    names = {path.relative_to(folder).as_posix() for top in (_LOCKS, _TEMPLATES) for path in (folder / top).rglob("*")}
    wanted = {manifest, *(name for name in names if _is_ours(name))}
    files = {name: (folder / name).read_bytes() for name in wanted if (folder / name).is_file()}
    declared = _declared(files.get(manifest) if named_by is None else named_by)
    for pattern in declared.patterns:
        files |= {pack.name: pack.path.read_bytes() for pack in matched_rules(pattern, folder=folder)}
    installed = declared.installed if with_installed else ()
    files |= {name: (folder / name).read_bytes() for name in installed if (folder / name).is_file()}
    return Snapshot(revision=None, manifest=manifest, files=dict(sorted(files.items())))


class _Entry(Struct, frozen=True):
    mode: str
    blob: str


class _Tree:
    """The project's part of the tree of one revision."""

    def __init__(self, repository: Repository, revision: Revision) -> None:
        self._repository = repository
        self._revision = revision

    def entries(self, names: Iterable[str]) -> dict[str, _Entry]:
        """Return what stands at some names and below them, by name. The name of nothing is the whole project."""
        paths = sorted({self._repository.path_of(name) for name in names})
        listed = [] if "." in paths else ["--", *paths]
        answer = self._repository.ask("ls-tree", "-r", "-z", "--full-tree", self._revision.commit, *listed)
        found = {}
        for line in answer.output.split(b"\0"):
            if line:
                about, _, path = line.decode("utf-8", "surrogateescape").partition("\t")
                mode, _, blob = about.split(" ")
                name = self._name(path)
                if name is not None:
                    found[name] = _Entry(mode, blob)
        return found

    def read(self, entries: Mapping[str, _Entry]) -> dict[str, bytes]:
        """Return the bytes of those entries that are files."""
        return read_blobs(self._repository, {name: entry.blob for name, entry in entries.items() if entry.mode in _FILES})

    def named(self, patterns: tuple[str, ...], files: tuple[str, ...]) -> dict[str, _Entry]:
        """Return what patterns match, and the files that are named."""
        if not patterns and not files:
            return {}
        found = self.entries((*_heads(patterns), *files))
        return {**_packs(found, patterns), **{name: entry for name, entry in found.items() if name in files}}

    def refused(self, entries: Mapping[str, _Entry]) -> Iterator[Finding]:
        """Yield a finding for each entry that is no file."""
        for name, entry in sorted(entries.items()):
            if entry.mode not in _FILES:
                yield Finding(
                    code="S465",
                    message=f"`{name}` is {_KINDS.get(entry.mode, f'of the mode {entry.mode}')} in that revision, and no file",
                    places=(Place(file=f"{self._revision.name}:{name}"),),
                    hint="stackc reads files alone from git, and follows nothing: commit the file itself",
                )

    def _name(self, path: str) -> str | None:
        """Return a path of git's as seen from the project; None for one that no checkout could have."""
        project = self._repository.project
        found = PurePosixPath(path)
        if ".." in found.parts or not path.isprintable() or not found.is_relative_to(project):
            return None
        return found.relative_to(project).as_posix()


def read_blobs(repository: Repository, blobs: Mapping[str, str]) -> dict[str, bytes]:
    """Return the bytes of git's blobs, given as name → id, by their names. Raises UsageError where one is missing."""
    if not blobs:
        return {}
    given = "".join(f"{blob}\n" for blob in blobs.values()).encode()
    stream = repository.ask("cat-file", "--batch", given=given).output
    return dict(zip(blobs, _bodies(stream, tuple(blobs)), strict=True))


def _bodies(stream: bytes, names: tuple[str, ...]) -> Iterator[bytes]:
    """Yield the contents in a stream of `git cat-file --batch`: each has a line `ID blob SIZE` before it, a newline after."""
    at = 0
    for name in names:
        end = stream.find(b"\n", at)
        kind, size = [*stream[at:end].split(b" "), b"", b""][1:3]
        if kind != b"blob":
            raise UsageError(
                Finding(
                    code="S467",
                    message=f"the repository does not have the content of `{name}`",
                    hint="a partial clone fetches it where the remote can be reached; `git fsck` tells what is missing",
                )
            )
        begin = end + 1
        at = begin + int(size) + 1
        yield stream[begin : at - 1]


def _is_ours(name: str) -> bool:
    """Say whether a name is that of a template, or of something that compiling writes."""
    top, _, rest = name.partition("/")
    if top == _TEMPLATES:
        return name.endswith(_TEMPLATE)
    target, _, file = rest.partition("/")
    return name == BAKE or (top == _LOCKS and not target.startswith(".") and generated(file))


def _is_folder_of_ours(name: str, targets: Iterable[str]) -> bool:
    """Say whether a folder belongs where a name stands, so that a link there would lead to other files."""
    folders = (lock_folder(target) for target in targets)
    return name in {_LOCKS, _TEMPLATES, *(place for folder in folders for place in (folder, f"{folder}/steps"))}


class _Declared(Struct, frozen=True):
    """What a manifest's text names, as far as it can be read: the project's rule packs, its targets, the files to install."""

    patterns: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()


def _declared(manifest: bytes | None) -> _Declared:
    from stackc.manifest.syntax import parse

    try:
        content = parse((manifest or b"").decode("utf-8"), file=MANIFEST)
    except (ManifestError, UnicodeDecodeError):
        return _Declared()
    matrix, targets = content.get("matrix"), content.get("targets")
    packs = matrix.get("packs") if isinstance(matrix, dict) else None
    named = [pack for pack in packs if isinstance(pack, str)] if isinstance(packs, list) else []
    return _Declared(
        patterns=tuple(pack for pack in named if pack != BUILTIN and _stays_inside(pack)),
        targets=tuple(targets) if isinstance(targets, dict) else (),
        installed=tuple(_installed(content)),
    )


def _installed(table: Mapping[str, object]) -> Iterator[str]:
    """Yield the files of the project that components name by `path`, of all targets and of each."""
    components, targets = table.get("components"), table.get("targets")
    for component in components.values() if isinstance(components, dict) else ():
        path = component.get("path") if isinstance(component, dict) else None
        if isinstance(path, str) and _stays_inside(path):
            yield PurePosixPath(path).as_posix()
    for target in targets.values() if isinstance(targets, dict) else ():
        if isinstance(target, dict):
            yield from _installed({"components": target.get("components")})


def _stays_inside(pattern: str) -> bool:
    path = PurePosixPath(pattern)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _heads(patterns: Iterable[str]) -> Iterator[str]:
    """Yield the folder, or the file, that each pattern looks into; the project itself where it begins with a wildcard."""
    for pattern in patterns:
        parts = PurePosixPath(pattern).parts
        plain = next((at for at, part in enumerate(parts) if _WILD & set(part)), len(parts))
        yield PurePosixPath(*parts[:plain]).as_posix()


def _packs(entries: Mapping[str, _Entry], patterns: Iterable[str]) -> dict[str, _Entry]:
    """Return the entries that any of the patterns matches."""
    split = [PurePosixPath(pattern).parts for pattern in patterns]
    return {name: entry for name, entry in entries.items() if any(_matches(PurePosixPath(name).parts, each) for each in split)}


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Say whether a name matches, as `pathlib` globs: `**` is any number of folders, and all else stays in its part."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[at:], pattern[1:]) for at in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
