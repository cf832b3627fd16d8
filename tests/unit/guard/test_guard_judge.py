"""What is kept out beside which manifest, what lets a line through, and the options that do not do what they seem to."""

from __future__ import annotations

from pathlib import Path

import pytest
from pip._internal.index.collector import LinkCollector
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.search_scope import SearchScope
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.network.session import PipSession
from pip._internal.req.req_file import parse_requirements

from stackc.guard.allowance import Allowance, allowances
from stackc.guard.policy import Installed, KeptOut, load
from support.guard import MANIFEST, found, write

LOCK = """\
[[package]]
name = "jinja2"
version = "3.1.6"
index = "pypi"
step = 2
file = "x"

[[package]]
name = "nvidia-nccl-cu12"
version = "2.21.5"
index = "pypi"
step = 2

[[package]]
name = "requests"
version = "2.32.0"
index = "pypi"
step = 3

[[package]]
name = "torch"
version = "2.5.1+cu124"
index = "cu124"
step = 2
"""
CU124 = "https://download.pytorch.org/whl/cu124"


def test_without_a_manifest_the_torch_family_is_kept_out() -> None:
    family = load(None)
    found_of = {name: family.find([name]) for name in NAMES}
    assert {name: kept and (kept.name, kept.level) for name, kept in found_of.items()} == NAMES


NAMES = {
    "torch": ("torch", "blocked"),
    "torchvision": ("torchvision", "blocked"),
    "torchaudio": ("torchaudio", "blocked"),
    "torchtext": ("torchtext", "blocked"),
    "pytorch": ("torch", "blocked"),
    "pytorch-triton": ("pytorch-triton", "blocked"),
    "pytorch-triton-rocm": ("pytorch-triton-rocm", "blocked"),
    "pytorch-triton-xpu": ("pytorch-triton-xpu", "blocked"),
    "triton-xpu": ("pytorch-triton-xpu", "blocked"),
    "triton": ("triton", "warned"),
    "nvidia-cublas-cu12": ("nvidia-*", "warned"),
    "pytorch/vision": ("torchvision", "blocked"),
    "numpy": None,
    "cudatoolkit": None,
}


def test_with_a_manifest_every_project_that_an_ordered_step_installs_is(tmp_path: Path) -> None:
    write(tmp_path, {"stack.toml": MANIFEST, "locks/gpu/lock.toml": LOCK})
    kept = load(str(tmp_path / "stack.toml"))
    assert kept.find(["numpy"]) == KeptOut("numpy", "blocked", (Installed("gpu", 1, "pypi"),), "<2")
    assert kept.find(["torch"]) == KeptOut("torch", "blocked", (Installed("gpu", 2, "cu124", "2.5.1+cu124"),), "==2.5.1")
    assert kept.find(["jinja2"]) == KeptOut("jinja2", "brought", (Installed("gpu", 2, "pypi", "3.1.6"),))
    assert kept.find(["nvidia-nccl-cu12"]) == KeptOut("nvidia-nccl-cu12", "warned", (Installed("gpu", 2, "pypi", "2.21.5"),))
    assert kept.find(["torchaudio"]) == KeptOut("torchaudio", "blocked")
    assert (kept.find(["requests"]), kept.find(["transformers"])) == (None, None)


def test_a_target_s_own_order_and_index_count(tmp_path: Path) -> None:
    more = '\n[targets.cpu]\n[targets.cpu.components.torch]\nindex = "cpu"\norder = 5\n'
    more += "[targets.cpu.components.Transformers]\norder = 6\n"
    write(tmp_path, {"stack.toml": MANIFEST + more})
    kept = load(str(tmp_path / "stack.toml"))
    torch, transformers = kept.find(["torch"]), kept.find(["transformers"])
    assert torch is not None
    assert torch.installed == (Installed("gpu", 2, "cu124"), Installed("cpu", 5, "cpu"))
    assert transformers == KeptOut("transformers", "blocked", (Installed("cpu", 6, "pypi"),), ">=4.38")


def test_what_one_target_leaves_out_is_kept_out_for_the_sake_of_the_others(tmp_path: Path) -> None:
    more = '\n[targets.cpu]\nwithout = ["Torch", "numpy"]\n'
    files = {"stack.toml": MANIFEST + more, "locks/gpu/lock.toml": LOCK, "requirements.txt": "numpy\ntorch\ntransformers\n"}
    assert found(tmp_path, files, "requirements.txt") == [
        "requirements.txt:1:1 S701 numpy",
        "requirements.txt:2:1 S701 torch",
    ]
    torch = load(str(tmp_path / "stack.toml")).find(["torch"])
    assert torch is not None
    assert torch.installed == (Installed("gpu", 2, "cu124", "2.5.1+cu124"),)


def test_torch_that_only_targets_without_an_order_have_is_installed_from_requirements(tmp_path: Path) -> None:
    manifest = MANIFEST.replace('version = "==2.5.1"\norder = 2', 'version = "==2.5.1"').replace(
        "[components.numpy]", '[targets.cpu]\nwithout = ["torch"]\n\n[components.numpy]'
    )
    assert found(tmp_path, {"stack.toml": manifest, "requirements.txt": "torch\n"}, "requirements.txt") == []


