"""Neutral metadata: a distribution file's core metadata with its markers evaluated for one target, extras kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Protocol

import msgspec
from msgspec import Struct
from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.errors import Finding

__all__ = ["BUILD_REQUIRES", "MetadataError", "MetadataReader", "Need", "Neutral", "Shelf", "headers_of", "unusable"]

_REVISION = 2
"""Part of what kept metadata are known by: raise it when the rules of this module change, so that they are made anew."""


BUILD_REQUIRES = "build-requires"
"""A field of stackc's own: one requirement of the build of an sdist (PEP 518). No index's metadata are kept with it."""


class MetadataError(Exception):
    """Core metadata that cannot be used; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unusable(filename: str, reason: str) -> Finding:
    """Return the finding that a file's metadata cannot be used, and why."""
    return Finding(
        code="S322",
        message=f"`{filename}` cannot be used",
        notes=(reason,),
        hint="choose another version: this file is broken on its index",
    )


class Need(Struct, frozen=True):
    """One requirement as it stands for the target: no marker is left. `extra` is the extra that activates it, if any."""

    name: NormalizedName
    specifier: str
    extras: tuple[NormalizedName, ...] = ()
    extra: NormalizedName | None = None

    @property
    def requirement(self) -> str:
        """Return the requirement without its extra condition, as `str(Requirement)` spells it."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{extras}{self.specifier}"


class Neutral(Struct, frozen=True):
    """What a release needs on the target, and the extras that it offers. `requires_python` is as the file says it.

    `builds` are what the build of an sdist requires.
    """

    needs: tuple[Need, ...]
    extras: frozenset[NormalizedName]
    requires_python: str | None
    builds: tuple[Need, ...] = ()

    def active(self, extras: Iterable[NormalizedName]) -> Iterator[Need]:
        """Yield the requirements that stand when `extras` are asked for."""
        wanted = frozenset(extras)
        return (need for need in self.needs if need.extra is None or need.extra in wanted)


class Shelf(Protocol):
    """Where neutral metadata are kept from run to run, encoded, by a digest of all that they are made of."""

    def neutral(self, key: str) -> bytes | None:
        """Return what was kept."""

    def store_neutral(self, key: str, encoded: bytes) -> None:
        """Keep it."""


class MetadataReader:
    """Reads core metadata for one marker environment; equal markers and requirements are worked out once."""

    def __init__(self, environment: Mapping[str, str], *, shelf: Shelf | None = None) -> None:
        self._environment = dict(environment)
        self._shelf = shelf
        self._verdicts: dict[tuple[str, str], bool] = {}
        self._read_already: dict[tuple[str, NormalizedName, Version], Neutral] = {}
        self._made_of = hashlib.sha256(repr((_REVISION, sorted(self._environment.items()))).encode())

    def read(self, text: str, *, project: NormalizedName, version: Version) -> Neutral:
        """Return the neutral form of a METADATA or PKG-INFO file of `project` at `version`.

        Raises MetadataError where name or version are another file's, or a requirement cannot be read or is a direct
        reference, which no index may answer with.
        """
        key = (text, project, version)
        if key not in self._read_already:
            self._read_already[key] = self._kept_or_read(text, project=project, version=version)
        return self._read_already[key]

    def _kept_or_read(self, text: str, *, project: NormalizedName, version: Version) -> Neutral:
        if self._shelf is None:
            return self._read(text, project=project, version=version)
        made_of = self._made_of.copy()
        made_of.update(f"{project} {version}\n{text}".encode())
        kept = self._shelf.neutral(made_of.hexdigest())
        if kept is not None:
            return _decoder()(kept)
        neutral = self._read(text, project=project, version=version)
        self._shelf.store_neutral(made_of.hexdigest(), msgspec.msgpack.encode(neutral))
        return neutral

    def _read(self, text: str, *, project: NormalizedName, version: Version) -> Neutral:
        name: str | None = None
        found_version: str | None = None
        python: str | None = None
        extras: list[NormalizedName] = []
        requires: list[str] = []
        builds: list[str] = []
        for field, value in _fields(text):
            if field == "requires-dist":
                requires.append(value.replace("\n", " "))
            elif field == BUILD_REQUIRES:
                builds.append(value)
            elif field == "provides-extra":
                extras.append(canonicalize_name(value))
            elif field == "name":
                name = value
            elif field == "version":
                found_version = value
            elif field == "requires-python":
                python = value
        _check_identity(name, found_version, project=project, version=version)
        needs = [need for requirement in requires for need in self._needs(requirement, extras)]
        building = tuple(need for requirement in builds for need in self._needs(requirement, []))
        return Neutral(tuple(dict.fromkeys(needs)), frozenset(extras), python, building)

    def _needs(self, text: str, extras: list[NormalizedName]) -> Iterator[Need]:
        subject, semicolon, condition = text.partition(";")
        if "@" in subject:  # a direct reference may hold semicolons of its own
            subject, condition = _split_reference(text)
            semicolon = condition
        if not semicolon or self._holds(condition, ""):
            yield _need(subject, None)
        elif "extra" in condition:
            for extra in _mentioned(condition, extras):
                if self._holds(condition, extra):
                    yield _need(subject, extra)

    def _holds(self, condition: str, extra: str) -> bool:
        key = (condition, extra)
        if key not in self._verdicts:
            clauses = _conjuncts(condition)
            self._verdicts[key] = (
                self._evaluate(condition, extra)
                if len(clauses) == 1
                else all([self._holds(clause, extra) for clause in clauses])  # noqa: C419 (each must be readable)
            )
        return self._verdicts[key]

    def _evaluate(self, condition: str, extra: str) -> bool:
        only = _ONLY_EXTRA.fullmatch(condition)
        if only is not None:
            return bool(extra) and canonicalize_name(only[1] or only[2]) == extra
        return _evaluated(condition, {**self._environment, "extra": extra})


def _conjuncts(condition: str) -> list[str]:
    """Split a marker that is a plain conjunction: its parts recur from project to project, and each is judged once."""
    if "(" in condition or " or " in condition:
        return [condition]
    clauses = [clause.strip() for clause in condition.split(" and ")]
    return clauses if all(len(clause.split()) == 3 for clause in clauses) else [condition]


@cache
def _decoder() -> Callable[[bytes], Neutral]:
    return msgspec.msgpack.Decoder(Neutral).decode


def headers_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of a core metadata file, names in lower case, folded lines joined; the description is left out."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    head = text.partition("\n\n")[0]
    field, value = "", ""
    for line in head.split("\n"):
        if line[:1] in {" ", "\t"}:
            value += "\n" + line.strip()
            continue
        if field:
            yield field, value
        field, _, value = line.partition(":")
        field, value = field.strip().lower(), value.strip()
    if field:
        yield field, value


@lru_cache(maxsize=4096)  # targets with other Pythons read the same files
def _fields(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(headers_of(text))


def _check_identity(name: str | None, found: str | None, *, project: NormalizedName, version: Version) -> None:
    if name is None or found is None:
        raise MetadataError("its metadata has no Name or no Version")
    if canonicalize_name(name) != project:
        raise MetadataError(f"its metadata says that it is `{name}`")
    try:
        same = Version(found) == version
    except InvalidVersion:
        same = False
    if not same:
        raise MetadataError(f"its metadata says that it is version `{found}`")


_ONLY_EXTRA = re.compile(r"""\s*extra\s*==\s*(?:"([^"']+)"|'([^"']+)')\s*""")
_EXTRA_EQUALS = re.compile(r"""\bextra\s*==\s*["']([^"']+)["']""")


def _mentioned(condition: str, extras: list[NormalizedName]) -> list[NormalizedName]:
    """Return the extras for which a marker may hold: those that it names, or all if it asks otherwise than by `extra ==`."""
    named = [canonicalize_name(name) for name in _EXTRA_EQUALS.findall(condition)]
    if condition.count("extra") != len(named):
        return extras
    return [extra for extra in dict.fromkeys(named) if extra in extras]


@lru_cache(maxsize=8192)
def _marker(condition: str) -> Marker:
    try:
        return Marker(condition)
    except InvalidMarker as error:
        raise MetadataError(f"its marker `{condition.strip()}` cannot be read") from error


def _evaluated(condition: str, environment: Mapping[str, str]) -> bool:
    try:
        return _marker(condition).evaluate(dict(environment))
    except (UndefinedComparison, UndefinedEnvironmentName) as error:
        raise MetadataError(f"its marker `{condition.strip()}` has no meaning") from error


@lru_cache(maxsize=65536)
def _parse(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise MetadataError(f"its requirement `{text.strip()}` cannot be read: {str(error).splitlines()[0]}") from error


def _split_reference(text: str) -> tuple[str, str]:
    marker = _parse(text).marker
    return text, str(marker) if marker is not None else ""


@lru_cache(maxsize=65536)
def _need(subject: str, extra: NormalizedName | None) -> Need:
    requirement = _parse(subject)
    if requirement.url is not None:
        raise MetadataError(f"it requires `{requirement.name}` by an address, which no index may answer with")
    extras = tuple(sorted(canonicalize_name(name) for name in requirement.extras))
    return Need(canonicalize_name(requirement.name), str(requirement.specifier), extras, extra)
