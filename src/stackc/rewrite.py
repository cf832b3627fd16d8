"""A manifest and the locks that were compiled from its new text, written together or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from stackc.compile import Compiled
from stackc.errors import Finding, ManifestError, Place
from stackc.files import write_file
from stackc.layout import lock_folder

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

    def write(self, compiled: Iterable[Compiled]) -> None:
        """Write the manifest, then the locks of all its targets; where one of them cannot be written, the old manifest again.

        Raises ManifestError S343, with nothing written, if somebody else changed the manifest meanwhile.
        """
        if self.path.read_bytes() != self.before.encode():
            raise ManifestError(_changed_meanwhile(self.path))
        from stackc.lockset import write_all  # it renders: who only looks does without

        write_file(self.path, self.after.encode())
        try:
            write_all(
                (each.lockset, self.path.parent / lock_folder(each.target)) for each in compiled if each.lockset is not None
            )
        except BaseException:
            write_file(self.path, self.before.encode())
            raise


def _changed_meanwhile(path: Path) -> Finding:
    return Finding(
        code="S343",
        message="the manifest was changed by somebody else meanwhile, and nothing was written",
        places=(Place(file=str(path)),),
        hint="look at the change, and run the command again",
    )
