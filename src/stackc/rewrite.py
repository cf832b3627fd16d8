"""A manifest and the locks that were compiled from its new text, written together or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from stackc.changeset import Contents
from stackc.compile import Compiled
from stackc.errors import Finding, ManifestError, Place

__all__ = ["Rewrite"]


class Rewrite(Struct, frozen=True, kw_only=True):
    """One manifest, as it is and as it is to be."""

    path: Path
    before: str
    after: str

    @classmethod
    def read(cls, path: Path) -> Rewrite:
        """Return the rewrite that changes nothing yet; line ends and a byte order mark are kept."""
        text = path.read_bytes().decode("utf-8")
        return cls(path=path, before=text, after=text)

    def write(self, compiled: Iterable[Compiled], *, beside: Contents) -> None:
        """Write the manifest, the locks of all its targets, and what else belongs to them: all of it or nothing.

        Raises ManifestError S343, with nothing written, if somebody else changed the manifest meanwhile.
        """
        if self.path.read_bytes() != self.before.encode():
            raise ManifestError(_changed_meanwhile(self.path))
        from stackc.lockset import write_all  # it renders: who only looks does without

        sets = {each.target: each.lockset for each in compiled if each.lockset is not None}
        write_all(self.path.parent, sets, beside={self.path.name: self.after.encode(), **beside})


def _changed_meanwhile(path: Path) -> Finding:
    return Finding(
        code="S343",
        message="the manifest was changed by somebody else meanwhile, and nothing was written",
        places=(Place(file=str(path)),),
        hint="look at the change, and run the command again",
    )
