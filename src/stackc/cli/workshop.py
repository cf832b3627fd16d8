"""What compile and export work with, made from the user's environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache as cached
from pathlib import Path

from msgspec.structs import replace

from stackc.engine import ENGINES
from stackc.errors import Finding, UsageError
from stackc.files import scratch_parent
from stackc.manifest.model import Manifest
from stackc.resolve import Workshop
from stackc.upstream.cache import Cache
from stackc.upstream.pip_config import default_index_url
from stackc.upstream.settings import NetworkSettings

__all__ = ["cache_folder", "moved", "open_workshop"]


@contextmanager
def open_workshop(manifest: Manifest, *, engine: str, offline: bool, environment: Mapping[str, str]) -> Iterator[Workshop]:
    """Open the user's cache, and close it when the work is done, come what may."""
    if engine not in ENGINES:
        known = ", ".join(f"`{name}`" for name in ENGINES)
        raise UsageError(Finding(code="S003", message=f"there is no engine `{engine}`", hint=f"the engines are {known}"))
    folder = cache_folder(environment)
    cache = Cache(folder / "cache.sqlite")

    resolver = ENGINES[engine](environment.get("PATH"))
    try:
        yield Workshop(
            engine=resolver,
            cache=cache,
            settings=NetworkSettings.from_environment(environment, offline=offline),
            addresses=_addresses(manifest, cache, environment),
            engine_cache=folder / "engine",
            compiled_templates=_made(folder / "templates"),
            scratch=scratch_parent(environment.get("TMPDIR")),
            surroundings=environment,
        )
    finally:
        resolver.close()
        cache.close()


def moved(workshop: Workshop, manifest: Manifest) -> Workshop:
    """Return an open workshop for another manifest of the same user."""
    return replace(workshop, addresses=_addresses(manifest, workshop.cache, workshop.surroundings))


def _addresses(manifest: Manifest, cache: Cache, environment: Mapping[str, str]) -> Callable[[str], str]:
    """Return an index's address by its name; pip is asked once for that of the default index, if at all."""

    @cached
    def address(index: str) -> str:
        return manifest.indexes[index].url or default_index_url(cache, environment)

    return address


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return the user's cache folder: STACKC_CACHE, else `stackc` in the XDG cache folder."""
    own = environment.get("STACKC_CACHE")
    if own:
        return Path(own)
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache") / "stackc"


def _made(folder: Path) -> Path | None:
    """Return a folder that is there, None where it cannot be: then its user does without."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None
