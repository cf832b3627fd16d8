"""Compile the project's own stack with every Python of this machine and both engines, and compare the bytes.

    python tests/compare_pythons.py [PYTHON]...

Each Python, a version or a path, gets an environment into which this checkout is installed: that takes an index, which is why
pytest does not do it. The stack is the recorded one, from loopback. Exit status: 0 the same bytes for each engine, whatever the
Python, 1 not, 2 fewer than two Pythons.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from stackc.engine import ENGINES
from support.cli import Desk, tree
from support.index_server import serving
from support.recorded import PROJECT, STACK, pointed, recorded_site

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
UV = str(Path(sys.executable).with_name("uv"))


def main(versions: tuple[str, ...]) -> int:
    """Compare the Pythons among `versions` that are there; return the exit status."""
    found = {version: python for version in versions if (python := interpreter(version)) is not None}
    if len(found) < 2:
        sys.stderr.write(f"two Pythons are needed to compare, and there is {', '.join(found) or 'none'}\n")
        return 2
    digests: dict[str, set[str]] = {engine: set() for engine in ENGINES}
    with tempfile.TemporaryDirectory() as folder, serving(recorded_site()) as server:
        manifest = pointed(STACK.read_text(encoding="utf-8"), server.url)
        for version, python in found.items():
            own = installed(Path(folder, version.replace("/", "-")), python)
            for engine in ENGINES:
                digest, summary = compiled(own.parents[2] / engine, own, manifest, engine=engine)
                digests[engine].add(digest)
                sys.stdout.write(f"Python {version}, {engine}: {digest}  {summary}\n")
                sys.stdout.flush()
    return 0 if all(len(each) == 1 for each in digests.values()) else 1


def interpreter(version: str) -> str | None:
    """Return the path of a Python that is installed already."""
    options = ("--no-python-downloads", "--no-project", "--no-config", "--system")
    answer = subprocess.run([UV, "python", "find", *options, version], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None


def installed(folder: Path, python: str) -> Path:
    """Return the Python of a new environment in which this checkout is installed. Raises CalledProcessError."""
    environment = folder / "environment"
    subprocess.run([UV, "venv", "--quiet", "--no-config", "--python", python, environment], check=True)
    own = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([UV, "pip", "install", "--quiet", "--no-config", "--python", own, PROJECT], check=True)
    return own


def compiled(folder: Path, python: Path, manifest: str, *, engine: str) -> tuple[str, str]:
    """Return a digest over all files that a compile writes, and the first line that it prints. Raises CalledProcessError."""
    desk = Desk(folder)
    desk.write(manifest)
    outcome = desk.run("compile", "--engine", engine, launcher=(str(python), "-m", "stackc"))
    if outcome.status != 0:
        raise subprocess.CalledProcessError(outcome.status, "stackc compile", outcome.stdout, outcome.stderr)
    state = hashlib.sha256()
    for name, content in tree(desk.project / "locks").items():
        state.update(f"{name} {len(content)}\n".encode() + content)
    return state.hexdigest(), outcome.stdout.partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or VERSIONS))
