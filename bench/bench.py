"""Measure stackc, and uv beside it, on a replay of the example stack's index.

    python bench/bench.py             measure; records the index first if that was not done yet
    python bench/bench.py --record    record the index anew (takes a network, and some 60 MB of disk)

What each case does is told in bench/README.md. A figure is never asserted, only shown beside the aim.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomli

import growth
from measuring import PASS, ROOT, Case, Table, measure, print_table, remove, replaying, run, slug

RECORDED = ROOT / "bench" / "recorded"
BIN = Path(sys.executable).parent
LATENCIES = (0, 10, 30, 60)
EDIT = ('version = ">=4.38,<4.51"', 'version = ">=4.38,<4.50"')
"""An edit that the old lock cannot satisfy: transformers 4.50.3 has to give way to 4.49.0, and nothing else has to move."""

COLD, KEPT, WARM, ASKED = "stackc cold", "stackc cold, old lock there", "stackc warm", "stackc cold, pip asked for the index"
UV_COLD, UV_WARM, UV_AGAIN = "uv cold", "uv warm, within max-age", "uv warm, revalidating"
COMPARED = {COLD: UV_COLD, KEPT: UV_COLD, ASKED: UV_COLD, WARM: UV_AGAIN}
IDLE = "stackc compile, nothing to do"


class Scene:
    """The projects, caches and commands for one address of the index."""

    def __init__(self, root: Path, *, index: str, torch: str | None, again: str | None = None) -> None:
        self.root = root
        self.index = index
        self._again = again or index
        text = (ROOT / "stack.toml").read_text(encoding="utf-8")
        if torch is not None:
            text = text.replace("https://download.pytorch.org/whl/cu124", torch)
        if text.count(EDIT[0]) != 1:
            sys.exit(f"stack.toml no longer says {EDIT[0]} once: choose another edit in bench/bench.py")
        default = f'\n[indexes.pypi]\nurl = "{index}"\n'
        texts = {
            COLD: text + default,
            KEPT: text.replace(*EDIT) + default,
            WARM: text + default,
            ASKED: text,
            IDLE: text + default,
        }
        for name, content in texts.items():
            self._project(name).mkdir(parents=True)
            (self._project(name) / "stack.toml").write_text(content, encoding="utf-8")
        (root / "home").mkdir()

    def prime(self) -> None:
        """Fill the warm caches, and leave a lock where one is needed."""
        run(self._stackc(IDLE, "compile", cache="warm"))
        for name in (UV_WARM, UV_AGAIN):
            run(self._uv(name))

    def online(self) -> list[Case]:
        """Return the cases that may ask the index."""
        return [
            self._python(),
            self._stackc(COLD, "compile", prepare=lambda: self._forget(COLD)),
            self._uv(UV_COLD),
            self._stackc(KEPT, "compile", prepare=self._with_old_lock),
            self._stackc(ASKED, "compile", prepare=lambda: self._forget(ASKED), PIP_INDEX_URL=self.index),
            self._stackc(WARM, "compile", cache="warm", prepare=lambda: remove(self._project(WARM) / "locks")),
            self._uv(UV_WARM),
            self._uv(UV_AGAIN),
        ]

    def offline(self) -> list[Case]:
        """Return the cases that ask nobody."""
        return [
            self._python(),
            self._stackc("stackc --help", "--help", project=IDLE),
            self._stackc("stackc check", "check", project=IDLE),
            self._stackc(IDLE, "compile", cache="warm"),
        ]

    def pins(self) -> tuple[set[str], set[str]]:
        """Return the projects that stackc and uv pinned."""
        lock = self._lock()
        lines = (self.root / "uv" / f"{slug(UV_WARM)}.txt").read_text(encoding="utf-8").splitlines()
        return {package["name"] for package in lock["package"]}, {
            line.partition("==")[0] for line in lines if "==" in line[:80]
        }

    def _python(self) -> Case:
        return Case(PASS, [sys.executable, "-c", "pass"], self.root, self._environment(PASS))

    def _stackc(
        self,
        name: str,
        *arguments: str,
        cache: str = "",
        project: str = "",
        prepare: Callable[[], None] = lambda: None,
        **more: str,
    ) -> Case:
        environment = {**self._environment(cache or name), **more}
        return Case(name, [str(BIN / "stackc"), *arguments], self._project(project or name), environment, prepare)

    def _uv(self, name: str) -> Case:
        lock = self._lock()
        folder = self.root / "uv"
        folder.mkdir(exist_ok=True)
        lines = [root["requirement"] for root in lock["plan"]["roots"]]
        (folder / "requirements.in").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        target, cutoff = lock["target"], lock["plan"]["exclude-newer"].strftime("%Y-%m-%dT%H:%M:%SZ")
        index = self._again if name == UV_AGAIN else self.index
        command = [
            str(BIN / "uv"), "pip", "compile", "requirements.in", "--generate-hashes", "-o", f"{slug(name)}.txt",
            "--default-index", index, "--python-version", target["python"], "--exclude-newer", cutoff,
            "--python-platform", f"x86_64-manylinux_{target['glibc'].replace('.', '_')}", "--no-build", "--no-config",
            "--no-python-downloads", "--no-progress", "--cache-dir", str(self._cache(name)), "-p", sys.executable,
        ]  # fmt: skip

        def prepare() -> None:
            (folder / f"{slug(name)}.txt").unlink(missing_ok=True)  # its pins would be preferred
            if name == UV_COLD:
                remove(self._cache(name))

        return Case(name, command, folder, self._environment(name), prepare)

    def _lock(self) -> dict[str, Any]:
        return tomli.loads((self._project(IDLE) / "locks" / "gpu" / "lock.toml").read_text(encoding="utf-8"))

    def _with_old_lock(self) -> None:
        self._forget(KEPT)
        shutil.copytree(self._project(IDLE) / "locks", self._project(KEPT) / "locks")

    def _forget(self, name: str) -> None:
        remove(self._project(name) / "locks")
        remove(self._cache(name))

    def _project(self, name: str) -> Path:
        return self.root / "projects" / slug(name)

    def _cache(self, name: str) -> Path:
        return self.root / "caches" / slug(name)

    def _environment(self, cache: str) -> dict[str, str]:
        fixed = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "NETRC": os.devnull, "NO_PROXY": "127.0.0.1"}
        return {**fixed, "HOME": str(self.root / "home"), "STACKC_CACHE": str(self._cache(cache))}


def record() -> None:
    """Record all that the cases ask for, by a rehearsal of them against the live index."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder, "stack.toml")
        manifest.write_text(growth.manifest_of(growth.TARGETS[-1]), encoding="utf-8")
        tool = [sys.executable, str(ROOT / "tools" / "record_index.py"), "--full", str(RECORDED), str(manifest)]
        done = subprocess.run([*tool, sys.executable, str(Path(__file__)), "--rehearse"], check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def rehearse(index: str) -> None:
    """Run every case a few times: what is asked for ahead depends a little on what came first."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), index=index, torch=None)
        scene.prime()
        measure(scene.online(), runs=3)
    growth.rehearse(index.removesuffix("/simple"))


def bench(*, runs: int) -> None:
    """Measure, and print a table for each latency."""
    with tempfile.TemporaryDirectory() as folder, replaying(RECORDED, LATENCIES) as sites:
        results: dict[int, Table] = {}
        for latency in LATENCIES:
            site, again = sites[f"{latency}:600"], sites[f"{latency}:0"]
            torch = f"{site}/whl/cu124"
            scene = Scene(Path(folder, str(latency)), index=f"{site}/simple", torch=torch, again=f"{again}/simple")
            scene.prime()
            if latency == LATENCIES[0]:
                _tell_pins(*scene.pins())
                offline = measure(scene.offline(), runs=4 * runs)
                print_table("no index asked", offline, compared=COMPARED)
            results[latency] = measure(scene.online(), runs=runs)
            print_table(f"{latency} ms per response", results[latency], compared=COMPARED)
        _print_aims(results, offline)


def _tell_pins(ours: set[str], theirs: set[str]) -> None:
    same = "the same projects" if ours == theirs else f"not the same: {', '.join(sorted(ours ^ theirs))}"
    print(f"stackc pins {len(ours)} projects, uv {len(theirs)}: {same}")


def _print_aims(results: Mapping[int, Table], offline: Table) -> None:
    at_0, at_30 = results[0], results[30]
    peak = max(
        figures.peak for table in (*results.values(), offline) for name, figures in table.items() if name.startswith("stackc")
    )
    print("\naims")
    for aim, found, limit in (
        ("cold at 30 ms, in uv's cold time", at_30[COLD].median / at_30[UV_COLD].median, 0.6),
        ("cold at 0 ms, in uv's cold time", at_0[COLD].median / at_0[UV_COLD].median, 2.0),
        ("warm, in uv's revalidating time at 30 ms", at_30[WARM].median / at_30[UV_AGAIN].median, 1.0),
        ("nothing to do, in python -c pass", offline[IDLE].median / offline[PASS].median, 4.0),
        ("peak memory in MB", peak, 150.0),
    ):
        print(f"{aim:44}{found:8.2f}  aim {limit:g}  {'met' if found <= limit else 'missed'}")


def main() -> None:
    """Measure, or record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="record the index anew, and measure nothing")
    parser.add_argument("--rehearse", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=5, help="how often each case is run (default: 5)")
    chosen = parser.parse_args()
    if chosen.rehearse:
        rehearse(os.environ["INDEX_URL"])
        return
    if chosen.record or not RECORDED.is_dir():
        record()
    if not chosen.record:
        bench(runs=chosen.runs)


if __name__ == "__main__":
    main()
