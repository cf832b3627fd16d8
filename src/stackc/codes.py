"""The registry of finding codes: what each means, as `stackc explain CODE` prints it.

One file per family under `data/codes`, one table per code; the code itself is the table's name and is never reused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from msgspec import Struct

from stackc.errors import BugError, Finding, Place, UsageError

__all__ = ["Code", "all_codes", "load"]

_FOLDER = Path(__file__).parent / "data" / "codes"
_CODE = re.compile(r"S\d{3}")


class Code(Struct, frozen=True, kw_only=True):
    """What one code means: `title` names the situation, `page` says why it matters and what to do. `family` is its file."""

    code: str
    family: str
    title: str
    page: str


def load(code: str) -> Code:
    """Return what a code means; upper and lower case are the same. Raises `UsageError` for a code that no finding has."""
    known = all_codes()
    if found := known.get(code.upper()):
        return found
    near = get_close_matches(code.upper(), known, n=3)
    hint = f"the nearest codes are {', '.join(f'`{name}`' for name in near)}" if near else "codes look like `S301`"
    raise UsageError(Finding(code="S001", message=f"no finding has the code `{code}`", hint=hint))


@cache
def all_codes(folder: Path = _FOLDER) -> Mapping[str, Code]:
    """Return every code, sorted. Raises `BugError` where the data itself is malformed."""
    codes: dict[str, Code] = {}
    for file in sorted(folder.glob("*.toml")):
        for entry in _decode(file):
            if entry.code in codes:
                raise _malformed(file, entry.code, f"`{entry.code}` has a page in `{codes[entry.code].family}.toml` too")
            codes[entry.code] = entry
    return dict(sorted(codes.items()))


def _decode(file: Path) -> Iterator[Code]:
    import tomli

    for code, table in tomli.loads(file.read_text(encoding="utf-8")).items():
        match table:
            case {"title": str(title), "page": str(page), **rest} if not rest and _CODE.fullmatch(code):
                yield Code(code=code, family=file.stem, title=title, page=page.strip())
            case _:
                raise _malformed(file, code, f"`{code}` is no table of a title and a page")


def _malformed(file: Path, code: str, message: str) -> BugError:
    return BugError(Finding(code="S903", message=message, places=(Place(file=file.name, path=(code,)),)))
