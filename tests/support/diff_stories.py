"""The stories in `tests/cases/diff-*`: two projects, why the story is told, and what `stackc diff` says of them.

What is expected is written anew by `python tests/support/diff_stories.py`: read what changes before you commit it. A lock that
was edited stays a good one if its text goes through `stackc.lock.head.seal` without its digest line.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from pathlib import Path

from stackc import __version__
from stackc.cli.diff import show_diff
from stackc.cli.diff_ends import Asked

__all__ = ["FORMS", "STORIES", "printed"]

CASES = Path(__file__).parents[1] / "cases"
STORIES = tuple(sorted(path.name for path in CASES.glob("diff-*")))
FORMS = {"text": "txt", "markdown": "md", "json": "json", "github": "github.txt"}
"""The forms, and how the files end that hold what is expected of each."""


def printed(story: str, form: str) -> str:
    """Return what the command prints of a story, run in a folder that holds nothing else and is in no repository."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as out:
        for end in ("base", "head"):
            shutil.copytree(CASES / story / end, Path(folder, end))
        before = Path.cwd()
        os.chdir(folder)
        try:
            asked = Asked(base="./base", head="./head", manifest=Path("stack.toml"))
            show_diff(asked, form=form, recent=7, exit_code=False, environment={"PATH": os.defpath})
        finally:
            os.chdir(before)
    return out.getvalue().replace(f'"stackc": "{__version__}"', '"stackc": "VERSION"')


def main() -> None:
    for story in STORIES:
        for form, ending in FORMS.items():
            (CASES / story / f"expected.{ending}").write_text(printed(story, form), encoding="utf-8")


if __name__ == "__main__":
    main()
