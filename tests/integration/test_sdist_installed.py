"""Real pip and real uv build a locked sdist as the Dockerfile has them do: from locked build tools, and with nothing else."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cli import UNIVERSE, Desk, manifest
from support.index_server import IndexServer, Site, serving
from support.sdists import HELPER, list_sdist, sdist
from support.universe import publish, publish_wheels

HERE = "{}.{}".format(*sys.version_info[:2])
PLATFORM = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
LEGACY = '[components.legacy]\nversion = ">=1"\norder = 1\n\n[policy]\nsdists = ["legacy"]\n'


@dataclass(frozen=True)
class Compiled:
    desk: Desk
    server: IndexServer

    @property
    def folder(self) -> Path:
        return self.desk.project / "locks/gpu"


@pytest.fixture(scope="module", params=["pip", "uv"])
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Compiled, str]]:
    site = Site()
    wheels = {name: releases for name, releases in {**UNIVERSE, **HELPER}.items() if name != "setuptools"}
    publish(site, publish_wheels(site, {**wheels, "uv": UNIVERSE["pip"]}, root="/simple"))
    list_sdist(site, sdist())
    with serving(site) as server:
        desk = Desk(tmp_path_factory.mktemp("sdist"))
        rest = f'\n[image]\nbuild-tools = ["helper-mod"]\ninstaller = "{request.param}"\n'
        text = manifest(server, LEGACY, rest=rest).replace('python = "3.11"', f'python = "{HERE}"')
        desk.write(text.replace("linux/amd64", PLATFORM))
        outcome = desk.run("compile")
        assert outcome.status == 0, outcome.stderr
        yield Compiled(desk, server), request.param


def options(compiled: Compiled, file: str) -> list[str]:
    """Return the options with which the Dockerfile installs a file."""
    joined = (compiled.folder / "Dockerfile").read_text().replace(" \\\n", " ")
    line = next(line for line in joined.splitlines() if line.startswith("RUN") and f"/opt/stack/{file} " in f"{line} ")
    words = shlex.split(line.partition(" || ")[0])
    own = {"--no-deps", "--require-hashes", "--no-build-isolation", "--check-build-dependencies"}
    return [word for word in words if word in own]


def install(compiled: Compiled, installer: str, python: str, file: str, home: Path) -> subprocess.CompletedProcess[str]:
    call = {
        "pip": [sys.executable, "-m", "pip", "--python", python, "install", "--no-cache-dir"],
        "uv": [str(Path(sys.executable).with_name("uv")), "pip", "install", "--python", python, "--no-config", "--no-cache"],
    }[installer]
    environment = {
        "PATH": os.defpath,
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "NO_PROXY": "127.0.0.1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{compiled.server.url}/simple",
        "UV_DEFAULT_INDEX": f"{compiled.server.url}/simple",
    }
    command = [*call, *options(compiled, file), "-r", str(compiled.folder / file)]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)


def empty(folder: Path) -> tuple[str, Path]:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/*/site-packages")
    return str(folder / "bin/python"), packages


def installed(packages: Path) -> list[str]:
    found = (re.fullmatch(r"(.+)-(.+)\.dist-info", path.name) for path in packages.glob("*.dist-info"))
    return sorted(f"{match[1].replace('_', '-')}=={match[2]}" for match in found if match)


def test_an_sdist_is_built_from_locked_tools_and_installed(compiled: tuple[Compiled, str], tmp_path: Path) -> None:
    project, installer = compiled
    python, packages = empty(tmp_path / "venv")
    tools = (project.folder / "steps/00-tools.txt").read_text()
    (project.folder / "steps/00-tools.txt").write_text(re.sub(r"pip==.*\n.*\n", "", tools))  # the test's own pip serves
    assert install(project, "pip", python, "steps/00-tools.txt", tmp_path).returncode == 0
    done = install(project, installer, python, "steps/01-legacy.txt", tmp_path)
    assert done.returncode == 0, done.stderr
    assert installed(packages) == ["base==2.0", "helper-mod==1.5", "legacy==1.0"]
    assert "--no-build-isolation" in options(project, "steps/01-legacy.txt")


def test_without_its_tools_an_sdist_is_not_built(compiled: tuple[Compiled, str], tmp_path: Path) -> None:
    project, installer = compiled
    python, packages = empty(tmp_path / "venv")
    before = len(project.server.requests)
    done = install(project, installer, python, "steps/01-legacy.txt", tmp_path)
    assert done.returncode != 0
    assert installed(packages) == []
    asked = [request.path for request in project.server.requests[before:]]
    assert not [path for path in asked if "helper" in path]
