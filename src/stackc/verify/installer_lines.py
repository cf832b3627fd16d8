"""What a line printed within a step tells: pip's and uv's own words, verify.py's, and the builder's mark of an omission."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from stackc.verify.log_events import (
    Asked,
    Checked,
    Clipped,
    Complained,
    Concluded,
    Event,
    Fetched,
    Installed,
    LogStep,
    Removed,
    Satisfied,
)

__all__ = ["read_output"]

_STARTS = (
    "Downloading ",
    "Processing ",
    "Using cached ",
    "Resuming download ",
    "Successfully ",
    "Looking in indexes: ",
    "+ ",
    "- ",
    "~ ",
    "ok    ",
    "FAIL  ",
    "verify: ",
    "Requirement already satisfied: ",
    "Audited ",
    "ERROR: ",
    "error: ",
    "[output clipped",
)
_FETCHED = re.compile(
    r"(Downloading|Processing|Using cached|Resuming download) (\S+)(?: \((?:[\d.]+ [kMG]?B/)?([\d.]+) ?([kKMG]?i?B|bytes)\))?"
)
_DISTRIBUTION = re.compile(r".+\.(?:whl|tar\.gz|tar\.bz2|zip)")
_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)")
_HOLDS = re.compile(r"verify: all (\d+) checks hold")
_UNITS = {"bytes": 1, "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def read_output(step: LogStep, text: str, line: int) -> Iterator[Event]:
    """Yield the events of one line of a step's output."""
    said = text.strip()
    if not said.startswith(_STARTS):
        return
    if said.startswith("Successfully "):
        yield from _outcome(step, said, line)
    elif said[0] in "+-~":
        yield from _change(step, said, line)
    elif said.startswith("Looking in indexes: "):
        yield Asked(line, step, tuple(part.strip() for part in said.partition(": ")[2].split(",")))
    elif said.startswith(("ok    ", "FAIL  ")):
        yield Checked(line, step, said.startswith("ok"), said[6:])
    elif said.startswith("verify: "):
        found = _HOLDS.fullmatch(said)
        yield Concluded(line, step, said, int(found[1]) if found else None)
    elif said.startswith(("Requirement already satisfied: ", "Audited ")):
        yield Satisfied(line, step)
    elif said.startswith(("ERROR: ", "error: ")):
        yield Complained(line, step, said)
    elif said.startswith("[output clipped"):
        yield Clipped(line, step, said)
    else:
        yield from _fetch(step, said, line)


def _outcome(step: LogStep, said: str, line: int) -> Iterator[Event]:
    """Read pip's `Successfully installed NAME-VERSION ...` and `Successfully uninstalled NAME-VERSION`."""
    words = said.split()
    if words[1] == "installed":
        for word in words[2:]:
            name, _, version = word.rpartition("-")
            if name:
                yield Installed(line, step, name, version)
    elif words[1] == "uninstalled" and len(words) == 3:
        name, _, version = words[2].rpartition("-")
        yield Removed(line, step, name, version)


def _change(step: LogStep, said: str, line: int) -> Iterator[Event]:
    """Read uv's `+ NAME==VERSION`, `- NAME==VERSION`, and `~ NAME==VERSION` for one that was installed again."""
    found = _PINNED.match(said[2:])
    if found is None:
        return
    if said[0] in "-~":
        yield Removed(line, step, found[1], found[2])
    if said[0] in "+~":
        yield Installed(line, step, found[1], found[2])


def _fetch(step: LogStep, said: str, line: int) -> Iterator[Event]:
    """Read a download of pip (a file's name or address, a path where it lies) or of uv (a project's name).

    Metadata alone are none.
    """
    found = _FETCHED.match(said)
    if found is None:
        return
    file = unquote(urlsplit(found[2]).path if "://" in found[2] else found[2]).rpartition("/")[2]
    if _DISTRIBUTION.fullmatch(file) or (found[4] is not None and "i" in found[4]):
        size = round(float(found[3]) * _UNITS[found[4]]) if found[3] else None
        yield Fetched(line, step, file, size, found[1] == "Using cached")
