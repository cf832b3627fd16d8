"""How pip-tools is started and what its ends mean: real pip-tools, real pip, and views that answer as they should or not."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.version import Version

from stackc.engine.ends import outcome_of
from stackc.engine.model import Answer, Failed, Question, Solved, Unsolvable
from stackc.engine.pip_tools import PipTools
from stackc.errors import EngineError, Finding
from stackc.loop import Loop
from stackc.view.metadata import Need
from stackc.view.neutral import neutral_metadata, neutral_page
from stackc.view.server import Answer as Served
from stackc.view.server import LoopbackServer, Reply
from support.workbench import name_of, wait_until

HERE = tuple(folder for folder in sys.path if folder)
PAGES = {"app": ("1.0", "2.0"), "base": ("1.0", "2.0")}


@pytest.fixture
def engine() -> Iterator[PipTools]:
    made = PipTools()
    yield made
    made.close()


class View:
    """A view of `app`, whose 2.0 requires `base>=2`, and `base`; it keeps what it was asked and with which headers."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.asked: list[str] = []
        self.server = LoopbackServer(self.loop, self.route)

    @property
    def url(self) -> str:
        return f"{self.server.url}simple/"

    def route(self, path: str, reply: Reply) -> None:
        self.asked.append(path)
        match path.split("/"):
            case ["simple", name, ""] if name in PAGES:
                reply(neutral_page(name_of(name), PAGES[name]))
            case ["files", name, version, file] if file.endswith(".metadata"):
                needs = (Need(name_of("base"), ">=2"),) if (name, version) == ("app", "2.0") else ()
                reply(Served(200, neutral_metadata(name, version, needs)))
            case ["silent", *_]:
                pass
            case ["simple", *_]:
                reply(Served(404))
            case _:
                reply(Served(410))


@contextmanager
def view() -> Iterator[View]:
    made = View()
    try:
        yield made
    finally:
        made.server.close()
        made.loop.close()


def question(folder: Path, url: str, *lines: str, **preferences: str) -> Question:
    folder.mkdir(exist_ok=True)
    pins = {name_of(name): Version(version) for name, version in preferences.items()}
    return Question(index_url=url, requirements=lines, preferences=pins, folder=folder, cache=folder.parent / "cache")


def answered(engine: PipTools, seen: View, asked: Question) -> Answer:
    running = engine.start(asked)
    wait_until(seen.loop, lambda: running.poll() is not None)
    answer = running.poll()
    running.stop()
    assert answer is not None
    return answer


def pins(**versions: str) -> Solved:
    return Solved({name_of(name): Version(version) for name, version in versions.items()})


def test_it_asks_for_pages_and_metadata_and_never_for_an_archive(engine: PipTools, tmp_path: Path) -> None:
    with view() as seen:
        assert answered(engine, seen, question(tmp_path / "run", seen.url, "app")) == pins(app="2.0", base="2.0")
    assert sorted(set(seen.asked)) == [
        "files/app/2.0/app-2.0-py3-none-any.whl.metadata",
        "files/base/2.0/base-2.0-py3-none-any.whl.metadata",
        "simple/app/",
        "simple/base/",
    ]


def test_one_process_answers_one_question_after_the_other(engine: PipTools, tmp_path: Path) -> None:
    with view() as seen:
        answers = [
            answered(engine, seen, question(tmp_path / "first", seen.url, "app<2")),
            answered(engine, seen, question(tmp_path / "second", seen.url, "app", "base<2")),
            answered(engine, seen, question(tmp_path / "third", seen.url, "app", "base<2", app="2.0", base="1.0")),
            answered(engine, seen, question(tmp_path / "fourth", seen.url, "app", "base", app="1.0", base="1.0")),
        ]
        parents = children_of(os.getpid())
    assert answers == [pins(app="1.0"), pins(app="1.0", base="1.0"), pins(app="1.0", base="1.0"), pins(app="1.0", base="1.0")]
    assert len(parents) == 1


def test_questions_that_are_asked_at_the_same_time_do_not_wait_for_each_other(engine: PipTools, tmp_path: Path) -> None:
    with view() as seen:
        waiting = engine.start(question(tmp_path / "waiting", f"{seen.server.url}silent/simple/", "app"))
        wait_until(seen.loop, lambda: seen.asked)
        assert answered(engine, seen, question(tmp_path / "other", seen.url, "app<2")) == pins(app="1.0")
        assert waiting.poll() is None
        waiting.stop()


def test_no_process_is_left_when_it_is_closed_or_stopped(tmp_path: Path) -> None:
    engine = PipTools()
    with view() as seen:
        answered(engine, seen, question(tmp_path / "done", seen.url, "app"))
        stopped = engine.start(question(tmp_path / "stopped", f"{seen.server.url}silent/simple/", "app"))
        wait_until(seen.loop, lambda: any(path.startswith("silent/") for path in seen.asked))
        stopped.stop()
        engine.close()
        assert children_of(os.getpid()) == []
        assert stopped.poll() == Failed(-signal.SIGKILL, "")


