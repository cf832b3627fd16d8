"""`stackc install-hook`: writes a pre-commit hook where git looks for it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from stackc.cli.report import safe
from stackc.githook import find_hook, hook_text, write_hook
from stackc.manifest.decode import load

__all__ = ["install_hook"]


def install_hook(manifest: Path, *, environment: Mapping[str, str]) -> str:
    """Write the hook for a manifest, and return what was done, a line. Raises ManifestError and UsageError."""
    load(manifest)
    hook = find_hook(manifest.parent, environment=environment)
    changed = write_hook(hook, hook_text(hook, manifest=manifest.name, python=sys.executable))
    path = safe(hook.path.as_posix())
    return f"wrote {path}: every commit is checked from now on" if changed else f"{path} is there already"
