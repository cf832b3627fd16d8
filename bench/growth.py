"""Measure how cost grows: with the number of targets, and with the number of projects.

    python bench/growth.py                both
    python bench/growth.py targets        1, 2, 4 and 8 targets of the example stack, cold, warm, and with one edited pin
    python bench/growth.py projects       generated stacks of 50, 200, 800 and 2,000 projects, by both engines

uv and pip-compile alone stand beside stackc, against the same replay. What each case does is told in bench/README.md. A figure
is never asserted, only shown.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import join

import tomli

from measuring import ROOT, Case, Table, measure, print_table, remove, replaying, run, slug

RECORDED = ROOT / "bench" / "recorded"
BIN = Path(sys.executable).parent
TORCH = "https://download.pytorch.org/whl"
TARGETS = (1, 2, 4, 8)
PROJECTS = (50, 200, 800, 2000)
LATENCIES = (0, 30)
AGED = 600
EDIT = ('version = ">=4.38,<4.51"', 'version = ">=4.38,<4.50"')
RELEASES = 8


def manifest_of(number: int, *, index: str | None = None, torch: str = TORCH, edited: bool = False) -> str:
    """Return the example stack's manifest for so many targets, of two builds of torch and three Pythons."""
    default = f'[indexes.pypi]\nurl = "{index}"\n\n' if index is not None else ""
    text = (ROOT / "stack.toml").read_text(encoding="utf-8").replace(TORCH, torch)
    head, _, rest = text.partition("[targets.gpu]")
    _, _, components = rest.partition("[components.numpy]")
    if edited:
        components = components.replace(*EDIT)
    targets = "\n".join(list(_targets())[:number])
    body = f"{targets}\n[components.numpy]{components}".replace("[image]", '[image]\npython-from = "uv"')
    return f"{head}{default}{body}".replace('"gpu"', '"gpu310"', 1)


def _targets() -> Iterator[str]:
    """Yield the tables of eight targets."""
    cuda, slim = "nvidia/cuda:12.4.1-devel-ubuntu{}", "python:{}-slim-{}"
    for python in ("3.10", "3.11", "3.12"):
        yield _target(f"gpu{python}", python, cuda.format("22.04"))
        yield _target(f"cpu{python}", python, slim.format(python, "bookworm"), cpu=True)
    yield _target("focal", "3.10", cuda.format("20.04"))
    yield _target("bullseye", "3.11", slim.format("3.11", "bullseye"), cpu=True)


def _target(name: str, python: str, base: str, *, cpu: bool = False) -> str:
    plain = name.replace(".", "")
    table = f'[targets.{plain}]\npython = "{python}"\nplatform = "linux/amd64"\nbase = "{base}"\n'
    if cpu:
        table += f'[targets.{plain}.components]\ntorch = {{ index = "cpu", verify = ["torch.version.cuda is None"] }}\n'
        table += 'torchvision = { index = "cpu" }\ntorchaudio = { index = "cpu" }\n'
    return table


class Bench:
    """Folders for projects and caches below one root, and commands that run in them with an environment built from scratch."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "home").mkdir(parents=True)

    def project(self, name: str, text: str) -> Path:
        """Write a project's manifest."""
        folder = self.root / "projects" / slug(name)
        folder.mkdir(parents=True)
        (folder / "stack.toml").write_text(text, encoding="utf-8")
        return folder

    def cache(self, name: str) -> Path:
        """Return where a case keeps its cache."""
        return self.root / "caches" / slug(name)

    def stackc(self, name: str, folder: Path, *options: str, cache: str, prepare: Callable[[], None]) -> Case:
        """Return a compile."""
        environment = {**self._environment(), "STACKC_CACHE": str(self.cache(cache))}
        return Case(name, [str(BIN / "stackc"), "compile", *options], folder, environment, prepare)

    def shell(self, name: str, folder: Path, commands: Sequence[Sequence[str]], prepare: Callable[[], None]) -> Case:
        """Return commands that are run one after the other."""
        script = "\n".join(map(join, commands))
        return Case(name, ["/bin/sh", "-e", "-c", script], folder, self._environment(), prepare)

    def _environment(self) -> dict[str, str]:
        fixed = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "NETRC": os.devnull, "NO_PROXY": "127.0.0.1"}
        return {**fixed, "HOME": str(self.root / "home"), "PIP_CONFIG_FILE": os.devnull}


