from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from stackc.errors import Finding, LockError, Place
from stackc.lock.codec import decode, encode
from stackc.lock.head import seal
from stackc.lock.model import Lock, LockedFile
from unit.lock.lock_samples import AGAIN, FILE, LOCK, NUMPY, UVICORN, with_package

TEXT = encode(LOCK)


def findings_of(text: str) -> tuple[Finding, ...]:
    with pytest.raises(LockError) as raised:
        decode(text, file=FILE)
    return raised.value.findings


def edited(old: str, new: str) -> str:
    """Return the sample's text with one edit and a digest that fits, as a forger would write it."""
    assert TEXT.count(old) >= 1
    return seal(re.sub(r'^digest = "[^"]*"\n', "", TEXT, flags=re.MULTILINE).replace(old, new, 1))


def place(line: int, *path: str | int) -> Place:
    return Place(file=FILE, line=line, path=path)


def line_of(text: str, wanted: str) -> int:
    return text.split("\n").index(wanted) + 1


def test_a_lock_is_written_to_be_reviewed() -> None:
    expected = Path(__file__).with_name("lock_sample.toml").read_text(encoding="utf-8")
    assert expected == TEXT


def test_a_lock_reads_back_as_it_was() -> None:
    assert decode(TEXT, file=FILE) == LOCK


def test_no_line_of_a_lock_is_an_address() -> None:
    assert "://" not in TEXT


def test_packages_tools_and_routes_are_written_sorted() -> None:
    shuffled = replace(
        LOCK, packages=LOCK.packages[::-1], routes=LOCK.routes[::-1], tools=LOCK.tools[::-1], sdists=LOCK.sdists[::-1]
    )
    assert encode(shuffled) == TEXT


def test_roots_keep_their_order() -> None:
    turned = replace(LOCK, roots=LOCK.roots[::-1])
    assert decode(encode(turned), file=FILE).roots == LOCK.roots[::-1]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ('a"b\\c', r'"a\"b\\c"'),
        ("a\nb\r\t\b\f", r'"a\nb\r\t\b\f"'),
        ("\x00\x1b[31m\x7f\x9b", r'"\u0000\u001B[31m\u007F\u009B"'),
        ("\u202egpu\U0001f600é", r'"\u202Egpu\U0001F600\u00E9"'),
        ("[]^ !~#", '"[]^ !~#"'),
    ],
)
def test_strings_are_escaped_so_that_none_deceives(value: str, written: str) -> None:
    lock = replace(LOCK, engine=replace(LOCK.engine, name=value))
    text = encode(lock)
    assert f"name = {written}\n" in text
    assert decode(text, file=FILE) == lock


def test_a_moment_of_another_zone_is_written_in_utc() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    moment = dt.datetime(2026, 11, 20, 2, 0, tzinfo=zone)
    assert encode(replace(LOCK, exclude_newer=moment)) == TEXT


def test_a_file_without_size_and_moment_says_neither() -> None:
    lock = with_package(LOCK, replace(NUMPY, file=LockedFile(name=NUMPY.file.name, sha256=NUMPY.file.sha256)))
    text = encode(lock)
    assert "size" not in text
    assert "uploaded" not in text
    assert decode(text, file=FILE) == lock


def test_text_that_is_not_toml_is_one_finding_with_its_line() -> None:
    text = TEXT.replace("[engine]\n", "<<<<<<< HEAD\n[engine]\n")
    line = line_of(text, "<<<<<<< HEAD")
    assert findings_of(text) == (
        Finding(
            code="S401",
            message="the lock is not TOML",
            places=(Place(file=FILE, line=line),),
            notes=(f"Invalid statement (at line {line}, column 1)",),
            hint=AGAIN,
        ),
    )


def test_text_nested_without_end_is_not_toml() -> None:
    (finding,) = findings_of("a = " + "[" * 100_000)
    assert (finding.code, finding.message) == ("S401", "the lock is not TOML")


@pytest.mark.parametrize("written", ["", 'format = "1"\n', "format = true\n", "format = 0\n"])
def test_a_lock_without_a_usable_format_is_not_read_further(written: str) -> None:
    assert findings_of(TEXT.replace("format = 1\n", written)) == (
        Finding(
            code="S402",
            message="the lock does not say its format",
            places=(Place(file=FILE, path=("format",)),),
            hint=AGAIN,
        ),
    )


def test_a_newer_format_says_that_stackc_is_too_old_and_nothing_else() -> None:
    assert findings_of('format = 2\nunheard-of = "yes"\n') == (
        Finding(
            code="S403",
            message="the lock was written by a newer stackc",
            places=(Place(file=FILE, path=("format",)),),
            wanted="format 1, which stackc 0.1.0 reads",
            found="format 2",
            hint="upgrade stackc; or remove this file, and run `stackc compile` to lock anew in the older format",
        ),
    )


