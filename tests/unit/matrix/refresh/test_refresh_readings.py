from __future__ import annotations

import datetime as dt

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.matrix.facts import BitsandbytesFacts, PartnerFacts, TorchRelease
from stackc.matrix.refresh.readings import (
    Needs,
    Reading,
    ReadingError,
    bitsandbytes_row,
    needs_of,
    partner_row,
    read,
    torch_row,
)
from stackc.matrix.refresh.releases import Release, Wheel
from stackc.upstream.simple import FileRow

DAY = dt.date(2026, 11, 23)
ON_LINUX = 'platform_system == "Linux" and platform_machine == "x86_64"'


def reading(project: str, version: str, *lines: str, pythons: tuple[str, ...] = ("3.10",)) -> Reading:
    wheel = Wheel(FileRow(filename=f"{project}-{version}.whl", url=""), pythons)
    release = Release(
        project=NormalizedName(project), version=Version(version), released=dt.date(2024, 1, 2), yanked=False, wheels=(wheel,)
    )
    text = "\n".join(["Metadata-Version: 2.1", f"Name: {project}", f"Version: {version}", *lines])
    return read(release, wheel, text, date=DAY)


@pytest.mark.parametrize(
    ("requirements", "cuda", "cudnn"),
    [
        (("nvidia-cuda-runtime-cu11 (==11.7.99) ; " + ON_LINUX, "nvidia-cudnn-cu11==8.5.0.96"), "11.7", "8.5.0.96"),
        (("nvidia-cuda-runtime-cu12==12.4.127; " + ON_LINUX,), "12.4", None),
        (("nvidia-cuda-runtime==13.0.96", "nvidia-cudnn-cu13==9.26.0.51"), "13.0", "9.26.0.51"),
        (('cuda-toolkit[cudart,nvrtc]==13.2.2; platform_system == "Linux"',), "13.2", None),
    ],
)
def test_the_cuda_of_torch_is_that_of_the_runtime_it_pins(requirements: tuple[str, ...], cuda: str, cudnn: str | None) -> None:
    lines = [f"Requires-Dist: {requirement}" for requirement in requirements]
    row = torch_row(reading("torch", "2.5.1", *lines, "Requires-Python: >=3.8.0", "Requires-Dist: triton==3.1.0; " + ON_LINUX))
    assert row == TorchRelease(
        version=Version("2.5.1"),
        released=dt.date(2024, 1, 2),
        requires_python=SpecifierSet(">=3.8.0"),
        pythons=("3.10",),
        pypi_cuda=cuda,
        triton=SpecifierSet("==3.1.0"),
        cudnn=cudnn,
        status="verified",
        source="METADATA of torch-2.5.1.whl",
        date=DAY,
    )


def test_a_torch_without_cuda_gives_no_row() -> None:
    lines = ["Requires-Dist: filelock", 'Requires-Dist: nvidia-cuda-runtime-cu12==12.4.127; sys_platform == "win32"']
    with pytest.raises(ReadingError) as raised:
        torch_row(reading("torch", "2.5.1", *lines))
    assert str(raised.value) == "torch-2.5.1.whl pins no CUDA runtime"


@pytest.mark.parametrize(
    ("line", "torch"),
    [
        ("Requires-Dist: torch (==2.5.1)", SpecifierSet("==2.5.1")),
        ('Requires-Dist: torch<3,>=2; python_version >= "3.10"', SpecifierSet(">=2,<3")),
        ('Requires-Dist: torch==2.0; python_version < "3.10"', None),
        ("Requires-Dist: torch", None),
        ("Requires-Dist: numpy", None),
    ],
)
def test_a_partner_s_torch_is_what_its_requirement_bounds(line: str, torch: SpecifierSet | None) -> None:
    assert partner_row(reading("torchvision", "0.20.1", line)) == PartnerFacts(
        version=Version("0.20.1"),
        released=dt.date(2024, 1, 2),
        torch=torch,
        pythons=("3.10",),
        status="verified",
        source="METADATA of torchvision-0.20.1.whl",
        date=DAY,
    )