def uv_alone(requirements: Path, *, index: str, cache: Path, python: str, glibc: str, cutoff: str | None) -> list[str]:
    """Return `uv pip compile` for one target."""
    options = ["--exclude-newer", cutoff] if cutoff is not None else []
    return [
        str(BIN / "uv"), "pip", "compile", str(requirements), "--generate-hashes", "-o", f"{requirements}.txt",
        "--default-index", index, "--python-version", python, "--python-platform", f"x86_64-manylinux_{glibc}", *options,
        "--no-build", "--no-config", "--no-python-downloads", "--no-progress", "--quiet", "--cache-dir", str(cache),
        "-p", sys.executable,
    ]  # fmt: skip


def pip_alone(requirements: Path, *, index: str, cache: Path) -> list[str]:
    """Return `pip-compile`, which can do it for the Python that it runs on alone."""
    return [
        str(BIN / "pip-compile"), str(requirements), "-o", f"{requirements}.txt", "--no-config", "--index-url", f"{index}/",
        "--quiet", "--strip-extras", "--allow-unsafe", "--cache-dir", str(cache), "--pip-args", "--no-input --retries 0",
    ]  # fmt: skip


class Targets:
    """So many targets of the example stack against one address of the index."""

    def __init__(self, root: Path, number: int, *, site: str, torch: str) -> None:
        self._bench = Bench(root)
        self._site = site
        addresses = {"index": f"{site}/simple", "torch": torch}
        noun = "target" if number == 1 else "targets"
        self.cold, self.warm, self.edited = (f"stackc {how}, {number} {noun}" for how in ("cold", "warm", "warm, one edit"))
        self.uv_cold, self.uv_warm = (f"uv alone {how}, {number} {noun}" for how in ("cold", "warm"))
        plain, edited = (manifest_of(number, edited=edited, **addresses) for edited in (False, True))
        self._folders = {name: self._bench.project(name, plain) for name in (self.cold, self.warm)}
        self._folders[self.edited] = self._bench.project(self.edited, edited)

    def prime(self) -> None:
        """Fill the warm caches, keep the locks that an edit starts from, and write uv's requirements from them."""
        run(self._compile(self.warm, prepare=lambda: None))
        shutil.copytree(self._folders[self.warm] / "locks", self._bench.root / "locks")
        run(self._uv(self.uv_warm))

    def cases(self) -> list[Case]:
        """Return all cases."""
        return [
            self._compile(self.cold, prepare=lambda: self._forget(self.cold)),
            self._uv(self.uv_cold),
            self._compile(self.warm, prepare=lambda: remove(self._folders[self.warm] / "locks")),
            self._uv(self.uv_warm),
            self._compile(self.edited, prepare=self._with_old_locks),
        ]

    def _compile(self, name: str, *, prepare: Callable[[], None]) -> Case:
        cache = name if name == self.cold else self.warm
        return self._bench.stackc(name, self._folders[name], cache=cache, prepare=prepare)

    def _forget(self, name: str) -> None:
        remove(self._folders[name] / "locks")
        remove(self._bench.cache(name))

    def _with_old_locks(self) -> None:
        remove(self._folders[self.edited] / "locks")
        shutil.copytree(self._bench.root / "locks", self._folders[self.edited] / "locks")

    def _uv(self, name: str) -> Case:
        folder = self._bench.root / slug(name)
        folder.mkdir(exist_ok=True)
        commands = []
        for path in sorted((self._bench.root / "locks").glob("*/lock.toml")):
            lock = tomli.loads(path.read_text(encoding="utf-8"))
            requirements = folder / f"{path.parent.name}.in"
            requirements.write_text("".join(f"{root['requirement']}\n" for root in lock["plan"]["roots"]), encoding="utf-8")
            target = lock["target"]
            commands.append(
                uv_alone(
                    requirements,
                    index=f"{self._site}/simple",
                    cache=self._bench.cache(name),
                    python=target["python"],
                    glibc=target["glibc"].replace(".", "_"),
                    cutoff=lock["plan"]["exclude-newer"].strftime("%Y-%m-%dT%H:%M:%SZ"),
                )
            )

        def prepare() -> None:
            for written in folder.glob("*.txt"):
                written.unlink()  # its pins would be preferred
            if name == self.uv_cold:
                remove(self._bench.cache(name))

        return self._bench.shell(name, folder, commands, prepare)


