"""The embedded catalog: what is shipped, how it is found, and what it says of a live index."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from stackc.errors import Finding, UpstreamError
from stackc.upstream.catalog import FOLDER, CatalogFile, CatalogIndex, find, load, mismatches, render, stem

SHIPPED = sorted(FOLDER.glob("*.toml"))
CU124 = "https://download.pytorch.org/whl/cu124"
KNOWN = CatalogFile(
    name="demo-1.0+cu124-py3-none-any.whl",
    sha256="a" * 64,
    size=12,
    requires=("filelock", 'numpy<2; extra == "old"'),
    requires_python=">=3.9",
    extras=("old",),
    status="verified",
    source="some/repository",
    requires_source="the wheel",
)
UNKNOWN = CatalogFile(name="demo-2.0+cu124-py3-none-any.whl", sha256="b" * 64, status="single-source", source="some/repository")
DEMO = CatalogIndex.of([UNKNOWN, KNOWN], index="https://example.org/whl/cu124", date=dt.date(2026, 11, 23), about='a "demo"')


def every_file() -> list[tuple[Path, NormalizedName, CatalogFile]]:
    return [(path, name, file) for path in SHIPPED for name, files in load(path).projects.items() for file in files]


def test_these_indexes_have_a_catalog() -> None:
    names = [path.stem for path in SHIPPED]
    assert names == ["cpu", "cu118", "cu121", "cu124", "cu126", "cu128", "cu129", "cu130"]
    assert [load(path).index for path in SHIPPED] == [f"https://download.pytorch.org/whl/{name}" for name in names]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_catalog_file_is_what_its_values_render_to(path: Path) -> None:
    assert render(load(path)) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_catalog_file_has_its_rows_in_order_and_once(path: Path) -> None:
    shipped = load(path)
    releases = [(project, file.version) for project, files in shipped.projects.items() for file in files]
    names = [file.name for files in shipped.projects.values() for file in files]
    assert releases == sorted(releases)
    assert len(set(names)) == len(names)


def test_every_sha256_has_64_hexadecimal_digits() -> None:
    assert [file.name for _, _, file in every_file() if not re.fullmatch("[0-9a-f]{64}", file.sha256)] == []


def test_every_file_name_is_a_wheels_and_stands_under_its_project() -> None:
    assert {name for _, name, _ in every_file()} == {"torch", "torchaudio", "torchvision"}
    assert [file.name for _, name, file in every_file() if parse_wheel_filename(file.name)[0] != name] == []


def test_every_local_version_label_is_the_variant_or_missing_for_aarch64() -> None:
    strange = [
        file.name
        for path, _, file in every_file()
        if file.version.local != path.stem and not (file.version.local is None and "aarch64" in file.name)
    ]
    assert strange == []


def test_every_file_is_of_a_final_release_for_linux() -> None:
    platforms = re.compile(r".*(linux|manylinux\w+)_(x86_64|aarch64)\.whl")
    assert [file.name for _, _, file in every_file() if not platforms.fullmatch(file.name) or file.version.is_prerelease] == []


def test_no_row_is_disputed_and_each_names_its_sources() -> None:
    sources = re.compile(r"(the index|[\w.-]+/[\w.-]+)(, (the index|[\w.-]+/[\w.-]+)){0,2}")
    assert {file.status for _, _, file in every_file()} <= {"verified", "single-source", "withdrawn"}
    assert [file.name for _, _, file in every_file() if not sources.fullmatch(file.source)] == []
    single = [file for _, _, file in every_file() if file.status == "single-source"]
    assert [file.name for file in single if "," in file.source] == []


def test_every_requirement_parses_and_stands_in_its_normal_spelling() -> None:
    spelled = {requirement for _, _, file in every_file() for requirement in file.requires or ()}
    assert [text for text in sorted(spelled) if str(Requirement(text)) != text] == []
    assert [text for text in sorted(spelled) if canonicalize_name(Requirement(text).name) != Requirement(text).name] == []


def test_every_known_requirement_list_is_sorted_says_where_it_is_from_and_makes_valid_metadata() -> None:
    files = {file.requires: file for _, _, file in every_file() if file.requires is not None}.values()
    assert [file.name for file in files if list(file.requires or ()) != sorted(file.requires or ())] == []
    assert [file.name for file in files if file.requires_source is None] == []
    for file in files:
        parsed = Metadata.from_email(file.metadata(), validate=True)
        assert (parsed.name, parsed.version) == (file.project, file.version)


def test_every_cuda_requirement_is_for_the_variants_own_cuda() -> None:
    wrong = [
        (path.stem, file.name, text)
        for path, _, file in every_file()
        for text in file.requires or ()
        if (match := re.match(r"nvidia-[a-z-]+-cu(\d+)==", text))
        and "x86_64" in file.name
        and not path.stem[2:].startswith(match[1])
    ]
    assert wrong == []


def test_the_trio_of_the_example_stack_is_there_with_its_requirements() -> None:
    index = find(CU124)
    assert index is not None
    trio = [
        (file.name, file.sha256[:8], file.status, file.requires_python, file.extras, file.requires)
        for files in index.projects.values()
        for file in files
        if str(file.version) in {"2.5.1+cu124", "0.20.1+cu124"} and "-cp310-" in file.name
    ]
    linux = 'platform_system == "Linux" and platform_machine == "x86_64"'
    cuda = {
        "cublas": "12.4.5.8",
        "cuda-cupti": "12.4.127",
        "cuda-nvrtc": "12.4.127",
        "cuda-runtime": "12.4.127",
        "cudnn": "9.1.0.70",
        "cufft": "11.2.1.3",
        "curand": "10.3.5.147",
        "cusolver": "11.6.1.9",
        "cusparse": "12.3.1.170",
        "nccl": "2.21.5",
        "nvjitlink": "12.4.127",
        "nvtx": "12.4.127",
    }
    torch = (
        "filelock",
        "fsspec",
        "jinja2",
        "networkx",
        *(f"nvidia-{name}-cu12=={version}; {linux}" for name, version in cuda.items()),
        'opt-einsum>=3.3; extra == "opt-einsum"',
        'optree>=0.12.0; extra == "optree"',
        'setuptools; python_version >= "3.12"',
        'sympy==1.12.1; python_version == "3.8"',
        'sympy==1.13.1; python_version >= "3.9"',
        f'triton==3.1.0; {linux} and python_version < "3.13"',
        "typing-extensions>=4.8.0",
    )
    vision = ('gdown>=4.7.3; extra == "gdown"', "numpy", "pillow!=8.3.*,>=5.3.0", 'scipy; extra == "scipy"', "torch==2.5.1")
    tag = "cp310-cp310-linux_x86_64.whl"
    assert trio == [
        (f"torch-2.5.1+cu124-{tag}", "9dde30f3", "verified", ">=3.8.0", ("opt-einsum", "optree"), torch),
        (f"torchaudio-2.5.1+cu124-{tag}", "097593ed", "verified", None, (), ("torch==2.5.1",)),
        (f"torchvision-0.20.1+cu124-{tag}", "3a055e4e", "verified", ">=3.8", ("gdown", "scipy"), vision),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://download.pytorch.org/whl/cu124",
        "https://download.pytorch.org/whl/cu124/",
        "http://Download.PyTorch.org/whl/cu124",
        "https://user:secret@download.pytorch.org:443/whl/cu124//",
    ],
)
def test_an_index_is_found_by_any_spelling_of_its_address(url: str) -> None:
    found = find(url)
    assert found is not None
    assert (found.index, found.date) == (CU124, dt.date(2026, 11, 23))
    assert find(url) is found


@pytest.mark.parametrize(
    "url",
    [
        "https://download.pytorch.org/whl/cu999",
        "https://download.pytorch.org/whl",
        "https://download.pytorch.org:8443/whl/cu124",
        "https://example.org/whl/cu124",
        "https://download.pytorch.org/whl/nightly/cu124",
        "https://download.pytorch.org/whl/..%2fcu124",
        "https://download.pytorch.org",
        "",
    ],
)
def test_another_address_has_no_catalog(url: str) -> None:
    assert find(url) is None


def test_the_name_of_a_catalog_file_is_the_last_segment_of_the_address() -> None:
    assert [
        stem(url) for url in (CU124, "https://example.org/whl/ROCm6.3/", "https://example.org/a/..", "https://example.org/")
    ] == [
        "cu124",
        "rocm6.3",
        None,
        None,
    ]


def test_metadata_holds_all_that_resolving_needs() -> None:
    assert KNOWN.metadata() == (
        "Metadata-Version: 2.1\n"
        "Name: demo\n"
        "Version: 1.0+cu124\n"
        "Requires-Python: >=3.9\n"
        "Provides-Extra: old\n"
        "Requires-Dist: filelock\n"
        'Requires-Dist: numpy<2; extra == "old"\n'
    )


def test_a_file_without_known_requirements_has_no_metadata() -> None:
    with pytest.raises(UpstreamError) as caught:
        UNKNOWN.metadata()
    assert caught.value.findings == (
        Finding(
            code="S332",
            message="the catalog does not know the requirements of `demo-2.0+cu124-py3-none-any.whl`",
            hint="compile where the index can be reached, or choose a release whose requirements the catalog has",
        ),
    )


def test_a_live_index_with_the_same_hashes_has_no_finding() -> None:
    live = {KNOWN.name.replace("+", "%2B"): "A" * 64, UNKNOWN.name: "b" * 64, "demo-3.0-py3-none-any.whl": "c" * 64}
    assert mismatches(DEMO, NormalizedName("demo"), live) == ()
    assert mismatches(DEMO, NormalizedName("other"), {KNOWN.name: "c" * 64}) == ()


def test_a_live_index_with_another_hash_is_an_error() -> None:
    live = {"demo-1.0%2Bcu124-py3-none-any.whl": "c" * 64, UNKNOWN.name: "b" * 64}
    assert mismatches(DEMO, NormalizedName("demo"), live) == (
        Finding(
            code="S330",
            message=(
                "`demo-1.0+cu124-py3-none-any.whl` on `https://example.org/whl/cu124` is not the file that stackc's catalog"
                " of 2026-11-23 knows"
            ),
            wanted=f"sha256 {'a' * 64}",
            found=f"sha256 {'c' * 64}",
            notes=("recorded by: some/repository (verified)",),
            hint="install nothing from this index until its publisher explains the change; a newer stackc knows re-uploads",
        ),
    )


def test_values_render_to_this_file_and_back(tmp_path: Path) -> None:
    text = f"""\
