"""From items to verdicts: which of them bring in what is kept out, and which options do not do what they seem to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stackc.guard.allowance import Allowance, allowances
from stackc.guard.inspection import Read
from stackc.guard.occurrence import Occurrence, Option, Redirect, Trouble
from stackc.guard.policy import KeptOut, Policy
from stackc.guard.values import Value

__all__ = ["Verdict", "judge"]

_BUILD_INDEX = "download.pytorch.org/whl"


class Verdict(Value):
    """One thing that is wrong: its code, the item, what is kept out, and the item beside it that makes it wrong.

    `origins` are the addresses of the indexes that would be asked, empty for the default one.
    """

    code: str
    read: Read
    kept: KeptOut | None = None
    beside: Read | None = None
    origins: tuple[str, ...] = ()


def judge(reads: Sequence[Read], policy: Policy) -> Iterator[Verdict]:
    """Yield what is wrong with the items of one file and all that it includes, in their order."""
    groups = _Groups(reads)
    for read in reads:
        match read.item:
            case Occurrence():
                yield from _occurrence(read, read.item, policy, groups)
            case Option():
                yield from _option(read, read.item, policy, groups)
            case Redirect(comments=comments, word=word):
                if not _allowed(allowances(comments), (word,)):
                    yield Verdict("S713", read)
            case Trouble(code=code):
                yield Verdict(code, read)
            case _:
                pass


class _Groups:
    """The items that an index option acts on: those of its command, or of all files read together."""

    def __init__(self, reads: Sequence[Read]) -> None:
        self._options = [read for read in reads if isinstance(read.item, Option)]
        self._reads = reads
        resets = ("--index-url", "--no-index")
        self._order = {id(read): number for number, read in enumerate(self._options)}
        self._resets = [read for read in self._options if _governs_files(read, resets)]

    def origins(self, read: Read, group: int) -> Iterator[str]:
        """Yield the addresses of the indexes that a requirement of a group is looked up on, empty for the default one."""
        acting = [each for each in self._options if _acts_on(each, read, group)]
        options = [(each, each.item) for each in acting if isinstance(each.item, Option) and each.item.after is None]
        chosen = [option.value for _, option in options if option.name == "--index-url"]
        yield chosen[-1] if chosen else ""
        for each, option in options:
            if option.name == "--extra-index-url" and self.dropped_by(each, option) is None:
                yield option.value

    def dropped_by(self, read: Read, option: Option) -> Read | None:
        """Return the later option of a file that makes pip forget this extra index."""
        if option.where != "file":
            return None
        mine = self._order[id(read)]
        later = (other for other in self._resets if self._order[id(other)] > mine)
        return next((other for other in later if not _same_line(read, other)), None)

    def beside(self, read: Read) -> Iterator[Occurrence]:
        """Yield the requirements and constraints that an option acts on."""
        for each in self._reads:
            if isinstance(each.item, Occurrence) and _acts_on(read, each, each.item.group):
                yield each.item


def _governs_files(read: Read, names: Sequence[str]) -> bool:
    item = read.item
    return isinstance(item, Option) and item.where == "file" and item.after is None and item.name in names


def _acts_on(option: Read, read: Read, group: int) -> bool:
    item = option.item
    if not isinstance(item, Option):
        return False
    if item.where == "file":
        return group == 0
    return option.source is read.source and (item.where == "environment" or item.group == group)


def _same_line(one: Read, other: Read) -> bool:
    if one.source is not other.source or not isinstance(one.item, Option) or not isinstance(other.item, Option):
        return False
    return one.item.text == other.item.text and abs(one.item.at - other.item.at) <= len(one.item.text)


def _occurrence(read: Read, item: Occurrence, policy: Policy, groups: _Groups) -> Iterator[Verdict]:
    if item.constraint:
        return
    kept = policy.find(item.candidates, conda=item.reader == "conda")
    if kept is None or not _matters(item, kept):
        return
    allowed = allowances(item.comments)
    names = (kept.name, *item.candidates)
    if _allowed(allowed, names):
        return
    code = {"blocked": "S701", "warned": "S703", "brought": "S704"}[kept.level]
    yield Verdict(code if item.valid else "S702", read, kept, origins=tuple(groups.origins(read, item.group)))
    if any(set(allowance.projects) & set(names) and not allowance.reason for allowance in allowed):
        yield Verdict("S705", read, kept)


def _matters(item: Occurrence, kept: KeptOut) -> bool:
    """Say whether a requirement can do harm: one of what only comes along does if it moves it."""
    if kept.level == "blocked":
        return True
    if not item.valid:
        return False
    return kept.level == "warned" or _moves(item, kept)


def _moves(item: Occurrence, kept: KeptOut) -> bool:
    """Say whether a requirement asks for another version than the locked one, or for a file of its own."""
    if item.by_url or item.reader != "pip":
        return item.by_url
    if not any(mark in item.text for mark in "<>=~!"):
        return False
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        specifier = Requirement(item.text).specifier
    except InvalidRequirement:
        return False
    return any(
        place.version is not None and not specifier.contains(place.version, prereleases=True) for place in kept.installed
    )


def _allowed(allowed: Iterable[Allowance], names: Sequence[str]) -> bool:
    return any(allowance.reason and set(allowance.projects) & set(names) for allowance in allowed)


def _option(read: Read, item: Option, policy: Policy, groups: _Groups) -> Iterator[Verdict]:
    if item.after is not None:
        yield Verdict("S710", read)
        return
    if item.name != "--extra-index-url" or item.tool != "pip":
        return
    dropped = groups.dropped_by(read, item)
    if dropped is not None:
        yield Verdict("S712", read, beside=dropped)
        return
    kept = _opened(read, item, policy, groups)
    if kept is not None and not _allowed(allowances(item.comments), (kept.name,)):
        yield Verdict("S711", read, kept, origins=tuple(groups.origins(read, item.group)))


def _opened(read: Read, option: Option, policy: Policy, groups: _Groups) -> KeptOut | None:
    """Return what an extra index opens to two indexes: torch for an index of it, else a kept-out project named beside it."""
    addresses = groups.origins(read, option.group)
    torch = policy.named("torch") if any(_serves_builds(address, policy) for address in addresses) else None
    if torch is not None:
        return torch
    named = (policy.find(occurrence.candidates) for occurrence in groups.beside(read))
    return next((kept for kept in named if kept is not None and kept.level == "blocked"), None)


def _serves_builds(address: str, policy: Policy) -> bool:
    """Say whether an address is that of an index of torch builds, or of one that the manifest declares."""
    return _BUILD_INDEX in address or any(address.rstrip("/") == index.rstrip("/") for index in policy.indexes)
