# pathlib takes longer to import than a small file to read.
# ruff: noqa: PTH100, PTH113, PTH118, PTH120, PTH123
"""Files read with all that they include: every item, and how it was come by."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator

from stackc.guard.kinds import Kind, kind_of, matters, reader
from stackc.guard.occurrence import Include, Item, Occurrence, Trouble
from stackc.guard.own_files import OwnPins, is_own, is_own_step, own_pins
from stackc.guard.policy import Policy, load
from stackc.guard.source import Source, UndecodableError, decode
from stackc.guard.values import Value
from stackc.layout import MANIFEST

__all__ = ["Inspector", "Link", "Read"]

_REMOTE = r"[A-Za-z][A-Za-z0-9+.-]*://"
_COOKIE_KINDS = {"requirements", "constraints", "setup.py"}


class Link(Value):
    """One inclusion: where it stands, and as what."""

    source: Source
    at: int
    text: str


class Read(Value):
    """One item of a file, with the inclusions that led to it, the outermost first. `root` is the file that was asked about."""

    source: Source
    item: Item
    chain: tuple[Link, ...]
    root: str


class Inspector:
    """Reads files, each once. `folder` is where relative names start; `manifest` overrides the nearest stack.toml."""

    def __init__(self, folder: str, *, manifest: str | None = None) -> None:
        self._folder = folder
        self._manifest = manifest
        self._sources: dict[str, Source | Trouble] = {}
        self._items: dict[tuple[str, bool], tuple[Item, ...]] = {}
        self._policies: dict[str | None, Policy] = {}
        self._nearest: dict[str, str | None] = {}
        self._words: dict[int, re.Pattern[str]] = {}
        self._own: dict[str, OwnPins] = {}

    def policy(self, path: str) -> Policy:
        """Return what is kept out of a file. Raises ManifestError."""
        manifest = self._manifest or self._manifest_above(os.path.dirname(os.path.abspath(self._in_folder(path))))
        if manifest not in self._policies:
            self._policies[manifest] = _loaded(manifest)
        return self._policies[manifest]

    def file(self, path: str, *, data: bytes | None = None) -> Iterator[Read]:
        """Yield the items of a file that was asked about, and of all that it includes; `data` are its bytes if there are."""
        kind = kind_of(path.replace(os.sep, "/"))
        full = os.path.abspath(self._in_folder(path))
        if data is not None:
            self._sources[full] = self._decoded(path, data, kind)
        if kind is None:
            trouble = Trouble(
                code="S722",
                message=f"`{path}` is no kind of file that guard reads",
                hint="`stackc guard --help` lists the kinds; what is written like a requirements file may be named `*.txt`",
                usage=True,
            )
            yield Read(Source.of("", path), trouble, (), path)
        elif not is_own_step(full):
            yield from self._reads(full, path, kind, (), path, self.policy(path), {(full, kind == "constraints")})

    def _reads(
        self,
        full: str,
        shown: str,
        kind: Kind,
        chain: tuple[Link, ...],
        root: str,
        policy: Policy,
        seen: set[tuple[str, bool]],
    ) -> Iterator[Read]:
        source = self._source(full, shown, kind, given=not chain)
        if isinstance(source, Trouble):
            yield Read(chain[-1].source if chain else Source.of("", shown), source, chain, root)
            return
        for item in self._read(full, source, kind, policy):
            if isinstance(item, Include):
                yield from self._included(item, source, full, chain, root, policy, seen)
            elif not isinstance(item, Occurrence) or not is_own(item, self._own_pins(full)):
                yield Read(source, item, chain, root)

    def _included(
        self,
        include: Include,
        source: Source,
        full: str,
        chain: tuple[Link, ...],
        root: str,
        policy: Policy,
        seen: set[tuple[str, bool]],
    ) -> Iterator[Read]:
        """Yield what an included file says; each counts once for a file that was asked about, so that cycles end."""
        longer = (*chain, Link(source, include.at, include.text))
        path = self._found(include, os.path.dirname(full))
        if path is None:
            trouble = _not_followed(include)
            if trouble is not None:
                yield Read(source, trouble, chain, root)
            return
        above = {
            os.path.abspath(self._in_folder(root)),
            *(os.path.abspath(self._in_folder(link.source.name)) for link in chain),
        }
        if path == full or path in above:
            yield Read(source, _cycle(include), chain, root)
        elif (path, include.constraint) not in seen and not is_own_step(path):
            seen.add((path, include.constraint))
            kind: Kind = "constraints" if include.constraint else "requirements"
            yield from self._reads(path, self._shown(path), kind, longer, root, policy, seen)

    def _found(self, include: Include, folder: str) -> str | None:
        """Return the file that is included, None where there is none to be seen."""
        for path in include.paths:
            if re.match(_REMOTE, path):
                continue
            for beside in (folder, self._folder):
                full = os.path.abspath(os.path.join(beside, path.removeprefix("file:")))
                if os.path.isfile(full):
                    return full
                if include.sure:
                    break
        return None

    def _read(self, full: str, source: Source, kind: Kind, policy: Policy) -> tuple[Item, ...]:
        constraint = kind == "constraints"
        key = (full, constraint)
        if key not in self._items:
            if not matters(kind, source.text) and not self._mentions(policy, source.text):
                self._items[key] = ()
            else:
                self._items[key] = tuple(reader(kind)(source))
        return self._items[key]

    def _mentions(self, policy: Policy, text: str) -> bool:
        pattern = self._words.get(id(policy))
        if pattern is None:
            words = sorted({"[-_.]+".join(word.split("-")) for word in policy.words()}, key=len)
            pattern = self._words[id(policy)] = re.compile("|".join(words), re.IGNORECASE)
        return pattern.search(text) is not None

    def _source(self, full: str, shown: str, kind: Kind, *, given: bool) -> Source | Trouble:
        if full not in self._sources:
            try:
                with open(full, "rb") as file:
                    data = file.read()
            except OSError as error:
                self._sources[full] = _unreadable(shown, error, given=given)
            else:
                self._sources[full] = self._decoded(shown, data, kind)
        return self._sources[full]

    def _decoded(self, shown: str, data: bytes, kind: Kind | None) -> Source | Trouble:
        try:
            return decode(shown, data, cookie=kind is None or kind in _COOKIE_KINDS)
        except UndecodableError as error:
            hint = "give guard text files alone; one in another encoding says so in a comment: `# -*- coding: latin-1 -*-`"
            return Trouble(code="S721", message=f"`{shown}` cannot be read: {error}", hint=hint, usage=True)

    def _own_pins(self, full: str) -> OwnPins:
        if full not in self._own:
            self._own[full] = own_pins(full)
        return self._own[full]

    def _manifest_above(self, folder: str) -> str | None:
        """Return the nearest stack.toml in a folder or above it, as far as its repository goes."""
        if folder not in self._nearest:
            manifest = os.path.join(folder, MANIFEST)
            parent = os.path.dirname(folder)
            if os.path.isfile(manifest):
                self._nearest[folder] = manifest
            elif parent == folder or os.path.lexists(os.path.join(folder, ".git")):
                self._nearest[folder] = None
            else:
                self._nearest[folder] = self._manifest_above(parent)
        return self._nearest[folder]

    def _in_folder(self, path: str) -> str:
        return os.path.join(self._folder, path)

    def _shown(self, full: str) -> str:
        """Return a path as the user would write it: relative where it lies in the folder or not far above it."""
        base = os.path.abspath(self._folder)
        relative = os.path.relpath(full, base)
        return full if relative.startswith(os.path.join("..", "..", "..")) else relative


def _loaded(manifest: str | None) -> Policy:
    try:
        return load(manifest)
    except OSError:
        from pathlib import Path

        from stackc.manifest.decode import load as load_manifest

        load_manifest(Path(manifest or MANIFEST))  # finds the words for it
        raise


def _unreadable(shown: str, error: OSError, *, given: bool) -> Trouble:
    missing = error.errno in {errno.ENOENT, errno.ENOTDIR}
    reason = "there is no such file" if missing else (os.strerror(error.errno) if error.errno else str(error)).lower()
    return Trouble(
        code="S720" if missing else "S721",
        message=f"`{shown}` cannot be read: {reason}",
        hint="correct the path" if missing else "give guard files that this user may read",
        usage=given,
    )


def _not_followed(include: Include) -> Trouble | None:
    """Return what there is to say of an include that leads to no file here."""
    path = include.paths[0]
    if re.match(_REMOTE, path) or "${" in path:
        return Trouble(
            code="S724",
            message=f"`{path}` cannot be looked into: it is no file of this machine",
            hint="keep what is installed in files that are versioned with the project",
            at=include.at,
            text=include.text,
        )
    if not include.sure:
        return None
    return Trouble(
        code="S723",
        message=f"`{path}` is included, and is not there",
        hint="pip ends here with an error: correct the path, which is relative to the including file",
        at=include.at,
        text=include.text,
    )


def _cycle(include: Include) -> Trouble:
    return Trouble(
        code="S723",
        message=f"`{include.paths[0]}` includes itself in the end",
        hint="pip ends here with an error: remove one of the includes of the circle",
        at=include.at,
        text=include.text,
    )
