"""All that compile, check and export print when things go well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from support.cli import UNIVERSE, Desk, Outcome, index_of, manifest, tree
from support.index_server import IndexServer, serving
from support.universe import Release

TWO = '[components.base]\nversion = "<2"\norder = 1\n\n[components.app]\nversion = ">=0"\n'
NOTHING = Outcome(0, "gpu: nothing to do, its lock is that of stack.toml\n", "")
FIRST = """\
gpu: resolved by uv VERSION, and proved (2 packages, 0.0 s)

component  version  index  step              change
base       1.1      pypi   1
app        0.1      pypi   requirements.txt

wrote locks/gpu/
"""
RENDERED = """\
gpu: the locked versions still prove; no index was asked (2 packages, 0.0 s)

component  version  index  step              change
base       1.1      pypi   1
app        0.1      pypi   requirements.txt

changed against the previous lock: no version
"""
UPGRADED = """\
gpu: resolved by uv VERSION, and proved (2 packages, 0.0 s)

component  version  index  step              change
base       2.0      pypi   1                 was 1.1
app        0.1      pypi   requirements.txt

changed against the previous lock: 1 version
  base 1.1 -> 2.0
"""
FILES = [
    "locks/docker-bake.hcl",
    "locks/gpu/Dockerfile",
    "locks/gpu/STACK.md",
    "locks/gpu/constraints.txt",
    "locks/gpu/lock.toml",
    "locks/gpu/requirements.txt",
    "locks/gpu/steps/00-tools.txt",
    "locks/gpu/steps/01-base.txt",
    "locks/gpu/verify.py",
    "stack.toml",
]


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: IndexServer) -> Desk:
    """A project that was compiled once."""
    desk = Desk(tmp_path)
    desk.write(manifest(server, TWO))
    assert desk.run("compile") == Outcome(0, FIRST, "")
    return desk


def test_the_first_compile_writes_the_whole_set(desk: Desk) -> None:
    assert (list(tree(desk.project)), desk.leftovers()) == (FILES, [])


def test_a_second_compile_has_nothing_to_do_and_asks_no_index(desk: Desk, server: IndexServer) -> None:
    before, asked = tree(desk.project), len(server.requests)
    assert desk.run("compile") == NOTHING
    assert desk.run("compile", "gpu") == NOTHING
    assert desk.run("compile", "--offline", "-f", "stack.toml").stdout.startswith("gpu: nothing to do")
    assert (tree(desk.project), len(server.requests)) == (before, asked)


def test_a_comment_in_the_manifest_changes_nothing(desk: Desk, server: IndexServer) -> None:
    before = tree(desk.project / "locks")
    desk.write(f"# a comment\n{manifest(server, TWO)}")
    assert desk.run("compile") == NOTHING
    assert tree(desk.project / "locks") == before


def test_a_widened_range_moves_no_version_and_asks_no_index(desk: Desk, server: IndexServer) -> None:
    desk.write(manifest(server, TWO.replace("<2", "<3")))
    before, asked = tree(desk.project), len(server.requests)
    told = "dry run: locks/gpu/ would change\n  Dockerfile\n  STACK.md\n  lock.toml\n  verify.py\n"
    assert desk.run("compile", "--dry-run") == Outcome(0, f"{RENDERED}{told}", "")
    assert tree(desk.project) == before
    assert desk.run("compile") == Outcome(0, f"{RENDERED}wrote locks/gpu/\n", "")
    assert len(server.requests) == asked
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\n", "")


def test_upgrade_forgets_the_old_pins(desk: Desk, server: IndexServer) -> None:
    desk.write(manifest(server, TWO.replace("<2", "<3")))
    before = tree(desk.project)
    files = ["Dockerfile", "STACK.md", "constraints.txt", "lock.toml", "requirements.txt", "steps/01-base.txt", "verify.py"]
    told = "".join(f"  {file}\n" for file in files)
    assert desk.run("compile", "--upgrade", "--dry-run") == Outcome(
        0, f"{UPGRADED}dry run: locks/gpu/ would change\n{told}", ""
    )
    assert tree(desk.project) == before
    assert desk.run("compile", "--upgrade") == Outcome(0, f"{UPGRADED}wrote locks/gpu/\n", "")


def test_a_narrowed_range_and_a_new_component_tell_what_moved(desk: Desk, server: IndexServer) -> None:
    third = '\n[components.setuptools]\nversion = ">=0"\n'
    desk.write(manifest(server, TWO.replace("<2", "<1.1") + third))
    assert desk.run("compile") == Outcome(
        0,
        dedent(
            """\
            gpu: resolved by uv VERSION, and proved (3 packages, 0.0 s)

            component   version  index  step              change
            base        1.0      pypi   1                 was 1.1
            app         0.1      pypi   requirements.txt
            setuptools  80.9.0   pypi   requirements.txt  new

            changed against the previous lock: 2 versions
              base 1.1 -> 1.0
              setuptools 80.9.0 added
            wrote locks/gpu/
            """
        ),
        "",
    )


def test_a_dropped_component_stays_while_another_needs_it(desk: Desk, server: IndexServer) -> None:
    desk.write(manifest(server, '[components.app]\nversion = ">=0"\n'))
    assert desk.run("compile") == Outcome(
        0,
        dedent(
            """\
            gpu: the locked versions still prove; no index was asked (2 packages, 0.0 s)

            component  version  index  step              change
            app        0.1      pypi   requirements.txt

            and 1 package that these need; see locks/gpu/STACK.md
            changed against the previous lock: no version
            wrote locks/gpu/
            """
        ),
        "",
    )
    assert list(tree(desk.project)) == [name for name in FILES if name != "locks/gpu/steps/01-base.txt"]


def test_several_targets_are_compiled_one_after_the_other_or_by_name(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    other = '\n[targets.arm]\npython = "3.13"\nplatform = "linux/arm64"\nbase = "python:3.13-slim-bookworm"\n'
    default = manifest(server, TWO).replace('name = "small"', 'name = "small"\ndefault-target = "gpu"')
    desk.write(default + other)
    arm = FIRST.replace("gpu", "arm")
    assert desk.run("compile", "arm") == Outcome(0, arm, "")
    assert sorted(path.name for path in (desk.project / "locks").iterdir()) == ["arm", "docker-bake.hcl"]
    assert desk.run("compile", "gpu", "arm").stdout.startswith("gpu: resolved by uv")
    assert desk.run("compile") == Outcome(0, f"{NOTHING.stdout}{NOTHING.stdout.replace('gpu', 'arm')}", "")
    assert desk.run("check", "arm", "gpu") == Outcome(0, "arm: proved, nothing drifted\ngpu: proved, nothing drifted\n", "")


def test_another_folder_and_another_name_of_the_manifest_make_no_difference(desk: Desk, tmp_path: Path) -> None:
    elsewhere = Desk(tmp_path / "elsewhere")
    assert elsewhere.run("check", "--file", str(desk.project / "stack.toml")) == Outcome(
        0, "gpu: proved, nothing drifted\n", ""
    )


def test_offline_a_warm_cache_is_enough_and_gives_the_same_bytes(desk: Desk, server: IndexServer) -> None:
    before, asked = tree(desk.project), len(server.requests)
    assert desk.run("compile", "--upgrade", "--offline").status == 0
    assert (tree(desk.project), len(server.requests)) == (before, asked)


def test_offline_without_a_cache_tells_what_is_missing(desk: Desk, tmp_path: Path) -> None:
    before = tree(desk.project)
    told = desk.run("compile", "--upgrade", "--offline", STACKC_CACHE=str(tmp_path / "another-cache"))
    missing = "the page of `{}` on index `pypi` is not in the cache, and --offline was given"
    (first, *likewise), hint = (block.splitlines() for block in told.stderr.split("\n\n"))
    lines = {line.removeprefix("error[S312]: ").removeprefix("likewise: ") for line in (first, *likewise)}
    assert (told.status, told.stdout, hint) == (4, "", ["hint: compile once without --offline"])
    assert first.startswith("error[S312]: ")
    assert lines <= {missing.format(name) for name in UNIVERSE}
    assert (tree(desk.project), desk.leftovers()) == (before, [])


PYLOCK = """\
# Generated by `stackc export pylock` for target "gpu"; do not edit.
lock-version = "1.0"
environments = [
    "implementation_name == \\"cpython\\" and sys_platform == \\"linux\\" and platform_machine == \\"x86_64\\" \
and python_version == \\"3.11\\"",
]
requires-python = "==3.11.*"
created-by = "stackc"

