# pathlib takes longer to import than a small file to read.
# ruff: noqa: PTH112, PTH118
"""Is there anything to say? Answered for a few files without loading the command line or the words for findings."""

from __future__ import annotations

import os
from collections.abc import Sequence

from stackc.guard.inspection import Inspector
from stackc.guard.judge import judge

__all__ = ["nothing_found", "summary"]


def summary(files: int, found: str = "nothing that is kept out") -> str:
    """Return the last line of a run: how many files there were, and what was found in them."""
    return f"{files} file{'' if files == 1 else 's'}: {found}"


def nothing_found(paths: Sequence[str], *, folder: str) -> bool:
    """Say whether nothing is wrong with some files. Folders, and whatever is odd, give False: the long way then finds words."""
    inspector = Inspector(folder)
    try:
        return not any(_is_odd(path, inspector, folder) for path in paths)
    except Exception as error:
        from stackc.errors import ManifestError  # loaded now that there is an error: this way is the short one

        if isinstance(error, ManifestError):
            return False
        raise


def _is_odd(path: str, inspector: Inspector, folder: str) -> bool:
    if os.path.isdir(os.path.join(folder, path)):
        return True
    return any(True for _ in judge(list(inspector.file(path)), inspector.policy(path)))
