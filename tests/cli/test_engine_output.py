"""`--engine` and `--cross-check` as a user meets them: what is printed, and what of a switch of engines stands in the files."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackc.lock.stored import load_lock
from support.cli import TOOLS, Desk, Outcome, index_of, manifest, tree
from support.index_server import IndexServer, serving
from support.universe import Release


def release(version: str, *requires: str) -> Release:
    return Release(version=version, requires=requires)


UNIVERSE = {
    **TOOLS,
    "eel": (release("2.0"), release("2.1", "hen~=2.0")),
    "hen": (release("2.0"), release("3.0", "other")),
    "other": (release("1.0"),),
    "app": (release("1.0", "middle"),),
    "middle": (release("1.0", "base<2"),),
    "base": (release("1.0"), release("2.0")),
}
SAME = "gpu: {engine} VERSION finds the same 2 versions, proved too\n"
CLASH = (
    "error[S301]: no versions satisfy target `gpu`\n"
    " --> stack.toml:12: components.app\n"
    ' --> stack.toml:16: components.base.version = ">=2"\n'
    "app 1.0 requires middle; middle 1.0 requires base<2\n\n"
    "hint: this makes it solvable\n"
    '      base  ">=2" → "<2"  gives base 1.0\n'
)


@pytest.fixture(scope="module")
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as running:
        yield running


def components(**versions: str) -> str:
    return "".join(f'[components.{name}]\nversion = "{version}"\n\n' for name, version in versions.items())


def engine_of(desk: Desk) -> str:
    lock = load_lock(desk.project / "locks" / "gpu", "gpu")
    assert lock is not None
    return lock.engine.name


def but_the_engine(desk: Desk) -> dict[str, str]:
    """Return the generated files without the lines that name the engine, or digest a file in which it is named."""
    named = re.compile(r'^(name = "(uv|pip-tools)"|version = "\d+\.\d+\.\d+"|digest = .*)\n', re.MULTILINE)
    return {name: named.sub("", content.decode()) for name, content in tree(desk.project / "locks").items()}


def test_pip_tools_compiles_check_passes_and_the_lock_names_it(server: IndexServer, tmp_path: Path) -> None:
    desk, since = Desk(tmp_path), len(server.requests)
    desk.write(manifest(server, components(eel=">=2", hen=">=2")))
    assert desk.run("compile", "--engine", "pip-tools") == Outcome(
        0,
        "gpu: resolved by pip-tools VERSION, and proved (2 packages, 0.0 s)\n\n"
        "component  version  index  step              change\n"
        "eel        2.1      pypi   requirements.txt\n"
        "hen        2.0      pypi   requirements.txt\n\n"
        "wrote locks/gpu/\n",
        "",
    )
    assert (engine_of(desk), desk.run("check").status, desk.leftovers()) == ("pip-tools", 0, [])
    assert [request.path for request in server.requests[since:] if request.path.endswith(".whl")] == []


def test_switching_engines_alone_moves_nothing_and_asks_nobody(server: IndexServer, tmp_path: Path) -> None:
    """The locked versions still fit, so no engine is asked, and the lock goes on to name the one that found them."""
    desk = Desk(tmp_path)
    desk.write(manifest(server, components(hen=">=2", eel=">=2")))
    assert desk.run("compile").status == 0
    before, asked = tree(desk.project), len(server.requests)

    told = desk.run("compile", "--engine", "pip-tools")

    assert told == Outcome(0, "gpu: nothing to do, its lock is that of stack.toml (3 packages, 0.0 s)\n", "")
    assert (tree(desk.project), len(server.requests), engine_of(desk)) == (before, asked, "uv")


@pytest.mark.parametrize(("first", "second"), [("uv", "pip-tools"), ("pip-tools", "uv")])
def test_an_edit_under_another_engine_moves_what_it_forces_and_no_more(
    server: IndexServer, tmp_path: Path, first: str, second: str
) -> None:
    """Of `eel` and `hen` each engine would choose another pair by itself; with the other's pins there, those stay."""
    desk = Desk(tmp_path)
    desk.write(manifest(server, components(hen=">=2", eel=">=2")))
    assert desk.run("compile", "--engine", first).status == 0
    before = load_lock(desk.project / "locks" / "gpu", "gpu")
    desk.write(manifest(server, components(hen=">=2", eel=">=2", app=">=1")))
    assert desk.run("compile", "--engine", second).status == 0
    after = load_lock(desk.project / "locks" / "gpu", "gpu")

    assert before is not None
    assert after is not None
    assert after.engine.name == second
    assert {name: after.by_name[name].version for name in before.by_name} == {
        name: package.version for name, package in before.by_name.items()
    }
    assert sorted(after.by_name.keys() - before.by_name.keys()) == ["app", "base", "middle"]


def test_where_the_engines_agree_they_differ_in_their_own_name_alone(server: IndexServer, tmp_path: Path) -> None:
    desks = {engine: Desk(tmp_path / engine) for engine in ("uv", "pip-tools")}
    for engine, desk in desks.items():
        desk.write(manifest(server, components(eel=">=2", hen=">=2")))
        assert desk.run("compile", "--engine", engine).status == 0
    assert but_the_engine(desks["uv"]) == but_the_engine(desks["pip-tools"])


@pytest.mark.parametrize("engine", ["uv", "pip-tools"])
def test_a_conflict_is_told_the_same_way_whichever_engine_finds_it(server: IndexServer, tmp_path: Path, engine: str) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, components(app=">=1", base=">=2")))
    assert desk.fail("compile", "--engine", engine) == Outcome(3, "", CLASH)


