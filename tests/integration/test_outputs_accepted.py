"""Real pip, uv and hadolint on all that a compile wrote: the Dockerfile's own pip calls, for the target's platform."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from packaging.version import Version

from stackc.target import Target, supported_tags
from support.cli import TOOLS, Desk, manifest
from support.index_server import Site, serving
from support.universe import Release, publish, publish_html, publish_wheels

COMPONENTS = """\
[components.small-base]
version = "<2"
order = 1

[components.small-torch]
version = "==2.5.1"
index = "cu124"
order = 2

[components.small-app]
version = ">=0"
extras = ["fast"]
"""
OWN = {
    **TOOLS,
    "small-base": (Release(version="1.26.4", tags="cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"),),
    "small-app": (
        Release(version="0.1", extras=("fast",), requires=("small-torch>=2", "small-base", "small-speed; extra == 'fast'")),
    ),
    "small-speed": (Release(version="1!3.0.post1", tags="cp311-abi3-manylinux_2_34_x86_64"),),
    "small-file": (Release(version="3.16"),),
}
CU124 = {
    "small-torch": (
        Release(version="2.5.1+cu124", tags="cp311-cp311-linux_x86_64", requires=("small-base<2", "small-file")),
        Release(version="2.5.1+cu124", tags="cp310-cp310-linux_x86_64"),
    ),
}
INSTALLED = {
    "steps/00-tools.txt": ["pip==25.3", "setuptools==80.9.0"],
    "steps/01-small-base.txt": ["small-base==1.26.4"],
    "steps/02-small-torch.txt": ["small-file==3.16"],
    "steps/02-small-torch.cu124.txt": ["small-torch==2.5.1+cu124"],
    "requirements.txt": ["small-app==0.1", "small-speed==1!3.0.post1"],
}
TARGET = Target(name="gpu", python=Version("3.11"), platform="linux/amd64", base="debian:12", glibc=(2, 36))


@dataclass(frozen=True)
class Compiled:
    """A compiled project, while the indexes that it came from are served."""

    desk: Desk
    mirror: str

    @property
    def folder(self) -> Path:
        return self.desk.project / "locks/gpu"

    @cached_property
    def pip_calls(self) -> dict[str, list[str]]:
        """Return the arguments of each `pip install` of the Dockerfile, by the file that it installs."""
        joined = (self.folder / "Dockerfile").read_text().replace(" \\\n", " ")
        lines = [line.partition(" || ")[0] for line in joined.splitlines() if line.startswith("RUN pip install")]
        calls = [shlex.split(line)[3:] for line in lines]
        return {call[-1].removeprefix("/opt/stack/"): call for call in calls}

    def local(self, call: list[str]) -> list[str]:
        """Return a call's arguments for outside of the image."""
        return [word.replace("/opt/stack", str(self.folder)) for word in call if word != "--no-cache-dir"]

    def run(self, command: list[str], **more: str) -> str:
        neutral = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_NO_CONFIG": "1",
            "NO_PROXY": "127.0.0.1",
            # As a base image with a mirror would: the Dockerfile names no address for the default index.
            "PIP_INDEX_URL": self.mirror,
            "UV_INDEX_URL": self.mirror,
        }
        environment = {**self.desk.environment, **neutral, **more}
        done = subprocess.run(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=self.desk.root,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiled]:
    desk = Desk(tmp_path_factory.mktemp("outputs"))
    site = Site()
    publish(site, publish_wheels(site, OWN, root="/simple"))
    publish_html(site, publish_wheels(site, CU124, root="/cu124"), root="/cu124")
    with serving(site) as server:
        index = f'\n[indexes.cu124]\nurl = "{server.url}/cu124"\n'
        desk.write(manifest(server, COMPONENTS, rest=index))
        outcome = desk.run("compile")
        assert (outcome.status, outcome.stderr) == (0, "")
        yield Compiled(desk, f"{server.url}/simple")


def test_the_dockerfile_installs_every_file_of_the_lock_once(compiled: Compiled) -> None:
    files = {path.relative_to(compiled.folder).as_posix() for path in compiled.folder.rglob("*.txt")}
    assert set(compiled.pip_calls) == set(INSTALLED) == files - {"constraints.txt"}


@pytest.mark.parametrize("file", INSTALLED)
def test_pip_accepts_each_call_of_the_dockerfile_for_the_target(compiled: Compiled, tmp_path: Path, file: str) -> None:
    platforms = dict.fromkeys(tag.platform for tag in supported_tags(TARGET) if tag.platform != "any")
    target = ["--python-version=3.11", "--implementation=cp", "--only-binary=:all:", f"--target={tmp_path / 'target'}"]
    target += [f"--platform={platform}" for platform in platforms]
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--report", str(report), *target]
    constraint = str(compiled.folder / "constraints.txt") if file == "requirements.txt" else ""
    compiled.run([*command, *compiled.local(compiled.pip_calls[file])], PIP_CONSTRAINT=constraint)
    found = [entry["metadata"] for entry in json.loads(report.read_text())["install"]]
    assert sorted(f"{each['name']}=={each['version']}" for each in found) == INSTALLED[file]


@pytest.mark.parametrize("file", INSTALLED)
def test_uv_accepts_each_call_of_the_dockerfile_for_the_target(compiled: Compiled, tmp_path: Path, file: str) -> None:
    target = ["--python-version=3.11", "--python-platform=x86_64-manylinux_2_36", f"--target={tmp_path / 'target'}"]
    command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--dry-run", *target, f"--python={sys.executable}"]
    told = compiled.run([*command, f"--cache-dir={tmp_path / 'cache'}", *compiled.local(compiled.pip_calls[file])])
    found = [line.removeprefix(" + ") for line in told.splitlines() if line.startswith(" + ")]
    assert sorted(found) == INSTALLED[file]


def test_pip_refuses_a_file_whose_bytes_changed(compiled: Compiled, tmp_path: Path) -> None:
    call = compiled.local(compiled.pip_calls["steps/02-small-torch.txt"])
    altered = tmp_path / "altered.txt"
    altered.write_text(re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", Path(call[-1]).read_text()))
    with pytest.raises(AssertionError, match="DO NOT MATCH THE HASHES"):
        compiled.run([sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", *call[:-1], str(altered)])


def test_hadolint_has_nothing_to_say_of_the_dockerfile(compiled: Compiled) -> None:
    told = compiled.run([str(Path(sys.executable).with_name("hadolint")), str(compiled.folder / "Dockerfile")])
    assert told == ""


def test_the_exported_pylock_installs_the_same(compiled: Compiled, tmp_path: Path) -> None:
    assert compiled.desk.run("export", "pylock", "-o", "pylock.toml").status == 0
    command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--dry-run", f"--python={sys.executable}"]
    target = ["--python-version=3.11", "--python-platform=x86_64-manylinux_2_36", f"--target={tmp_path / 'target'}"]
    told = compiled.run(
        [*command, *target, f"--cache-dir={tmp_path / 'cache'}", "-r", str(compiled.desk.project / "pylock.toml")]
    )
    found = [line.removeprefix(" + ") for line in told.splitlines() if line.startswith(" + ")]
    assert sorted(found) == sorted(pin for file, pins in INSTALLED.items() if "tools" not in file for pin in pins)
