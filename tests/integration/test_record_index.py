"""`tools/record_index.py` on a loopback index: the recorded one, recorded again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import tomli

from support.index_server import serving
from support.recorded import PROJECT, RECORDED, STACK, recorded_site

TOOL = PROJECT / "tools" / "record_index.py"


def record(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tool with the recorded index as the one that pip would ask."""
    with serving(recorded_site()) as server:
        manifest = STACK.read_text(encoding="utf-8").replace("https://download.pytorch.org", server.url)
        (tmp_path / "stack.toml").write_text(manifest, encoding="utf-8")
        environment = {**os.environ, "PIP_INDEX_URL": f"{server.url}/simple", "PIP_CONFIG_FILE": os.devnull}
        command = [sys.executable, str(TOOL), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


def rows(folder: Path) -> dict[str, list[object]]:
    """Return the file rows of every page in a recording."""
    return {path.name: json.loads(path.read_text(encoding="utf-8"))["files"] for path in sorted(folder.glob("*.json"))}


def test_the_recording_recorded_again_holds_all_that_is_locked_and_no_file_that_it_did_not_hold(tmp_path: Path) -> None:
    """Which releases uv looks at beside those that it locks, and so which projects they name, differs from run to run."""
    done = record(tmp_path, "--trimmed", "again", "stack.toml")
    assert done.returncode == 0, done.stderr
    again, before = rows(tmp_path / "again"), rows(RECORDED)
    new = {name: [row for row in found if row not in before.get(name, [])] for name, found in again.items()}
    assert {name: found for name, found in new.items() if found} == {}
    lock = tomli.loads((PROJECT / "locks/gpu/lock.toml").read_text(encoding="utf-8"))
    locked = {f"{package['name']}.json" for package in lock["package"] if package["index"] == "pypi"}
    assert locked - again.keys() == set()


def test_a_full_recording_holds_what_the_command_asked_for_and_no_host(tmp_path: Path) -> None:
    script = "import os, urllib.request as r; r.urlopen(os.environ['INDEX_URL'] + '/numpy/').read()"
    done = record(tmp_path, "--full", "full", "stack.toml", sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    written = {path.relative_to(tmp_path / "full").as_posix() for path in (tmp_path / "full").rglob("*") if path.is_file()}
    page = json.loads((tmp_path / "full" / "pages" / "numpy.json").read_bytes())
    listed = [row["filename"] for row in json.loads((RECORDED / "numpy.json").read_bytes())["files"]]
    assert (written, [row["filename"] for row in page["files"]]) == ({"pages/numpy.json"}, listed)
    assert {row["url"] for row in page["files"]} == {f"../../files/numpy/{name}" for name in listed}


def test_the_recording_holds_no_address() -> None:
    found = {path.name: re.findall(r"https?://\S+", path.read_text(encoding="utf-8")) for path in RECORDED.glob("*.json")}
    assert {name: addresses for name, addresses in found.items() if addresses} == {}


def test_a_command_that_fails_leaves_no_recording(tmp_path: Path) -> None:
    done = record(tmp_path, "--full", "full", "stack.toml", sys.executable, "-c", "raise SystemExit(3)")
    assert (done.returncode, (tmp_path / "full").exists()) == (3, False)