def test_torch_that_every_target_leaves_out_stays_kept_out(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("[components.numpy]", 'without = ["torch"]\n\n[components.numpy]')
    files = {"stack.toml": manifest, "requirements.txt": "torch\n"}
    assert found(tmp_path, files, "requirements.txt") == ["requirements.txt:1:1 S701 torch"]


def test_torch_that_the_manifest_installs_from_requirements_is_not_kept_out(tmp_path: Path) -> None:
    manifest = MANIFEST.replace('version = "==2.5.1"\norder = 2', 'version = "==2.5.1"')
    files = {"stack.toml": manifest, "requirements.txt": "torch==2.5.1\ntorchvision\n"}
    assert found(tmp_path, files, "requirements.txt") == ["requirements.txt:2:1 S701 torchvision"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("jinja2", []),
        ("jinja2>=3", []),
        ("Jinja2==3.1.6", []),
        ("jinja2<3", ["requirements.txt:1:1 S704 jinja2<3"]),
        (
            "jinja2 @ https://example.org/jinja2-3.1.6.zip",
            ["requirements.txt:1:1 S704 jinja2 @ https://example.org/jinja2-3.1.6.zip"],
        ),
        ("jinja2<3  # stackc: allow jinja2 — the docs", []),
        ("requests==1", []),
        ("nvidia-nccl-cu12", ["requirements.txt:1:1 S703 nvidia-nccl-cu12"]),
    ],
)
def test_what_a_step_only_brings_along_may_not_be_moved(tmp_path: Path, line: str, expected: list[str]) -> None:
    files = {"stack.toml": MANIFEST, "locks/gpu/lock.toml": LOCK, "requirements.txt": f"{line}\n"}
    assert found(tmp_path, files, "requirements.txt") == expected


ALLOWING = [
    "torch  # stackc: allow torch — the test image has no GPU",
    "torch  # stackc: allow torch - why",
    "torch  # stackc: allow torch -- why",
    "torch  # stackc: allow torch: why",
    "torch  #stackc:allow Torch—why",
    "torch  # stackc: allow numpy, torch \u2013 why",
    "torch  # noqa, stackc: allow torch: why",
    "# stackc: allow torch: why\ntorch",
    "torch \\\n  --hash=sha256:aa # stackc: allow torch: why",
    "pytorch # stackc: allow torch: why",
    "pytorch # stackc: allow pytorch: why",
]
NOT_ALLOWING = [
    "torch  # stackc: allow torchvision — why",
    "torch  # allow torch: why",
    "# stackc: allow torch: why\n\ntorch",
    "# stackc: allow torch: why\nnumpy\ntorch",
]


@pytest.mark.parametrize("text", ALLOWING)
def test_a_comment_with_a_reason_lets_one_line_through(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, {"requirements.txt": f"{text}\n"}) == []


@pytest.mark.parametrize("text", NOT_ALLOWING)
def test_another_comment_does_not(tmp_path: Path, text: str) -> None:
    assert [line.split()[1] for line in found(tmp_path, {"requirements.txt": f"{text}\n"})] == ["S701"]


@pytest.mark.parametrize("end", ["", " ", " —", " -", ":", " — ...", " why"])
def test_a_comment_without_a_reason_does_not_count_and_is_told(tmp_path: Path, end: str) -> None:
    codes = [line.split()[1] for line in found(tmp_path, {"requirements.txt": f"torch  # stackc: allow torch{end}\n"})]
    assert codes == ["S701", "S705"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[project]\ndependencies = [\n  "torch",  # stackc: allow torch: why\n]\n'),
        ("environment.yml", "dependencies:\n  - pytorch  # stackc: allow torch: why\n"),
        ("setup.py", "setup(install_requires=['torch'])  # stackc: allow torch: why\n"),
        ("setup.cfg", "[options]\ninstall_requires =\n  # stackc: allow torch: why\n  torch\n"),
        ("Dockerfile", "# stackc: allow torch: why\nRUN pip install torch\n"),
        ("Dockerfile", "RUN pip install a \\\n  # stackc: allow torch: why\n  torch\n"),
        ("install.sh", "pip install torch  # stackc: allow torch: why\n"),
        ("Makefile", "all:\n\tpip install torch  # stackc: allow torch: why\n"),
    ],
)
def test_every_kind_of_file_has_such_comments(tmp_path: Path, name: str, text: str) -> None:
    assert found(tmp_path, {name: text}) == []
    assert [line.split()[1] for line in found(tmp_path, {name: text.replace(": why", "")})] == ["S701", "S705"]


def test_an_allowance_holds_names_and_reason() -> None:
    assert allowances(["# stackc: allow Torch, torch_audio — why: so", "# other"]) == (
        Allowance(("torch", "torch-audio"), "why: so"),
    )


