"""A release that its project took back (PEP 592): locked where stack.toml pins it, told wherever the lock is, and left else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stackc.history.lock_text import shown
from stackc.lock.head import seal
from support.cli import TOOLS, Desk, index_of, manifest
from support.index_server import IndexServer, serving
from support.universe import Release

REASON = "wrong answers\non CPUs with `AVX-512`, see @security \x1b[31m"
SAID = "wrong answers on CPUs with `AVX-512`, see @security [31m"
UNIVERSE = {
    **TOOLS,
    "base": (Release(version="1.0"), Release(version="1.1", yanked=REASON), Release(version="1.2", yanked=True)),
    "app": (Release(version="0.1", requires=("base>=1",)),),
}


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


def compiled(desk: Desk, server: IndexServer, version: str, *words: str) -> str:
    """Compile a stack with some version of `base`, and return what standard error says."""
    desk.write(manifest(server, f'[components.base]\nversion = "{version}"\n\n[components.app]\nversion = ">=0"\n'))
    outcome = desk.run("compile", *words)
    assert outcome.status == 0
    return outcome.stderr


def lock(desk: Desk) -> list[str]:
    return (desk.project / "locks/gpu/lock.toml").read_text(encoding="utf-8").splitlines()


WARNING = f"""\
warning[S814]: `base` 1.1 was yanked from its index, and stack.toml pins it all the same
the index's reason: {SAID}

hint: read why, and pin another release unless the reason does not concern you

"""


@pytest.mark.parametrize("engine", ["uv", "pip-tools"])
def test_one_that_is_pinned_is_locked_with_the_reason_and_any_other_is_not(
    tmp_path: Path, server: IndexServer, engine: str
) -> None:
    desk = Desk(tmp_path)
    assert compiled(desk, server, ">=1", "--engine", engine) == ""
    assert (any(line.startswith("yanked") for line in lock(desk)), 'version = "1.0"' in lock(desk)) == (False, True)
    assert compiled(desk, server, "==1.1", "--engine", engine) == WARNING
    assert f'yanked = "{SAID}"' in lock(desk)
    assert compiled(desk, server, "==1.2", "--engine", engine).startswith("warning[S814]: `base` 1.2 was yanked from its index")
    assert "yanked = true" in lock(desk)
    assert desk.run("check").stdout == "gpu: proved, nothing drifted\n"


def test_a_pin_that_is_loosened_leaves_it(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    compiled(desk, server, "==1.1")
    assert compiled(desk, server, ">=1", "--upgrade") == ""
    compiled(desk, server, "==1.1")
    assert compiled(desk, server, ">=1.0,<9") == ""
    assert 'version = "1.0"' in lock(desk)


def test_a_lock_of_one_that_nothing_pins_does_not_prove(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    compiled(desk, server, ">=1")
    edited = "".join(f"{line}\n" for line in lock(desk) if not line.startswith("digest = "))
    at = edited.index('name = "base"')
    desk.write(seal(edited[:at] + edited[at:].replace("\nwhy = [", "\nyanked = true\nwhy = [", 1)), "locks/gpu/lock.toml")
    outcome = desk.run("check")
    told = """\
error[S427]: the file of `base` was yanked, and stack.toml does not pin it exactly
 --> locks/gpu/lock.toml: package.base.yanked
 found: base 1.0, yanked

hint: run `stackc compile`, which locks another release; or pin this one by `==`

"""
    assert (outcome.status, outcome.stderr.startswith(told)) == (1, True)


def test_every_form_of_the_lock_tells_it(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    compiled(desk, server, "==1.1")
    summary = (desk.project / "locks/gpu/STACK.md").read_text(encoding="utf-8")
    (row,) = [line for line in summary.splitlines() if line.startswith("| yanked")]
    assert row == r"| yanked | base 1.1: wrong answers on CPUs with \`AVX-512\`, see @security \[31m |"
    assert f"  yanked  {SAID}\n" in desk.run("explain", "base").stdout
    assert f'tool = {{ stackc = {{ yanked = "{SAID}" }} }}' in desk.run("export", "pylock").stdout
    in_git = shown("".join(f"{line}\n" for line in lock(desk))).splitlines()
    assert [line for line in in_git if "yanked" in line] == [
        line for line in in_git if line.endswith(f"asked ==1.1, yanked: {SAID}")
    ]
    assert len([line for line in in_git if "yanked" in line]) == 1


def test_a_comparison_tells_what_comes_in_and_not_what_was_there(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    ends = {}
    for name, version in (("old", ">=1"), ("new", "==1.1")):
        compiled(desk, server, version)
        ends[name] = desk.write((desk.project / "locks/gpu/lock.toml").read_bytes(), f"{name}.toml")
    outcome = desk.run("diff", "./old.toml", "./new.toml")
    assert f"""\
warning[S814]: `base` was yanked from its index: 1.0 → 1.1, {SAID}
""" in outcome.stdout.replace("\n  ", " ")
    assert "yanked: wrong answers" in outcome.stdout.partition("upgraded")[2]
    back = desk.run("diff", "./new.toml", "./old.toml")
    assert (back.status, "S814" in back.stdout) == (0, False)
