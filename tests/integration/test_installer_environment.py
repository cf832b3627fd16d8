"""Real pip and uv in an environment that does everything to mislead them: with the Dockerfile's own ENV they are not misled."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support.index_server import Site, serving
from unit.render.test_dockerfile_options import UNSET, dockerfile

WHEEL = "demo-1.0-py3-none-any.whl"
NOWHERE = "http://127.0.0.1:1/simple/"
PIP = {
    "PIP_BUILD_CONSTRAINT": "/nowhere.txt",
    "PIP_CONSTRAINT": "/nowhere.txt",
    "PIP_DRY_RUN": "1",
    "PIP_EDITABLE": "/nowhere",
    "PIP_EXTRA_INDEX_URL": NOWHERE,
    "PIP_FIND_LINKS": "/nowhere",
    "PIP_NO_BINARY": ":all:",
    "PIP_NO_BUILD_ISOLATION": "1",
    "PIP_NO_COMPILE": "1",
    "PIP_NO_INDEX": "1",
    "PIP_ONLY_BINARY": ":none:",
    "PIP_PREFIX": "/nowhere",
    "PIP_PYTHON": "/nowhere",
    "PIP_REQUIREMENT": "/nowhere.txt",
    "PIP_ROOT": "/nowhere",
    "PIP_TARGET": "/nowhere",
    "PIP_UPLOADED_PRIOR_TO": "2000-01-01",
    "PIP_USER": "1",
}
PYTHON = {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "PYTHONPYCACHEPREFIX": "/nowhere"}
UV = {
    "UV_BUILD_CONSTRAINT": "/nowhere.txt",
    "UV_CONSTRAINT": "/nowhere.txt",
    "UV_EXCLUDE": "/nowhere.txt",
    "UV_EXTRA_INDEX_URL": NOWHERE,
    "UV_FIND_LINKS": "/nowhere",
    "UV_INDEX": NOWHERE,
    "UV_NO_BUILD_ISOLATION": "1",
    "UV_NO_CACHE": "1",
    "UV_OFFLINE": "1",
    "UV_OVERRIDE": "/nowhere.txt",
    "UV_REQUIRE_BUILD_HASHES": "1",
    "UV_SYSTEM_PYTHON": "1",
}
UV_UNSET = {
    "UV_CONFIG_FILE": "/nowhere.toml",
    "UV_EXCLUDE_NEWER": "2000-01-01",
    "UV_TORCH_BACKEND": "cu126",
    "UV_WORKING_DIR": "/nowhere",
    "UV_WORKING_DIRECTORY": "/nowhere",
}
UV_FLAGS = {"UV_LINK_MODE": "symlink", "UV_PYTHON": "3.8", "UV_COMPILE_BYTECODE": "0", "UV_NO_VERIFY_HASHES": "1"}
"""What the flags of the call override."""


def wheel() -> bytes:
    """Return a wheel of one module."""
    files = {
        "demo.py": "",
        "demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        "demo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "demo-1.0.dist-info/RECORD"
    lines = (f"{name},sha256={digest(text)},{len(text)}\n" for name, text in files.items())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in {**files, record: "".join(lines) + f"{record},,\n"}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return packed.getvalue()


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def index() -> Iterator[str]:
    site, body = Site(), wheel()
    page = f'<a href="{WHEEL}#sha256={hashlib.sha256(body).hexdigest()}">{WHEEL}</a>'
    site.put("/simple/demo/", f"<!DOCTYPE html><html><body>{page}</body></html>".encode(), content_type="text/html")
    site.put_file(f"/simple/demo/{WHEEL}", body)
    with serving(site) as server:
        yield f"{server.url}/simple/"


def neutral(text: str) -> dict[str, str]:
    """Return what the first ENV of a Dockerfile sets."""
    (found,) = re.findall(r"^ENV (PIP_NO_INPUT(?:.*\\\n)+.*)", text, re.MULTILINE)[:1]
    return {name: value.strip('"') for name, value in re.findall(r"(\w+)=(\S+)", found)}


def installed(call: list[str], folder: Path, environment: Mapping[str, str]) -> bool:
    """Make an environment, run an installer for it, and say whether module and bytecode are where they belong."""
    shutil.rmtree(folder / "venv", ignore_errors=True)
    venv.create(folder / "venv", with_pip=False)
    plain = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": str(folder), "PIP_CONFIG_FILE": os.devnull}
    requirements = folder / "requirements.txt"
    requirements.write_text(f"demo==1.0 --hash=sha256:{hashlib.sha256(wheel()).hexdigest()}\n")
    subprocess.run([*call, "-r", requirements], cwd=folder, env={**plain, **environment}, capture_output=True, check=False)
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    return {path.name for path in site.iterdir()} >= {"demo.py", "demo-1.0.dist-info", "__pycache__"}


def test_each_variable_that_the_dockerfile_sets_is_tried_here() -> None:
    pip, uv = (neutral(dockerfile(installer=installer)) for installer in ("pip", "uv"))
    own = {"PIP_NO_INPUT", "PIP_DISABLE_PIP_VERSION_CHECK"}
    assert pip.keys() - own == {*PIP, *PYTHON}
    assert uv.keys() - own == {*PIP, *PYTHON, *UV}
    assert re.findall(r"-u (\w+)", UNSET) == list(UV_UNSET)


def test_pip_is_not_misled_and_honours_a_mirror(tmp_path: Path, index: str) -> None:
    call = [sys.executable, "-m", "pip", "--python", str(tmp_path / "venv/bin/python"), "install"]
    call += ["--no-deps", "--require-hashes", "--no-cache-dir"]
    mirror = {"PIP_INDEX_URL": index}
    misled = {**mirror, **PIP, **PYTHON}
    assert installed(call, tmp_path, mirror)
    assert not installed(call, tmp_path, misled)
    assert installed(call, tmp_path, {**misled, **neutral(dockerfile())})


@pytest.mark.parametrize("mirror", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_uv_is_not_misled_and_honours_a_mirror(tmp_path: Path, index: str, mirror: str) -> None:
    text = dockerfile(installer="uv")
    (flags,) = set(re.findall(r"uv pip install --python \S+ ((?:--\S+ |copy |\\\n +)+)-r", text))
    call = [*UNSET.rstrip(" \\").split(), "uv", "pip", "install", "--python", str(tmp_path / "venv/bin/python")]
    call += flags.replace("\\\n", " ").split()
    misled = {mirror: index, **PIP, **UV, **UV_UNSET, **UV_FLAGS}
    assert installed(call, tmp_path, {mirror: index})
    assert not installed(call, tmp_path, misled)
    assert not installed(call[call.index("uv") :], tmp_path, {**misled, **neutral(text)})
    assert installed(call, tmp_path, {**misled, **neutral(text)})
