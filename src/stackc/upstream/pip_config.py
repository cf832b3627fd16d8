"""The address of the built-in index `pypi`: whatever the installed pip would ask. No host of it is written down anywhere."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from stackc.errors import Finding, UpstreamError
from stackc.upstream.cache import Cache
from stackc.upstream.exchange import split_credentials

__all__ = ["default_index_url"]

_NOTE = "pip-index-url"

_QUESTION = """
import json
import os
from pip._internal.configuration import Configuration, get_configuration_files
from pip._internal.models.index import PyPI
configuration = Configuration(isolated=False)
configuration.load()
said = dict(configuration.items())
flat = {}
for value in said.values():
    flat.update(value if isinstance(value, dict) else {})
flat.update({key: value for key, value in said.items() if isinstance(value, str)})
order = (":env:.index-url", "install.index-url", "global.index-url")
url = next((flat[key] for key in order if key in flat), PyPI.simple_url)
files = {path for paths in get_configuration_files().values() for path in paths} | {os.environ.get("PIP_CONFIG_FILE", "")}
print(json.dumps({"url": url, "files": sorted(filter(None, files))}))
"""


def default_index_url(cache: Cache, environment: Mapping[str, str]) -> str:
    """Return pip's configured `index-url`, else pip's own default. Never its extra indexes or find-links.

    The answer is kept as long as neither pip's configuration files nor its environment variables change. Raises
    UpstreamError (S315) where no pip can be asked.
    """
    surroundings = _surroundings(environment)
    kept = json.loads(cache.note(_NOTE) or "{}")
    if kept.get("surroundings") == surroundings and kept.get("stamps") == _stamps(kept["files"]):
        return str(kept["url"])
    answer = _ask(environment)
    known = {**answer, "surroundings": surroundings, "stamps": _stamps(answer["files"])}
    url = str(answer["url"])
    if split_credentials(url)[1] is None:  # a password has no place in a cache
        cache.store_note(_NOTE, json.dumps(known, sort_keys=True))
    return url


def _surroundings(environment: Mapping[str, str]) -> str:
    """Return a digest, since the variables may hold credentials."""
    names = sorted(
        name for name in environment if name.startswith("PIP_") or name in {"HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"}
    )
    text = json.dumps([sys.executable, *((name, environment[name]) for name in names)])
    return hashlib.sha256(text.encode()).hexdigest()


def _stamps(files: list[str]) -> list[int | None]:
    return [Path(file).stat().st_mtime_ns if Path(file).is_file() else None for file in files]


def _ask(environment: Mapping[str, str]) -> dict[str, list[str]]:
    asked = subprocess.run(
        [sys.executable, "-c", _QUESTION], capture_output=True, text=True, env=dict(environment), check=False
    )
    try:
        answer: dict[str, list[str]] = json.loads(asked.stdout)
    except json.JSONDecodeError as error:
        raise UpstreamError(
            Finding(
                code="S315",
                message="the installed pip could not be asked for the address of index `pypi`",
                notes=tuple(asked.stderr.strip().splitlines()[-1:]),
                hint="install pip into the environment that stackc runs in, or set `[indexes.pypi] url`",
            )
        ) from error
    return answer