def test_the_cuda_of_bitsandbytes_is_that_of_the_libraries_in_its_wheel() -> None:
    names = [
        "bitsandbytes/__init__.py",
        "bitsandbytes/libbitsandbytes_cpu.so",
        "bitsandbytes/libbitsandbytes_cuda130.so",
        "bitsandbytes/libbitsandbytes_cuda121.so",
        "bitsandbytes/libbitsandbytes_cuda118_nocublaslt.so",
        "bitsandbytes/libbitsandbytes_cuda118.so",
        "bitsandbytes/libbitsandbytes_cuda126.dll",
        "other/libbitsandbytes_cuda999.so",
    ]
    row = bitsandbytes_row(reading("bitsandbytes", "0.48.0", "Requires-Dist: torch<3,>=2.3", "Requires-Python: >=3.9"), names)
    assert row == BitsandbytesFacts(
        version=Version("0.48.0"),
        released=dt.date(2024, 1, 2),
        requires_python=SpecifierSet(">=3.9"),
        torch=SpecifierSet(">=2.3,<3"),
        cuda=("11.8", "12.1", "13.0"),
        status="verified",
        source="names of the libraries in, and METADATA of bitsandbytes-0.48.0.whl",
        date=DAY,
    )


def test_a_bitsandbytes_without_a_library_gives_no_row() -> None:
    with pytest.raises(ReadingError) as raised:
        bitsandbytes_row(reading("bitsandbytes", "0.30"), ["bitsandbytes/libbitsandbytes_cpu.so"])
    assert str(raised.value) == "bitsandbytes-0.30.whl holds no library for CUDA"


def test_needs_are_the_bounds_on_what_counts_with_those_of_the_extras() -> None:
    found = needs_of(
        reading(
            "transformers",
            "4.48.0",
            "Provides-Extra: torch",
            "Provides-Extra: accelerate",
            "Provides-Extra: dev",
            "Requires-Dist: numpy>=1.17",
            "Requires-Dist: tokenizers<0.22,>=0.21",
            "Requires-Dist: huggingface-hub",
            'Requires-Dist: torch>=2.0; extra == "torch"',
            'Requires-Dist: torch!=2.3; extra == "accelerate"',
            'Requires-Dist: torch<2; extra == "dev"',
            'Requires-Dist: accelerate>=0.26; extra == "torch" and python_version >= "3.10"',
        )
    )
    requires = {"accelerate": ">=0.26", "tokenizers": ">=0.21,<0.22", "torch": ">=2.0,!=2.3"}
    expected = {name: SpecifierSet(specifiers) for name, specifiers in requires.items()}
    assert found == Needs(expected, optional=("accelerate", "torch"))


def test_a_bound_that_an_extra_only_repeats_is_not_optional() -> None:
    lines = ["Provides-Extra: torch", "Requires-Dist: torch>=2", 'Requires-Dist: torch>=2; extra == "torch"']
    assert needs_of(reading("accelerate", "1.0", *lines)) == Needs({"torch": SpecifierSet(">=2")})


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["Requires-Dist: torch >= two"], "its requirement `torch >= two` cannot be read"),
        (["Requires-Dist: torch @ https://example.org/torch.whl"], "it requires `torch` by an address"),
    ],
)
def test_metadata_that_cannot_be_read_are_told_with_their_wheel(lines: list[str], reason: str) -> None:
    with pytest.raises(ReadingError) as raised:
        reading("accelerate", "1.0", *lines)
    assert str(raised.value).startswith(f"accelerate-1.0.whl: {reason}")


@pytest.mark.parametrize(
    ("pythons", "torch"), [(("3.9", "3.11"), "==2.2"), (("3.12", "3.13"), "==2.3"), (("3.9", "3.10"), "==2.1")]
)
def test_markers_are_read_for_python_3_11_or_else_the_oldest_of_the_wheel(pythons: tuple[str, ...], torch: str) -> None:
    lines = [
        'Requires-Dist: torch==2.1; python_version < "3.11"',
        'Requires-Dist: torch==2.2; python_version == "3.11"',
        'Requires-Dist: torch==2.3; python_version > "3.11"',
    ]
    assert partner_row(reading("torchvision", "1", *lines, pythons=pythons)).torch == SpecifierSet(torch)
