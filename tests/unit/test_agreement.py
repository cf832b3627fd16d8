"""What differs between two answers to one question, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace
from packaging.version import Version

from stackc.agreement import differences
from stackc.cross_check import Checked
from stackc.errors import Finding
from stackc.lock.model import Engine, Lock
from support.workbench import name_of
from unit.lock.lock_samples import LOCK

Pins = Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]]


def answer(engine: str, pins: Pins) -> Lock:
    """Return the lock of an answer: of each project the version, what it requires, and what bounds it."""
    (sample, *_) = LOCK.packages
    packages = (
        replace(sample, name=name_of(name), version=Version(version), requires=requires, why=why)
        for name, (version, requires, why) in sorted(pins.items())
    )
    return replace(LOCK, engine=Engine(name=engine, version="1.0"), packages=tuple(packages))


def told(ours: Pins, theirs: Pins) -> list[tuple[str, str | None, str | None, str | None, str, str]]:
    found = differences(answer("uv", ours), answer("pip-tools", theirs))
    return [(each.project, _text(each.ours), _text(each.theirs), each.newer, each.kind, each.why) for each in found]


def _text(version: Version | None) -> str | None:
    return None if version is None else str(version)


def test_the_same_versions_differ_in_nothing() -> None:
    pins: Pins = {"a": ("1.0", (), ("stack.toml",)), "b": ("2.0", (), ())}
    assert told(pins, dict(reversed(list(pins.items())))) == []


def test_the_older_version_is_explained_by_what_the_same_answer_requires() -> None:
    ours: Pins = {"a": ("2.0", ("b<2",), ("stack.toml",)), "b": ("1.0", (), ("a <2", "stack.toml >=1"))}
    theirs: Pins = {"a": ("1.0", ("b",), ("stack.toml",)), "b": ("2.0", (), ("a", "stack.toml >=1"))}
    assert told(ours, theirs) == [
        ("a", "2.0", "1.0", "uv", "needs", "a 2.0 requires b<2, and pip-tools chose 2.0"),
        ("b", "1.0", "2.0", "pip-tools", "requirement", "uv chose a 2.0, which requires b<2"),
    ]


def test_the_older_version_is_explained_by_a_rule() -> None:
    ours: Pins = {"numpy": ("1.26", (), ("rule scipy-numpy1 <2", "scipy >=1")), "scipy": ("1.12", ("numpy>=1",), ())}
    theirs: Pins = {"numpy": ("2.0", (), ("scipy >=1",)), "scipy": ("1.12", ("numpy>=1",), ())}
    assert told(ours, theirs) == [
        ("numpy", "1.26", "2.0", "pip-tools", "rule", "uv: rule scipy-numpy1 asks for numpy<2 there"),
    ]


def test_a_release_that_needs_what_the_other_answer_does_without_is_told() -> None:
    ours: Pins = {"a": ("1.0", (), ("stack.toml",))}
    theirs: Pins = {"a": ("2.0", ("new>=1",), ("stack.toml",)), "new": ("1.0", (), ("a >=1",))}
    assert told(ours, theirs) == [
        ("a", "1.0", "2.0", "pip-tools", "needs", "a 2.0 requires new>=1, which uv does without"),
        ("new", None, "1.0", None, "absent", "a 2.0 of pip-tools requires it"),
    ]


def test_an_older_version_that_nothing_keeps_back_is_told_as_such() -> None:
    ours: Pins = {"a": ("1.0", (), ("stack.toml >=1",))}
    theirs: Pins = {"a": ("2.0", (), ("stack.toml >=1",))}
    assert told(ours, theirs) == [
        ("a", "1.0", "2.0", "pip-tools", "search", "uv: nothing of its answer keeps 2.0 out; it gave way in the search"),
    ]


def checked(ours: Lock | None, theirs: Lock | None) -> Checked:
    return Checked(target="gpu", ours=ours, theirs=theirs, other=Engine(name="pip-tools", version="7.6.2"))


def test_a_solution_beside_none_is_an_error_whichever_engine_finds_it() -> None:
    lock = answer("uv", {"a": ("1.0", (), ())})
    notes = ("the solution was proved: it is the other engine that is wrong",)

    def finding(finds: str, finds_none: str) -> Finding:
        return Finding(
            code="S350",
            message=f"engine `{finds}` finds a solution for target `gpu`, and engine `{finds_none}` finds none",
            notes=notes,
            hint=f"compile with `--engine {finds}`, and please report this, with the manifest",
        )

    assert checked(lock, None).finding(engine="uv") == finding("uv", "pip-tools")
    assert checked(None, lock).finding(engine="uv") == finding("pip-tools", "uv")
    assert (checked(lock, lock).finding(engine="uv"), checked(None, None).finding(engine="uv")) == (None, None)
    assert (checked(lock, None).differences, checked(lock, lock).differences) == ((), ())
