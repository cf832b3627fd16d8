"""What the matrix can say of a combination, and what a project's policy makes of not knowing."""

from __future__ import annotations

from enum import Enum

from msgspec.structs import replace

from stackc.errors import Finding
from stackc.manifest.model import Policy

__all__ = ["Verdict", "under_policy"]


class Verdict(Enum):
    """What the matrix says of a combination."""

    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    UNKNOWN = "unknown"


def under_policy(unknown: Finding, policy: Policy) -> tuple[Finding, ...]:
    """Return the finding that something is not known as `[policy] unknown` wants it: not at all, a warning, or an error."""
    match policy.unknown:
        case "allow":
            return ()
        case "warn":
            return (replace(unknown, severity="warning"),)
        case "error":
            return (replace(unknown, severity="error"),)
