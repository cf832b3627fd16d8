"""Where a decoder stands in a document, and what it has found wrong so far."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from stackc.errors import Finding, Place
from stackc.manifest.locate import Path
from stackc.manifest.model import Places
from stackc.manifest.shown import redacted

__all__ = ["Cursor", "Draft", "Refusal", "nearest"]


class Refusal(Struct, frozen=True, kw_only=True):
    """Why a text is not what its field wants, and what to do about it."""

    message: str
    hint: str | None = None


class Draft(Struct, frozen=True, kw_only=True):
    """A finding before its places are known: lines are looked up only where something is wrong."""

    paths: tuple[Path, ...]
    code: str
    message: str
    wanted: str | None = None
    found: str | None = None
    hint: str | None = None

    def finding(self, places: Places) -> Finding:
        """Return the finding, with the line and source of each path."""
        return Finding(
            code=self.code,
            message=self.message,
            places=tuple(_public(places.at(*path)) for path in self.paths),
            wanted=self.wanted,
            found=self.found,
            hint=self.hint,
        )


class Cursor(Struct, frozen=True):
    """A key path, and the list of drafts that all cursors of one document share."""

    path: Path = ()
    drafts: list[Draft] = field(default_factory=list)

    def at(self, *keys: str | int) -> Cursor:
        """Return the cursor of a key path below this one."""
        return replace(self, path=(*self.path, *keys))

    def report(
        self,
        code: str,
        message: str,
        *beside: Path,
        wanted: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Note that something is wrong here; `beside` are further key paths that it concerns."""
        paths = (self.path, *beside)
        self.drafts.append(Draft(paths=paths, code=code, message=message, wanted=wanted, found=found, hint=hint))


def nearest(word: str, known: Iterable[str], *, all_else: bool = True) -> str | None:
    """Return the hint that names the known word most like `word`; with `all_else`, where none is, all of them."""
    words = list(known)
    like = difflib.get_close_matches(word, words, n=1)
    if like:
        return f"did you mean `{like[0]}`?"
    return f"known here: {', '.join(f'`{each}`' for each in words)}" if words and all_else else None


def _public(place: Place) -> Place:
    """Return a place whose key path holds no credentials, should a URL stand where a key belongs."""
    return replace(place, path=tuple(redacted(key) if isinstance(key, str) else key for key in place.path))
