"""Measure both engines through the view and alone, on an index without PEP 658: to resolve, one has to download from it.

    python bench/engines.py [--runs N] [--latency MS] [--bandwidth MB] [STACK]...

Replays the recording that the differential test shares, on loopback. Each wheel is made up: its real METADATA, and zeros up to
its real size or 1 MB, whichever is less; but a whole one takes the time that its real size takes at so many MB per second.
What each case does is told in bench/README.md; a figure is never asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import json
import os
import re
import signal
import socket
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tomli

import connection
from measuring import ROOT, Case, Table, measure, remove, slug

BIN = Path(sys.executable).parent
STACKS = ROOT / "tests" / "recorded" / "stacks"
JSON = "application/vnd.pypi.simple.v1+json"
LARGEST = 1024**2
PIP_ALONE, PIP_VIEW, UV_ALONE, UV_VIEW = "pip-compile alone", "stackc, pip-tools", "uv alone", "stackc, uv"
ALONE = {PIP_VIEW: PIP_ALONE, UV_VIEW: UV_ALONE}
AIM = 10.0
_RANGE = re.compile(rb"\r\nrange: bytes=(\d*)-(\d*)\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Body:
    """What one path answers: bytes, with so many zeros between them."""

    head: bytes
    zeros: int = 0
    tail: bytes = b""
    media_type: str = "application/octet-stream"
    real_size: int = 0

    def __len__(self) -> int:
        return len(self.head) + self.zeros + len(self.tail)

    def part(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to before `end`."""
        first, last = len(self.head), len(self.head) + self.zeros
        middle = max(0, min(end, last) - max(start, first))
        return self.head[start:end] + bytes(middle) + self.tail[max(0, start - last) : max(0, end - last)]


def wheel(filename: str, metadata: str, size: int) -> tuple[Body, str]:
    """Return a wheel that holds its metadata and zeros, as large as it is said to be, within limits; and its sha256."""
    name, version, *_ = filename.removesuffix(".whl").split("-")
    info = f"{name}-{version}.dist-info"
    members = {
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    zeros = bytes(min(size, LARGEST))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("zeros"), zeros)
        for file, text in members.items():  # last, as in the wheels that there are (PEP 427)
            archive.writestr(zipfile.ZipInfo(file), text)
    whole = packed.getvalue()
    start = whole.index(zeros) if zeros else len(whole)
    return Body(whole[:start], len(zeros), whole[start + len(zeros) :], real_size=size), hashlib.sha256(whole).hexdigest()


