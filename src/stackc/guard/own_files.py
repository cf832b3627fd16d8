# pathlib takes longer to import than a small file to read.
# ruff: noqa: PTH118, PTH119, PTH120, PTH123
"""Files that stackc wrote itself: whole steps, and of requirements.txt the very pins that its lock puts there.

They are known by their place and by a lock beside them that nobody edited. A line that was added to requirements.txt is judged
like any other; what was edited in a step, `stackc check` finds.
"""

from __future__ import annotations

import os.path
import re

from stackc.guard.occurrence import Occurrence
from stackc.layout import LOCK, generated

__all__ = ["OwnPins", "is_own", "is_own_step", "own_pins"]

_LOCKS = "locks"
_REQUIREMENTS = "requirements.txt"
_EXTRAS = re.compile(r"\[[^\]]*\]")
_ROOT = re.compile(r"^    \{ requirement = .*?\border = (\d+)", re.MULTILINE)
_DEFAULT = re.compile(r'^    \{ name = "([^"\n]+)", default = true', re.MULTILINE)
_PIN = re.compile(
    r'^\[\[package\]\]\nname = "(?P<name>[^"\n]+)"\nversion = "(?P<version>[^"\n]+)"\nindex = "(?P<index>[^"\n]+)"\n'
    r"step = (?P<step>\d+)$",
    re.MULTILINE,
)

OwnPins = frozenset[str]
"""Requirements without extras, `name==version`."""


def is_own_step(full: str) -> bool:
    """Say whether a file, by its whole path, is one of the steps beside a lock of stackc."""
    steps, name = os.path.split(full)
    folder, last = os.path.split(steps)
    return last == "steps" and generated(f"steps/{name}") and _lock_in(folder) is not None


def own_pins(full: str) -> OwnPins:
    """Return the pins that the lock beside a requirements.txt puts there, none for any other file."""
    folder, name = os.path.split(full)
    lock = _lock_in(folder) if name == _REQUIREMENTS else None
    default = None if lock is None else _DEFAULT.search(lock)
    if lock is None or default is None:
        return frozenset()
    last = max(map(int, _ROOT.findall(lock)), default=0) + 1
    pins = (pin for pin in _PIN.finditer(lock) if (int(pin["step"]), pin["index"]) == (last, default[1]))
    return frozenset(f"{pin['name']}=={pin['version']}" for pin in pins)


def is_own(occurrence: Occurrence, pins: OwnPins) -> bool:
    """Say whether a requirement is one of the pins."""
    return _EXTRAS.sub("", occurrence.text, count=1) in pins


def _lock_in(folder: str) -> str | None:
    """Return the text of the lock in a folder, None where there is none that stackc wrote as it is."""
    if os.path.basename(os.path.dirname(folder)) != _LOCKS:
        return None
    from stackc.lock.head import read_head

    try:
        with open(os.path.join(folder, LOCK), encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return None
    head = read_head(text)
    return text if head is not None and head.intact else None
