"""One trial, its limits and its end: nothing of it is left, however it ended."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packaging.version import Version

from stackc.engine.uv import Uv
from stackc.errors import EngineError
from stackc.evidence.combination import Combination
from stackc.evidence.interpreter import find_interpreters, host_target
from stackc.evidence.proof import Trial
from stackc.evidence.trial import Bench, try_combination
from stackc.matrix.model import ProjectName
from support.index_server import IndexServer, Site, serving
from support.universe import Release, publish, publish_wheels

UNIVERSE = {
    "app": (Release(version="1.0"), Release(version="2.0", requires=("nowhere",))),
    "base": (Release(version="1.0"),),
}
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
PATIENCE = 1.0

Benches = Callable[..., Bench]


@pytest.fixture
def index() -> Iterator[IndexServer]:
    site = Site()
    publish(site, publish_wheels(site, UNIVERSE, root="/simple"))
    with serving(site) as server:
        yield server


@pytest.fixture
def bench(index: IndexServer, tmp_path: Path) -> Bench:
    environment = {"PATH": PATH, "HOME": str(tmp_path), "NETRC": os.devnull, "UV_OFFLINE": "1", "PIP_NO_INDEX": "1"}
    (tmp_path / "scratch").mkdir()
    uv = Uv(PATH).binary()
    return Bench(
        uv=uv,
        interpreters=find_interpreters(uv, environment),
        index_url=f"{index.url}/simple/",
        cache=tmp_path / "cache",
        scratch=tmp_path / "scratch",
        environment=environment,
        patience=PATIENCE,
    )


def run(probe: str, bench: Bench, **pins: str) -> Trial:
    chosen = {ProjectName(name): Version(version) for name, version in pins.items()}
    combination = Combination(python=max(bench.interpreters), pins=chosen)
    return try_combination(combination, probe, complete_on=None, bench=bench)


def test_a_python_that_pyenv_keeps_is_found_by_the_version_that_the_user_names(tmp_path: Path) -> None:
    shim = tmp_path / "python3"
    shim.write_text(f'#!/bin/sh\n[ "$PYENV_VERSION" = ours ] || exit 127\nexec {sys.base_prefix}/bin/python3 "$@"\n')
    shim.chmod(0o755)
    surroundings = {"PATH": str(tmp_path), "HOME": str(tmp_path)}

    with pytest.raises(EngineError):
        find_interpreters(Uv(PATH).binary(), surroundings)

    found = find_interpreters(Uv(PATH).binary(), {**surroundings, "PYENV_VERSION": "ours"})
    assert list(found) == [Version(platform.python_version())]


def test_a_trial_tells_how_its_probe_ended(bench: Bench) -> None:
    python = str(max(bench.interpreters))
    assert run("import app", bench, app="1.0") == Trial(python=python, versions={"app": "1.0"}, status=0)
    assert run("import os; print('last\\n \\n', flush=True); os.abort()", bench, app="1.0") == Trial(
        python=python, versions={"app": "1.0"}, status=-signal.SIGABRT, last_line="last"
    )


def test_a_probe_sees_nothing_but_its_environment(bench: Bench) -> None:
    probe = "import os, sys; sys.exit(' '.join((*sorted(os.environ), os.getcwd(), *sys.path[-1:])))"
    seen = run(probe, bench, app="1.0")
    minor = f"{Version(seen.python).major}.{Version(seen.python).minor}"
    assert seen.last_line == f"HOME LC_ALL PATH TMPDIR <folder>/home <environment>/lib/python{minor}/site-packages"


def test_an_environment_that_uv_cannot_build_is_told_in_uv_s_words(bench: Bench) -> None:
    with pytest.raises(EngineError) as caught:
        run("import app", bench, app="2.0")
    (finding,) = caught.value.findings
    assert (finding.code, finding.message) == (
        "S243",
        "uv cannot build the environment of a trial: it ended with exit status 1",
    )
    assert "nowhere" in " ".join(finding.notes)
    assert list(bench.scratch.iterdir()) == []


def test_a_probe_that_does_not_end_is_ended_with_its_children(bench: Bench, tmp_path: Path) -> None:
    written = tmp_path / "child"
    child = f"import time, pathlib; time.sleep({3 * PATIENCE}); pathlib.Path({str(written)!r}).touch()"
    probe = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    with pytest.raises(EngineError) as caught:
        run(probe, bench, app="1.0")
    (finding,) = caught.value.findings
    assert (finding.code, finding.message) == ("S246", "the probe did not end within 1 seconds")
    assert list(bench.scratch.iterdir()) == []
    time.sleep(3 * PATIENCE)
    assert not written.exists()


DRIVER = """
import sys
from pathlib import Path
from packaging.version import Version
from stackc.evidence.combination import Combination
from stackc.evidence.interpreter import find_interpreters
from stackc.evidence.trial import Bench, try_combination
uv, url, folder, path = sys.argv[1:]
environment = {"PATH": path, "HOME": folder, "NETRC": "/dev/null"}
bench = Bench(
    uv=uv,
    interpreters=find_interpreters(uv, environment),
    index_url=url,
    cache=Path(folder, "cache"),
    scratch=Path(folder, "scratch"),
    environment=environment,
)
combination = Combination(python=max(bench.interpreters), pins={"app": Version("1.0")})
probe = f"import pathlib, time; pathlib.Path({folder + '/began'!r}).touch(); time.sleep(60)"
try_combination(combination, probe, complete_on=None, bench=bench)
"""


def test_an_interrupted_trial_leaves_nothing(bench: Bench, index: IndexServer, tmp_path: Path) -> None:
    command = [sys.executable, "-c", DRIVER, bench.uv, f"{index.url}/simple/", str(tmp_path), PATH]
    driver = subprocess.Popen(command, stderr=subprocess.PIPE)
    limit = time.monotonic() + 60
    while not (tmp_path / "began").exists() and driver.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    driver.send_signal(signal.SIGINT)
    said = driver.communicate()[1].decode()
    assert (driver.returncode, said.splitlines()[-1:]) == (-signal.SIGINT, ["KeyboardInterrupt"])
    assert list(bench.scratch.iterdir()) == []


def test_this_machine_is_a_target_with_its_own_glibc() -> None:
    target = host_target(Version("3.11.7"))
    assert (target.name, target.python, target.base) == ("host", Version("3.11.7"), "")
    assert target.glibc >= (2, 17)


def test_a_machine_without_a_python_is_told() -> None:
    with pytest.raises(EngineError) as caught:
        find_interpreters("/bin/true", {})
    (finding,) = caught.value.findings
    assert (finding.code, finding.notes) == ("S245", ("uv ended with exit status 0",))
