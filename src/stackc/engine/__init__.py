"""Engines: the external resolvers, behind one Protocol, in one closed table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackc.engine.model import Engine

__all__ = ["DEFAULT_ENGINE", "ENGINES"]


def _uv(search_path: str | None) -> Engine:
    from stackc.engine.uv import Uv

    return Uv(search_path)


def _pip_tools(_search_path: str | None) -> Engine:
    from stackc.engine.pip_tools import PipTools

    return PipTools()


DEFAULT_ENGINE = "uv"
ENGINES: Mapping[str, Callable[[str | None], Engine]] = {"pip-tools": _pip_tools, "uv": _uv}
"""Every engine by its name; each is made with the PATH on which to look for it."""