def targets(*, runs: int) -> None:
    """Measure with a growing number of targets."""
    with tempfile.TemporaryDirectory() as folder, replaying(RECORDED, LATENCIES) as sites:
        for latency in LATENCIES:
            site, root = sites[f"{latency}:{AGED}"], Path(folder, str(latency))
            scenes = [Targets(root / str(number), number, site=site, torch=f"{site}/whl") for number in TARGETS]
            for scene in scenes:
                scene.prime()
            table = measure([case for scene in scenes for case in scene.cases()], runs=runs)
            beside = {scene.cold: scene.uv_cold for scene in scenes} | {scene.warm: scene.uv_warm for scene in scenes}
            print_table(f"targets, {latency} ms per response", table, compared=beside)
            _print_growth(scenes, table)


def _print_growth(scenes: Sequence[Targets], table: Table) -> None:
    first, last = scenes[0], scenes[-1]
    cold, warm = (table[getattr(last, how)].median / table[getattr(first, how)].median for how in ("cold", "warm"))
    edit = table[first.edited].median
    print(f"{TARGETS[-1]} targets cold, in the time of one: {cold:.2f}  aim 2  {'met' if cold <= 2 else 'missed'}")
    print(f"{TARGETS[-1]} targets warm, in the time of one: {warm:.2f}")
    print(f"one edited pin, warm, one target: {edit:.2f} s  aim 1 s  {'met' if edit < 1 else 'missed'}")