def test_an_edit_by_hand_shows() -> None:
    text = TEXT.replace('version = "1.26.4"', 'version = "1.26.3"')
    written = re.search(r"sha256:[0-9a-f]{64}", TEXT)
    assert written is not None
    (finding,) = findings_of(text)
    assert finding == Finding(
        code="S408",
        message="the lock was edited by hand",
        places=(place(3, "digest"),),
        wanted=finding.wanted,
        found=written[0],
        hint="undo the edit, or put it into stack.toml, and run `stackc compile`",
    )
    assert finding.wanted is not None
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", finding.wanted)


def test_a_lock_without_its_digest_is_not_read() -> None:
    text = re.sub(r'^digest = "[^"]*"\n', "", TEXT, flags=re.MULTILINE)
    assert findings_of(text) == (
        Finding(
            code="S405",
            message="`digest` is missing",
            places=(Place(file=FILE, path=("digest",)),),
            wanted="a string",
            hint=AGAIN,
        ),
    )


def test_an_unknown_key_is_found_by_line_and_path() -> None:
    text = edited('version = "1.26.4"\n', 'version = "1.26.4"\nurl = "file"\n')
    line = line_of(text, 'url = "file"')
    assert findings_of(text) == (
        Finding(code="S404", message="the key `url` is unknown", places=(place(line, "package", "numpy", "url"),), hint=AGAIN),
    )


def test_a_missing_key_is_found_at_its_table() -> None:
    text = edited('version = "1.26.4"\n', "")
    line = line_of(text, 'name = "numpy"') - 1
    assert findings_of(text) == (
        Finding(
            code="S405",
            message="`version` is missing",
            places=(place(line, "package", "numpy", "version"),),
            wanted="a string",
            hint=AGAIN,
        ),
    )


def test_a_wrong_type_is_found() -> None:
    text = edited("size = 18232920", 'size = "18232920"')
    line = line_of(text, 'size = "18232920"')
    assert findings_of(text) == (
        Finding(
            code="S406",
            message="`size` has the wrong type",
            places=(place(line, "package", "numpy", "size"),),
            wanted="an integer",
            found="a string",
            hint=AGAIN,
        ),
    )


def test_a_boolean_is_no_integer() -> None:
    (finding,) = findings_of(edited("size = 18232920", "size = true"))
    assert (finding.code, finding.wanted, finding.found) == ("S406", "an integer", "a boolean")


def test_an_item_of_the_wrong_type_is_found_by_its_line() -> None:
    text = edited('    "numpy<1.29.0,>=1.22.4",', "    7,")
    assert findings_of(text) == (
        Finding(
            code="S406",
            message="an item of `requires` has the wrong type",
            places=(place(line_of(text, "requires = ["), "package", "scipy", "requires", 0),),
            wanted="a string",
            found="an integer",
            hint=AGAIN,
        ),
    )


def test_a_table_where_an_array_belongs_is_found() -> None:
    (finding,) = findings_of(edited("[[tool]]", "[tool]"))
    assert (finding.code, finding.message, finding.found) == ("S406", "`tool` has the wrong type", "a table")


def test_a_moment_without_a_zone_is_found() -> None:
    text = edited("exclude-newer = 2026-11-20T00:00:00Z", "exclude-newer = 2026-11-20T00:00:00")
    assert findings_of(text) == (
        Finding(
            code="S406",
            message="`exclude-newer` has no time zone",
            places=(place(line_of(text, "exclude-newer = 2026-11-20T00:00:00"), "plan", "exclude-newer"),),
            wanted="a moment in UTC, such as 2026-11-20T00:00:00Z",
            hint=AGAIN,
        ),
    )


@pytest.mark.parametrize("sha256", ["A" * 64, "a" * 63, "g" * 64, f"sha256:{'a' * 64}", "", f"{'a' * 64}\\n"])
def test_a_foreign_hash_form_is_found(sha256: str) -> None:
    text = edited('sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"', f'sha256 = "{sha256}"')
    assert findings_of(text) == (
        Finding(
            code="S407",
            message="`sha256` has the wrong form",
            places=(place(line_of(text, f'sha256 = "{sha256}"'), "package", "numpy", "sha256"),),
            wanted="64 lower-case hexadecimal digits",
            found=sha256.replace("\\n", "\n"),
            hint=AGAIN,
        ),
    )


def test_a_foreign_form_of_an_input_digest_is_found() -> None:
    text = edited(f'manifest = "sha256:{"1" * 64}"', f'manifest = "md5:{"1" * 32}"')
    assert findings_of(text) == (
        Finding(
            code="S407",
            message="`manifest` has the wrong form",
            places=(place(line_of(text, f'manifest = "md5:{"1" * 32}"'), "inputs", "manifest"),),
            wanted="sha256: and 64 lower-case hexadecimal digits",
            found=f"md5:{'1' * 32}",
            hint=AGAIN,
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('version = "1.26.4"', 'version = "new"', "`version` is not a version"),
        ('extras = ["standard"]', 'extras = ["Standard"]', "an item of `extras` is not a normalized name"),
        ("step = 1", "step = -1", "`step` is too small"),
        ("order = 1", "order = 0", "`order` is too small"),
        ('requirement = "uvicorn[standard]"', 'requirement = "uvicorn["', "`requirement` is not a requirement"),
        ('name = "uvicorn"', 'name = "Uvicorn"', "`name` is not a normalized project name"),
        ('name = "click"', 'name = ""', "`name` is not a normalized project name"),
    ],
)
def test_a_value_of_the_wrong_form_is_found(old: str, new: str, message: str) -> None:
    assert ("S407", message) in [(finding.code, finding.message) for finding in findings_of(edited(old, new))]


