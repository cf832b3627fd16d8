from __future__ import annotations

from msgspec.structs import replace

from stackc.diff.model import Reading
from stackc.diff.pins import narrowed, pins_of
from stackc.diff.reading import read_lock
from stackc.errors import Finding, Place
from stackc.lock.codec import encode
from stackc.lock.model import Lock
from unit.lock.lock_samples import FILE, LOCK

TEXT = encode(LOCK)


def read(text: str) -> tuple[Lock, Reading]:
    """Return the lock that could be read, and the whole reading."""
    reading = read_lock(text, file=FILE)
    assert reading.lock is not None
    return reading.lock, reading


def codes(reading: Reading) -> list[str]:
    return [finding.code for finding in reading.findings]


def test_a_good_lock_is_read_whole() -> None:
    assert read_lock(TEXT, file=FILE) == Reading(lock=LOCK, text=TEXT, path=FILE)


def test_a_lock_that_was_edited_by_hand_is_read_as_it_stands_and_said_so() -> None:
    lock, reading = read(TEXT.replace('index = "pypi"', 'index = "evil"', 1))
    assert codes(reading) == ["S408"]
    assert [tool.index for tool in lock.tools] == ["evil", *("pypi" for _ in LOCK.tools[1:])]
    assert lock.packages == LOCK.packages


def test_a_lock_of_a_newer_format_is_read_as_far_as_its_keys_are_known() -> None:
    lock, reading = read(TEXT.replace("format = 1\n", 'format = 2\nsigned = "yes"\n'))
    assert codes(reading) == ["S403"]
    assert pins_of(lock) == pins_of(LOCK)


def test_a_lock_with_conflict_markers_is_read_line_by_line() -> None:
    marked = TEXT.replace("digest = ", "<<<<<<< ours\ndigest = ", 1)
    lock, reading = read(marked)
    assert codes(reading) == ["S401"]
    assert reading.partial
    assert narrowed(pins_of(lock)) == narrowed(pins_of(LOCK))


def test_a_pin_that_cannot_be_read_is_left_out_and_counted() -> None:
    first = LOCK.packages[0]
    broken = TEXT.replace(f'version = "{first.version}"', 'version = "newest"', 1)
    lock, reading = read(broken)
    assert reading.findings[-1] == Finding(
        code="S810", message="1 pin of the lock has no readable name, version, file or hash", places=(Place(file=FILE),)
    )
    lost = {("package", first.name)} | {("tool", tool.name) for tool in LOCK.tools}
    assert {key for key in pins_of(LOCK) if key not in pins_of(lock)} <= lost
    assert len(pins_of(lock)) == len(pins_of(LOCK)) - 1


def test_a_root_that_is_no_requirement_is_left_out() -> None:
    lock, reading = read(TEXT.replace('requirement = "torch==2.5.1"', 'requirement = "| @me"'))
    assert [finding.code for finding in reading.findings] == ["S408", "S407"]
    assert [root.requirement for root in lock.roots] == [
        root.requirement for root in LOCK.roots if root.requirement != "torch==2.5.1"
    ]


def test_a_text_without_any_pin_cannot_be_compared() -> None:
    reading = read_lock("format = 1\n", file=FILE)
    assert reading.lock is None
    assert reading.findings != ()
    assert read_lock("]]]]", file=FILE).lock is None


def test_of_a_project_that_stands_twice_the_last_counts() -> None:
    first = LOCK.packages[0]
    twice = replace(LOCK, packages=(first, *LOCK.packages))
    lock, reading = read(encode(twice).replace(f'version = "{first.version}"', 'version = "99"', 1))
    assert "S408" in codes(reading)
    assert lock.by_name[first.name].version == first.version
