"""What targets leave out of the stack: names that must be those of components, and something must be left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.utils import NormalizedName, canonicalize_name

from stackc.manifest.cursor import Cursor, nearest
from stackc.manifest.fields import Target
from stackc.manifest.kinds import Row
from stackc.manifest.locate import Path
from stackc.manifest.shown import shown

__all__ = ["check_without"]


def check_without(targets: Mapping[str, Row], components: Mapping[str, Row], at: Cursor) -> None:
    """Report each name in a `without` that is no component, or one that the target also says something of.

    And targets of which nothing is left, and components that no target has.
    """
    declared = {canonicalize_name(spelled): row for spelled, row in components.items()}
    for target in targets.values():
        names = target.get(Target.without) or ()
        for position, name in enumerate(names):
            place, first = at.at(*target.path, "without", position), names.index(name)
            if first != position:
                hint = "keep one of the two"
                place.report("S173", f"`{name}` is left out twice", (*target.path, "without", first), hint=hint)
            else:
                _check_name(name, target, declared, place)
    bare = [target for target in targets.values() if declared and declared.keys() <= set(target.get(Target.without) or ())]
    for target in bare:
        hint = "leave one of them in, or remove the target"
        at.at(*target.path, "without").report("S175", f"target `{shown(_name(target))}` leaves every component out", hint=hint)
    if not bare:
        _check_used(targets, declared, at)


def _check_name(name: NormalizedName, target: Row, declared: Mapping[NormalizedName, Row], place: Cursor) -> None:
    if name not in declared:
        hint = nearest(name, [shown(str(row.path[-1])) for row in declared.values()]) or "remove it"
        place.report("S172", f"there is no component `{name}` to leave out", hint=hint)
    for spelled, row in (target.get(Target.overrides) or {}).items():
        if canonicalize_name(spelled) == name:
            hint = "a target leaves a component out, or has it and says what differs: keep one of the two"
            message = f"`{name}` is left out of target `{shown(_name(target))}`, which also says what differs in it there"
            place.report("S174", message, row.path, hint=hint)


def _check_used(targets: Mapping[str, Row], declared: Mapping[NormalizedName, Row], at: Cursor) -> None:
    """Report each component that all targets leave out."""
    for name, row in declared.items():
        left_out = [_place(name, target) for target in targets.values() if name in (target.get(Target.without) or ())]
        if targets and len(left_out) == len(targets):
            hint = "remove the component and these names of it, or leave it in one target"
            at.at(*row.path).report("S176", f"`{name}` is left out of every target", *left_out, hint=hint)


def _place(name: NormalizedName, target: Row) -> Path:
    named: Sequence[NormalizedName] = target.get(Target.without) or ()
    return (*target.path, "without", named.index(name))


def _name(target: Row) -> str:
    return str(target.path[-1])
