"""What `stackc init` writes compiles, with the real uv, against indexes on loopback that have what it asks for."""

from __future__ import annotations

from pathlib import Path

from support.cli import TOOLS, Desk, index_of
from support.index_server import serving
from support.universe import Release, publish_html

WHEEL = "cp313-cp313-manylinux_2_28_x86_64"
DEFAULT = {
    **TOOLS,
    "numpy": (Release(version="2.4.0", tags=WHEEL), Release(version="3.0.0", tags=WHEEL)),
    "scipy": (Release(version="1.18.0", tags=WHEEL, requires=("numpy<2.6",)),),
    "torch": (Release(version="2.13.0", tags=WHEEL),),
    "filelock": (Release(version="3.20.0"),),
    "accelerate": (Release(version="1.0.1", requires=("torch>=1.10", "numpy")), Release(version="1.1.0")),
}
CPU = {
    "torch": (Release(version="2.13.0+cpu", tags=WHEEL, requires=("filelock",)), Release(version="2.14.0+cpu", tags=WHEEL)),
    "torchvision": (Release(version="0.28.0+cpu", tags=WHEEL, requires=("numpy", "torch==2.13.0")),),
    "torchaudio": (Release(version="2.11.0+cpu", tags=WHEEL),),
}
COMPILED = """\
cpu: resolved by uv VERSION, and proved (7 packages, 0.0 s)

component    version     index  step              change
numpy        2.4.0       pypi   1
scipy        1.18.0      pypi   2
torch        2.13.0+cpu  cpu    3
torchvision  0.28.0+cpu  cpu    3
torchaudio   2.11.0+cpu  cpu    3
accelerate   1.0.1       pypi   requirements.txt

and 1 package that these need; see locks/cpu/STACK.md
wrote locks/cpu/
"""


def test_a_manifest_that_init_wrote_compiles_and_checks(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    site = index_of(DEFAULT)
    publish_html(site, CPU, root="/whl/cpu")
    flags = ("--cpu", "--python", "3.13", "--with", "torch==2.13.0", "--with", "accelerate==1.0.1")
    assert desk.run("init", *flags).status == 0
    with serving(site) as server:
        text = (desk.project / "stack.toml").read_text(encoding="utf-8")
        moved = text.replace("https://download.pytorch.org", server.url)
        desk.write(moved.replace("\n[targets", f'\n[indexes.pypi]\nurl = "{server.url}/simple"\n\n[targets', 1))
        told = desk.run("compile")
        assert (told.status, told.stdout) == (0, COMPILED)
        assert desk.run("check").status == 0
