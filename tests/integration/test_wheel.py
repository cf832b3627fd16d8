"""The wheel, built and installed for real: it holds all that stackc needs, and compiles what the checkout compiles."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import stackc
from support.cli import UNIVERSE, Desk, index_of, manifest, tree
from support.index_server import serving

ROOT = Path(__file__).parents[2]
COMPONENTS = '[components.base]\nversion = "<2"\norder = 1\n\n[components.app]\nversion = ">=0"\n'
WHERE = """
import stackc
from stackc.render.digest import builtin_folder
print(stackc.__file__)
print(builtin_folder())
"""


def run(*command: str | Path) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment that has the wheel, and sees the dependencies of the one that tests it."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--ignore-installed", wheel)
    return python


def test_the_wheel_holds_all_that_stackc_needs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = Path(stackc.__file__).parent
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    own = {f"stackc/{path.relative_to(package).as_posix()}" for path in files}
    templates = {f"stackc/templates/{path.name}" for path in (ROOT / "templates").iterdir()}
    assert held == own | templates
    assert {"stackc/py.typed", "stackc/data/stack.schema.json", "stackc/templates/Dockerfile.j2"} <= held


def test_the_installed_wheel_compiles_to_the_bytes_of_the_checkout(python: Path, tmp_path: Path) -> None:
    here, there = Desk(tmp_path / "checkout"), Desk(tmp_path / "wheel")
    search = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    with serving(index_of(UNIVERSE)) as server:
        for desk in (here, there):
            desk.write(manifest(server, COMPONENTS))
        assert here.run("compile").status == 0
        told = there.run("compile", launcher=(str(python.with_name("stackc")),), PATH=search)
    assert (told.status, told.stderr) == (0, "")
    assert tree(there.project) == tree(here.project)
    assert there.run("check", launcher=(str(python), "-m", "stackc")).stdout == "gpu: proved, nothing drifted\n"


def test_the_installed_wheel_uses_its_own_templates(python: Path, tmp_path: Path) -> None:
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    assert run(python, "-I", "-c", WHERE).splitlines() == [
        str(site / "stackc/__init__.py"),
        str(site / "stackc/templates"),
    ]
