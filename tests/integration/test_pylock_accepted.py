"""Real pip and real uv on what stackc writes for them: an exported pylock.toml, and each requirement file of a lock."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from stackc.export.pylock import export
from stackc.lock.model import Engine, Inputs, Lock, LockedFile, LockedTarget, Package, Root, Route
from stackc.manifest.model import BaseImage, Component, Image, Index, Manifest, MatrixChoice, Places, Policy, TargetTable
from stackc.render.outputs import render
from stackc.target import MACHINES, Target

PYTHON = sysconfig.get_python_version()
PLATFORM = next((name for name, machine in MACHINES.items() if machine == platform.machine()), None)
ZERO = f"sha256:{'0' * 64}"
WHEELS = (
    ("small-base", "1.26.4", "base", 1, ()),
    ("small-torch", "2.5.1+cu124", "cu124", 2, ("small-base<2",)),
    ("small-app", "0.1", "base", 3, ("small-torch[fast]>=2", "small-base")),
)

pytestmark = pytest.mark.skipif(
    PLATFORM is None or sys.platform != "linux", reason="a pylock is for one platform, and no target is for this machine"
)


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


@dataclass(frozen=True)
class Served:
    """A loopback index: `<url>/<index>/<project>/` lists wheels, which lie beside it."""

    url: str
    lock: Lock

    @property
    def urls(self) -> dict[str, str]:
        return {
            package.file.name: f"{self.url}/{package.index}/{package.name}/{quote(package.file.name)}"
            for package in self.lock.packages
        }


def build_wheel(folder: Path, name: str, version: str, requires: tuple[str, ...]) -> bytes:
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: fast\n"
    contents = {
        f"{name.replace('-', '_')}.py": "",
        f"{stem}.dist-info/METADATA": metadata + "".join(f"Requires-Dist: {text}\n" for text in requires),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents[f"{stem}.dist-info/RECORD"] = "".join(f"{entry},,\n" for entry in contents) + f"{stem}.dist-info/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for entry, text in contents.items():
            archive.writestr(zipfile.ZipInfo(entry), text)
    return path.read_bytes()


def lock_of(folder: Path) -> Lock:
    packages = []
    for name, version, index, step, requires in WHEELS:
        home = folder / index / name
        home.mkdir(parents=True)
        content = build_wheel(home, name, version, requires)
        file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        digest = hashlib.sha256(content).hexdigest()
        (home / "index.html").write_text(f'<!DOCTYPE html><a href="{quote(file)}#sha256={digest}">{file}</a>')
        packages.append(
            Package(
                name=canonicalize_name(name),
                version=Version(version),
                index=index,
                step=step,
                file=LockedFile(name=file, sha256=digest, size=len(content)),
                extras=(canonicalize_name("fast"),) if name == "small-torch" else (),
                requires_python=">=3.8",
                requires=requires,
                why=("stack.toml",),
            )
        )
    return Lock(
        target=LockedTarget(name="gpu", python=PYTHON, platform=PLATFORM or "", base="debian:12"),
        stackc="0.1.0",
        inputs=Inputs(manifest=ZERO, matrix=ZERO, templates=ZERO, outputs=ZERO),
        engine=Engine(name="uv", version="0.13.9"),
        exclude_newer=None,
        routes=(Route(index="base", default=True), Route(index="cu124")),
        roots=(
            Root(requirement="small-base", order=1),
            Root(requirement="small-torch", order=2),
            Root(requirement="small-app"),
        ),
        sdists=(),
        tools=(),
        packages=tuple(sorted(packages, key=lambda package: package.name)),
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("index")
    lock = lock_of(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield Served(url=f"http://127.0.0.1:{server.server_port}", lock=lock)
    server.shutdown()
    thread.join()
    server.server_close()


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment that holds nothing of the one that the tests run in."""
    neutral = {"PIP_CONFIG_FILE": os.devnull, "NETRC": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "LC_ALL": "C.UTF-8"}
    return {"PATH": os.environ["PATH"], "HOME": str(home), "NO_PROXY": "127.0.0.1", **neutral, **more}