def site() -> Mapping[str, Body]:
    """Return what the index answers by path: pages that promise no metadata, and wheels."""
    known: dict[str, Body] = {}
    for path in sorted((STACKS / "index").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        headers = {name: group["header"] for group in document["metadata"] for name in group["files"]}
        files = []
        for row in document["files"]:
            filename = row["filename"]
            if filename in headers:
                project, version, *_ = filename.split("-")
                metadata = "\n".join(
                    ["Metadata-Version: 2.1", f"Name: {project}", f"Version: {version}", *headers[filename], ""]
                )
                body, digest = wheel(filename, metadata, row.get("size", 0))
                known[f"/files/{filename}"] = body
                files.append(_entry(row, digest))
        page = {"meta": {"api-version": "1.1"}, "name": document["project"], "files": files}
        known[f"/simple/{document['project']}/"] = Body(json.dumps(page).encode(), media_type=JSON)
    return known


def _entry(row: Mapping[str, object], digest: str) -> dict[str, object]:
    kept = {key: row[key] for key in ("filename", "requires-python", "upload-time", "yanked") if key in row}
    return {**kept, "hashes": {"sha256": digest}, "url": f"../../files/{row['filename']}"}


class Connection(connection.Connection):
    """Answers in whole, or in the range that is asked for; a whole file takes as long as it would at its real size."""

    def __init__(self, known: Mapping[str, Body], *, latency: float, bandwidth: float) -> None:
        super().__init__(latency=latency)
        self._known = known
        self._bandwidth = bandwidth

    def answer(self, path: str, head: bytes) -> None:
        """Send the headers at once, and the body when it would have come."""
        body = self._known.get(path)
        if body is None:
            self.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        size, asked = len(body), _RANGE.search(head)
        start, end = _span(asked, size) if asked else (0, size)
        first = "206 Partial Content" if asked else "200 OK"
        fields = f'Content-Type: {body.media_type}\r\nAccept-Ranges: bytes\r\nCache-Control: max-age=600\r\nETag: "{size}"\r\n'
        span = f"Content-Range: bytes {start}-{end - 1}/{size}\r\n" if asked else ""
        self.send(f"HTTP/1.1 {first}\r\n{fields}{span}Content-Length: {end - start}\r\n\r\n".encode())
        if not head.startswith(b"HEAD "):
            taken = end - start if asked else max(size, body.real_size)
            asyncio.get_running_loop().call_later(taken / self._bandwidth, self.send, body.part(start, end))


def _span(asked: re.Match[bytes], size: int) -> tuple[int, int]:
    if not asked[1]:
        return max(0, size - int(asked[2])), size
    return int(asked[1]), min(size, int(asked[2]) + 1) if asked[2] else size


@contextmanager
def replaying(*, latency: float, bandwidth: float) -> Iterator[str]:
    """Serve the index in a process of its own; yield the address of its Simple API."""
    known = site()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(_serve(known, listener, latency=latency, bandwidth=bandwidth))
        finally:
            os._exit(0)
    port = listener.getsockname()[1]
    listener.close()
    try:
        yield f"http://127.0.0.1:{port}/simple"
    finally:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


async def _serve(known: Mapping[str, Body], listener: socket.socket, *, latency: float, bandwidth: float) -> None:
    server = await asyncio.get_running_loop().create_server(
        partial(Connection, known, latency=latency, bandwidth=bandwidth), sock=listener
    )
    await server.serve_forever()


class Scene:
    """The commands of one stack: through the view, and the engines by themselves on the same requirements."""

    def __init__(self, name: str, root: Path, index: str) -> None:
        self._root = root / name
        self._index = index
        text = (STACKS / f"{name}.toml").read_text(encoding="utf-8")
        manifest = load_text(text)
        for case in (PIP_VIEW, UV_VIEW):
            self._folder(case).mkdir(parents=True)
            (self._folder(case) / "stack.toml").write_text(f'{text}\n[indexes.pypi]\nurl = "{index}"\n', encoding="utf-8")
        for case in (PIP_ALONE, UV_ALONE):
            self._folder(case).mkdir(parents=True)
            (self._folder(case) / "requirements.in").write_text("".join(f"{line}\n" for line in manifest), encoding="utf-8")

    def cases(self, *, warm: bool) -> list[Case]:
        """Return the cases, each from nothing or with the cache that an earlier run left."""
        commands = {
            PIP_ALONE: [
                str(BIN / "pip-compile"), "requirements.in", "-o", "out.txt", "--no-config", "--index-url", self._index,
                "--no-strip-extras", "--allow-unsafe", "--quiet", "--cache-dir", str(self._cache(PIP_ALONE)),
            ],
            PIP_VIEW: [str(BIN / "stackc"), "compile", "--engine", "pip-tools"],
            UV_ALONE: [
                str(BIN / "uv"), "pip", "compile", "requirements.in", "-o", "out.txt", "--default-index", self._index,
                "--no-config", "--no-build", "--no-python-downloads", "--no-progress", "-p", sys.executable,
                "--cache-dir", str(self._cache(UV_ALONE)),
            ],
            UV_VIEW: [str(BIN / "stackc"), "compile"],
        }  # fmt: skip
        return [
            Case(name, command, self._folder(name), self._environment(name), partial(self._forget, name, warm=warm))
            for name, command in commands.items()
        ]

    def versions(self) -> dict[str, int]:
        """Return how many projects each case pinned."""
        outputs = {name: self._folder(name) / "out.txt" for name in (PIP_ALONE, UV_ALONE)}
        outputs |= {name: next((self._folder(name) / "locks").glob("*/constraints.txt")) for name in (PIP_VIEW, UV_VIEW)}
        return {name: file.read_text(encoding="utf-8").count("==") for name, file in outputs.items()}

    def _forget(self, name: str, *, warm: bool) -> None:
        for made in (self._folder(name) / "locks", *(() if warm else (self._cache(name),))):
            remove(made)
        (self._folder(name) / "out.txt").unlink(missing_ok=True)

    def _folder(self, name: str) -> Path:
        return self._root / slug(name)

    def _cache(self, name: str) -> Path:
        return self._root / "caches" / slug(name)

    def _environment(self, name: str) -> dict[str, str]:
        home = self._root / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.defpath,
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "NETRC": os.devnull,
            "NO_PROXY": "127.0.0.1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DEFAULT_TIMEOUT": "600",
            "UV_HTTP_TIMEOUT": "600",
            "STACKC_CACHE": str(self._cache(name)),
        }


