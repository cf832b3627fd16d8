"""The guard as the tests ask it: files in a folder, and what is found in them, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from stackc.guard.inspection import Inspector
from stackc.guard.judge import Verdict, judge
from stackc.guard.occurrence import Include, Item, Occurrence, Option
from stackc.guard.source import Source

__all__ = ["MANIFEST", "found", "said", "verdicts", "write"]

MANIFEST = """\
[stack]
name = "small"

[indexes.cu124]
url = "https://download.pytorch.org/whl/cu124"
serves = ["torch", "torchvision", "torchaudio"]

[targets.gpu]
python = "3.10"
platform = "linux/amd64"
base = "nvidia/cuda:12.4.1-devel-ubuntu22.04"

[components.numpy]
version = "<2"
order = 1

[components.torch]
version = "==2.5.1"
order = 2

[components.transformers]
version = ">=4.38"
"""


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write some files of a project."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def verdicts(folder: Path, *paths: str, manifest: str | None = None) -> list[Verdict]:
    """Return what is wrong with some files of a folder."""
    inspector = Inspector(str(folder), manifest=manifest)
    return [verdict for path in paths for verdict in judge(list(inspector.file(path)), inspector.policy(path))]


def found(folder: Path, files: Mapping[str, str | bytes], *paths: str, manifest: str | None = None) -> list[str]:
    """Write files, and return what is wrong with those of `paths` (default: the first) as `FILE:LINE:COLUMN CODE TEXT`."""
    write(folder, files)
    return [_line(verdict) for verdict in verdicts(folder, *(paths or list(files)[:1]), manifest=manifest)]


def _line(verdict: Verdict) -> str:
    source, item = verdict.read.source, verdict.read.item
    line, column = source.position(item.at or 0)
    return f"{source.name}:{line}:{column} {verdict.code} {item.text}"


def said(source: Source, items: Iterable[Item]) -> list[str]:
    """Return what a reader said of a file, a line each: place, text, and what it stands for."""
    return [f"{':'.join(map(str, source.position(item.at or 0)))} {_meaning(item)}" for item in items]


def _meaning(item: Item) -> str:
    if isinstance(item, Occurrence):
        kind = "" if item.valid else " (unreadable)"
        return f"{item.text} = {', '.join(item.candidates)}{kind}"
    if isinstance(item, Include):
        return f"{'-c' if item.constraint else '-r'} {' or '.join(item.paths)}"
    if isinstance(item, Option):
        return f"{item.name} {item.value}{f' after {item.after}' if item.after else ''}"
    return f"{type(item).__name__} {item.text}"
