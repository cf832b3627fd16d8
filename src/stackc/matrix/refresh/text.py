"""The text of a fact table: the same rows give the same bytes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import fields
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.matrix.facts.rows import NEEDING, Fact
from stackc.matrix.refresh.readings import EXTRAS
from stackc.matrix.wording import joined, spelled

__all__ = ["TABLES", "table_text"]

_GENERATED = "Written by tools/refresh_matrix.py, not by hand."

_TORCH = """\
torch as the default index has it: one row per release, the oldest first.

pythons: minor versions of CPython that have a wheel for Linux x86_64; free-threaded ones do not count.
pypi-cuda, cudnn, triton: the CUDA runtime, the cuDNN and the triton that the wheel requires.
"""

_PARTNER = """\
{name} as the default index has it: one row per release, the oldest first.

torch: what the metadata require of torch; absent where they bound nothing. Pairs that no metadata give are in partners.toml.
pythons: minor versions of CPython that have a wheel for Linux x86_64, those that a wheel for any Python 3 admits included.
"""

_BITSANDBYTES = """\
bitsandbytes as the default index has it: one row per release, the oldest first.

cuda: the CUDA versions that the wheel for Linux x86_64 has a library for. How one is chosen is in selections.toml.
torch: what the metadata require of torch; absent where they bound nothing.
"""

_NEEDS = """\
What {name} needs of other projects: one row per run of consecutive releases that need the same, the oldest first.

requires: the bounds that the metadata set on {others}, on Linux x86_64.
optional: the projects among them whose bounds only the extras {extras} set.
source: the last release of the run. Releases that bound none of these projects have no row.
"""

TABLES: Mapping[str, tuple[str, str]] = {
    "torch": ("torch", _TORCH),
    "torchvision": ("torchvision", _PARTNER.format(name="torchvision")),
    "torchaudio": ("torchaudio", _PARTNER.format(name="torchaudio")),
    "bitsandbytes": ("bitsandbytes", _BITSANDBYTES),
} | {
    name: ("releases", _NEEDS.format(name=name, others=joined(others), extras=joined(f"`{extra}`" for extra in EXTRAS)))
    for name, others in NEEDING.items()
}
"""The generated tables: the key of a row, and what the table is about."""

_LAST = tuple(Fact.__struct_fields__)


def table_text(name: str, rows: Iterable[Fact]) -> str:
    """Return the file of a generated table: what it is about, as comments, and one `[[key]]` per row."""
    key, about = TABLES[name]
    head = "".join(f"# {line}".rstrip() + "\n" for line in (_GENERATED, "", *about.splitlines()))
    return head + "".join("\n" + "".join(_lines(row, key)) for row in rows)


def _lines(row: Fact, key: str) -> Iterator[str]:
    yield f"[[{key}]]\n"
    own = [field for field in fields(row) if field.name not in _LAST]
    known = [field for field in fields(row) if field.name in _LAST]
    for field in (*own, *known):
        value = getattr(row, field.name)
        if value is not None and value != ():
            yield f"{field.encode_name} = {_value(value)}\n"


def _value(value: object) -> str:
    match value:
        case str() | Version():
            return json.dumps(str(value), ensure_ascii=False)
        case SpecifierSet():
            return json.dumps(spelled(value))
        case dt.date():
            return value.isoformat()
        case tuple():
            return f"[{', '.join(map(_value, value))}]"
        case Mapping():
            return "{ " + ", ".join(f"{name} = {_value(value[name])}" for name in sorted(value)) + " }"
        case _:
            raise TypeError(f"a fact has no value of type {type(value).__name__}")
