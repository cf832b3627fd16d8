"""What was edited: two manifests key by key, or, where no manifest is at hand, what their locks say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.utils import canonicalize_name

from stackc.diff.model import Edit
from stackc.lock.model import Lock, Root
from stackc.lock.requirements import parse_need
from stackc.manifest.locate import located
from stackc.manifest.model import Places
from stackc.manifest.shown import shown
from stackc.manifest.syntax import parse

__all__ = ["components_of", "edits_between", "implied_edits"]

Path = tuple[str | int, ...]


def edits_between(before: str, after: str, *, file: str) -> tuple[Edit, ...]:
    """Return every key whose value differs between two texts of a manifest, in the order of the lines.

    `file` names the manifest. Raises ManifestError for a text that is not TOML.
    """
    old, new = (dict(_leaves(parse(text, file=file), ())) for text in (before, after))
    was, now = located(before, file=file), located(after, file=file)
    moved = [path for path in {**old, **new} if old.get(path, _ABSENT) != new.get(path, _ABSENT)]
    found = [*_tables(moved, old, new, was, now)]
    return tuple(sorted(found, key=lambda edit: (edit.place.line if edit.place and edit.place.line else 0, str(edit.path))))


def implied_edits(before: Lock, after: Lock) -> tuple[Edit, ...]:
    """Return what two locks of a target say of edits of their manifests."""
    return (*_of_roots(before, after), *_of_target(before, after), *_of_plan(before, after))


def components_of(edit: Edit) -> tuple[str, ...]:
    """Return the normalized names of the components that an edit is about."""
    match edit.path:
        case ("components", str(name), *_) | ("targets", _, "components", str(name), *_):
            return (canonicalize_name(name),)
    return edit.names


Leaves = Mapping[Path, object]
_ABSENT = object()
_NAMED = {"components", "indexes", "targets"}


def _leaves(value: Mapping[str, object], path: Path) -> Iterator[tuple[Path, object]]:
    for key, inner in value.items():
        yield from _below(inner, (*path, key))


def _below(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    """Yield what has a value of its own: an array of plain values is one, an array of tables is as many as they have."""
    if isinstance(value, dict) and value:
        yield from _leaves(value, path)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from _below(item, (*path, number))
    else:
        yield path, value


def _tables(moved: Sequence[Path], old: Leaves, new: Leaves, was: Places, now: Places) -> Iterator[Edit]:
    """Yield an edit per key, but one per named table, such as `components.peft`, that is there at one end alone."""
    named: dict[Path, list[Path]] = {}
    for path in moved:
        table = path[:2] if len(path) > 2 and path[0] in _NAMED else path
        whole = table != path and not (_has(table, old) and _has(table, new))
        named.setdefault(table if whole else path, []).append(path)
    for table, paths in named.items():
        if paths == [table]:
            yield _edit(table, old, new, was, now)
        else:
            leaves, places = (new, now) if _has(table, new) else (old, was)
            said = ", ".join(f"{'.'.join(map(str, path[2:]))} = {_spelled(path, leaves[path], places)}" for path in paths)
            yield Edit(
                path=table,
                before=None if leaves is new else said,
                after=said if leaves is new else None,
                place=places.at(*table),
            )


def _has(table: Path, leaves: Leaves) -> bool:
    return any(path[: len(table)] == table for path in leaves)


def _edit(path: Path, old: Leaves, new: Leaves, was: Places, now: Places) -> Edit:
    before = _spelled(path, old[path], was) if path in old else None
    after = _spelled(path, new[path], now) if path in new else None
    if before is not None and before == after:
        after = f"{after} (differs in what is not shown)"
    place = (now if path in new else was).at(*path)
    return Edit(path=path, before=before, after=after, place=place, names=_left_out(path, old.get(path), new.get(path)))


def _left_out(path: Path, before: object, after: object) -> tuple[str, ...]:
    """Return the components that a target's `without` names at one end alone, where the key is one."""
    match path:
        case ("targets", _, "without"):
            was, now = ({canonicalize_name(str(name)) for name in each} for each in map(_listed, (before, after)))
            return tuple(sorted(was ^ now))
    return ()


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _spelled(path: Path, value: object, places: Places) -> str:
    return places.sources.get(path) or shown(str(value), secret="url" in path)


def _of_roots(before: Lock, after: Lock) -> Iterator[Edit]:
    old, new = _roots(before), _roots(after)
    for name in sorted({*old, *new}):
        for key in ("version", "extras", "order", "index", "file"):
            was, now = (_said(roots.get(name), key) for roots in (old, new))
            if was != now:
                yield Edit(path=("components", name, key), before=was, after=now)


def _roots(lock: Lock) -> Mapping[str, Root]:
    needs = {need.project: root for root in lock.roots if (need := parse_need(root.requirement)) is not None}
    return {str(name): root for name, root in needs.items()}


def _said(root: Root | None, key: str) -> str | None:
    need = parse_need(root.requirement) if root is not None else None
    if root is None or need is None:
        return None
    said = {
        "version": f'"{need.specifiers or "*"}"',
        "extras": ", ".join(sorted(need.extras)) or None,
        "order": None if root.order is None else str(root.order),
        "index": root.index,
        "file": None if root.direct is None else root.direct.file,
    }
    return said[key]


def _of_target(before: Lock, after: Lock) -> Iterator[Edit]:
    old, new = before.target, after.target
    for key, was, now in (
        ("python", old.python, new.python),
        ("platform", old.platform, new.platform),
        ("base", old.base, new.base),
        ("driver", old.driver, new.driver),
        ("gpus", ", ".join(old.gpus) or None, ", ".join(new.gpus) or None),
    ):
        if was != now:
            yield Edit(path=("targets", new.name, key), before=was, after=now)


def _of_plan(before: Lock, after: Lock) -> Iterator[Edit]:
    if before.exclude_newer != after.exclude_newer:
        was, now = (None if lock.exclude_newer is None else lock.exclude_newer.isoformat() for lock in (before, after))
        yield Edit(path=("policy", "exclude-newer"), before=was, after=now)
    old, new = ({route.index: ", ".join(route.serves) or "the rest" for route in lock.routes} for lock in (before, after))
    for index in sorted({*old, *new}):
        if old.get(index) != new.get(index):
            yield Edit(path=("indexes", index, "serves"), before=old.get(index), after=new.get(index))
