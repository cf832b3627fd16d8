"""Which CUDA a build of torch brings: by its local version label, by the index it comes from, or by the facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct
from packaging.version import Version

__all__ = ["TORCH_CUDA", "Builds", "cuda_of_label", "label_of_index"]

TORCH_CUDA = "torch-cuda"
"""The virtual project that a release of torch carries: the CUDA that it was built for."""

_LABEL = re.compile(r"cu([0-9]+)([0-9])")
_OTHER_LABEL = re.compile(r"cpu|rocm[0-9.]+|xpu")


class Builds(Struct, frozen=True):
    """The CUDA of torch's builds without a label: those of the default index for x86_64, by version."""

    unlabelled: Mapping[Version, Version] = {}

    def cuda(self, torch: Version, *, machine: str) -> Version | None:
        """Return the CUDA of a build; None for one without CUDA, and where nobody knows."""
        if torch.local is not None:
            return cuda_of_label(torch.local.split(".")[0])
        return self.unlabelled.get(torch) if machine == "x86_64" else None


def cuda_of_label(label: str) -> Version | None:
    """Return 12.4 for `cu124`, and None for a label that names no CUDA, such as `cpu`."""
    found = _LABEL.fullmatch(label)
    return Version(f"{found[1]}.{found[2]}") if found else None


def label_of_index(url: str) -> str | None:
    """Return the label of all builds on an index, None where its address ends in none: PyTorch's end in `whl/cu124`."""
    label = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    return label if _LABEL.fullmatch(label) or _OTHER_LABEL.fullmatch(label) else None
