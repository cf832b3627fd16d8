"""`stackc install-drivers`: sets up in a clone how git shows locks, or takes that away."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from stackc.cli.report import safe
from stackc.history import drivers
from stackc.history.drivers import COMMITTED, Change
from stackc.history.repository import find_repository
from stackc.manifest.decode import load

__all__ = ["install_drivers"]


def install_drivers(manifest: Path, *, remove: bool, environment: Mapping[str, str]) -> str:
    """Install the drivers for a manifest, or take them away, and return what was done. Raises ManifestError and UsageError."""
    if not remove:
        load(manifest)
    repository = find_repository(manifest.parent, environment=environment)
    if remove:
        return "\n".join(_removed(drivers.remove(repository)))
    return "\n".join(_installed(drivers.install(repository, manifest=manifest.name, python=sys.executable)))


def _installed(change: Change) -> Iterator[str]:
    if change.changed:
        yield f"set up in this clone, by {_path(change.config)} and {_path(change.attributes)}:"
        yield "  git diff, log -p     show a lock pin by pin, and fold what is rendered from it"
        yield "  git merge, rebase    merge the manifest by key and compile the locks again,"
        yield "                       offline, or leave a conflict for `stackc merge`"
    else:
        yield f"the drivers are there already, in {_path(change.config)} and {_path(change.attributes)}"
    if change.committed is not None:
        yield f"wrote {_path(change.committed)}, to be committed: {COMMITTED}"


def _removed(change: Change) -> Iterator[str]:
    if change.changed:
        yield f"removed from {_path(change.config)} and {_path(change.attributes)}: git shows locks as text again"
    else:
        yield "there are no drivers in this clone"


def _path(path: Path) -> str:
    return safe(Path(os.path.relpath(path)).as_posix())
