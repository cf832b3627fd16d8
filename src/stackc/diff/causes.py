"""What can have caused a move: for each, every direct cause that two locks of a target and the edits show.

A cause is an edit, a rule, the window of `exclude-newer`, or another move: a *parent*, by which the move was forced or let in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from packaging.utils import NormalizedName

from stackc.diff.edits import components_of
from stackc.diff.model import Cause, Edit, Move, Part
from stackc.lock.model import Lock, Package
from stackc.lock.requirements import admits, parse_needs, parse_specifiers
from stackc.lock.why import MANIFEST

__all__ = ["Case", "Direct", "Key"]

Key = tuple[Part, NormalizedName]
_RULE = "rule "
_NOT = "not "
_TARGET_KEYS = ("python", "platform", "base", "cuda", "glibc", "driver", "gpus")
_VIRTUAL = {"cuda": "base", "torch-cuda": "base", "sm": "gpus"}


class Direct(Struct, frozen=True, kw_only=True):
    """One direct cause: an edit by number, or a parent, or neither.

    `step` says how it comes to the move, and `short` the same to who knows of which project it is about. `exact` is set where a
    parent leaves the move no other version; `needs` is what a parent or a rule asks for otherwise. `loose` marks
    what no longer keeps a release out, without asking for it.
    """

    kind: Cause
    step: str = ""
    short: str = ""
    edit: int | None = None
    parent: Key | None = None
    exact: bool = False
    loose: bool = False
    needs: str = ""


class Case(Struct, frozen=True, kw_only=True):
    """Two locks of one target with their moves, the edits, and which projects each known rule speaks of."""

    before: Lock
    after: Lock
    target: str
    moves: Mapping[Key, Move]
    edits: Sequence[Edit]
    rules: Mapping[str, frozenset[str]]

    def direct(self, move: Move) -> tuple[Direct, ...]:
        """Return the direct causes of a move, the ones that leave no choice first; none where nothing asks for it."""
        if move.part == "tool":
            return (*self._tool_edits(move), *self._window(move))
        old, new = self.before.by_name.get(move.name), self.after.by_name.get(move.name)
        found = [*self._own_edits(move)]
        if old is not None and new is not None:
            found += [*self._forced(old, new), *self._outgrown(old), *self._target_edits(move, old)]
            found += [*(() if found else self._placed(move, new))]
            found += [*(() if found else self._window(move)), *self._let_in(old, new)]
        elif new is not None:
            found += self._required(new, "requires")
        elif old is not None:
            found += self._required(old, "required")
        return tuple(dict.fromkeys(found))

    def _own_edits(self, move: Move) -> Iterator[Direct]:
        """Yield the edits of the component itself, in the target's own overrides and in what it leaves out too."""
        for number, edit in enumerate(self.edits, start=1):
            foreign = edit.path[0] == "targets" and edit.path[1] != self.target
            if move.name in components_of(edit) and not foreign and edit.path[-1] not in {"verify", "imports"}:
                yield Direct(kind="edit", edit=number)

    def _tool_edits(self, move: Move) -> Iterator[Direct]:
        keys = {"pip"} if move.name == "pip" else {"build-tools"}
        keys |= {"installer", "python-from"} if move.name == "uv" else set()
        for number, edit in enumerate(self.edits, start=1):
            if edit.path[0] == "image" and len(edit.path) > 1 and edit.path[1] in keys:
                yield Direct(kind="edit", edit=number)

    def _forced(self, old: Package, new: Package) -> Iterator[Direct]:
        """Yield each bound of the new pin that the old version does not meet."""
        for source, specifiers in map(_bound, new.why):
            if not _admits(specifiers, old):
                yield from self._by(source, specifiers, new)

    def _by(self, source: str, specifiers: str, new: Package) -> Iterator[Direct]:
        if source == MANIFEST:
            yield from self._by_partner(new)
        elif source.startswith(_RULE):
            yield from self._by_rule(source.removeprefix(_RULE), specifiers, new)
        else:
            parent = self.after.by_name.get(NormalizedName(source))
            version = f" {parent.version}" if parent is not None else ""
            key: Key | None = ("package", NormalizedName(source))
            known = key if key in self.moves else None
            step, exact = f"{source}{version} requires {new.name}{specifiers}", _is_exact(specifiers)
            short = f"{source}{version} pins it" if exact else f"{source}{version} requires {specifiers}"
            yield Direct(kind="edit", step=step, short=short, parent=known, exact=exact, needs=specifiers)

    def _by_partner(self, new: Package) -> Iterator[Direct]:
        """Yield what moved a component that the manifest bounds anew without an edit: `version = "matrix"` follows torch."""
        torch: Key = ("package", NormalizedName("torch"))
        if torch in self.moves and new.name != "torch" and not any(new.name in components_of(edit) for edit in self.edits):
            yield Direct(kind="edit", step=f"the matrix's partner is {new.name} {new.version}", parent=torch, exact=True)

    def _by_rule(self, rule: str, specifiers: str, new: Package) -> Iterator[Direct]:
        wanted = asked_for(specifiers)
        step = f"rule {rule} requires {new.name}{wanted}"
        parents, edits = self._set_off(rule, new)
        yield from (Direct(kind="rule", step=step, parent=key, needs=wanted) for key in parents)
        yield from (Direct(kind="rule", step=step, edit=number, needs=wanted) for number in edits)
        if not parents and not edits:
            moved = self.before.inputs.matrix != self.after.inputs.matrix
            yield Direct(kind="rule", step=f"{step}, new or changed" if moved else step, needs=wanted)

    def _set_off(self, rule: str, package: Package) -> tuple[list[Key], list[int]]:
        """Return what can have made a rule act otherwise: moves of those that it speaks of, edits of target and rules."""
        names = self.rules.get(rule, frozenset())
        parents = sorted(key for key in self.moves if key[0] == "package" and key[1] in names and key[1] != package.name)
        virtual = {"base" if name.startswith("base-") else _VIRTUAL.get(name, name) for name in names}
        return parents, [*self._edits_of_target(virtual), *self._edits_under("matrix")]

    def _outgrown(self, old: Package) -> Iterator[Direct]:
        """Yield each requirement of the old release that the new pins do not meet, so that it had to go."""
        for need in parse_needs(old.requires):
            pin = self.after.by_name.get(need.project)
            key: Key = ("package", need.project)
            if pin is not None and not need.admits(pin.version) and key in self.moves:
                step = f"{old.name} {old.version} requires {need.project}{need.specifiers}"
                short = f"{old.version} requires {need.project}{need.specifiers}"
                yield Direct(kind="edit", step=step, short=short, parent=key, exact=_is_exact(need.specifiers))

    def _target_edits(self, move: Move, old: Package) -> Iterator[Direct]:
        """Yield the edits of the target, where the old file may not fit the new one."""
        same_name = move.before and move.after and move.before.file.name == move.after.file.name
        outdated = old.requires_python is not None and not _admits_python(old.requires_python, self.after.target.python)
        if (move.kind == "replaced" and not same_name) or outdated:
            for number in self._edits_of_target({"python", "platform", "base", "glibc"}):
                yield Direct(kind="edit", edit=number)

    def _placed(self, move: Move, new: Package) -> Iterator[Direct]:
        """Yield what moved the index, the step or the extras of a pin."""
        was, now = move.before, move.after
        if was is None or now is None:
            return
        if was.index != now.index:
            yield from (Direct(kind="edit", edit=number) for number in self._edits_under("indexes"))
        if was.step != now.step:
            ordered = (n for n, edit in enumerate(self.edits, start=1) if components_of(edit) and edit.path[-1] == "order")
            yield from (Direct(kind="edit", edit=number) for number in ordered)
        if was.step != now.step or was.extras != now.extras:
            yield from self._required(new, "requires")

    def _window(self, move: Move) -> Iterator[Direct]:
        """Yield the moved moment of `exclude-newer`, where it lets the new release in or keeps the old one out."""
        was, now = self.before.exclude_newer, self.after.exclude_newer
        old, new = move.before, move.after
        if was == now or old is None or new is None or move.kind in {"moved", "replaced"}:
            return
        let_in = was is not None and new.file.uploaded is not None and new.file.uploaded > was
        kept_out = now is not None and old.file.uploaded is not None and old.file.uploaded > now
        numbers = [n for n, edit in enumerate(self.edits, start=1) if edit.path == ("policy", "exclude-newer")]
        if kept_out:
            yield Direct(kind="window", step="the old release is too new for it", edit=next(iter(numbers), None))
        elif let_in:
            yield Direct(kind="window", step="released after the old one", edit=next(iter(numbers), None))

    def _let_in(self, old: Package, new: Package) -> Iterator[Direct]:
        """Yield each bound of the old pin that the new version does not meet, and that is gone."""
        for source, specifiers in map(_bound, old.why):
            key: Key = ("package", NormalizedName(source))
            if _admits(specifiers, new) or source == MANIFEST:
                continue
            if source.startswith(_RULE):
                yield from self._rule_lifted(source, asked_for(specifiers), new)
            elif key in self.moves:
                lifted = f"{source} no longer requires "
                whole, short = f"{lifted}{new.name}{specifiers}", f"{lifted}{specifiers}"
                yield Direct(kind="edit", step=whole, short=short, parent=key, loose=True)

    def _rule_lifted(self, source: str, asked: str, new: Package) -> Iterator[Direct]:
        """Yield by what a rule no longer bounds a pin: the moves of those that it speaks of, else the rule itself."""
        parents, edits = self._set_off(source.removeprefix(_RULE), new)
        step, short = f"{source} no longer requires {new.name}{asked}", f"{source} no longer requires {asked}"
        yield from (Direct(kind="rule", step=step, short=short, parent=key, loose=True) for key in parents)
        yield from (Direct(kind="rule", step=step, short=short, edit=number, loose=True) for number in edits)
        if not parents and not edits:
            yield Direct(kind="rule", step=step, short=short, loose=True)

    def _required(self, package: Package, verb: str) -> Iterator[Direct]:
        """Yield the moves of those that require a project."""
        for source, specifiers in map(_bound, package.why):
            key: Key = ("package", NormalizedName(source))
            if key in self.moves and key[1] != package.name:
                pin = self.moves[key].after if verb == "requires" else self.moves[key].before
                who = f"{source} {pin.version} {verb}" if pin else f"{source} {verb}"
                step, exact = f"{who} {package.name}{specifiers}", _is_exact(specifiers)
                yield Direct(kind="edit", step=step, short=f"{who} it", parent=key, exact=exact)

    def _edits_of_target(self, keys: set[str]) -> Iterator[int]:
        for number, edit in enumerate(self.edits, start=1):
            own = edit.path[:2] == ("targets", self.target)
            if own and (edit.path[2:] == () or (edit.path[2] in keys and edit.path[2] in _TARGET_KEYS)):
                yield number

    def _edits_under(self, table: str) -> Iterator[int]:
        yield from (number for number, edit in enumerate(self.edits, start=1) if edit.path[0] == table)