@pytest.mark.parametrize(("engine", "other"), [("uv", "pip-tools"), ("pip-tools", "uv")])
def test_a_cross_check_says_in_one_line_that_the_engines_agree(
    server: IndexServer, tmp_path: Path, engine: str, other: str
) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, components(eel=">=2", hen=">=2")))
    first = desk.run("compile", "--engine", engine, "--cross-check")
    written = tree(desk.project)
    again = desk.run("compile", "--engine", engine, "--cross-check")

    assert (first.status, first.stderr, first.stdout.splitlines(keepends=True)[-1]) == (0, "", SAME.format(engine=other))
    nothing = "gpu: nothing to do, its lock is that of stack.toml (2 packages, 0.0 s)\n"
    assert again == Outcome(0, nothing + SAME.format(engine=other), "")
    assert (tree(desk.project), engine_of(desk)) == (written, engine)


def test_a_cross_check_tells_where_the_engines_differ_and_why(server: IndexServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, components(hen=">=1", eel=">=1")))
    told = desk.run("compile", "--cross-check")
    assert (told.status, told.stderr) == (0, "")
    assert told.stdout.partition("wrote locks/gpu/\n")[2] == (
        "gpu: pip-tools VERSION finds another solution, proved too: 3 of 3 versions differ\n\n"
        "project  uv   pip-tools  newer      why\n"
        "eel      2.0  2.1        pip-tools  eel 2.1 requires hen~=2.0, and uv chose 3.0\n"
        "hen      3.0  2.0        uv         pip-tools chose eel 2.1, which requires hen~=2.0\n"
        "other    1.0  -          -          hen 3.0 of uv requires it\n"
    )
    assert engine_of(desk) == "uv"


def test_a_cross_check_of_a_conflict_asks_whether_the_other_engine_finds_a_way(server: IndexServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, components(app=">=1", base=">=2")))
    assert desk.fail("compile", "--cross-check") == Outcome(
        3, "", f"gpu: pip-tools VERSION finds no solution either\n\n{CLASH}"
    )


def test_a_dry_run_is_cross_checked_too_and_writes_nothing(server: IndexServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, components(eel=">=2", hen=">=2")))
    told = desk.run("compile", "--dry-run", "--cross-check", "--exit-code")
    assert (told.status, told.stderr, told.stdout.splitlines(keepends=True)[-1]) == (1, "", SAME.format(engine="pip-tools"))
    assert list(tree(desk.project)) == ["stack.toml"]


def test_the_users_configuration_of_pip_changes_nothing(server: IndexServer, tmp_path: Path) -> None:
    """stackc itself asks pip where PyPI is, and that alone."""
    plain, hostile = Desk(tmp_path / "plain"), Desk(tmp_path / "hostile")
    for desk in (plain, hostile):
        desk.write(manifest(server, components(eel=">=2", hen=">=2")))
    home = Path(hostile.environment["HOME"])
    (home / ".config" / "pip").mkdir(parents=True)
    (home / ".config" / "pip" / "pip.conf").write_text("[global]\nno-index = true\nconstraint = /evil\n", encoding="utf-8")
    (home / ".netrc").write_text("default login me password secret\n", encoding="utf-8")
    words = ("compile", "--engine", "pip-tools")
    outcomes = [
        plain.run(*words),
        hostile.run(
            *words,
            PIP_NO_INDEX="1",
            PIP_CONSTRAINT="/evil",
            PIP_REQUIRE_HASHES="1",
            PIP_INDEX_URL="http://evil.invalid",
        ),
    ]
    assert (outcomes[0].status, outcomes[1]) == (0, outcomes[0])
    assert tree(hostile.project) == tree(plain.project)


def test_a_missing_pip_tools_is_told_and_ends_with_4(server: IndexServer, tmp_path: Path) -> None:
    """The same modules that stackc runs with, pip-tools left out."""
    without = tmp_path / "site"
    without.mkdir()
    site = next(Path(folder) for folder in sys.path if Path(folder, "msgspec").is_dir())
    for entry in site.iterdir():
        if not entry.name.startswith(("piptools", "pip_tools", "__editable__")) and entry.suffix != ".pth":
            (without / entry.name).symlink_to(entry)
    source = next(folder for folder in sys.path if Path(folder, "stackc", "engine").is_dir())
    desk = Desk(tmp_path / "desk")
    desk.write(manifest(server, components(eel=">=2")))
    path = os.pathsep.join((str(without), source))
    launcher = (sys.executable, "-S", "-m", "stackc")
    expected = (
        "error[S390]: engine `pip-tools` is not installed\n\n"
        "hint: `pip install pip-tools` into the environment that stackc runs in\n"
    )
    told = desk.fail("compile", "--engine", "pip-tools", launcher=launcher, PYTHONPATH=path)
    shutil.rmtree(without)
    assert told == Outcome(4, "", expected)


def test_an_interrupt_while_the_other_engine_is_asked_says_that_the_locks_are_written(
    tmp_path: Path, server: IndexServer
) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, components(eel=">=2.0", hen=">=2.0")))
    process = desk.start("compile", "--cross-check")
    assert process.stdout is not None
    process.stdout.readline()  # what came of the first engine is told when it is written

    process.send_signal(signal.SIGINT)

    _, told = process.communicate()
    assert (process.returncode, told.decode()) == (130, "\ninterrupted: all locks are written\n")
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\n", "")
    assert desk.leftovers() == []
