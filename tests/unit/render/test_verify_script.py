"""The rendered verify.py, run for real: a fresh virtual environment, and folders of small stand-in wheels on its path."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.manifest.model import Component
from stackc.target import MACHINES
from unit.render.gpu_stack import name, package
from unit.render.stand_in_image import (
    HERE,
    LOCKED,
    MINOR,
    NUMPY,
    PLATFORM,
    TORCH_FILES,
    Image,
    install,
    install_good,
    make_image,
)

GOOD = [
    f"ok    python {MINOR}",
    f"ok    machine {HERE}",
    "ok    numpy 1.26.4",
    "ok    torch 2.5.1+cu124",
    "ok    pip check",
    "ok    import numpy",
    "ok    import torch",
    "ok    torch.version.cuda == '12.4'",
    "ok    torch.nn.functional.relu(-1) == 0 and all(n > 0 for n in (1, 2))",
    "ok    torch is built for CUDA 12.4",
    "verify: all 10 checks hold",
]


def test_a_good_image_passes_every_check(image: Image) -> None:
    install_good(image.site)
    assert image.verify() == (0, GOOD)


def test_an_empty_image_fails_with_a_line_and_a_remedy_for_each_project(image: Image) -> None:
    remedy = "something skipped or removed what steps/01-numpy.txt installs: rebuild from step 1"
    assert image.failures() == [
        "FAIL  numpy is not installed, the lock has 1.26.4",
        f"      remedy: {remedy}",
        "FAIL  torch is not installed, the lock has 2.5.1+cu124",
        "      remedy: something skipped or removed what steps/02-torch.cu124.txt installs: rebuild from step 2",
        f"verify: numpy is not installed, the lock has 1.26.4; {remedy} (2 of 5 checks failed)",
    ]


def test_another_version_names_what_to_look_for_and_pip_check_agrees(image: Image) -> None:
    install(image.site, "numpy", "2.1.0", {"numpy/__init__.py": ""})
    install(image.site, "torch", "2.5.1+cu124", TORCH_FILES, requires=("numpy<2",))
    closed = "the lock is closed, so something beside it was installed or removed: put that into stack.toml and compile again"
    remedy = "remove what installs it after steps/01-numpy.txt, or let that keep to constraints.txt; rebuild from step 1"
    assert image.failures() == [
        "FAIL  numpy is 2.1.0, the lock has 1.26.4",
        f"      remedy: {remedy}",
        "FAIL  pip check: torch 2.5.1+cu124 has requirement numpy<2, but you have numpy 2.1.0",
        f"      remedy: {closed}",
        f"verify: numpy is 2.1.0, the lock has 1.26.4; {remedy} (2 of 10 checks failed)",
    ]


@pytest.mark.parametrize("version", ["2.5.1", "2.5.1+cu121"])
def test_another_local_version_label_means_another_index(image: Image, version: str) -> None:
    install(image.site, "numpy", "1.26.4", {"numpy/__init__.py": ""})
    install(image.site, "torch", version, TORCH_FILES)
    remedy = "install it by steps/02-torch.cu124.txt alone, in no other requirements file; rebuild from step 2"
    text = f"torch is {version}, the lock has 2.5.1+cu124: it came from another index than cu124"
    assert image.failures() == [
        f"FAIL  {text}",
        f"      remedy: {remedy}",
        f"verify: {text}; {remedy} (1 of 10 checks failed)",
    ]


def test_another_spelling_of_the_same_version_is_the_same_version(image: Image) -> None:
    install(image.site, "numpy", "v1.26.04", {"numpy/__init__.py": ""})
    install(image.site, "torch", "2.05.1.0+CU124", TORCH_FILES)
    status, lines = image.verify()
    assert (status, lines[2:4], lines[-1]) == (0, ["ok    numpy v1.26.04", "ok    torch 2.05.1.0+CU124"], GOOD[-1])


def test_an_import_that_raises_is_named_with_its_cause(image: Image) -> None:
    install_good(image.site)
    (image.site / "torch" / "__init__.py").write_text("raise ImportError('libcudart.so.12:\\n cannot open')\n")
    text = "import torch: ImportError: libcudart.so.12: cannot open"
    remedy = "what it loads is missing or of another build: see the traceback above, and the versions before it"
    failures = image.failures()
    assert failures[:2] == [f"FAIL  {text}", f"      remedy: {remedy}"]
    assert failures[-1] == f"verify: {text}; {remedy} (3 of 9 checks failed)"


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import os; os._exit(0)", "an exit of the process"),
    ],
)
def test_an_import_that_kills_python_is_named(image: Image, code: str, cause: str) -> None:
    install_good(image.site)
    (image.site / "torch" / "__init__.py").write_text(code)
    text = f"import torch ended with {cause}"
    remedy = "a compiled module was built for other versions: see the lines above"
    assert image.failures() == [
        f"FAIL  {text}",
        f"      remedy: {remedy}",
        f"verify: {text}; {remedy} (1 of 7 checks failed)",
    ]


def test_an_import_that_exits_python_is_a_failure(image: Image) -> None:
    install_good(image.site)
    (image.site / "numpy" / "__init__.py").write_text("raise SystemExit(0)\n")
    assert image.failures()[0] == "FAIL  import numpy: SystemExit: 0"


def test_a_false_expression_says_what_its_left_side_is(image: Image) -> None:
    install_good(image.site)
    (image.site / "torch" / "version.py").write_text("cuda = '12.1'\n")
    assert image.failures()[0] == "FAIL  torch.version.cuda == '12.4' is false: its left side is '12.1'"


def test_an_expression_that_raises_is_a_failure(image: Image) -> None:
    install_good(image.site)
    (image.site / "torch" / "version.py").write_text("")
    assert image.failures()[0] == (
        "FAIL  torch.version.cuda == '12.4': AttributeError: module 'torch.version' has no attribute 'cuda'"
    )


def test_the_wrong_python_and_the_wrong_machine_are_named(python: Path, tmp_path: Path) -> None:
    other = next(name for name in MACHINES if name != PLATFORM)
    image = make_image(python, tmp_path, minor="3.9", where=other)
    install_good(image.site)
    remedy = "build from the locked Dockerfile and its base image, or change the target in stack.toml and compile again"
    assert image.failures() == [
        f"FAIL  python is {MINOR}, the lock is for 3.9",
        f"      remedy: {remedy}",
        f"FAIL  the machine is {HERE}, the lock is for {MACHINES[other]}",
        f"      remedy: build with --platform {other}",
        f"verify: python is {MINOR}, the lock is for 3.9; {remedy} (2 of 10 checks failed)",
    ]


@pytest.mark.parametrize(
    ("project", "files", "imports", "found"),
    [
        ("pillow", {"PIL/__init__.py": "", "PIL/Image.py": ""}, None, ["import PIL"]),
        ("pyyaml", {"yaml/__init__.py": "", "_yaml/__init__.py": "", "tests/__init__.py": ""}, None, ["import yaml"]),
        ("six", {"six.py": ""}, None, ["import six"]),
        ("google-cloud-storage", {"google/cloud/storage/__init__.py": ""}, None, ["import google.cloud.storage"]),
        (
            "two",
            {"one/__init__.py": "", "other/__init__.py": "", "other/sub/__init__.py": ""},
            None,
            ["import one", "import other"],
        ),
        ("data-only", {"share/data.txt": ""}, None, []),
        ("two", {"one/__init__.py": "", "one/sub.py": ""}, ("one.sub",), ["import one.sub"]),
        ("two", {"one/__init__.py": ""}, (), []),
    ],
)
def test_what_is_imported_is_what_the_manifest_names_or_the_distribution_brings(
    python: Path, tmp_path: Path, project: str, files: dict[str, str], imports: tuple[str, ...] | None, found: list[str]
) -> None:
    component = Component(name=name(project), spelled=project, version=SpecifierSet(), imports=imports)
    image = make_image(python, tmp_path, components=(component,), packages=(package(project, "1.0", step=1),))
    install(image.site, project, "1.0", files)
    status, lines = image.verify()
    assert (status, lines[4:-1]) == (0, [f"ok    {line}" for line in found])


NUMBERS = st.integers(0, 99).map(str)
SEPARATORS = st.sampled_from(["", ".", "-", "_"])
RELEASES = st.lists(NUMBERS, min_size=1, max_size=4).map(".".join)
PRE = st.tuples(SEPARATORS, st.sampled_from(["a", "alpha", "B", "beta", "c", "rc", "pre", "preview"]), SEPARATORS, NUMBERS)
POST = st.one_of(
    NUMBERS.map(lambda number: ("-", number)), st.tuples(SEPARATORS, st.sampled_from(["post", "rev", "R"]), SEPARATORS, NUMBERS)
)
DEV = st.tuples(SEPARATORS, st.just("dev"), SEPARATORS, NUMBERS)
LOCAL = st.tuples(st.just("+"), st.sampled_from(["cu124", "CU124", "cu-12.04", "cu.12.4", "007"]))
VERSIONS = st.builds(
    lambda v, release, *parts: v + release + "".join("".join(part) for part in parts),
    st.sampled_from(["", "v", "1!"]),
    RELEASES,
    *(st.one_of(st.just(()), part) for part in (PRE, POST, DEV, LOCAL)),
)


@pytest.fixture(scope="module")
def comparable(tmp_path_factory: pytest.TempPathFactory) -> object:
    import runpy

    image = make_image(Path(sys.executable), tmp_path_factory.mktemp("script"))
    return runpy.run_path(str(image.script))["comparable"]


@settings(max_examples=150, deadline=None)
@given(first=VERSIONS, second=VERSIONS)
def test_versions_are_told_apart_as_packaging_does(comparable: object, first: str, second: str) -> None:
    assert callable(comparable)
    for text in (first, second):
        assert comparable(text) == comparable(str(Version(text)))
    assert (comparable(first) == comparable(second)) == (Version(first) == Version(second))


def test_no_expression_of_the_manifest_leaves_its_json(python: Path, tmp_path: Path) -> None:
    hostile = replace(NUMPY, verify=("\"'''\" + '\\\\' != ''",))
    image = make_image(python, tmp_path, components=(hostile,), packages=LOCKED[:1])
    install_good(image.site)
    assert image.verify()[0] == 0


def test_what_is_installed_can_be_asked_alone_and_leaves_the_receipt(image: Image) -> None:
    """So that what the application part of a Dockerfile installs is seen, at the price of no import."""
    install_good(image.site)
    assert image.verify() == (0, GOOD)
    receipt = image.receipt.read_bytes()

    assert image.verify("--installed") == (0, [*GOOD[:5], "verify: all 5 checks hold"])
    assert image.receipt.read_bytes() == receipt

    shutil.rmtree(image.site / "numpy-1.26.4.dist-info")
    install(image.site, "numpy", "2.1.0", {"numpy/__init__.py": ""})
    status, lines = image.verify("--installed")
    assert (status, lines[-1].partition(";")[0]) == (1, "verify: numpy is 2.1.0, the lock has 1.26.4")
    assert image.receipt.read_bytes() == receipt


@pytest.mark.parametrize("other", [("--gpu",), ("--receipt", "elsewhere.json")])
def test_asking_for_what_is_installed_alone_asks_for_nothing_else(image: Image, other: tuple[str, ...]) -> None:
    assert image.verify("--installed", *other)[0] == 2


def test_a_requirement_file_that_was_edited_ends_the_build_though_nothing_moved(image: Image) -> None:
    """pip passes over `torch` in requirements.txt where a step has installed it: the image is right, and its recipe is not."""
    install_good(image.site)
    folder = image.script.parent
    (folder / "steps").mkdir()
    good = {"requirements.txt": "click==8.2.1\n", "steps/01-numpy.txt": "numpy==1.26.4\n"}
    for file, text in good.items():
        (folder / file).write_text(text)
    digests = {file: hashlib.sha256(text.encode()).hexdigest() for file, text in good.items()}
    script = image.script.read_text()
    image.script.write_text(re.sub(r'"files": \{[^}]*\}', f'"files": {json.dumps(digests)}', script))
    assert image.script.read_text() != script
    assert image.verify("--installed") == (
        0,
        [*GOOD[:5], "ok    2 requirement files are as they were compiled", "verify: all 6 checks hold"],
    )

    (folder / "requirements.txt").write_text("click==8.2.1\ntorch\n")
    remedy = "undo the edit, or put what it is for into stack.toml; then run stackc compile, and build again"
    assert image.failures() == [
        "FAIL  requirements.txt was edited after stackc compiled it",
        f"      remedy: {remedy}",
        f"verify: requirements.txt was edited after stackc compiled it; {remedy} (1 of 11 checks failed)",
    ]
