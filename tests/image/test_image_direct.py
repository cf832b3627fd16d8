"""A stack whose components name files, built for real: a wheel behind an address, one of the project, and an sdist."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support.direct import LABELLED, sha256
from support.image import SITE, installed_in
from support.image_workshop import Good, Workshop
from support.index_server import Site, serving
from support.sdists import sdist
from support.universe import Release, build_wheel

ADDRESS = f"/rel/{LABELLED.replace('+', '%2B')}"
MYLIB = "our räder/mylib-1.0-py3-none-any.whl"
"""A folder whose name takes quoting, in the Dockerfile and for who carries it out."""
LEGACY = "sdists/legacy-1.0.tar.gz"

AT_URL = build_wheel(
    "flash-attn", Release(version="2.7.4.post1", requires=("packaging",), modules=(("flash_attn.py", "N = 1\n"),))
)
IN_PROJECT = build_wheel("mylib", Release(version="1.0", requires=("flash-attn>=2",), modules=(("mylib.py", "N = 2\n"),)))
SOURCE = sdist(
    pkg_info="Metadata-Version: 2.2\nName: legacy\nVersion: 1.0\nRequires-Dist: mylib\n",
    pyproject="""\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "legacy"
version = "1.0"
dependencies = ["mylib"]

[tool.setuptools]
py-modules = ["legacy"]
""",
    more={"legacy.py": "N = 3\n"},
)

MANIFEST = """\
[stack]
name = "files"
default-target = "gpu"

[targets.gpu]
python = "3.11"
platform = "linux/amd64"
base = "{base}"
cuda = "12.4"
glibc = "2.36"

[components.flash-attn]
url = "{address}"
sha256 = "{sha256}"
order = 1
verify = ["flash_attn.N == 1"]

[components.mylib]
path = "our räder/mylib-1.0-py3-none-any.whl"
verify = ["mylib.N == 2"]

[components.legacy]
path = "sdists/legacy-1.0.tar.gz"
verify = ["legacy.N == 3"]

[image]
python-from = "base"
copy = ["app/"]
cmd = ["python", "-m", "app"]
{options}
[policy]
exclude-newer = 2026-11-20T00:00:00Z
sdists = ["legacy"]
"""

APP = "import flash_attn, legacy, mylib\n\nprint(flash_attn.N + mylib.N + legacy.N)\n"
FILES = {MYLIB: IN_PROJECT, LEGACY: SOURCE}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    site = Site()
    site.put_file(f"/rel/{LABELLED}", AT_URL)
    with serving(site) as server:
        yield f"{server.url}{ADDRESS}"


@pytest.fixture(scope="module", params=["pip", "uv"])
def built(workshop: Workshop, address: str, request: pytest.FixtureRequest) -> Good:
    text = MANIFEST.replace("{address}", address).replace("{sha256}", sha256(AT_URL))
    text = text.replace("{options}", f'installer = "{request.param}"\n')
    name = f"files-{request.param}"
    desk = workshop.project(name, text, app=APP, files=FILES)
    return Good(desk, name, workshop.bench.build(name, desk.project, log=name))


def origins(site: Path) -> Mapping[str, tuple[str, str]]:
    """Return what each installed distribution says it came from (PEP 610): the address, and the sha256 that it had."""
    found = {}
    for file in site.glob("*.dist-info/direct_url.json"):
        told = json.loads(file.read_text(encoding="utf-8"))
        found[file.parent.name.partition("-")[0]] = (told["url"], told["archive_info"].get("hashes", {}).get("sha256", ""))
    return found


def test_an_image_of_files_verifies_holds_what_is_locked_and_runs(workshop: Workshop, built: Good, address: str) -> None:
    assert built.outcome.status == 0, built.outcome.log[-3000:]
    told = [line for line in built.outcome.log.splitlines() if line.startswith("ok    ")]
    assert [line for line in told[: len(told) // 2] if " is from " in line] == [
        f"ok    flash-attn is from {LABELLED}",
        "ok    legacy is from legacy-1.0.tar.gz",
        "ok    mylib is from mylib-1.0-py3-none-any.whl",
    ]
    with workshop.bench.mounted(built.image) as root:
        assert installed_in(root / SITE) == {
            package.name: str(package.version) for package in (*built.lock.packages, *built.lock.tools)
        }
        notes_hashes = built.image == "files-pip"  # uv, which compares them too, does not
        assert origins(root / SITE) == {
            "flash_attn": (address, sha256(AT_URL) if notes_hashes else ""),
            "mylib": ("file:///opt/stack/files/mylib-1.0-py3-none-any.whl", sha256(IN_PROJECT) if notes_hashes else ""),
            "legacy": ("file:///opt/stack/files/legacy-1.0.tar.gz", sha256(SOURCE) if notes_hashes else ""),
        }
        receipt = (root / "opt/stack/verified.json").read_text(encoding="utf-8")
    assert json.loads(receipt)["extra"] == {}
    assert workshop.bench.run(built.image).log.splitlines()[-1] == "6"

    written = {"--receipt": receipt, "--build-log": built.outcome.log}
    for option, text in written.items():
        outcome = built.desk.run("verify", option, str(built.desk.write(text, f"seen{option}")))
        assert outcome.status == 0, outcome


def test_a_file_of_the_project_that_is_another_one_by_now_ends_the_build(workshop: Workshop, built: Good) -> None:
    assert built.outcome.status == 0, built.outcome.log[-3000:]
    bad = workshop.copy(built.desk, f"{built.image}-changed")
    (bad / MYLIB).write_bytes(build_wheel("mylib", Release(version="1.0", modules=(("mylib.py", "N = 9\n"),))))
    outcome = workshop.bench.build("bad", bad, log=f"{built.image}-changed")
    assert outcome.status != 0, outcome.log[-3000:]
    assert outcome.ending[-1] == (
        "stackc: locks/gpu/steps/02-rest-direct.txt could not be installed as locked, see above; undo an edit of it, or run "
        "stackc compile"
    )
