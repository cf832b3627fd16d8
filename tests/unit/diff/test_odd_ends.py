"""Ends of which one lacks what the other has: a lock, a target, a manifest; and line ends that a checkout converted."""

from __future__ import annotations

from stackc.diff.compare import compare
from stackc.diff.model import Diff, End, Reading
from stackc.diff.reading import read_lock
from stackc.diff.words import state_words
from stackc.lock.codec import encode
from stackc.matrix.facts import Facts
from unit.lock.lock_samples import FILE, LOCK

TEXT = encode(LOCK)
READING = Reading(lock=LOCK, text=TEXT)
MANIFEST = "[targets.{}]\n"


def end(label: str, *targets: str, locks: tuple[str, ...] = (), bare: bool = False) -> End:
    manifest = None if bare else "".join(map(MANIFEST.format, targets))
    return End(label=label, locks=dict.fromkeys(locks, READING), manifest=manifest, declared=targets, bare=bare)


def states(found: Diff) -> dict[str, str]:
    return {target.name: state_words(target) for target in found.targets}


def notes(found: Diff) -> list[str]:
    return [note.text for note in found.notes]


def between(base: End, head: End) -> Diff:
    return compare(base, head, facts=Facts.load())


def test_a_lock_that_is_gone_though_the_manifest_has_its_target_is_a_difference() -> None:
    found = between(end("base", "gpu", locks=("gpu",)), end("head", "gpu"))
    assert (found.empty, states(found)) == (False, {"gpu": "its lock is gone"})
    assert (found.targets[0].state, found.targets[0].before, found.targets[0].after) == ("unlocked", 6, None)


def test_a_target_that_never_had_a_lock_is_none() -> None:
    found = between(end("base", "gpu"), end("head", "gpu"))
    assert (found.empty, states(found)) == (True, {"gpu": "no lock yet: `stackc compile` writes it"})


def test_a_target_that_left_the_manifest_and_not_the_locks_is_told() -> None:
    found = between(end("base", "gpu", "cpu", locks=("gpu", "cpu")), end("head", "gpu", locks=("gpu", "cpu")))
    assert (found.empty, notes(found)) == (False, ["target `cpu` left the manifest, and its lock is still there"])
    both = end("base", "gpu", locks=("gpu", "cpu"))
    assert between(both, both).empty


def test_a_manifest_that_one_end_alone_has_is_told() -> None:
    base, head = end("base", "gpu", locks=("gpu",)), end("head", locks=("gpu",), bare=True)
    assert notes(between(base, head)) == ["head has no stack.toml: the edits are told by the locks"]
    assert notes(between(head, base)) == ["head has no stack.toml: the edits are told by the locks"]
    assert between(head, head).empty
    assert between(base, End(label="file", locks={"gpu": READING})).empty


def test_line_ends_that_a_checkout_converted_make_no_other_lock() -> None:
    assert (
        read_lock(TEXT.replace("\n", "\r\n"), file=FILE)
        == read_lock(TEXT, file=FILE)
        == Reading(lock=LOCK, text=TEXT, path=FILE)
    )
