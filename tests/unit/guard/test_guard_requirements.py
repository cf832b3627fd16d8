"""Requirements files: every form in which torch stands in them, and every name that only looks alike."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from stackc.guard.requirements import read
from stackc.guard.source import Source, decode
from support.guard import found, said

WHEEL = "torch-2.5.1%2Bcu124-cp310-cp310-linux_x86_64.whl"

BLOCKED = {
    "a plain name": "torch",
    "a name in capitals": "Torch==2.5.1",
    "a name with other separators": "pytorch_triton",
    "a name with dots": "pytorch.triton-ROCM",
    "torchvision": "torchvision",
    "torchaudio": "torchaudio>=2",
    "torchtext": "torchtext",
    "the stand-in of another name": "pytorch",
    "an extra": "torch[opt-einsum]>=2",
    "several extras with spaces": "torch [a , b]",
    "a specifier in parentheses": "torch (>=2.0)",
    "a marker": "torch; sys_platform == 'linux'",
    "an empty marker": "torch==2.0.1;",
    "an empty marker after a space": "torch==2.0.1 ; ",
    "a direct reference": f"torch @ https://example.org/{WHEEL}",
    "a direct reference without spaces": "torch@https://example.org/x.whl",
    "a wheel's address": f"https://example.org/whl/cu124/{WHEEL}",
    "a wheel's address with a hash": f"https://example.org/{WHEEL}#sha256=abc",
    "a wheel's address, percent-encoded": "https://example.org/%74orch-2.5.1-cp310-cp310-linux_x86_64.whl",
    "a local wheel": f"./wheels/{WHEEL}",
    "a local wheel without a folder": "torch-2.5.1-cp310-cp310-linux_x86_64.whl",
    "a wheel of torch_audio": "/wheels/torchaudio-2.5.1-cp310-cp310-linux_x86_64.whl",
    "a local source archive": "dist/torch-2.5.1.tar.gz",
    "a file address": f"file:///wheels/{WHEEL}",
    "a repository without egg": "git+https://github.com/pytorch/pytorch",
    "a repository with .git and a tag": "git+https://github.com/pytorch/pytorch.git@v2.5.1",
    "a repository with egg": "git+https://example.org/mirror.git#egg=torch",
    "a repository by ssh": "git+ssh://git@github.com/pytorch/vision.git@main",
    "a repository as ssh spells it": "git@github.com:pytorch/pytorch.git",
    "a fork": "git+https://github.com/someone/pytorch@fix",
    "an archive of the repository": "https://github.com/pytorch/pytorch/archive/refs/tags/v2.5.1.tar.gz",
    "an editable repository": "-e git+https://github.com/pytorch/pytorch#egg=torch",
    "an editable repository, spelled out": "--editable=git+https://github.com/pytorch/audio",
    "an editable folder": "-e ./pytorch",
    "a folder": "../vendor/torch",
    "a comment behind it": "torch  # the model needs it",
    "a hash": "torch==2.5.1 --hash=sha256:aa",
    "an environment variable in its version": "torch==${TORCH_VERSION}",
    "spaces before it": "  torch",
}

ALIKE = [
    "torchmetrics",
    "torch-geometric",
    "torch_geometric==2.5",
    "pytorch-lightning",
    "torchsde",
    "torchsummary",
    "open-clip-torch",
    "open_clip_torch",
    "torchdiffeq",
    "torch2trt",
    "torchtyping",
    "tritonclient",
    "pytorch-triton-tools",
    "transformers[torch]>=4.38",
    "accelerate; extra == 'torch'",
    "timm  # needs torch",
    "-e .[torch]",
    "./plugins[torch]",
    "https://example.org/torch/index/numpy-1.26.4.whl",
    "https://example.org/torchmetrics-1.0-py3-none-any.whl",
    "git+https://github.com/pytorch/data",
    "git+https://github.com/pyg-team/pytorch_geometric",
    "git+https://github.com/pytorch/pytorch#egg=functorch&subdirectory=functorch",
    "--find-links https://example.org/torch",
    "# torch",
    "nvtx",
]


@pytest.mark.parametrize("line", BLOCKED.values(), ids=BLOCKED)
def test_torch_is_found_as(tmp_path: Path, line: str) -> None:
    text = line.partition("  #")[0].partition(" --hash")[0].strip()
    column = len(line) - len(line.lstrip()) + 1
    assert found(tmp_path, {"requirements.txt": f"numpy\n{line}\nscipy\n"}) == [f"requirements.txt:2:{column} S701 {text}"]


@pytest.mark.parametrize("line", ALIKE)
def test_what_only_looks_alike_is_left_alone(tmp_path: Path, line: str) -> None:
    assert found(tmp_path, {"requirements.txt": f"numpy\n{line}\nscipy\n"}) == []


@pytest.mark.parametrize(
    "line", ["triton", "nvidia-cublas-cu12==12.4.5.8", "nvidia_cudnn_cu12", "git+https://github.com/triton-lang/triton"]
)
def test_parts_of_a_torch_build_are_warned_of(tmp_path: Path, line: str) -> None:
    assert found(tmp_path, {"requirements.txt": f"{line}\n"}) == [f"requirements.txt:1:1 S703 {line}"]


@pytest.mark.parametrize(
    "line",
    [
        "torch=2.5.1",
        "torch 2.5.1",
        "torch>>2",
        "numpy torch",
        "torch ;;",
        "${TORCH_WHEEL}",
        "torch --no-such-option",
        "torch --hash='sha256:aa",
        "--pre torch",
    ],
)
def test_a_line_that_cannot_be_parsed_and_names_torch_is_blocked(tmp_path: Path, line: str) -> None:
    assert found(tmp_path, {"requirements.txt": f"{line}\n"}) == [f"requirements.txt:1:1 S702 {line}"]


@pytest.mark.parametrize(
    "line", ["numpy=1", "two words", "torchmetrics=1", "--no-such-option", "${WHEEL}", "numpy ;;", "torch_geometric 2"]
)
def test_a_line_that_cannot_be_parsed_and_does_not_name_torch_is_pip_s_business(tmp_path: Path, line: str) -> None:
    assert found(tmp_path, {"requirements.txt": f"{line}\n"}) == []


def read_text(text: str | bytes) -> list[str]:
    source = decode("requirements.txt", text if isinstance(text, bytes) else text.encode())
    return said(source, read(source))


def test_a_continuation_may_split_a_name() -> None:
    assert read_text("numpy\ntor\\\nch==2.\\\n5.1\nscipy\n") == [
        "1:1 numpy = numpy",
        "2:1 torch==2.5.1 = torch",
        "5:1 scipy = scipy",
    ]


def test_a_continued_line_of_hashes_is_one_line() -> None:
    text = "torch==2.5.1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via -r requirements.in\n"
    source = Source.of(text)
    (item,) = read(source)
    assert said(source, [item]) == ["1:1 torch==2.5.1 = torch"]
    assert getattr(item, "removal", None) == (0, text.index("    # via"))


def test_a_comment_ends_a_continuation_as_it_does_for_pip() -> None:
    assert read_text("numpy \\\n# torch\nscipy\n") == ["1:1 numpy = numpy", "3:1 scipy = scipy"]


@pytest.mark.parametrize("mark", ["\r\n", "\r", "\f", "\x0b", "\x1c", "\x85", "\u2028"])
def test_lines_end_where_pip_ends_them(mark: str) -> None:
    names = [line.split(" ", 1)[1] for line in read_text(f"numpy{mark}torch{mark}scipy")]
    assert names == ["numpy = numpy", "torch = torch", "scipy = scipy"]


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + b"torch\n",
        codecs.BOM_UTF16_LE + "torch\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "torch\n".encode("utf-16-be"),
        codecs.BOM_UTF32_LE + "torch\n".encode("utf-32-le"),
        codecs.BOM_UTF32_BE + "torch\n".encode("utf-32-be"),
        b"torch",
        b"torch  # caf\xe9\n",
    ],
    ids=["BOM", "UTF-16-LE", "UTF-16-BE", "UTF-32-LE", "UTF-32-BE", "no newline", "stray byte"],
)
def test_every_encoding_is_read(data: bytes) -> None:
    assert read_text(data) == ["1:1 torch = torch"]


def test_an_encoding_that_a_comment_declares_is_used() -> None:
    assert read_text("# coding: utf-7\nt+AG8-rch\n".encode("ascii")) == ["2:1 torch = torch"]
    assert read_text("# -*- coding: latin-1 -*-\n# é\ntorch\n".encode("latin-1")) == ["3:1 torch = torch"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-r base.txt", "-r base.txt"),
        ("-rbase.txt", "-r base.txt"),
        ("--requirement base.txt", "-r base.txt"),
        ("--requirement=base.txt", "-r base.txt"),
        ("--requirem base.txt", "-r base.txt"),
        ("-r 'a b.txt'", "-r a b.txt"),
        ("-c limits.txt", "-c limits.txt"),
        ("--constraint=limits.txt", "-c limits.txt"),
        ("-r a.txt -r b.txt", "-r a.txt"),
        ("-i https://example.org", "--index-url https://example.org"),
        ("--pypi-url https://example.org", "--index-url https://example.org"),
        ("--extra-index-url=https://example.org", "--extra-index-url https://example.org"),
        ("--extra-index https://example.org", "--extra-index-url https://example.org"),
        ("--no-index", "--no-index "),
    ],
)
def test_options_are_read_as_pip_reads_them(line: str, expected: str) -> None:
    assert read_text(line) == [f"1:1 {expected}"]


def test_an_include_behind_a_requirement_has_no_effect() -> None:
    assert read_text("numpy -r other.txt") == ["1:1 numpy = numpy"]


def test_a_tab_before_an_option_is_no_space_to_pip() -> None:
    assert read_text("numpy\t--pre") == ["1:1 numpy\t--pre = numpy, pre (unreadable)"]
