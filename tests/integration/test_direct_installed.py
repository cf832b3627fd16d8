"""Real pip and real uv install what a stack's components name: the Dockerfile's own calls, from loopback, into environments."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from support.cli import Desk
from support.direct import AT_URL, IN_PROJECT, LABELLED, LOCAL, site_of, write
from support.index_server import IndexServer, serving

STEPS = ("steps/01-base.txt", "steps/02-flash-attn-direct.txt", "steps/03-rest-direct.txt")
INSTALLED = ["base==2.0", "flash-attn==2.7.4.post1", "mylib==1.0"]
UV = str(Path(sys.executable).with_name("uv"))


@dataclass(frozen=True)
class Compiled:
    """A compiled project, while its server runs."""

    desk: Desk
    server: IndexServer

    @property
    def folder(self) -> Path:
        return self.desk.project / "locks/gpu"

    @cached_property
    def calls(self) -> dict[str, list[str]]:
        """Return the options of each `pip install` of the Dockerfile, by the file that it installs."""
        joined = (self.folder / "Dockerfile").read_text().replace(" \\\n", " ")
        lines = [line.partition(" || ")[0] for line in joined.splitlines() if line.startswith("RUN pip install")]
        words = [shlex.split(line)[3:-2] for line in lines]
        files = [shlex.split(line)[-1].removeprefix("/opt/stack/") for line in lines]
        return dict(zip(files, words, strict=True))

    def brought(self, image: Path) -> Path:
        """Copy what the Dockerfile copies to where the image would have it, and return that folder."""
        for line in (self.folder / "Dockerfile").read_text().splitlines():
            if line.startswith("COPY ") and "/opt/stack/" in line:
                source, destination = shlex.split(line)[1:]
                target = image / destination.removeprefix("/opt/stack/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.desk.project / source, target)
        for step in STEPS:  # the image's own folder is not to be had here
            text = (image / step).read_text().replace("file:///opt/stack", f"file://{image}")
            (image / step).write_text(text)
        return image

    def run(self, command: list[str], home: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command in an environment that holds nothing of the one that the tests run in."""
        neutral = {
            "PATH": os.defpath,
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "NETRC": os.devnull,
            "NO_PROXY": "127.0.0.1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_INDEX_URL": f"{self.server.url}/simple",
            "UV_DEFAULT_INDEX": f"{self.server.url}/simple",
        }
        return subprocess.run(command, env={**neutral, **more}, cwd=home, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiled]:
    with serving(site_of(real=True)) as server:
        desk = Desk(tmp_path_factory.mktemp("direct"))
        write(desk, server)
        outcome = desk.run("compile")
        assert (outcome.status, outcome.stderr) == (0, "")
        yield Compiled(desk, server)


def environment(folder: Path) -> tuple[str, Path]:
    """Return the Python of a new, empty environment, and its packages' folder."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/*/site-packages")
    return str(folder / "bin/python"), packages


def installed(packages: Path) -> list[str]:
    found = (re.fullmatch(r"(.+)-(.+)\.dist-info", path.name) for path in packages.glob("*.dist-info"))
    return sorted(f"{match[1].replace('_', '-')}=={match[2]}" for match in found if match)


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_every_step_installs_its_file_and_nothing_else(compiled: Compiled, tmp_path: Path, installer: str) -> None:
    python, packages = environment(tmp_path / "venv")
    image = compiled.brought(tmp_path / "image")
    call = {
        "pip": [sys.executable, "-m", "pip", "--python", python, "install"],
        "uv": [UV, "pip", "install", "--python", python, "--no-config", "--no-cache"],
    }[installer]
    for step in STEPS:
        options = [word for word in compiled.calls[step] if installer == "pip" or word != "--no-cache-dir"]
        done = compiled.run([*call, *options, "-r", str(image / step)], tmp_path)
        assert done.returncode == 0, done.stderr
    assert installed(packages) == INSTALLED


@pytest.mark.parametrize("step", STEPS[1:])
def test_no_index_is_asked_for_a_file(compiled: Compiled, step: str) -> None:
    assert "--no-index" in compiled.calls[step]
    assert "--index-url" not in compiled.calls[step]


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize("step", STEPS[1:])
def test_another_file_than_the_locked_one_is_refused(compiled: Compiled, tmp_path: Path, step: str, installer: str) -> None:
    python, packages = environment(tmp_path / "venv")
    image = compiled.brought(tmp_path / "image")
    text = (image / step).read_text()
    (image / step).write_text(re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", text))
    call = {
        "pip": [sys.executable, "-m", "pip", "--python", python, "install", "--no-cache-dir"],
        "uv": [UV, "pip", "install", "--python", python, "--no-config", "--no-cache"],
    }[installer]
    done = compiled.run([*call, "--no-deps", "--require-hashes", "--no-index", "-r", str(image / step)], tmp_path)
    assert done.returncode != 0
    assert installed(packages) == []


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_what_is_installed_later_does_not_move_a_file(compiled: Compiled, tmp_path: Path, installer: str) -> None:
    """The constraints have the file's version, so that a requirement on it is met by what is there."""
    python, packages = environment(tmp_path / "venv")
    image = compiled.brought(tmp_path / "image")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-cache-dir"]
    for step in STEPS:
        done = compiled.run([*pip, "--no-deps", "--require-hashes", "-r", str(image / step)], tmp_path)
        assert done.returncode == 0, done.stderr
    constraints = str(compiled.folder / "constraints.txt")
    if installer == "pip":
        done = compiled.run([*pip, "flash-attn>=2", "mylib"], tmp_path, PIP_CONSTRAINT=constraints)
    else:
        uv = [UV, "pip", "install", "--python", python, "--no-config", "--no-cache"]
        done = compiled.run([*uv, "flash-attn>=2", "mylib"], tmp_path, UV_CONSTRAINT=constraints)
    assert done.returncode == 0, done.stderr
    assert installed(packages) == INSTALLED


