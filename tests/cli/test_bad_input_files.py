"""What the command says when files and folders are not as it needs them: each text whole, and nothing written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import stackc
from support.cli import UNIVERSE, Desk, Outcome, index_of, manifest, tree
from support.index_server import IndexServer, serving

TWO = '[components.base]\nversion = "<2"\norder = 1\n\n[components.app]\nversion = ">=0"\n'
WITHOUT_ROOTS_PRIVILEGES = """
import ctypes, os, sys
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24
if os.geteuid() == 0:
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        if ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            sys.exit(os.strerror(ctypes.get_errno()))
os.execv(sys.executable, [sys.executable, "-m", "stackc", *sys.argv[1:]])
"""
"""Permissions do not bind root; what the bounding set lacks is gone after the next exec."""


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


def compiled(folder: Path, server: IndexServer) -> Desk:
    desk = Desk(folder)
    desk.write(manifest(server, TWO))
    assert desk.run("compile").status == 0
    return desk


def test_a_missing_uv_is_told(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, TWO))
    lonely = tmp_path / "bin" / "python"
    lonely.parent.mkdir()
    lonely.symlink_to(sys.executable)
    paths = os.pathsep.join(str(Path(str(module.__file__)).parents[1]) for module in (stackc, click))
    told = desk.fail("compile", launcher=(str(lonely), "-m", "stackc"), PATH=str(lonely.parent), PYTHONPATH=paths)
    assert told == Outcome(
        4,
        "",
        "error[S390]: engine `uv` is not installed\n\nhint: `pip install uv` into the environment that stackc runs in\n",
    )


def test_a_file_in_place_of_the_locks_folder_is_told(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, TWO))
    desk.write("mine\n", "locks")
    before = tree(desk.project)
    assert desk.run("compile") == Outcome(
        1,
        "",
        "error[S442]: `locks` cannot be written: a file stands where a folder belongs, or a folder where a file belongs\n"
        " --> locks\n"
        "the operating system says: File exists\n"
        "\n"
        "hint: move what stands at `locks` out of the way, then run the command again\n",
    )
    assert (tree(desk.project), desk.leftovers()) == (before, [])


@pytest.mark.parametrize("folder", ["locks", "locks/gpu"])
def test_a_read_only_locks_folder_is_told(tmp_path: Path, server: IndexServer, folder: str) -> None:
    desk = compiled(tmp_path, server)
    desk.write(manifest(server, TWO.replace("<2", "<1.1")))
    before = tree(desk.project)
    (desk.project / folder).chmod(0o555)
    told = desk.run("compile", launcher=(sys.executable, "-c", WITHOUT_ROOTS_PRIVILEGES))
    (desk.project / folder).chmod(0o755)
    assert told == Outcome(
        1,
        "",
        f"error[S441]: `{folder}` may not be written\n"
        f" --> {folder}\n"
        "the operating system says: Permission denied\n"
        "\n"
        f"hint: give this user the right to write `{folder}` and its parent folder, then run the command again\n",
    )
    assert (tree(desk.project), desk.leftovers()) == (before, [])


def test_a_hand_edited_file_is_told_with_the_edit_and_restored_by_compile(tmp_path: Path, server: IndexServer) -> None:
    desk = compiled(tmp_path, server)
    good = tree(desk.project)
    desk.write(good["locks/gpu/requirements.txt"].replace(b"app==0.1", b"torch==2.5.1\napp==0.1"), "locks/gpu/requirements.txt")
    line = 1 + good["locks/gpu/requirements.txt"].partition(b"app==0.1")[0].count(b"\n")
    assert desk.run("check") == Outcome(
        1,
        "gpu: 1 error\n",
        "error[S523]: `locks/gpu/requirements.txt` is not what the lock renders to\n"
        f" --> locks/gpu/requirements.txt:{line}\n"
        f"@@ -{line - 1},0 +{line} @@\n"
        "+torch==2.5.1\n"
        "\n"
        "hint: change stack.toml or a template instead, and run `stackc compile`; generated files are written over\n"
        "\n",
    )
    assert desk.run("compile").status == 0
    assert tree(desk.project) == good
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\n", "")


def test_an_edit_with_escapes_reaches_no_terminal_raw(tmp_path: Path, server: IndexServer) -> None:
    desk = compiled(tmp_path, server)
    path = desk.project / "locks/gpu/Dockerfile"
    path.write_bytes(path.read_bytes() + b"RUN echo \x1b[2J\xff\n")
    told = desk.run("check")
    assert told.status == 1
    assert "+RUN echo \\x1b[2J\N{REPLACEMENT CHARACTER}\n" in told.stderr


def test_missing_and_superfluous_files_are_told_and_put_right_by_compile(tmp_path: Path, server: IndexServer) -> None:
    desk = compiled(tmp_path, server)
    good = tree(desk.project)
    (desk.project / "locks/gpu/verify.py").unlink()
    desk.write("torch\n", "locks/gpu/steps/07-torch.txt")
    assert desk.run("check") == Outcome(
        1,
        "gpu: 2 errors\n",
        "error[S522]: `locks/gpu/verify.py` is missing\n"
        "\n"
        "hint: run `stackc compile`\n"
        "\n"
        "error[S524]: `locks/gpu/steps/07-torch.txt` belongs to no step of the lock\n"
        " --> locks/gpu/steps/07-torch.txt\n"
        "\n"
        "hint: run `stackc compile`\n"
        "\n",
    )
    assert desk.run("compile").status == 0
    assert tree(desk.project) == good


def test_a_hand_edited_lock_is_told_and_written_again_by_compile(tmp_path: Path, server: IndexServer) -> None:
    desk = compiled(tmp_path, server)
    good = tree(desk.project)
    edited = good["locks/gpu/lock.toml"].replace(b'version = "1.1"', b'version = "1.0"')
    desk.write(edited, "locks/gpu/lock.toml")
    told = desk.run("check")
    digest = good["locks/gpu/lock.toml"].decode().split('digest = "')[1].partition('"')[0]
    lines = told.stderr.splitlines()
    assert (told.status, told.stdout) == (1, "gpu: 1 error\n")
    assert [line for line in lines if not line.startswith("wanted:")] == [
        "error[S408]: the lock was edited by hand",
        " --> locks/gpu/lock.toml:3: digest",
        f" found: {digest}",
        "",
        "hint: undo the edit, or put it into stack.toml, and run `stackc compile`",
        "",
    ]
    again = desk.run("compile")
    assert (again.status, again.stderr) == (0, "gpu: the previous lock is not used: the lock was edited by hand\n")
    assert tree(desk.project) == good


@pytest.mark.parametrize("broken", [b"", b"garbage", b"\xff\xfe", b'format = "one"\n'])
def test_a_broken_lock_is_told_and_written_again_by_compile(tmp_path: Path, server: IndexServer, broken: bytes) -> None:
    desk = compiled(tmp_path, server)
    good = tree(desk.project)
    desk.write(broken, "locks/gpu/lock.toml")
    told = desk.run("check")
    assert (told.status, told.stdout) == (1, "gpu: 1 error\n")
    assert " --> locks/gpu/lock.toml" in told.stderr
    again = desk.run("compile")
    assert again.status == 0
    assert again.stderr.startswith("gpu: the previous lock is not used: ")
    assert tree(desk.project) == good


@pytest.mark.parametrize("command", [["compile"], ["compile", "--upgrade"], ["check"], ["export", "pylock"]], ids=" ".join)
def test_a_newer_lock_is_refused_and_stays_untouched(tmp_path: Path, server: IndexServer, command: list[str]) -> None:
    desk = compiled(tmp_path, server)
    lock = desk.project / "locks/gpu/lock.toml"
    lock.write_bytes(lock.read_bytes().replace(b"format = 1\n", b"format = 2\n"))
    before = tree(desk.project)
    told = desk.run(*command)
    text = (
        "error[S403]: the lock was written by a newer stackc\n"
        " --> locks/gpu/lock.toml: format\n"
        f"wanted: format 1, which stackc {stackc.__version__} reads\n"
        " found: format 2\n"
        "\n"
        "hint: upgrade stackc; or remove this file, and run `stackc compile` to lock anew in the older format\n"
    )
    expected = Outcome(1, "gpu: 1 error\n", f"{text}\n") if command == ["check"] else Outcome(1, "", text)
    assert told == expected
    assert (tree(desk.project), desk.leftovers()) == (before, [])


def test_a_target_without_a_lock_is_told(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(manifest(server, TWO))
    text = "error[S520]: target `gpu` has no lock\n --> stack.toml:7: targets.gpu\n\nhint: run `stackc compile`\n"
    assert desk.run("check") == Outcome(1, "gpu: 1 error\n", f"{text}\n")
    assert desk.run("export", "pylock") == Outcome(1, "", text)


def test_an_edited_manifest_is_told_by_check(tmp_path: Path, server: IndexServer) -> None:
    desk = compiled(tmp_path, server)
    desk.write(manifest(server, TWO.replace("<2", "<3")))
    assert desk.run("check") == Outcome(
        1,
        "gpu: 1 error\n",
        "error[S521]: the manifest changed after the lock of target `gpu` was compiled\n"
        " --> locks/gpu/lock.toml\n"
        "\n"
        "hint: run `stackc compile`, and commit what it writes\n"
        "\n",
    )


def test_a_pylock_cannot_replace_a_folder(tmp_path: Path, server: IndexServer) -> None:
    desk = compiled(tmp_path, server)
    before = tree(desk.project)
    assert desk.run("export", "pylock", "-o", "locks") == Outcome(
        1,
        "",
        "error[S442]: `locks` cannot be written: a file stands where a folder belongs, or a folder where a file belongs\n"
        " --> locks\n"
        "the operating system says: Is a directory\n"
        "\n"
        "hint: move what stands at `locks` out of the way, then run the command again\n",
    )
    assert (tree(desk.project), desk.leftovers()) == (before, [])