@pytest.mark.parametrize(
    "filename", ["numpy.whl", "numpy-1.26.4.exe", "../numpy-1.26.4-py3-none-any.whl", "numpy-1.26.4-py3-none-any.whl\\n", ""]
)
def test_a_bad_file_name_is_found(filename: str) -> None:
    text = edited(f'file = "{NUMPY.file.name}"', f'file = "{filename}"')
    assert findings_of(text) == (
        Finding(
            code="S410",
            message="`file` is not the name of a wheel or an sdist",
            places=(place(line_of(text, f'file = "{filename}"'), "package", "numpy", "file"),),
            found=filename.replace("\\n", "\n"),
            hint=AGAIN,
        ),
    )


def package_block(text: str, project: str) -> str:
    found = re.search(rf'\[\[package\]\]\nname = "{project}"\n.*?(?=\n\[\[|\Z)', text, flags=re.DOTALL)
    assert found is not None
    return found[0]


def test_an_unsorted_package_is_found() -> None:
    text = seal(
        re.sub(r'^digest = "[^"]*"\n', "", TEXT, flags=re.MULTILINE) + "\n" + package_block(TEXT, "click").strip() + "\n"
    )
    line = len(text.split("\n")) - text.split("\n")[::-1].index("[[package]]")
    assert findings_of(text) == (
        Finding(
            code="S409",
            message="`package` is not sorted: `click` stands below `uvicorn`",
            places=(place(line, "package", 6),),
            hint=AGAIN,
        ),
    )


def test_a_package_that_stands_twice_is_found() -> None:
    block = package_block(TEXT, "click")
    text = edited(block, f"{block}\n{block}")
    (finding,) = findings_of(text)
    assert (finding.code, finding.message) == ("S409", "`package` is not sorted: `click` stands twice")


def test_unsorted_requirements_are_found() -> None:
    text = edited('    "numpy<1.29.0,>=1.22.4",\n', '    "numpy<1.29.0,>=1.22.4",\n    "aaa",\n')
    assert findings_of(text) == (
        Finding(
            code="S409",
            message="`requires` is not sorted: `aaa` stands below `numpy<1.29.0,>=1.22.4`",
            places=(place(line_of(text, '    "aaa",'), "package", "scipy", "requires", 1),),
            hint=AGAIN,
        ),
    )


def test_all_problems_of_a_lock_are_reported_together() -> None:
    text = TEXT.replace("size = 18232920", "size = -1").replace("order = 2", 'order = "2"').replace("[engine]", "[enigne]")
    assert [(finding.code, finding.message) for finding in findings_of(text)] == [
        ("S408", "the lock was edited by hand"),
        ("S404", "the key `enigne` is unknown"),
        ("S405", "`name` is missing"),
        ("S405", "`version` is missing"),
        ("S406", "`order` has the wrong type"),
        ("S407", "`size` is too small"),
    ]


def empty_lock() -> Lock:
    return replace(LOCK, packages=(), tools=(), roots=(), routes=(), exclude_newer=None)


def test_a_lock_of_nothing_reads_back() -> None:
    assert decode(encode(empty_lock()), file=FILE) == empty_lock()


def test_sdists_and_extras_read_back() -> None:
    lock = with_package(replace(LOCK, sdists=(UVICORN.name,)), replace(UVICORN, extras=(UVICORN.name, NUMPY.name)[::-1]))
    assert decode(encode(lock), file=FILE) == lock


def with_yanked(yanked: bool | str) -> Lock:
    return with_package(LOCK, replace(NUMPY, file=replace(NUMPY.file, yanked=yanked)))


@pytest.mark.parametrize(
    ("yanked", "line"), [(True, "yanked = true"), ('it breaks "x"', 'yanked = "it breaks \\"x\\""')], ids=["bare", "reason"]
)
def test_a_yanked_file_says_so_with_its_reason_and_any_other_says_nothing(yanked: bool | str, line: str) -> None:
    lock = with_yanked(yanked)
    text = encode(lock)
    assert [found for found in text.splitlines() if "yanked" in found] == [line]
    assert decode(text, file=FILE) == lock
    assert "yanked" not in TEXT


@pytest.mark.parametrize("value", ["false", '""', '" "', '"a\\nb"', "1", "[]"])
def test_a_yanked_file_whose_reason_is_none_is_told(value: str) -> None:
    text = re.sub(r'^digest = "[^"]*"\n', "", encode(with_yanked(True)), flags=re.MULTILINE)
    (finding,) = findings_of(seal(text.replace("yanked = true", f"yanked = {value}")))
    assert (finding.code, finding.places[0].path, finding.wanted) == (
        "S407",
        ("package", "numpy", "yanked"),
        "a reason, or true",
    )
