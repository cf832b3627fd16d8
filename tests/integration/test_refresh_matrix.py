"""`tools/refresh_matrix.py` on a loopback index, with small real wheels."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stackc.matrix.facts import FACTS, NEEDING
from support.index_server import Answer, IndexServer, Site, serving
from support.universe import Release, publish, publish_wheels

TOOL = Path(__file__).resolve().parents[2] / "tools" / "refresh_matrix.py"
ROOT = "/simple"
LINUX = "manylinux1_x86_64"
ON_LINUX = 'platform_system == "Linux" and platform_machine == "x86_64"'
TORCH = (
    f"nvidia-cuda-runtime-cu12==12.4.127; {ON_LINUX}",
    f"nvidia-cudnn-cu12==9.1.0.70; {ON_LINUX}",
    f"triton==3.1.0; {ON_LINUX}",
)
HEAD = "# Written by tools/refresh_matrix.py, not by hand.\n"
TRANSFORMERS = Release(
    version="4.48.0",
    requires=("tokenizers<0.22,>=0.21", "numpy", 'torch>=2.0; extra == "torch"'),
    extras=("torch",),
)


def torch(version: str, python: str = "cp311") -> Release:
    return Release(version=version, requires=TORCH, tags=f"{python}-{python}-{LINUX}", requires_python=">=3.9")


def universe() -> dict[str, tuple[Release, ...]]:
    """Return one release or more of every project that has a generated table."""
    return {
        "torch": (torch("2.5.1", "cp310"), torch("2.5.1"), Release(version="2.5.0", tags=f"cp311-cp311-{LINUX}", yanked=True)),
        "torchvision": (Release(version="0.20.1", requires=("torch==2.5.1",), tags=f"cp311-cp311-{LINUX}", sidecar=False),),
        "torchaudio": (Release(version="2.5.1", requires=("torch",), tags=f"py3-none-{LINUX}"),),
        "bitsandbytes": (Release(version="0.45.0", requires=("torch",), tags=f"py3-none-{LINUX}"),),
        **{name: (Release(version="1.0", requires=("torch>=2",)),) for name in NEEDING},
        "transformers": (TRANSFORMERS,),
    }


def put(site: Site, projects: dict[str, tuple[Release, ...]]) -> None:
    """Publish projects with their wheels; that of bitsandbytes gets libraries for two CUDAs."""
    publish(site, publish_wheels(site, projects, root=ROOT), root=ROOT)
    for release in projects.get("bitsandbytes", ()):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for cuda in ("124", "118"):
                archive.writestr(f"bitsandbytes/libbitsandbytes_cuda{cuda}.so", b"")
        site.put_file(f"{ROOT}/files/{release.filename('bitsandbytes')}", packed.getvalue())


@dataclass
class Refresh:
    """The tool, run with a loopback index as the one that pip asks, on a folder of its own."""

    site: Site
    server: IndexServer
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, date: str = "2026-11-23") -> tuple[int, str, list[str]]:
        """Return the exit status, what stdout has, and the lines of stderr."""
        command = [sys.executable, "-W", "error", str(TOOL), "--folder", str(self.folder), "--date", date, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr.replace(self.server.url, "INDEX").splitlines()

    def rows(self, name: str) -> str:
        """Return a table without its head."""
        text = (self.folder / f"{name}.toml").read_text(encoding="utf-8")
        assert text.startswith(HEAD)
        return text[text.index("\n[[") :]

    def written(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.iterdir())}


@pytest.fixture
def refresh(tmp_path: Path) -> Iterator[Refresh]:
    site = Site()
    put(site, universe())
    folder = tmp_path / "facts"
    folder.mkdir()
    with serving(site) as server:
        own = {"STACKC_CACHE": str(tmp_path / "cache"), "PIP_INDEX_URL": f"{server.url}{ROOT}", "PIP_CONFIG_FILE": os.devnull}
        yield Refresh(site, server, folder, {**os.environ, **own})


def test_every_table_is_written_from_what_the_index_says(refresh: Refresh) -> None:
    shutil.copy(FACTS / "partners.toml", refresh.folder)
    by_hand = (refresh.folder / "partners.toml").read_bytes()
    status, out, err = refresh()
    tables = ["torch", "torchvision", "torchaudio", "bitsandbytes", *NEEDING]
    assert (status, out, err[-1]) == (0, "", f"written: {', '.join(tables)}")
    assert refresh.written().keys() == {*(f"{name}.toml" for name in tables), "partners.toml"}
    assert (refresh.folder / "partners.toml").read_bytes() == by_hand
    assert [line for line in err if not line.endswith("is new")] == err[-1:]
    assert refresh.rows("torch") == (
        '\n[[torch]]\nversion = "2.5.1"\nreleased = 2024-01-01\nrequires-python = ""\npythons = ["3.10", "3.11"]\n'
        'pypi-cuda = "12.4"\ntriton = "==3.1.0"\ncudnn = "9.1.0.70"\nstatus = "verified"\n'
        'source = "METADATA of torch-2.5.1-cp311-cp311-manylinux1_x86_64.whl"\ndate = 2026-11-23\n'
    )
    assert refresh.rows("torchvision") == (
        '\n[[torchvision]]\nversion = "0.20.1"\nreleased = 2024-01-01\ntorch = "==2.5.1"\npythons = ["3.11"]\n'
        'status = "verified"\nsource = "METADATA of torchvision-0.20.1-cp311-cp311-manylinux1_x86_64.whl"\ndate = 2026-11-23\n'
    )
    assert refresh.rows("torchaudio") == (
        '\n[[torchaudio]]\nversion = "2.5.1"\nreleased = 2024-01-01\npythons = ["3.10", "3.11"]\n'
        'status = "verified"\nsource = "METADATA of torchaudio-2.5.1-py3-none-manylinux1_x86_64.whl"\ndate = 2026-11-23\n'
    )
    assert refresh.rows("bitsandbytes") == (
        '\n[[bitsandbytes]]\nversion = "0.45.0"\nreleased = 2024-01-01\ncuda = ["11.8", "12.4"]\nstatus = "verified"\n'
        'source = "names of the libraries in, and METADATA of bitsandbytes-0.45.0-py3-none-manylinux1_x86_64.whl"\n'
        "date = 2026-11-23\n"
    )
    assert refresh.rows("transformers") == (
        '\n[[releases]]\nfirst = "4.48.0"\nlast = "4.48.0"\nrequires = { tokenizers = ">=0.21,<0.22", torch = ">=2.0" }\n'
        'optional = ["torch"]\nstatus = "verified"\nsource = "METADATA of transformers-4.48.0-py3-none-any.whl"\n'
        "date = 2026-11-23\n"
    )


def test_a_second_run_changes_nothing_on_any_later_day(refresh: Refresh) -> None:
    assert refresh()[0] == 0
    before = refresh.written()
    assert refresh(date="2027-01-01") == (0, "", ["up to date"])
    assert refresh("--check", date="2027-01-01") == (0, "", ["up to date"])
    assert refresh.written() == before


def test_check_prints_what_would_change_and_writes_nothing(refresh: Refresh) -> None:
    refresh("transformers")
    before = refresh.written()
    put(refresh.site, {"transformers": (TRANSFORMERS, Release(version="4.49.0", requires=("torch>=2.1",)))})
    status, out, err = refresh("--check", "transformers", date="2027-01-01")
    assert (status, err) == (1, ["transformers: 4.49.0 to 4.49.0 is new", "out of date: transformers"])
    assert out.splitlines()[:2] == ["--- a/transformers.toml", "+++ b/transformers.toml"]
    assert [line for line in out.splitlines()[3:] if line[0] != " "] == [
        "+",
        "+[[releases]]",
        '+first = "4.49.0"',
        '+last = "4.49.0"',
        '+requires = { torch = ">=2.1" }',
        '+status = "verified"',
        '+source = "METADATA of transformers-4.49.0-py3-none-any.whl"',
        "+date = 2027-01-01",
    ]
    assert refresh.written() == before


def test_a_row_that_the_index_does_not_give_any_more_is_kept_and_told(refresh: Refresh) -> None:
    refresh("torch", "bitsandbytes")
    before = refresh.written()
    refresh.environment["STACKC_CACHE"] += "-new"
    bitsandbytes = f"{ROOT}/files/bitsandbytes-0.45.0-py3-none-{LINUX}.whl"
    refresh.site.answers[bitsandbytes] = Answer(404)
    put(refresh.site, {"torch": (torch("2.6.0"),)})
    status, _, err = refresh("torch", "bitsandbytes")
    why = f"INDEX{bitsandbytes}: answered 404 to a range request"
    reason = f"the files in {bitsandbytes.rpartition('/')[2]} cannot be listed: {why}"
    assert (status, err) == (
        0,
        [
            "torch: 2.5.1 is kept as it was: the index no longer lists it",
            "torch: 2.6.0 is new",
            f"bitsandbytes: 0.45.0 is kept as it was: {reason}",
            "written: torch",
        ],
    )
    assert refresh.written()["bitsandbytes.toml"] == before["bitsandbytes.toml"]
    assert refresh.written()["torch.toml"].startswith(before["torch.toml"])


def test_another_wheel_is_read_where_one_has_no_metadata(refresh: Refresh) -> None:
    name = f"torch-2.5.1-cp311-cp311-{LINUX}.whl"
    refresh.site.answers[f"{ROOT}/files/{name}.metadata"] = Answer(404)
    refresh.site.answers[f"{ROOT}/files/{name}"] = Answer(404)
    assert refresh("torch")[0] == 0
    assert f"METADATA of torch-2.5.1-cp310-cp310-{LINUX}.whl" in refresh.rows("torch")


def test_a_project_of_which_nothing_can_be_read_ends_the_run(refresh: Refresh) -> None:
    name = "peft-1.0-py3-none-any.whl"
    refresh.site.answers[f"{ROOT}/files/{name}.metadata"] = Answer(404)
    refresh.site.answers[f"{ROOT}/files/{name}"] = Answer(404)
    reason = f"the metadata of `{name}` could not be fetched; INDEX/simple/files/{name}: answered 404 to a range request"
    assert refresh("peft") == (4, "", [f"refresh_matrix: of peft, no release can be read: {reason}"])
    assert refresh.written() == {}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(404), "answered 404"),
        (Answer(200, b"<html>", {"Content-Type": "text/plain"}), "its media type is text/plain, which no Simple API page has"),
        (Answer(200, b"no gzip", {"Content-Type": "text/html", "Content-Encoding": "gzip"}), "its gzip encoding is broken"),
    ],
)
def test_a_page_that_cannot_be_read_ends_the_run(refresh: Refresh, answer: Answer, reason: str) -> None:
    refresh.site.answers[f"{ROOT}/torch/"] = answer
    assert refresh() == (4, "", [f"refresh_matrix: the page of torch cannot be read: {reason}"])


def test_an_index_that_gives_no_moments_of_upload_ends_the_run(refresh: Refresh) -> None:
    put(refresh.site, {"trl": (Release(version="1.0", uploaded=None),)})
    assert refresh("trl") == (4, "", ["refresh_matrix: the index does not say when trl 1.0 was uploaded"])


def test_an_index_that_cannot_be_reached_ends_the_run(refresh: Refresh) -> None:
    refresh.environment["PIP_INDEX_URL"] = "http://127.0.0.1:1/simple"
    status, out, err = refresh()
    assert (status, out, len(err)) == (4, "", 1)
    assert err[0].startswith("refresh_matrix: the page of torch cannot be read: 127.0.0.1: ")


def test_a_table_that_is_kept_by_hand_cannot_be_asked_for(refresh: Refresh) -> None:
    status, out, err = refresh("cuda", "torch")
    assert (status, out, err[-1]) == (2, "", "refresh_matrix.py: error: no table is generated for cuda")
