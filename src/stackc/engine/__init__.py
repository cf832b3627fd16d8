"""Engines: the external resolvers, behind one Protocol, in one closed table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stackc.engine.model import Engine
from stackc.engine.uv import Uv

__all__ = ["ENGINES"]

ENGINES: Mapping[str, Callable[[str | None], Engine]] = {"uv": Uv}
"""Every engine by its name; each is made with the PATH on which to look for it."""