def rehearse(site: str) -> None:
    """Ask for all that the cases of the example stack ask for, so that it is recorded."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Targets(Path(folder, "all"), TARGETS[-1], site=site, torch=TORCH)
        scene.prime()
        measure(scene.cases(), runs=2)


def generated(folder: Path, number: int) -> list[str]:
    """Write an index of so many projects, of which each but the first few is needed by an earlier one; return the first few."""
    chosen = random.Random(number)
    roots = max(3, number // 20)
    names = [f"p{place:04}" for place in range(number)]
    needs: dict[int, dict[int, str]] = {place: {} for place in range(number)}
    for place in range(roots, number):
        needs[chosen.randrange(max(0, place - 60), place)][place] = f">={chosen.randrange(1, 4)}"
    for place in range(number):
        for other in chosen.sample(range(place + 1, number), k=min(2, number - place - 1)):
            needs[place].setdefault(other, f">={chosen.randrange(1, 4)}")
    for kind in ("pages", "metadata"):
        (folder / kind).mkdir(parents=True)
    for place, name in enumerate(names):
        lines = [f"Requires-Dist: {names[other]}{bound}" for other, bound in sorted(needs[place].items())]
        _publish(folder, name, lines)
    for tool in ("pip", "setuptools"):
        _publish(folder, tool, [])
    return names[:roots]


def _publish(folder: Path, name: str, lines: Sequence[str]) -> None:
    files = []
    for release in range(1, RELEASES + 1):
        filename = f"{name}-{release}.0-py3-none-any.whl"
        text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {release}.0", *lines, "", ""])
        (folder / "metadata" / f"{filename}.metadata").write_text(text, encoding="utf-8")
        files.append(
            {
                "filename": filename,
                "url": f"../../files/{name}/{filename}",
                "hashes": {"sha256": hashlib.sha256(filename.encode()).hexdigest()},
                "upload-time": "2024-01-01T00:00:00Z",
                "core-metadata": {"sha256": hashlib.sha256(text.encode()).hexdigest()},
            }
        )
    page = {"meta": {"api-version": "1.1"}, "name": name, "files": files}
    (folder / "pages" / f"{name}.json").write_text(json.dumps(page), encoding="utf-8")


class Projects:
    """A generated stack of so many projects against one address of its index."""

    def __init__(self, root: Path, number: int, *, roots: Sequence[str], site: str) -> None:
        self.number = number
        self._bench = Bench(root)
        self._index = f"{site}/simple"
        self._roots = roots
        components = "".join(f'[components.{name}]\nversion = ">=1"\n\n' for name in roots)
        head = f'[stack]\nname = "generated"\n\n[indexes.pypi]\nurl = "{self._index}"\n\n'
        target = '[targets.all]\npython = "3.11"\nplatform = "linux/amd64"\nbase = "debian:12"\n\n'
        policy = "[policy]\nexclude-newer = 2025-01-01T00:00:00Z\n"
        self._text = f"{head}{target}{components}{policy}"

    def cases(self) -> list[Case]:
        """Return all cases."""
        uv = [*self._stackc("uv"), *self._alone("uv alone", self._uv)]
        return [*uv, *self._stackc("pip-tools"), *self._alone("pip-compile alone", self._pip)]

    def beside(self) -> Mapping[str, str]:
        """Return what each case is held against."""
        pairs = (("stackc, uv", "uv alone"), ("stackc, pip-tools", "pip-compile alone"))
        return {
            f"{ours} {how}, {self.number} projects": f"{theirs} {how}, {self.number} projects"
            for ours, theirs in pairs
            for how in ("cold", "warm")
        }

    def _stackc(self, engine: str) -> Iterator[Case]:
        for how in ("cold", "warm"):
            name = f"stackc, {engine} {how}, {self.number} projects"
            folder = self._bench.project(name, self._text)
            yield self._bench.stackc(
                name,
                folder,
                "--engine",
                engine,
                cache=name,
                prepare=self._forgetting(name, folder / "locks", cold=how == "cold"),
            )

    def _alone(self, who: str, command: Callable[[Path, Path], list[str]]) -> Iterator[Case]:
        for how in ("cold", "warm"):
            name = f"{who} {how}, {self.number} projects"
            folder = self._bench.root / slug(name)
            folder.mkdir()
            requirements = folder / "requirements.in"
            requirements.write_text("".join(f"{root}>=1\n" for root in self._roots), encoding="utf-8")
            written = folder / "requirements.in.txt"
            yield self._bench.shell(
                name,
                folder,
                [command(requirements, self._bench.cache(name))],
                self._forgetting(name, written, cold=how == "cold"),
            )

    def _forgetting(self, name: str, written: Path, *, cold: bool) -> Callable[[], None]:
        def prepare() -> None:
            remove(written) if written.is_dir() else written.unlink(missing_ok=True)
            if cold:
                remove(self._bench.cache(name))

        return prepare

    def _uv(self, requirements: Path, cache: Path) -> list[str]:
        return uv_alone(requirements, index=self._index, cache=cache, python="3.11", glibc="2_36", cutoff=None)

    def _pip(self, requirements: Path, cache: Path) -> list[str]:
        return pip_alone(requirements, index=self._index, cache=cache)


def projects(*, runs: int) -> None:
    """Measure with a growing number of projects, at 0 ms."""
    for number in PROJECTS:
        with tempfile.TemporaryDirectory() as folder:
            roots = generated(Path(folder, "index"), number)
            with replaying(Path(folder, "index"), (0,)) as sites:
                scene = Projects(Path(folder, "scene"), number, roots=roots, site=sites[f"0:{AGED}"])
                cases = scene.cases()
                for case in cases:
                    if " warm" in case.name:
                        run(case)
                print_table(f"{number} projects", measure(cases, runs=runs), compared=scene.beside())


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["targets", "projects", "all"], default="all", help="what grows")
    parser.add_argument("--runs", type=int, default=3, help="how often each case is run (default: 3)")
    chosen = parser.parse_args()
    if chosen.what != "projects":
        if not RECORDED.is_dir():
            sys.exit("record the index first: python bench/bench.py --record")
        targets(runs=chosen.runs)
    if chosen.what != "targets":
        projects(runs=chosen.runs)


if __name__ == "__main__":
    main()