def asked_for(specifiers: str) -> str:
    """Return what a rule's bound asks for as people write it: `not <0.45.1` is `>=0.45.1`."""
    bare = specifiers.removeprefix(_NOT)
    turned = next((other + bare.removeprefix(sign) for sign, other in _TURNED if bare.startswith(sign)), specifiers)
    return turned if specifiers.startswith(_NOT) and "," not in specifiers else specifiers


_TURNED = (("<=", ">"), (">=", "<"), ("<", ">="), (">", "<="))


def _admits_python(requires_python: str, python: str) -> bool:
    """Say whether a Requires-Python admits a target's Python; what cannot be read admits all."""
    parsed = parse_specifiers(requires_python)
    return parsed is None or parsed.contains(python, prereleases=True)


def _bound(line: str) -> tuple[str, str]:
    """Return the source and the specifier of a line of `Package.why`; a rule's source keeps the word."""
    if line.startswith(_RULE):
        name, _, specifiers = line.removeprefix(_RULE).partition(" ")
        return f"{_RULE}{name}", specifiers
    source, _, specifiers = line.partition(" ")
    return source, specifiers


def _admits(specifiers: str, package: Package) -> bool:
    """Say whether a bound admits a pin; one that cannot be read does."""
    bare = specifiers.removeprefix(_NOT)
    if parse_specifiers(bare) is None:
        return True
    return admits(bare, package.version) != specifiers.startswith(_NOT)


def _is_exact(specifiers: str) -> bool:
    return specifiers.startswith("==") and "," not in specifiers