def pip(arguments: list[str], home: Path, **more: str) -> list[tuple[str, str]]:
    """Run `pip install --dry-run` and return what it would install."""
    report = home / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--no-cache-dir"]
    done = subprocess.run(
        [*command, "--report", str(report), *arguments],
        env=environment(home, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    found = [entry["metadata"] for entry in json.loads(report.read_text())["install"]]
    return sorted((metadata["name"], metadata["version"]) for metadata in found)


def pinned(*names: str) -> list[tuple[str, str]]:
    return sorted((name, version) for name, version, *_ in WHEELS if not names or name in names)


def test_pip_accepts_the_exported_pylock(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text(export(served.lock, urls=served.urls))
    assert pip(["-r", str(path)], tmp_path, PIP_NO_INDEX="1") == pinned()


@pytest.mark.parametrize("command", [["pip", "install", "-r"], ["pip", "sync"]], ids=["install", "sync"])
def test_uv_accepts_the_exported_pylock(served: Served, tmp_path: Path, command: list[str]) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text(export(served.lock, urls=served.urls))
    folder = tmp_path / "site"
    options = ["--target", str(folder), "--no-config", "--cache-dir", str(tmp_path / "cache"), "-p", sys.executable]
    done = subprocess.run(
        [Path(sys.executable).parent / "uv", *command, str(path), *options],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    found = [line.split("==") for line in done.stdout.replace(" + ", "").splitlines() if "==" in line]
    assert sorted((name, version) for name, version in found) == pinned()


def test_pip_refuses_the_pylock_of_another_python(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text(export(served.lock, urls=served.urls).replace(f"=={PYTHON}.*", "==3.8.*"))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "-r", str(path)]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "3.8" in done.stderr


def rendered(served: Served) -> dict[str, bytes]:
    components = [
        Component(name=canonicalize_name(root.requirement), spelled=root.requirement, version=SpecifierSet(), order=root.order)
        for root in served.lock.roots
    ]
    target = Target(
        name="gpu", python=Version(PYTHON), platform=PLATFORM or "", base="debian:12", glibc=(2, 36), system_python=PYTHON
    )
    base = BaseImage(reference="debian:12", repository="debian", tag="12", digest=None)
    manifest = Manifest(
        name="small",
        default_target="gpu",
        indexes={"base": Index(name="base", url=None, default=True), "cu124": Index(name="cu124", url=f"{served.url}/cu124")},
        targets={"gpu": TargetTable(name="gpu", python=PYTHON, platform=PLATFORM or "", base=base)},
        components={component.name: component for component in components},
        image=Image(),
        policy=Policy(),
        matrix=MatrixChoice(),
        places=Places(file="stack.toml", lines={}, sources={}),
    )
    return render(served.lock, manifest=manifest, target=target, folder="locks/gpu", project_templates=None)


@pytest.mark.parametrize(
    ("file", "index", "installed"),
    [
        ("steps/01-small-base.txt", "base", "small-base"),
        ("steps/02-small-torch.cu124.txt", "cu124", "small-torch"),
        ("requirements.txt", "base", "small-app"),
    ],
)
def test_pip_accepts_each_requirement_file_with_the_environment_of_the_image(
    served: Served, tmp_path: Path, file: str, index: str, installed: str
) -> None:
    """The variables that the Dockerfile empties have no effect, and constraints without hashes disturb nothing."""
    for name, content in rendered(served).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    options = ["--no-deps", "--require-hashes", "--index-url", f"{served.url}/{index}", "-r", str(tmp_path / file)]
    emptied = dict.fromkeys(("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TARGET", "PIP_USER"), "")
    constraint = str(tmp_path / "constraints.txt") if file == "requirements.txt" else ""
    assert pip(options, tmp_path, **emptied, PIP_CONSTRAINT=constraint) == pinned(installed)
