"""Small wheels that stand for those of the pytorch indexes: the names, versions, labels and metadata of the real ones.

Each index has one build of the trio, and says so as the real one does: by the local version label, by what the package says
of itself, or by neither, which is how the default index tells its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from support.index_server import Site
from support.universe import Release, publish_html, publish_wheels

__all__ = ["INDEXES", "stand_in_site"]

_REQUIRES = ("filelock", "typing-extensions>=4.8.0", "networkx", "jinja2", "fsspec")
_ARCHITECTURES = "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90"

_PACKAGE = """\
from torch import _C, backends, cuda, version

__version__ = version.__version__


class Tensor:
    pass
"""


def _torch(version: str, *, cuda: str | None) -> Release:
    return Release(
        version=version,
        requires=_REQUIRES,
        modules=(
            ("torch/__init__.py", _PACKAGE),
            ("torch/utils/__init__.py", ""),
            ("torch/utils/_pytree.py", "def register_pytree_node(*arguments, **more):\n    pass\n"),
            ("torch/version.py", f"__version__ = {version!r}\ncuda = {cuda!r}\ngit_version = 'a8d6afb'\n"),
            ("torch/_C.py", f"def _cuda_getArchFlags():\n    return {_ARCHITECTURES if cuda else ''!r}\n"),
            ("torch/cuda.py", "def is_available():\n    return False\n\n\ndef get_arch_list():\n    return []\n"),
            ("torch/backends/__init__.py", "from torch.backends import cudnn\n"),
            ("torch/backends/cudnn.py", f"def version():\n    return {90100 if cuda else None!r}\n"),
        ),
    )


def _partner(project: str, version: str) -> Release:
    return Release(
        version=version,
        requires=("torch==2.5.1", "numpy"),
        modules=((f"{project}/__init__.py", f"import numpy\nimport torch\n\n__version__ = {version!r}\n"),),
    )


def _trio(label: str, *, cuda: str | None) -> Mapping[str, tuple[Release, ...]]:
    return {
        "torch": (_torch(f"2.5.1{label}", cuda=cuda),),
        "torchvision": (_partner("torchvision", f"0.20.1{label}"),),
        "torchaudio": (_partner("torchaudio", f"2.5.1{label}"),),
    }


BROKEN = Release(
    version="1.0",
    modules=(("broken/__init__.py", "raise ImportError('libcusparseLt.so.0: cannot open shared object file')\n"),),
)
"""A release that installs and does not import."""

INDEXES: Mapping[str, Mapping[str, tuple[Release, ...]]] = {
    "cu124": _trio("+cu124", cuda="12.4"),
    "cpu": _trio("+cpu", cuda=None),
    "unlabelled": _trio("", cuda="12.4"),
    "mislabelled": _trio("+cu124", cuda=None),
    "broken": {"broken": (BROKEN,)},
}
"""What lies under `/whl/NAME`: the right trio, one for the CPU, the default index's, and one that is not what it says."""


def stand_in_site() -> tuple[Site, Mapping[str, Mapping[str, Release]]]:
    """Return a site with all the indexes, and the releases that it lists with their digests, by index and project."""
    site = Site()
    listed: dict[str, Mapping[str, Release]] = {}
    for name, universe in INDEXES.items():
        real = publish_wheels(site, universe, root=f"/whl/{name}")
        publish_html(site, real, root=f"/whl/{name}")
        listed[name] = {project: releases[0] for project, releases in real.items()}
    return site, listed
