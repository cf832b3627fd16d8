from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

import stackc
from stackc.lock.codec import encode
from stackc.lock.head import Head, read_head
from unit.lock.lock_samples import LOCK

TEXT = encode(LOCK)


def head(*, intact: bool) -> Head:
    inputs = LOCK.inputs
    return Head(
        format=1,
        stackc="0.1.0",
        manifest=inputs.manifest,
        matrix=inputs.matrix,
        templates=inputs.templates,
        outputs=inputs.outputs,
        intact=intact,
    )


def test_the_head_of_a_written_lock_is_read() -> None:
    assert read_head(TEXT) == head(intact=True)


@pytest.mark.parametrize(
    "text", [TEXT + "\n", TEXT.replace("step = 4", "step = 5"), TEXT.replace('digest = "sha256:', 'digest = "')]
)
def test_a_text_that_changed_is_not_intact(text: str) -> None:
    assert read_head(text) == head(intact=False)


def test_the_format_of_a_newer_lock_is_read() -> None:
    found = read_head(encode(replace(LOCK, format=2)))
    assert found is not None
    assert found.format == 2


@pytest.mark.parametrize("text", ["", "format = 1\n", TEXT[1:], TEXT.replace("[inputs]", "[input]"), "\ufeff" + TEXT])
def test_a_text_that_stackc_did_not_write_has_no_head(text: str) -> None:
    assert read_head(text) is None


def test_heads_compare_by_value() -> None:
    assert head(intact=True) == head(intact=True)
    assert hash(head(intact=True)) == hash(head(intact=True))
    assert head(intact=True) != head(intact=False)
    assert head(intact=True) != "head"


def test_reading_a_head_imports_nothing_heavy() -> None:
    source = Path(stackc.__file__).parent.parent
    program = (
        f"import sys, hashlib, re; sys.path.insert(0, {str(source)!r}); before = set(sys.modules)\n"
        "import stackc.lock.head\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["__future__", "stackc", "stackc.lock", "stackc.lock.head"]