def load_text(text: str) -> list[str]:
    """Return the requirement lines of a recorded manifest."""
    components = tomli.loads(text)["components"]
    return [f"{name}{_extras(found)}{found['version']}" for name, found in components.items()]


def _extras(component: Mapping[str, Sequence[str]]) -> str:
    return f"[{','.join(component['extras'])}]" if "extras" in component else ""


def suitable() -> list[str]:
    """Return the recorded stacks for this very Python on linux/amd64 whose only index is the default one."""
    here = f'python = "{sys.version_info[0]}.{sys.version_info[1]}"'
    unsolvable = (STACKS.parent / "unsolvable.txt").read_text(encoding="utf-8").splitlines()
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(STACKS.glob("*.toml"))}
    return [
        name
        for name, text in texts.items()
        if here in text and "linux/amd64" in text and "[indexes." not in text and name not in unsolvable
    ]


def _print(title: str, table: Table) -> None:
    print(f"\n{title}\n{'':28}{'median s':>10}{'min':>8}{'max':>8}{'x faster than alone':>21}")
    for name, figures in table.items():
        beside = table.get(ALONE.get(name, ""))
        ratio = f"{beside.median / figures.median:21.1f}" if beside is not None else ""
        print(f"{name:28}{figures.median:10.2f}{min(figures.seconds):8.2f}{max(figures.seconds):8.2f}{ratio}")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1, help="how often each case is run (default: 1)")
    parser.add_argument("--latency", type=int, default=30, metavar="MS", help="milliseconds per response (default: 30)")
    parser.add_argument("--bandwidth", type=int, default=25, metavar="MB", help="megabytes per second (default: 25)")
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="recorded stacks (default: all for this Python)")
    chosen = parser.parse_args()
    fitting = suitable()
    names = chosen.stacks or fitting
    if not names or not set(names) <= set(fitting):
        sys.exit(f"recorded stacks for this Python: {', '.join(fitting) or 'none; run it with Python 3.11'}")
    ratios: dict[str, list[float]] = {"cold": [], "warm": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        replaying(latency=chosen.latency / 1000, bandwidth=chosen.bandwidth * 1e6) as index,
    ):
        for name in names:
            scene = Scene(name, Path(folder), index)
            for state in ("cold", "warm"):
                table = measure(scene.cases(warm=state == "warm"), runs=chosen.runs)
                _print(f"{name}, {state}, {chosen.latency} ms per response", table)
                ratios[state].append(table[PIP_ALONE].median / table[PIP_VIEW].median)
            print("pins: " + ", ".join(f"{case} {count}" for case, count in scene.versions().items()))
    print(f"\naim: pip-tools through the view at least {AIM:g} x faster than pip-compile alone")
    for state, found in ratios.items():
        met = sum(ratio >= AIM for ratio in found)
        print(f"  {state:6}{min(found):6.1f} to {max(found):.1f} x, met for {met} of {len(found)} stacks")


if __name__ == "__main__":
    main()