def verified(compiled: Compiled, python: str, home: Path) -> list[tuple[str, bool, str]]:
    """Return what the image's own check says of the files that components name: kind, whether it holds, and its words."""
    done = compiled.run([python, str(compiled.folder / "verify.py"), "--json"], home)
    checks = json.loads(done.stdout)["checks"]
    named = [check for check in checks if check["name"] in {"flash-attn", "mylib"} and check["kind"] in {"version", "label"}]
    return [(check["kind"], check["holds"], check["text"]) for check in named]


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_the_images_own_check_holds_for_what_was_installed(compiled: Compiled, tmp_path: Path, installer: str) -> None:
    python, _packages = environment(tmp_path / "venv")
    image = compiled.brought(tmp_path / "image")
    call = {
        "pip": [sys.executable, "-m", "pip", "--python", python, "install", "--no-cache-dir"],
        "uv": [UV, "pip", "install", "--python", python, "--no-config", "--no-cache"],
    }[installer]
    for step in STEPS:
        assert compiled.run([*call, "--no-deps", "--require-hashes", "-r", str(image / step)], tmp_path).returncode == 0
    assert verified(compiled, python, tmp_path) == [
        ("version", True, "flash-attn 2.7.4.post1"),
        ("label", True, f"flash-attn is from {LABELLED}"),
        ("version", True, "mylib 1.0"),
        ("label", True, f"mylib is from {LOCAL}"),
    ]


def test_the_same_version_from_elsewhere_is_found_out(compiled: Compiled, tmp_path: Path) -> None:
    python, _packages = environment(tmp_path / "venv")
    other = tmp_path / "flash_attn-2.7.4.post1-py3-none-any.whl"
    other.write_bytes(AT_URL)
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-cache-dir", "--no-deps", "--no-index"]
    assert compiled.run([*pip, str(other)], tmp_path).returncode == 0
    assert compiled.run([*pip, "--find-links", str(compiled.desk.project / "wheels"), "mylib"], tmp_path).returncode == 0
    assert [words for _, holds, words in verified(compiled, python, tmp_path) if not holds] == [
        f"flash-attn is from {other.name}, not from the file that stack.toml names, {LABELLED}",
        f"mylib is from an index, not from the file that stack.toml names, {LOCAL}",
    ]


def test_hadolint_has_nothing_to_say_of_the_dockerfile(compiled: Compiled, tmp_path: Path) -> None:
    done = compiled.run([str(Path(sys.executable).with_name("hadolint")), str(compiled.folder / "Dockerfile")], tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_dockerfile_copies_the_file_of_the_project_before_its_step(compiled: Compiled) -> None:
    lines = (compiled.folder / "Dockerfile").read_text().splitlines()
    copied = lines.index(f"COPY wheels/{LOCAL} /opt/stack/files/{LOCAL}")
    assert lines[copied + 1] == "COPY locks/gpu/steps/03-rest-direct.txt /opt/stack/steps/03-rest-direct.txt"
    assert (compiled.desk.project / "wheels" / LOCAL).read_bytes() == IN_PROJECT


def test_uv_installs_the_exported_pylock(compiled: Compiled, tmp_path: Path) -> None:
    assert compiled.desk.run("export", "pylock", "-o", "pylock.toml").status == 0
    python, packages = environment(tmp_path / "venv")
    pylock = str(compiled.desk.project / "pylock.toml")
    done = compiled.run([UV, "pip", "install", "--python", python, "--no-config", "--no-cache", "-r", pylock], tmp_path)
    assert done.returncode == 0, done.stderr
    assert installed(packages) == INSTALLED
    assert LABELLED.replace("+", "%2B") in Path(pylock).read_text()
