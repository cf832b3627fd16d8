"""Where and by what metadata of sdists are built for one target."""

from __future__ import annotations

import datetime as dt
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from stackc.target import Target
from stackc.upstream.settings import NetworkSettings

__all__ = ["FOUND_BY", "PASSED_ON", "Isolation"]

PASSED_ON = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
"""The variables of the user's that uv gets; with those by which it finds a Python, all that reaches it."""

FOUND_BY = ("PATH", "HOME", "PYENV_ROOT", "PYENV_VERSION", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
"""The variables by which uv finds a Python. pyenv's own stand-ins run none that neither PYENV_VERSION nor its files name."""


class Isolation(Struct, frozen=True, kw_only=True):
    """Where and by what metadata are built for one target.

    `address` is that of the default index, perhaps with credentials; `surroundings` are variables of the user's, of which
    few are used. `patience` is in seconds, for the whole of one build. `note` is told of each build.
    """

    target: Target
    address: str
    exclude_newer: dt.datetime | None
    settings: NetworkSettings
    scratch: Path
    surroundings: Mapping[str, str] = {}
    note: Callable[[str], None] = lambda _text: None
    patience: float = 600.0

    @property
    def key(self) -> str:
        """Return what a build's outcome depends on beside the sdist."""
        return f"python{self._python} {self.target.machine}"

    @property
    def _python(self) -> str:
        return "{}.{}".format(*self.target.python_minor)

    @property
    def interpreter(self) -> str:
        """Return what uv is asked for: this very Python if it is one like the target's, else any of the machine's."""
        return sys.executable if sys.version_info[:2] == self.target.python_minor else self._python

    @property
    def is_alike(self) -> bool:
        """Say whether this machine is of the target's platform."""
        return sys.platform == "linux" and platform.machine() == self.target.machine
