"""The digest of everything that the matrix of one project is made of, taken without reading any of it as TOML."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from stackc.matrix.files import BUILTIN, PackFile, builtin_facts, builtin_rules, matched_rules

__all__ = ["digest"]


def digest(packs: Iterable[str], *, folder: Path, expired: Iterable[str] = ()) -> str:
    """Return `sha256:<hex>` over the names and bytes of the rule packs named, beside the manifest in `folder`, and all facts.

    Whether a rule is waived is the manifest's business and does not change the digest; that a waiver's time is over does, so
    the rules whose waivers are `expired` count. Raises OSError.
    """
    files = set(builtin_facts())
    for pack in packs:
        files.update(builtin_rules() if pack == BUILTIN else matched_rules(pack, folder=folder))
    state = hashlib.sha256()
    for file in sorted(files):
        state.update(_framed(file))
    for rule in expired:
        state.update(b"expired:%d:%s" % (len(rule), rule.encode()))
    return f"sha256:{state.hexdigest()}"


def _framed(file: PackFile) -> bytes:
    """Return a file's name and bytes, each with its length in front, so that no two sets of files read alike."""
    name, content = file.name.encode(), file.path.read_bytes()
    return b"%d:%s%d:%s" % (len(name), name, len(content), content)
