"""How uv is started: which one, with what around it, and what its ends mean."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from stackc.engine.model import Answer, Failed, Question, Running, Solved, Unsolvable
from stackc.engine.uv import Uv
from stackc.errors import EngineError, Finding
from stackc.loop import Loop
from support.workbench import name_of, wait_until

HOSTILE = {
    **dict.fromkeys(("UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_INDEX_URL", "HTTP_PROXY", "ALL_PROXY"), "http://evil.invalid"),
    **dict.fromkeys(("UV_CONSTRAINT", "UV_OVERRIDE", "PIP_CONSTRAINT", "NETRC", "PYTHONPATH", "TMPDIR"), "/evil"),
    **dict.fromkeys(("CONDA_PREFIX", "VIRTUAL_ENV", "HOME", "XDG_CONFIG_HOME", "UV_CONFIG_FILE", "UV_FIND_LINKS"), "/evil"),
    "UV_TORCH_BACKEND": "cpu",
    "UV_SYSTEM_PYTHON": "1",
    "UV_EXCLUDE_NEWER": "2001-01-01",
    "NO_PROXY": "",
}


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let stackc run from an environment without uv; returns the folder that is the search path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return folder


def script(folder: Path, text: str) -> Uv:
    """Put a stand-in for uv on a search path."""
    (folder / "uv").write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    (folder / "uv").chmod(0o755)
    return Uv(search_path=str(folder))


def start(engine: Uv, folder: Path, *, preferences: dict[str, str] | None = None) -> Running:
    (folder / "run").mkdir(exist_ok=True)
    return engine.start(
        Question(
            index_url="http://127.0.0.1:9/t-token/simple/",
            requirements=("torch==2.5.1", "app[fast]<2"),
            preferences={name_of(name): Version(version) for name, version in (preferences or {}).items()},
            folder=folder / "run",
            cache=folder / "cache",
        )
    )


def answer_of(running: Running) -> Answer:
    loop = Loop()
    wait_until(loop, lambda: running.poll() is not None)
    answer = running.poll()
    running.stop()
    loop.close()
    assert answer is not None
    return answer


def test_an_engine_that_is_nowhere_is_told_as_such(alone: Path, tmp_path: Path) -> None:
    expected = Finding(
        code="S390",
        message="engine `uv` is not installed",
        hint="`pip install uv` into the environment that stackc runs in",
    )
    for ask in (Uv(search_path=str(alone)).version, lambda: start(Uv(search_path=str(alone)), tmp_path)):
        with pytest.raises(EngineError) as caught:
            ask()
        assert caught.value.findings == (expected,)


def test_the_uv_beside_python_is_taken_before_any_other(alone: Path) -> None:
    engine = script(alone, "echo uv 0.0.1")
    assert engine.version() == "0.0.1"

    script(Path(sys.executable).parent, "echo 'uv 9.9.9 (abcdef 2026-11-01)'")
    assert engine.version() == "9.9.9"


@pytest.mark.parametrize("text", ["exit 3", "echo something else", "kill -9 $$"])
def test_a_uv_that_cannot_tell_its_version_is_told_as_such(alone: Path, text: str) -> None:
    with pytest.raises(EngineError) as caught:
        script(alone, text).version()

    assert [(found.code, found.message) for found in caught.value.findings] == [
        ("S390", "engine `uv` is installed, but cannot be run")
    ]


def _lowest_free_file() -> int:
    found = os.dup(0)
    os.close(found)
    return found


def test_a_uv_that_is_no_program_is_told_as_such(alone: Path, tmp_path: Path) -> None:
    engine = script(alone, "")
    (alone / "uv").write_bytes(b"\x7fELF but not really")
    lowest = _lowest_free_file()
    with pytest.raises(EngineError) as caught:
        start(engine, tmp_path)

    assert [found.code for found in caught.value.findings] == ["S390"]
    assert _lowest_free_file() == lowest


def test_the_environment_is_built_from_scratch(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    program = "import json, os, sys; json.dump([dict(os.environ), sys.argv[1:], os.getcwd()], open('seen', 'w'))"
    real = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    engine = script(alone, f'exec \'{real}\' -I -c "{program}" "$@"')

    assert answer_of(start(engine, tmp_path, preferences={"torch": "2.5.1"})) == Solved({name_of("torch"): Version("2.5.1")})
    environment, arguments, folder = json.loads((tmp_path / "run" / "seen").read_text(encoding="utf-8"))
    run = str(tmp_path / "run")
    for added_by_the_shell in ("PWD", "_", "SHLVL", "OLDPWD", "LC_CTYPE"):
        environment.pop(added_by_the_shell, None)
    assert folder == run
    assert environment == {
        "PATH": "/usr/bin:/bin", "HOME": run, "TMPDIR": run, "LC_ALL": "C.UTF-8", "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost", "NETRC": "/dev/null", "UV_NO_CONFIG": "1", "UV_HTTP_RETRIES": "1",
        "UV_HTTP_TIMEOUT": "600", "UV_CONCURRENT_DOWNLOADS": "10",
    }  # fmt: skip
    assert arguments == [
        "pip", "compile", "requirements.in", "-o", "out.txt", "--default-index", "http://127.0.0.1:9/t-token/simple/",
        "--prerelease", "allow", "--no-config", "--no-sources", "--index-strategy", "first-index", "--keyring-provider",
        "disabled", "--no-build", "--no-python-downloads", "--no-header", "--no-annotate", "--color", "never", "--no-progress",
        "--cache-dir", str(tmp_path / "cache"), "-p", sys.executable,
    ]  # fmt: skip


def test_requirements_and_preferences_are_written_for_uv_to_read(alone: Path, tmp_path: Path) -> None:
    engine = script(alone, "cat requirements.in >both; cat out.txt >>both; printf 'a==1.0\\nB_c==1!2.0+cu1\\n' >out.txt")

    answer = answer_of(start(engine, tmp_path, preferences={"torch": "2.5.1", "app": "1.0"}))

    assert answer == Solved({name_of("a"): Version("1.0"), name_of("b-c"): Version("1!2.0+cu1")})
    assert (tmp_path / "run" / "both").read_text(encoding="utf-8") == "torch==2.5.1\napp[fast]<2\napp==1.0\ntorch==2.5.1\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo no solution; echo found >&2; exit 1", Unsolvable("no solution\nfound\n")),
        ("echo usage; exit 2", Failed(2, "usage\n")),
        ("kill -9 $$", Failed(-signal.SIGKILL, "")),
        ("echo http://me:secret@127.0.0.1/simple; exit 1", Unsolvable("http://***@127.0.0.1/simple\n")),
        ("printf 'caf\\351\\n'; exit 2", Failed(2, "caf\N{REPLACEMENT CHARACTER}\n")),
    ],
)
def test_every_end_has_its_answer(alone: Path, tmp_path: Path, text: str, expected: Answer) -> None:
    assert answer_of(start(script(alone, text), tmp_path)) == expected


def test_what_it_learnt_of_the_interpreter_is_there_for_the_next_one(alone: Path, tmp_path: Path) -> None:
    learn = 'while [ "$1" != --cache-dir ]; do shift; done; '
    answer_of(start(script(alone, f'{learn} echo known >"$2/probe"'), tmp_path))
    (tmp_path / "run").rename(tmp_path / "first")
    found = answer_of(start(script(alone, f'{learn} test "$(cat "$2/probe")" = known || exit 7'), tmp_path))

    assert isinstance(found, Solved)


def test_it_does_without_a_folder_that_cannot_be_made(alone: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder belongs", encoding="utf-8")
    found = answer_of(start(script(alone, 'while [ "$1" != --cache-dir ]; do shift; done; echo "$2"; exit 1'), tmp_path))

    assert found == Unsolvable(f"{tmp_path}/run/cache\n")