[[packages]]
name = "app"
version = "0.1"
dependencies = [
    {{ name = "base" }},
]
wheels = [
    {{ name = "app-0.1-py3-none-any.whl", upload-time = 2024-01-01T00:00:00Z, \
url = "http://127.0.0.1:PORT/simple/files/app-0.1-py3-none-any.whl", hashes = {{ sha256 = "{app}" }} }},
]

[[packages]]
name = "base"
version = "1.1"
wheels = [
    {{ name = "base-1.1-py3-none-any.whl", upload-time = 2024-01-01T00:00:00Z, \
url = "http://127.0.0.1:PORT/simple/files/base-1.1-py3-none-any.whl", hashes = {{ sha256 = "{base}" }} }},
]
""".format(app=UNIVERSE["app"][0].digest("app"), base=UNIVERSE["base"][1].digest("base"))


def test_a_pylock_goes_to_standard_output_or_to_a_file(desk: Desk) -> None:
    assert desk.run("export", "pylock") == Outcome(0, PYLOCK, "")
    assert desk.run("export", "pylock", "gpu", "--offline", "-o", "out/pylock.toml") == Outcome(
        0, "wrote out/pylock.toml\n", ""
    )
    assert desk.told((desk.project / "out/pylock.toml").read_bytes()) == PYLOCK


def test_no_credential_of_the_manifest_reaches_a_lock_a_log_or_the_cache(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, TWO).replace("http://", "http://user:s3cr3t@"))
    told = [desk.run("compile"), desk.run("check"), desk.run("export", "pylock")]
    assert [(outcome.status, outcome.stderr) for outcome in told] == [(0, "")] * 3
    assert told[0].stdout == FIRST
    assert told[2].stdout == PYLOCK
    found = {**tree(desk.project / "locks"), **tree(tmp_path / "cache")}
    assert [name for name, content in found.items() if b"s3cr3t" in content] == []
    assert {request.headers.get("authorization") for request in server.requests} == {"Basic dXNlcjpzM2NyM3Q="}


@pytest.mark.parametrize("engine", ["uv", "pip-tools"])
def test_a_cache_folder_that_cannot_be_made_is_done_without(tmp_path: Path, server: IndexServer, engine: str) -> None:
    """As in a container whose user has no home."""
    with_one, without = Desk(tmp_path / "with"), Desk(tmp_path / "without")
    for desk in (with_one, without):
        desk.write(manifest(server, TWO))
    taken = without.write("a file where a folder would be", "../taken")

    told = with_one.run("compile", "--engine", engine)

    assert without.run("compile", "--engine", engine, STACKC_CACHE=str(taken / "cache")) == told
    assert (told.status, told.stderr) == (0, "")
    assert tree(without.project) == tree(with_one.project)


def test_a_torch_that_comes_along_with_others_is_told_until_a_component_names_it(tmp_path: Path) -> None:
    along = {**UNIVERSE, "torch": (Release(version="2.5.1"),), "app": (Release(version="0.1", requires=("torch",)),)}
    desk = Desk(tmp_path)
    with serving(index_of(along)) as server:
        desk.write(manifest(server, '[components.app]\nversion = ">=0"\n'))
        unasked = desk.run("compile")
        desk.write(manifest(server, '[components.app]\nversion = ">=0"\n\n[components.torch]\nversion = ">=2"\norder = 1\n'))
        asked = desk.run("compile")
    assert unasked.stderr == (
        "warning[S307]: `torch` 2.5.1 comes along from index pypi, and no component says which build is meant\n"
        " --> stack.toml:12: components.app\n"
        "needed: app -> torch\n\n"
        "hint: add `[components.torch]` with a version, the index of its builds, and an order: that keeps it out of "
        "requirements.txt too\n\n"
    )
    assert (unasked.status, asked.status, asked.stderr) == (0, 0, "")
