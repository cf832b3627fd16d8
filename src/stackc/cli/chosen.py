"""Which targets a command works on."""

from __future__ import annotations

from stackc.errors import Finding, UsageError
from stackc.manifest.model import Manifest

__all__ = ["chosen_targets"]


def chosen_targets(manifest: Manifest, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the targets to work on, all if none is named. Raises UsageError for one that the manifest does not have."""
    unknown = [name for name in wanted if name not in manifest.targets]
    if unknown:
        known = ", ".join(f"`{name}`" for name in manifest.targets)
        raise UsageError(
            Finding(code="S002", message=f"there is no target `{name}`", hint=f"the manifest has {known}") for name in unknown
        )
    return tuple(dict.fromkeys(wanted)) or tuple(manifest.targets)