# Written by tools/refresh_catalog.py, not by hand.
index = "https://example.org/whl/cu124"
date = 2026-11-23
about = 'a "demo"'

[[release]]
project = "demo"
version = "1.0+cu124"
requires-python = ">=3.9"
extras = ["old"]
requires-source = "the wheel"
requires = [
    "filelock",
    'numpy<2; extra == "old"',
]
files = [
    {{ name = "{KNOWN.name}", sha256 = "{"a" * 64}", size = 12, status = "verified", source = "some/repository" }},
]

[[release]]
project = "demo"
version = "2.0+cu124"
files = [
    {{ name = "{UNKNOWN.name}", sha256 = "{"b" * 64}", status = "single-source", source = "some/repository" }},
]
"""
    path = tmp_path / "cu124.toml"
    path.write_text(text, encoding="utf-8")
    assert render(DEMO) == text
    assert load(path) == DEMO


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_renders_to_what_it_was(text: str) -> None:
    rendered = render(CatalogIndex.of([], index=CU124, date=dt.date(2026, 11, 23), about=text))
    assert tomli.loads(rendered)["about"] == text


GOOD_ROW = f'name = "a", sha256 = "{"a" * 64}", status = "verified", source = "b"'


def document(row: str) -> str:
    head = 'index = "x"\nabout = ""\ndate = 2026-11-23\n'
    return f'{head}[[release]]\nproject = "a"\nversion = "1"\nfiles = [{{ {row} }}]\n'


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("index = ", "Invalid value (at end of document)"),
        (document(GOOD_ROW).replace("date = 2026-11-23\n", ""), "Object missing required field `date`"),
        (document(GOOD_ROW).replace("project", "projects"), "Object contains unknown field `projects` - at `$.release[0]`"),
        (
            document(GOOD_ROW.replace("a" * 64, "A" * 64)),
            "Expected `str` matching regex '^[0-9a-f]{64}$' - at `$.release[0].files[0].sha256`",
        ),
        (
            document(GOOD_ROW.replace("verified", "conflict")),
            "Invalid enum value 'conflict' - at `$.release[0].files[0].status`",
        ),
    ],
)
def test_a_damaged_catalog_file_is_refused(tmp_path: Path, text: str, because: str) -> None:
    path = tmp_path / "cu124.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UpstreamError) as caught:
        load(path)
    assert [(finding.code, finding.message) for finding in caught.value.findings] == [
        ("S331", f"the catalog file `cu124.toml` cannot be read: {because}")
    ]


def test_the_module_orders_releases_by_version_not_by_text() -> None:
    names = ["demo-10.0-py3-none-any.whl", "demo-9.0-py3-none-any.whl", "alpha-1-py3-none-any.whl"]
    rows = [CatalogFile(name=name, sha256="a" * 64, status="verified", source="x/y") for name in names]
    ordered = CatalogIndex.of(rows, index=CU124, date=dt.date(2026, 11, 23), about="")
    assert {name: [file.version for file in files] for name, files in ordered.projects.items()} == {
        "alpha": [Version("1")],
        "demo": [Version("9.0"), Version("10.0")],
    }
    assert list(ordered.projects) == ["alpha", "demo"]
