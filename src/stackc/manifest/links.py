"""What the tables of a manifest say about each other: names that must exist, and claims that must not clash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from itertools import combinations

from packaging.utils import canonicalize_name

from stackc.manifest.cursor import Cursor, nearest
from stackc.manifest.direct import check_direct
from stackc.manifest.fields import Component, Document, Image, Index, Stack, Target
from stackc.manifest.kinds import Row
from stackc.manifest.locate import Path
from stackc.manifest.model import BUILTIN_INDEX
from stackc.manifest.shown import shown
from stackc.manifest.without import check_without
from stackc.matrix.model import is_virtual

__all__ = ["check_links"]

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-"


def check_links(document: Row, at: Cursor) -> None:
    """Report every name that refers to nothing, and every claim made twice.

    A table that was refused for another reason still counts as being there, so that one mistake gives one finding.
    """
    indexes = document.get(Document.indexes) or {}
    targets = document.get(Document.targets) or {}
    components = document.get(Document.components) or {}
    _check_default_target(document, targets, at)
    _check_default_index(indexes, at)
    _check_claims(indexes, at)
    _check_components(components, indexes, at)
    image, policy = document.get(Document.image), document.get(Document.policy)
    check_direct(components, components, image=image, policy=policy, at=at)
    for target in targets.values():
        overrides = target.get(Target.overrides) or {}
        _check_components(overrides, indexes, at)
        _check_overrides(overrides, components, at)
        check_direct(components, overrides, image=image, policy=policy, at=at)
    check_without(targets, components, at)
    _check_runtime(image, at)


def _check_runtime(image: Row | None, at: Cursor) -> None:
    packages = image.get(Image.runtime_apt) if image is not None else None
    if image is not None and packages and Image.runtime_base.key not in image.given:
        hint = "name the image to run on as `runtime-base`, or list the packages in `apt`"
        at.at("image", "runtime-apt").report("S139", "`runtime-apt` is for a runtime base, and there is none", hint=hint)


def _check_default_target(document: Row, targets: Mapping[str, Row], at: Cursor) -> None:
    stack = document.get(Document.stack)
    if stack is None or not targets:
        return
    name = stack.get(Stack.default_target)
    if name is not None and name not in targets:
        at.at("stack", "default-target").report("S120", f"there is no target `{name}`", hint=nearest(name, targets))
    if Stack.default_target.key not in stack.given and len(targets) > 1:
        hint = f'add `default-target = "{next(shown(target) for target in targets)}"`'
        at.at("stack").report("S120", f"none of the {len(targets)} targets is the default one", hint=hint)


def _check_default_index(indexes: Mapping[str, Row], at: Cursor) -> None:
    paths: list[Path] = [(*row.path, "default") for row in indexes.values() if row.get(Index.default)]
    if len(paths) > 1:
        at.at(*paths[0]).report("S117", "more than one index is the default one", *paths[1:], hint="keep one `default = true`")
    builtin = indexes.get(BUILTIN_INDEX)
    if not paths and builtin is not None and builtin.get(Index.default) is False:
        hint = "give another index `default = true`"
        at.at(*builtin.path, "default").report("S117", "no index is the default one", hint=hint)


def _check_claims(indexes: Mapping[str, Row], at: Cursor) -> None:
    """Report each pair of patterns in two indexes that some project's name fits alike."""
    claims = [(row.path, place, claim) for row in indexes.values() for place, claim in enumerate(row.get(Index.serves) or ())]
    for (path, place, claim), (other, elsewhere, rival) in combinations(claims, 2):
        if path != other and _overlap(claim, rival):
            what = f"`{claim}` is" if claim == rival else f"`{claim}` and `{rival}` are"
            at.at(*path, "serves", place).report(
                "S118",
                f"{what} claimed by two indexes, `{path[-1]}` and `{other[-1]}`",
                (*other, "serves", elsewhere),
                hint="a project is looked up on one index: take it out of the other's `serves`",
            )


def _check_components(components: Mapping[str, Row], indexes: Mapping[str, Row], at: Cursor) -> None:
    seen: dict[str, Row] = {}
    for spelled, row in components.items():
        name = canonicalize_name(spelled)
        if is_virtual(name):
            hint = "a target has it: see `python`, `cuda`, `driver`, `glibc` and `gpus` of `[targets.NAME]`"
            at.at(*row.path).report("S112", f"`{spelled}` is no project of an index", hint=hint)
        if name in seen:
            message = f"`{shown(str(seen[name].path[-1]))}` and `{shown(spelled)}` are the same project"
            at.at(*row.path).report("S113", message, seen[name].path, hint=f"keep one table, `{shown(name)}`")
        seen.setdefault(name, row)
        index = row.get(Component.index)
        if index is not None and index not in {BUILTIN_INDEX, *indexes}:
            at.at(*row.path, "index").report(
                "S116",
                f"there is no index `{index}`",
                hint=nearest(index, dict.fromkeys([BUILTIN_INDEX, *map(shown, indexes)])),
            )


def _check_overrides(overrides: Mapping[str, Row], components: Mapping[str, Row], at: Cursor) -> None:
    declared = {canonicalize_name(spelled): shown(spelled) for spelled in components}
    for spelled, row in overrides.items():
        if canonicalize_name(spelled) not in declared:
            hint = nearest(spelled, declared.values()) or f"add `[components.{shown(spelled)}]`"
            at.at(*row.path).report("S126", f"there is no component `{shown(spelled)}` to override", hint=hint)


def _overlap(one: str, other: str) -> bool:
    """Say whether some name fits both patterns."""
    if not set("*?[") & set(one + other):
        return one == other
    left, right = tuple(_atoms(one)), tuple(_atoms(other))

    @cache
    def meet(i: int, j: int) -> bool:
        if i == len(left) and j == len(right):
            return True
        if i < len(left) and left[i] is None and (meet(i + 1, j) or (j < len(right) and meet(i, j + 1))):
            return True
        if j < len(right) and right[j] is None and (meet(i, j + 1) or (i < len(left) and meet(i + 1, j))):
            return True
        both = i < len(left) and j < len(right) and (left[i] or frozenset()) & (right[j] or frozenset())
        return bool(both) and meet(i + 1, j + 1)

    return meet(0, 0)


def _atoms(pattern: str) -> Iterator[frozenset[str] | None]:
    """Yield the characters that each place of a pattern admits, and None for `*`."""
    rest = pattern
    while rest:
        close = rest.find("]", 3 if rest.startswith("[!") else 2) if rest[0] == "[" else 0
        atom, rest = rest[: max(close, 0) + 1], rest[max(close, 0) + 1 :]
        yield None if atom == "*" else frozenset(each for each in _ALPHABET if fnmatchcase(each, atom))
