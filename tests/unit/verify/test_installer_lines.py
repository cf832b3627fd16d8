"""The words of pip, uv and verify.py."""

from __future__ import annotations

import pytest

from stackc.verify.installer_lines import read_output
from stackc.verify.log_events import (
    Asked,
    Checked,
    Clipped,
    Complained,
    Concluded,
    Event,
    Fetched,
    Installed,
    LogStep,
    Removed,
    Satisfied,
)

STEP = LogStep(id=1, dialect="buildah", scope="", number=1, total=2, command="RUN pip install torch", line=1)


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (
            "  Downloading numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl (18.3 MB)",
            [Fetched(7, STEP, "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl", 18_300_000, kept=False)],
        ),
        (
            "  Downloading https://example.org/whl/cu124/torch-2.5.1%2Bcu124-cp310-cp310-linux_x86_64.whl (908.3 MB)",
            [Fetched(7, STEP, "torch-2.5.1+cu124-cp310-cp310-linux_x86_64.whl", 908_300_000, kept=False)],
        ),
        ("  Downloading six-1.16.0.tar.gz (34 kB)", [Fetched(7, STEP, "six-1.16.0.tar.gz", 34_000, kept=False)]),
        (
            "Using cached six-1.16.0-py2.py3-none-any.whl",
            [Fetched(7, STEP, "six-1.16.0-py2.py3-none-any.whl", None, kept=True)],
        ),
        (
            "Resuming download torch-2.5.1-py3-none-any.whl (1.2 MB/906.4 MB)",
            [Fetched(7, STEP, "torch-2.5.1-py3-none-any.whl", 906_400_000, kept=False)],
        ),
        (
            "Processing /opt/stack/files/own-1.0-py3-none-any.whl (from -r steps/03-rest-direct.txt (line 5))",
            [Fetched(7, STEP, "own-1.0-py3-none-any.whl", None, kept=False)],
        ),
        ("Processing triggers for libc-bin (2.36-9)", []),
        ("Downloading torch (866.2MiB)", [Fetched(7, STEP, "torch", 908_276_531, kept=False)]),
        ("  Downloading numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl.metadata (61 kB)", []),
        ("Downloading the model weights (2 GB)", []),
        (
            "Successfully installed nvidia-cublas-cu12-12.4.5.8 torch-2.5.1+cu124",
            [Installed(7, STEP, "nvidia-cublas-cu12", "12.4.5.8"), Installed(7, STEP, "torch", "2.5.1+cu124")],
        ),
        ("      Successfully uninstalled numpy-1.26.4", [Removed(7, STEP, "numpy", "1.26.4")]),
        ("Successfully built wheel", []),
        ("Successfully uninstalled it, twice", []),
        (" + torch==2.5.1+cu124", [Installed(7, STEP, "torch", "2.5.1+cu124")]),
        (" - numpy==1.26.4", [Removed(7, STEP, "numpy", "1.26.4")]),
        (" ~ numpy==1.26.4", [Removed(7, STEP, "numpy", "1.26.4"), Installed(7, STEP, "numpy", "1.26.4")]),
        (" + own==1.0 (from file:///app)", [Installed(7, STEP, "own", "1.0")]),
        ("+ set -x", []),
        (
            "Looking in indexes: https://example.org/simple, https://****@example.org/whl",
            [Asked(7, STEP, ("https://example.org/simple", "https://****@example.org/whl"))],
        ),
        ("ok    numpy 1.26.4", [Checked(7, STEP, holds=True, text="numpy 1.26.4")]),
        ("FAIL  torch is 2.5.1", [Checked(7, STEP, holds=False, text="torch is 2.5.1")]),
        ("verify: all 12 checks hold", [Concluded(7, STEP, "verify: all 12 checks hold", 12)]),
        ("verify: numpy is 2; rebuild", [Concluded(7, STEP, "verify: numpy is 2; rebuild", None)]),
        ("ERROR: No matching distribution found", [Complained(7, STEP, "ERROR: No matching distribution found")]),
        ("error: Failed to fetch: `https://x.invalid/`", [Complained(7, STEP, "error: Failed to fetch: `https://x.invalid/`")]),
        ("[output clipped, log limit 2MiB reached]", [Clipped(7, STEP, "[output clipped, log limit 2MiB reached]")]),
        ("Requirement already satisfied: six in ./opt/venv/lib/python3.11/site-packages (1.16.0)", [Satisfied(7, STEP)]),
        ("Audited 3 packages in 2ms", [Satisfied(7, STEP)]),
        ("Collecting numpy==1.26.4 (from -r steps/01-numpy.txt (line 5))", []),
        ("", []),
    ],
)
def test_a_line_of_output_tells(text: str, events: list[Event]) -> None:
    assert list(read_output(STEP, text, 7)) == events
