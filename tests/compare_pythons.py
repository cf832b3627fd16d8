"""Compile the project's own stack with every Python of this machine, and compare the bytes.

    python tests/compare_pythons.py [PYTHON]...

Each Python, a version or a path, gets an environment into which this checkout is installed: that takes an index, which is why
pytest does not do it. The stack is the recorded one, from loopback. Exit status: 0 the same bytes, 1 not, 2 fewer than two.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

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
    with tempfile.TemporaryDirectory() as folder, serving(recorded_site()) as server:
        manifest = pointed(STACK.read_text(encoding="utf-8"), server.url)
        digests = {
            version: compiled(Path(folder, str(number)), python, manifest)
            for number, (version, python) in enumerate(found.items())
        }
    for version, digest in digests.items():
        sys.stdout.write(f"Python {version}: {digest}\n")
    return 0 if len(set(digests.values())) == 1 else 1


def interpreter(version: str) -> str | None:
    """Return the path of a Python that is installed already."""
    options = ("--no-python-downloads", "--no-project", "--no-config", "--system")
    answer = subprocess.run([UV, "python", "find", *options, version], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None


def compiled(folder: Path, python: str, manifest: str) -> str:
    """Return a digest over all files that a compile writes under one Python. Raises CalledProcessError."""
    environment = folder / "environment"
    subprocess.run([UV, "venv", "--quiet", "--no-config", "--python", python, environment], check=True)
    own = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([UV, "pip", "install", "--quiet", "--no-config", "--python", own, PROJECT], check=True)
    desk = Desk(folder)
    desk.write(manifest)
    outcome = desk.run("compile", launcher=(str(own), "-m", "stackc"))
    if outcome.status != 0:
        raise subprocess.CalledProcessError(outcome.status, "stackc compile", outcome.stdout, outcome.stderr)
    state = hashlib.sha256()
    for name, content in tree(desk.project / "locks").items():
        state.update(f"{name} {len(content)}\n".encode() + content)
    return state.hexdigest()


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or VERSIONS))