def test_a_conflict_is_told_by_the_requirements_that_clash(engine: PipTools, tmp_path: Path) -> None:
    with view() as seen:
        asked = question(tmp_path / "run", seen.url, "app==2.0", "base<2")
        assert answered(engine, seen, asked) == Unsolvable("stack.toml requires base<2\napp 2.0 requires base>=2\n")


def test_a_project_that_is_not_there_is_told_in_pips_words(engine: PipTools, tmp_path: Path) -> None:
    with view() as seen:
        answer = answered(engine, seen, question(tmp_path / "run", seen.url, "gone>=1"))
    assert answer == Unsolvable("stack.toml requires gone>=1\nNo matching distribution found for gone>=1\n")
    assert seen.asked == ["simple/gone/"]


HOSTILE = {
    **dict.fromkeys(("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://evil.invalid"),
    **dict.fromkeys(("PIP_CONSTRAINT", "PIP_FIND_LINKS", "PIP_CACHE_DIR", "TMPDIR", "PIP_CONFIG_FILE"), "/evil"),
    "PIP_NO_INDEX": "1",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_PRE": "0",
    "PIP_ONLY_BINARY": ":none:",
    "PIP_KEYRING_PROVIDER": "import",
    "NO_PROXY": "",
}


def test_nothing_of_the_users_configuration_reaches_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip.conf, a pip-tools section, a netrc with a default entry and a keyring, each where pip would look for it."""
    home = tmp_path / "home"
    hostile = "[global]\nno-index = true\nindex-url = http://evil.invalid/simple\nkeyring-provider = import\n"
    for file in (".config/pip/pip.conf", ".pip/pip.conf", "pip.conf"):
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text(hostile, encoding="utf-8")
    (home / ".netrc").write_text("default login me password secret\n", encoding="utf-8")
    (home / ".pip-tools.toml").write_text("[tool.pip-tools]\nno-index = true\n", encoding="utf-8")
    (home / "keyring.py").write_text("raise SystemExit('the keyring was asked')\n", encoding="utf-8")
    for name, value in {**HOSTILE, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(home)
    engine = PipTools((*HERE, str(home)))
    heads: list[bytes] = []
    with listening(heads) as port:
        answer = once(engine, question(tmp_path / "run", f"http://127.0.0.1:{port}/simple/", "app"))
    engine.close()

    assert isinstance(answer, Unsolvable)
    assert [head.split(b"\r\n")[0] for head in heads] == [b"GET /simple/app/ HTTP/1.1"]
    assert not any(line.lower().startswith((b"authorization", b"cookie")) for line in heads[0].split(b"\r\n"))


def once(engine: PipTools, asked: Question) -> Answer:
    """Ask where nobody of this thread has to answer."""
    running, loop = engine.start(asked), Loop()
    wait_until(loop, lambda: running.poll() is not None)
    answer = running.poll()
    running.stop()
    loop.close()
    assert answer is not None
    return answer


@contextmanager
def listening(heads: list[bytes]) -> Iterator[int]:
    """Answer every request with 404, in a thread, and keep its head."""
    import threading

    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                heads.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def codes(answer: Answer, *, asked: bool) -> str:
    found = outcome_of(answer, engine="pip-tools", asked=asked)
    assert isinstance(found, Finding)
    assert "Traceback" not in "".join(found.notes)
    return found.code


def test_a_pip_tools_that_is_nowhere_is_told_as_such(tmp_path: Path) -> None:
    engine = PipTools((str(tmp_path),))
    for ask in (engine.version, lambda: engine.start(question(tmp_path / "run", "http://127.0.0.1:9/simple/", "app"))):
        with pytest.raises(EngineError) as caught:
            ask()
        assert caught.value.findings == (
            Finding(
                code="S390",
                message="engine `pip-tools` is not installed",
                hint="`pip install pip-tools` into the environment that stackc runs in",
            ),
        )


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("raise ImportError('cannot import name `cli` from pip')", "ImportError: cannot import name `cli` from pip"),
        ("def cli(): pass\ncli.main = lambda *_, **__: len()", "TypeError: len() takes exactly one argument (0 given)"),
        ("def cli(): pass\ncli.main = lambda *_, **__: exit(2)", ""),
    ],
    ids=["it cannot be loaded", "it takes pip for another one", "it does not know an option"],
)
def test_a_pip_tools_that_does_not_go_with_this_pip_is_told_as_such(tmp_path: Path, module: str, said: str) -> None:
    broken = tmp_path / "broken" / "piptools" / "scripts"
    broken.mkdir(parents=True)
    for file in (broken.parent / "__init__.py", broken / "__init__.py"):
        file.write_text("", encoding="utf-8")
    (broken / "compile.py").write_text(f"{module}\n", encoding="utf-8")
    engine = PipTools((str(tmp_path / "broken"), *HERE))
    answer = once(engine, question(tmp_path / "run", "http://127.0.0.1:9/simple/", "app"))
    engine.close()

    assert isinstance(answer, Failed)
    assert (answer.how, answer.text.splitlines()[0] if answer.text else "") == ("unusable", said)
    assert codes(answer, asked=False) == "S390"


def test_a_view_that_cannot_be_reached_is_told_by_what_the_view_saw(engine: PipTools, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answer = once(engine, question(tmp_path / "run", f"http://127.0.0.1:{port}/simple/", "app"))
    assert isinstance(answer, Unsolvable)
    assert codes(answer, asked=False) == "S393"
    assert outcome_of(answer, engine="pip-tools", asked=True) == answer


def test_a_line_that_pip_cannot_read_is_told_as_such(engine: PipTools, tmp_path: Path) -> None:
    answer = once(engine, question(tmp_path / "run", "http://127.0.0.1:9/simple/", "app=!1"))
    assert isinstance(answer, Failed)
    assert (answer.how, "app=!1" in answer.text) == ("unread", True)
    assert codes(answer, asked=False) == "S394"


@pytest.mark.parametrize("whole", [True, False], ids=["with what it keeps warm", "alone"])
def test_a_killed_process_is_told_as_such_and_the_next_question_is_answered(
    engine: PipTools, tmp_path: Path, whole: bool
) -> None:
    with view() as seen:
        running = engine.start(question(tmp_path / "run", f"{seen.server.url}silent/simple/", "app"))
        wait_until(seen.loop, lambda: seen.asked)
        (parent,) = children_of(os.getpid())
        for pid in children_of(parent) if not whole else [*children_of(parent), parent]:
            os.kill(pid, signal.SIGKILL)
        wait_until(seen.loop, lambda: running.poll() is not None)
        answer = running.poll()
        running.stop()
        assert isinstance(answer, Failed)
        assert codes(answer, asked=True) == "S392"
        assert answered(engine, seen, question(tmp_path / "next", seen.url, "app<2")) == pins(app="1.0")


def test_a_process_that_was_killed_while_it_waited_is_started_anew(engine: PipTools, tmp_path: Path) -> None:
    with view() as seen:
        answered(engine, seen, question(tmp_path / "first", seen.url, "app"))
        (parent,) = children_of(os.getpid())
        os.kill(parent, signal.SIGKILL)
        wait_until(seen.loop, lambda: state_of(parent) == "Z")
        assert answered(engine, seen, question(tmp_path / "second", seen.url, "app<2")) == pins(app="1.0")


def test_it_ends_with_the_process_that_asks(tmp_path: Path) -> None:
    """Even where that one is killed, and can end nothing itself."""
    program = (
        "import sys, time, pathlib, os\n"
        "from stackc.engine.model import Question\n"
        "from stackc.engine.pip_tools import PipTools\n"
        f"folder = pathlib.Path({str(tmp_path / 'run')!r}); folder.mkdir()\n"
        "engine = PipTools()\n"
        "running = engine.start(Question(index_url='http://127.0.0.1:9/simple/', requirements=('app',), preferences={},"
        " folder=folder, cache=folder))\n"
        "while running.poll() is None: time.sleep(0.01)\n"
        "running.stop()\n"
        "print(engine._processes._idle[0]._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    pid, loop = int(done.stdout), Loop()
    wait_until(loop, lambda: state_of(pid) in {"Z", ""})
    loop.close()


def test_the_deepest_search_that_pip_allows_itself_has_an_end_of_its_own(tmp_path: Path) -> None:
    assert codes(Failed(13, "ResolutionTooDeepError: resolution-too-deep", how="gave up"), asked=True) == "S395"
    assert codes(Failed(14, "ValueError: nobody expected this"), asked=True) == "S391"


def test_the_question_is_written_for_pip_compile_to_read(engine: PipTools, tmp_path: Path) -> None:
    with view() as seen:
        asked = question(tmp_path / "run", seen.url, "app[fast]<2", "base", base="2.0")
        assert answered(engine, seen, asked) == pins(app="1.0", base="2.0")
    read = {name: (asked.folder / name).read_text(encoding="utf-8") for name in ("requirements.in", "preferences.json")}
    assert read == {"requirements.in": "app[fast]<2\nbase\n", "preferences.json": '{"base": "2.0"}'}
    assert json.loads((asked.folder / "arguments.json").read_text(encoding="utf-8")) == [
        "requirements.in", "-o", "out.txt", "--index-url", asked.index_url, "--pre", "--no-config", "--no-emit-index-url",
        "--no-header", "--no-annotate", "--allow-unsafe", "--no-strip-extras", "--quiet", "--cache-dir",
        str(asked.folder / "cache"), "--pip-args", "--no-input --keyring-provider disabled --retries 0 --timeout 600",
    ]  # fmt: skip


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run, pip-tools' alone."""
    found = [Path(path) for path in map(str, Path("/proc").glob("[0-9]*/stat"))]
    listed = [(path.parent.name, _stat(path)) for path in found]
    return sorted(int(name) for name, (state, parent) in listed if parent == str(pid) and state != "Z" and _is_ours(name))


def _is_ours(pid: str) -> bool:
    try:
        return b"stackc.engine.pip_compile" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _stat(path: Path) -> tuple[str, str]:
    try:
        state, parent = path.read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
    except OSError:
        return "", ""
    return state, parent


def state_of(pid: int) -> str:
    return _stat(Path(f"/proc/{pid}/stat"))[0]
