"""Which kind of file a name stands for, and which names a folder is searched for.

No regular expression is needed for that, and one for each kind would take longer than reading a small file does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from stackc.guard.occurrence import Item
from stackc.guard.requirements import read
from stackc.guard.source import Source

__all__ = ["Kind", "is_usual", "kind_of", "matters", "reader"]

Kind = str
"""One of `requirements`, `constraints`, `pyproject.toml`, `Pipfile`, `cog.yaml`, `environment.yml`, `setup.cfg`, `setup.py`,
`Dockerfile`, `Makefile` and `script`."""

_NAMES: dict[str, Kind] = {
    "pyproject.toml": "pyproject.toml",
    "pipfile": "Pipfile",
    "cog.yaml": "cog.yaml",
    "cog.yml": "cog.yaml",
    "setup.cfg": "setup.cfg",
    "setup.py": "setup.py",
    "makefile": "Makefile",
    "gnumakefile": "Makefile",
}
_SUFFIXES: dict[str, Kind] = {
    "mk": "Makefile",
    "sh": "script",
    "bash": "script",
    "dockerfile": "Dockerfile",
    "containerfile": "Dockerfile",
}
# What a file is read as by its suffix if its name is not a usual one, and it was named all the same.
_GIVEN: dict[str, Kind] = {
    "toml": "pyproject.toml",
    "yml": "environment.yml",
    "yaml": "environment.yml",
    "cfg": "setup.cfg",
    "py": "setup.py",
    "": "requirements",
    "txt": "requirements",
    "in": "requirements",
    "pip": "requirements",
    "req": "requirements",
    "reqs": "requirements",
}
_REQUIRING = ("requirement", "requires", "reqs", "constraint")
_FOLDERS = ("requirement", "requires", "reqs", "pip", "constraint")
_INSTALLING = ("install", "add", "sync", "create", "update", "requirements", "reqs", "_INDEX", "\\")
_MATTERING: dict[str, tuple[str, ...]] = {
    "pyproject.toml": ("\\", "file"),
    "Pipfile": ("\\",),
    "cog.yaml": ("\\", "python_requirements", "install", "-r", "index"),
    "environment.yml": ("\\", "-r", "index"),
    "Dockerfile": _INSTALLING,
    "Makefile": _INSTALLING,
    "script": _INSTALLING,
}


def kind_of(path: str) -> Kind | None:
    """Return the kind of a file by its path, `/` between its parts; None where its name is not that of any."""
    return _usual(path) or _GIVEN.get(_suffix(path.rpartition("/")[2].lower()))


def is_usual(path: str) -> bool:
    """Say whether a search of folders takes a file, by its path below the folder."""
    return _usual(path) is not None


def matters(kind: Kind, text: str) -> bool:
    """Say whether a text may have something to say though it has no word of what is kept out."""
    return kind not in _MATTERING or any(word in text for word in _MATTERING[kind])


def reader(kind: Kind) -> Callable[[Source], Iterator[Item]]:
    """Return the reader of a kind; none is imported before there is a file for it."""
    if kind in {"requirements", "constraints"}:
        return lambda source: read(source, constraint=kind == "constraints")
    if kind in {"Dockerfile", "Makefile", "script"}:
        return _shell_reader(kind)
    if kind in {"setup.cfg", "setup.py"}:
        from stackc.guard import setup_files

        return setup_files.read_setup_cfg if kind == "setup.cfg" else setup_files.read_setup_py
    if kind in {"cog.yaml", "environment.yml"}:
        from stackc.guard import yaml_files

        return yaml_files.read_cog if kind == "cog.yaml" else yaml_files.read_environment
    from stackc.guard import toml_files

    return toml_files.read_pipfile if kind == "Pipfile" else toml_files.read_pyproject


def _shell_reader(kind: Kind) -> Callable[[Source], Iterator[Item]]:
    if kind == "Dockerfile":
        from stackc.guard import dockerfile

        return dockerfile.read
    from stackc.guard import scripts

    return scripts.read_makefile if kind == "Makefile" else scripts.read_script


def _usual(path: str) -> Kind | None:
    folder, _, name = path.lower().rpartition("/")
    suffix = _suffix(name)
    if name in _NAMES:
        return _NAMES[name]
    kind = _text(folder.rpartition("/")[2], name.removesuffix(f".{suffix}")) if suffix in {"txt", "in"} else None
    if suffix in {"yml", "yaml"} and any(_begins_part(name, word) for word in ("environment", "conda")):
        kind = "environment.yml"
    if kind is not None:
        return kind
    if suffix != "dockerignore" and any(
        name == word or name.startswith((f"{word}.", f"{word}-", f"{word}_")) for word in _IMAGES
    ):
        return "Dockerfile"
    return _SUFFIXES.get(suffix)


_IMAGES = ("dockerfile", "containerfile")


def _text(folder: str, stem: str) -> Kind | None:
    if any(_ends_part(stem, word) for word in ("constraint", "constraints")):
        return "constraints"
    usual = any(word in stem for word in _REQUIRING) or folder.startswith(_FOLDERS)
    return "requirements" if usual else None


def _ends_part(stem: str, word: str) -> bool:
    """Say whether a word ends a name, or a part of it."""
    return stem.endswith(word) or any(f"{word}{mark}" in stem for mark in "-_.")


def _begins_part(name: str, word: str) -> bool:
    """Say whether a word begins a name, or a part of it."""
    return name.startswith(word) or any(f"{mark}{word}" in name for mark in "-_.")


def _suffix(name: str) -> str:
    return name.rpartition(".")[2] if "." in name.lstrip(".") else ""