OPTIONS = {
    "an index behind a requirement": ("numpy --index-url https://example.org\n", ["1:7 S710"]),
    "an extra index behind a requirement": ("numpy --extra-index-url=https://example.org\n", ["1:7 S710"]),
    "find-links behind a requirement": ("numpy -f wheels\n", ["1:7 S710"]),
    "an index on its line": ("--index-url https://example.org\nnumpy\n", []),
    "an extra index for other projects": ("--extra-index-url https://example.org\nnumpy\n", []),
    "an extra index for torch": (f"--extra-index-url {CU124}\nnumpy\n", ["1:1 S711"]),
    "an extra index beside a constraint on torch": (
        "-c constraints.txt\n--extra-index-url https://example.org\n",
        ["2:1 S711"],
    ),
    "an extra index beside torch that is allowed": (
        "--extra-index-url https://example.org\ntorch # stackc: allow torch: why\n",
        ["1:1 S711"],
    ),
    "an extra index beside torch's own": (f"-i {CU124}\n--extra-index-url https://example.org\n", ["2:1 S711"]),
    "an extra index that is allowed": (f"--extra-index-url {CU124} # stackc: allow torch: why\n", []),
    "an extra index before the index": (f"--extra-index-url {CU124}\n--index-url https://example.org\n", ["1:1 S712"]),
    "an extra index before no index": ("--extra-index-url https://example.org\n--no-index\n", ["1:1 S712"]),
    "an extra index before the index, across files": ("--extra-index-url https://example.org\n-r index.txt\n", ["1:1 S712"]),
    "an extra index after the index": ("--index-url https://example.org\n--extra-index-url https://example.org/b\n", []),
    "both on one line": ("--extra-index-url https://example.org/b --index-url https://example.org\n", []),
}


@pytest.mark.parametrize(("text", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_options_that_do_not_do_what_they_seem_to(tmp_path: Path, text: str, expected: list[str]) -> None:
    files = {"requirements.txt": text, "constraints.txt": "torch==2.5.1\n", "index.txt": "-i https://example.org\n"}
    assert [line.split(":", 1)[1][:8] for line in found(tmp_path, files)] == expected


def test_the_index_of_a_manifest_is_one_for_torch(tmp_path: Path) -> None:
    manifest = MANIFEST.replace(CU124, "https://example.org/mirror")
    files = {"stack.toml": manifest, "requirements.txt": "--extra-index-url https://example.org/mirror/\n"}
    assert found(tmp_path, files, "requirements.txt") == [
        "requirements.txt:1:1 S711 --extra-index-url https://example.org/mirror/"
    ]


@pytest.mark.parametrize(
    ("command", "codes"),
    [
        (f"pip install --extra-index-url {CU124} numpy", ["S711"]),
        (f"pip install --extra-index-url {CU124} --index-url https://example.org numpy", ["S711"]),
        (f"uv pip install --extra-index-url {CU124} numpy", []),
        (f"pip install --extra-index-url {CU124} numpy # stackc: allow torch: why", []),
        ("pip install --extra-index-url https://example.org a && pip install torch", ["S701"]),
        (f"PIP_EXTRA_INDEX_URL={CU124} pip install numpy", ["S711"]),
    ],
)
def test_options_of_a_command_govern_that_command(tmp_path: Path, command: str, codes: list[str]) -> None:
    assert [line.split()[1] for line in found(tmp_path, {"install.sh": f"{command}\n"})] == codes


def test_an_extra_index_in_the_environment_of_an_image_is_told(tmp_path: Path) -> None:
    assert found(tmp_path, {"Dockerfile": f"FROM x\nENV PIP_EXTRA_INDEX_URL={CU124}\n"}) == [
        f"Dockerfile:2:5 S711 PIP_EXTRA_INDEX_URL={CU124}"
    ]


def asked_by_pip(path: Path, text: str) -> list[str]:
    """The indexes that pip would ask after it has read a file."""
    path.write_text(text, encoding="utf-8")
    session = PipSession()
    scope = SearchScope(find_links=[], index_urls=["https://default.invalid"], no_index=False)
    collector = LinkCollector(session=session, search_scope=scope)
    finder = PackageFinder.create(link_collector=collector, selection_prefs=SelectionPreferences(allow_yanked=False))
    list(parse_requirements(str(path), session=session, finder=finder))
    return list(finder.index_urls)


def test_pip_really_ignores_drops_and_adds_indexes_as_these_findings_say(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    assert asked_by_pip(path, "numpy --index-url https://a.invalid\n") == ["https://default.invalid"]
    assert asked_by_pip(path, "numpy --extra-index-url https://a.invalid\n") == ["https://default.invalid"]
    assert asked_by_pip(path, "--extra-index-url https://a.invalid\n") == ["https://default.invalid", "https://a.invalid"]
    assert asked_by_pip(path, "--extra-index-url https://a.invalid\n--index-url https://b.invalid\n") == ["https://b.invalid"]
    assert asked_by_pip(path, "--extra-index-url https://a.invalid\n--no-index\n") == []
    assert asked_by_pip(path, "--extra-index-url https://a.invalid --index-url https://b.invalid\n") == [
        "https://b.invalid",
        "https://a.invalid",
    ]
