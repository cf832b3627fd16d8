"""Ends of which one lacks what the other has: a lock, a target, a manifest, or generated files that are the lock's own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from stackc.diff.compare import compare
from stackc.diff.model import Diff, End, Reading
from stackc.diff.reading import read_lock
from stackc.diff.risks import Watch
from stackc.diff.words import state_words
from stackc.errors import Place
from stackc.layout import outputs_digest
from stackc.lock.codec import encode
from stackc.lock.model import Lock
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


FILES = {"Dockerfile": b"FROM debian:12\n", "requirements.txt": b"uvicorn==0.30\n"}
SEALED = replace(LOCK, inputs=replace(LOCK.inputs, outputs=outputs_digest(FILES)))


def project(label: str, rendered: Mapping[str, bytes] | None, *, lock: Lock = SEALED) -> End:
    reading = Reading(lock=lock, text=label, path="locks/gpu/lock.toml", rendered=rendered)
    return End(label=label, locks={"gpu": reading}, manifest="", declared=("gpu",))


def headline(found: Diff) -> list[str]:
    return [f"{point.subject}: {point.note}" for point in found.headline]


def watched(base: End, head: End) -> Diff:
    return compare(base, head, facts=Facts.load(), watch=Watch())


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({**FILES, "Dockerfile": b"FROM evil\n"}, "Dockerfile"),
        ({"Dockerfile": FILES["Dockerfile"]}, "requirements.txt"),
        ({**FILES, "steps/09-x.txt": b"x\n"}, "steps/09-x.txt"),
    ],
)
def test_a_generated_file_that_was_edited_is_the_first_thing_told(files: Mapping[str, bytes], names: str) -> None:
    found = watched(project("base", FILES), project("head", files))
    assert (found.empty, headline(found)) == (False, [f"edited files: {names}: not what the lock was rendered to"])
    (risk,) = found.risks
    assert (risk.code, risk.severity, risk.places) == ("S815", "error", (Place(file=f"locks/gpu/{names}"),))


def test_one_that_was_edited_before_is_no_news_and_one_that_is_right_again_is_no_risk() -> None:
    edited = {**FILES, "Dockerfile": b"FROM evil\n"}
    assert watched(project("base", edited), project("head", edited)).empty
    back = watched(project("base", edited), project("head", FILES))
    assert (headline(back), back.risks) == (["edited files: they are what the lock was rendered to again"], ())


def test_an_edit_behind_a_lock_that_moved_is_told_at_the_lock() -> None:
    moved = replace(SEALED, inputs=replace(SEALED.inputs, outputs=outputs_digest({"Dockerfile": b"FROM debian:13\n"})))
    found = watched(project("base", FILES), project("head", {"Dockerfile": b"FROM evil\n"}, lock=moved))
    assert headline(found) == ["edited files: one or more: not what the lock was rendered to"]
    assert [risk.places for risk in found.risks] == [(Place(file="locks/gpu/lock.toml"),)]


def test_files_that_are_not_at_hand_are_not_held_against_a_lock() -> None:
    assert watched(project("base", FILES), project("head", None)).empty
    assert watched(project("base", None), project("head", None)).empty
