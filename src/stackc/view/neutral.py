"""What the view serves: neutral pages and metadata, in which nothing depends on the engine's own Python and system."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

from packaging.utils import NormalizedName

from stackc.view.metadata import Need
from stackc.view.server import Answer

__all__ = ["neutral_metadata", "neutral_page"]

_JSON = "application/vnd.pypi.simple.v1+json"


@lru_cache(maxsize=4096)  # targets that are resolved side by side show nearly the same
def neutral_page(name: NormalizedName, versions: tuple[str, ...]) -> Answer:
    """Return a page that shows each version as one `py3-none-any` wheel without Requires-Python (PEP 691, 714)."""
    files = ",".join(_neutral_file(name, version) for version in versions)
    page = f'{{"meta":{{"api-version":"1.1"}},"name":"{name}","files":[{files}]}}'
    return Answer(200, page.encode(), _JSON)


def _neutral_file(name: NormalizedName, version: str) -> str:
    """Return one file's JSON.

    Normalized names and versions hold nothing that JSON escapes, and of what an address escapes only `+` and `!`. Every engine
    demands a hash, and none will see the file that it would be of: archives are refused. But each file needs a hash of its
    own: uv takes the metadata of one file for that of every other with the same hash.
    """
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    url = f"../../files/{name}/{version}/{filename}".replace("+", "%2B").replace("!", "%21")
    digest = hashlib.sha256(filename.encode()).hexdigest()
    return f'{{"filename":"{filename}","url":"{url}","hashes":{{"sha256":"{digest}"}},"core-metadata":true}}'


def neutral_metadata(name: str, version: str, needs: Iterable[Need]) -> bytes:
    """Return core metadata in which no marker is left but those on extras."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    listed = list(needs)
    lines += [f"Provides-Extra: {extra}" for extra in sorted({need.extra for need in listed if need.extra is not None})]
    for need in listed:
        condition = f" ; extra == '{need.extra}'" if need.extra is not None else ""
        lines.append(f"Requires-Dist: {need.requirement}{condition}")
    return ("\n".join(lines) + "\n").encode()
