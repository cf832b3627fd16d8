"""The verify.py that an environment is asked with: the built-in one, whatever a project's own templates make of it."""

from __future__ import annotations

from stackc.lock.model import Lock
from stackc.manifest.model import Manifest
from stackc.render.templates import environment, fill
from stackc.render.verification import verified
from stackc.target import Target

__all__ = ["script"]


def script(lock: Lock, *, manifest: Manifest, target: Target) -> bytes:
    """Return the text of verify.py for a lock. Raises RenderError."""
    values = {"target": lock.target, "verified": verified(lock, manifest=manifest, target=target)}
    return fill(environment(None), "verify.py.j2", values)
