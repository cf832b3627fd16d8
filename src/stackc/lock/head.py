"""The first lines of a lock, read without a TOML reader: enough to see that there is nothing to do.

Imports only `hashlib` and `re`, which is why `Head` is no dataclass.
"""

from __future__ import annotations

import hashlib
import re

__all__ = ["Head", "digest_of", "is_intact", "read_head", "seal"]

_FORMAT = re.compile(r"^format = [0-9]+\n", re.MULTILINE)
_DIGEST = re.compile(r'^digest = "(sha256:[0-9a-f]{64})"\n', re.MULTILINE)
_HEAD = re.compile(
    r"(?:#[^\n]*\n)*"
    r"format = (?P<format>[0-9]{1,9})\n"
    r'digest = "[^"\n]*"\n'
    r'stackc = "(?P<stackc>[^"\\\n]*)"\n'
    r"\n\[inputs\]\n"
    r'manifest = "(?P<manifest>[^"\\\n]*)"\n'
    r'matrix = "(?P<matrix>[^"\\\n]*)"\n'
    r'templates = "(?P<templates>[^"\\\n]*)"\n'
    r'outputs = "(?P<outputs>[^"\\\n]*)"\n'
)


class Head:
    """What the first lines of a lock say. `intact` is False where the text is not the one that its digest was made of."""

    __slots__ = ("format", "intact", "manifest", "matrix", "outputs", "stackc", "templates")

    def __init__(
        self,
        *,
        format: int,  # noqa: A002
        stackc: str,
        manifest: str,
        matrix: str,
        templates: str,
        outputs: str,
        intact: bool,
    ) -> None:
        self.format = format
        self.stackc = stackc
        self.manifest = manifest
        self.matrix = matrix
        self.templates = templates
        self.outputs = outputs
        self.intact = intact

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"Head({fields})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Head):
            return NotImplemented
        return repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


def read_head(text: str) -> Head | None:
    """Return what the first lines of a lock's text say, or None where they are not as stackc writes them."""
    found = _HEAD.match(text)
    if found is None:
        return None
    return Head(
        format=int(found["format"]),
        stackc=found["stackc"],
        manifest=found["manifest"],
        matrix=found["matrix"],
        templates=found["templates"],
        outputs=found["outputs"],
        intact=is_intact(text),
    )


def digest_of(text: str) -> str:
    """Return `sha256:<hexadecimal digits>` of a lock's text without its digest line."""
    rest = _DIGEST.sub("", text, count=1)
    return f"sha256:{hashlib.sha256(rest.encode()).hexdigest()}"


def is_intact(text: str) -> bool:
    """Say whether a lock's text is the one that its digest line was made of."""
    written = _DIGEST.search(text)
    return written is not None and written[1] == digest_of(text)


def seal(text: str) -> str:
    """Return a lock's text with its digest line, which stands below the format line."""
    digest = digest_of(text)
    return _FORMAT.sub(lambda line: f'{line[0]}digest = "{digest}"\n', text, count=1)
