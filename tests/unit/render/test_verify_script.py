"""The rendered verify.py, run for real: a fresh virtual environment, and folders of small stand-in wheels on its path."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from stackc.lock.model import Package
from stackc.manifest.model import Component
from stackc.render.outputs import render
from stackc.target import MACHINES
from unit.render.gpu_stack import gpu_lock, gpu_manifest, gpu_target, name, package

HERE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
PLATFORM = next(name for name, machine in MACHINES.items() if machine == HERE)
MINOR = sysconfig.get_python_version()
LOCKED = (
    package("numpy", "1.26.4", step=1, why=("stack.toml <2",)),
    package("torch", "2.5.1+cu124", step=2, index="cu124", requires=("numpy",), why=("stack.toml ==2.5.1",)),
)
NUMPY = Component(name=name("numpy"), spelled="numpy", version=SpecifierSet("<2"), order=1)
TORCH = Component(
    name=name("torch"),
    spelled="torch",
    version=SpecifierSet("==2.5.1"),
    order=2,
    index="cu124",
    verify=("torch.version.cuda == '12.4'", "torch.nn.functional.relu(-1) == 0 and all(n > 0 for n in (1, 2))"),
)
TORCH_FILES = {
    "torch/__init__.py": "",
    "torch/version.py": "cuda = '12.4'\n",
    "torch/nn/__init__.py": "",
    "torch/nn/functional.py": "def relu(x):\n    return max(x, 0)\n",
    "torchgen/__init__.py": "raise ImportError('not the module of the project itself')\n",
}
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
    "verify: all 9 checks hold",
]


def install(folder: Path, project: str, version: str, files: Mapping[str, str], *, requires: tuple[str, ...] = ()) -> None:
    """Build a wheel and unpack it into `folder`, which is how a pure wheel is installed."""
    info = f"{project.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {**files, f"{info}/METADATA": metadata, f"{info}/WHEEL": wheel}
    record = "".join(f"{path},,\n" for path in (*contents, f"{info}/RECORD"))
    folder.mkdir(exist_ok=True)
    path = folder / "built.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for entry, text in {**contents, f"{info}/RECORD": record}.items():
            archive.writestr(entry, text)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    path.unlink()


def install_good(folder: Path) -> None:
    install(folder, "numpy", "1.26.4", {"numpy/__init__.py": ""})
    install(folder, "torch", "2.5.1+cu124", TORCH_FILES, requires=("numpy<2",))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a virtual environment that holds pip alone, as the image's holds it."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


@dataclass(frozen=True)
class Image:
    python: Path
    site: Path
    script: Path

    def verify(self) -> tuple[int, list[str]]:
        """Run verify.py and return its exit status and its lines, tracebacks left out."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.site), "LC_ALL": "C.UTF-8"}
        done = subprocess.run([self.python, self.script], env=environment, stdout=subprocess.PIPE, check=False, text=True)
        kept = [line for line in done.stdout.splitlines() if re.match(r"ok  |FAIL|      remedy|verify:", line)]
        return done.returncode, kept

    def failures(self) -> list[str]:
        """Run verify.py, which must fail, and return its failures and remedies and its last line."""
        status, lines = self.verify()
        assert status == 1
        return [line for line in lines if not line.startswith("ok ")]


@pytest.fixture
def image(python: Path, tmp_path: Path) -> Image:
    return make_image(python, tmp_path)


def make_image(
    python: Path,
    folder: Path,
    *,
    components: tuple[Component, ...] = (NUMPY, TORCH),
    packages: tuple[Package, ...] = LOCKED,
    minor: str = MINOR,
    where: str = PLATFORM,
) -> Image:
    target = gpu_target(python=Version(minor), system_python=minor, platform=where)
    lock = gpu_lock(packages=packages, components=components, target=target)
    manifest = gpu_manifest(components=components)
    files = render(lock, manifest=manifest, target=target, folder="locks/gpu", project_templates=None)
    script = folder / "verify.py"
    script.write_bytes(files["verify.py"])
    return Image(python=python, site=folder / "site", script=script)


def test_a_good_image_passes_every_check(image: Image) -> None:
    install_good(image.site)
    assert image.verify() == (0, GOOD)


def test_an_empty_image_fails_with_a_line_and_a_remedy_for_each_project(image: Image) -> None:
    remedy = "install steps/01-numpy.txt, which nothing may skip; build again with --no-cache"
    assert image.failures() == [
        "FAIL  numpy is not installed, the lock says 1.26.4",
        f"      remedy: {remedy}",
        "FAIL  torch is not installed, the lock says 2.5.1+cu124",
        "      remedy: install steps/02-torch.cu124.txt, which nothing may skip; build again with --no-cache",
        f"verify: 2 of 5 checks failed. First: numpy is not installed, the lock says 1.26.4. Remedy: {remedy}",
    ]


def test_another_version_names_what_to_look_for_and_pip_check_agrees(image: Image) -> None:
    install(image.site, "numpy", "2.1.0", {"numpy/__init__.py": ""})
    install(image.site, "torch", "2.5.1+cu124", TORCH_FILES, requires=("numpy<2",))
    closed = "the lock is closed, so something beside it was installed or removed: put that into stack.toml and compile again"
    remedy = "something installed after steps/01-numpy.txt replaced it: remove that, or let it keep to constraints.txt"
    assert image.failures() == [
        "FAIL  numpy is 2.1.0, the lock says 1.26.4",
        f"      remedy: {remedy}",
        "FAIL  pip check: torch 2.5.1+cu124 has requirement numpy<2, but you have numpy 2.1.0.",
        f"      remedy: {closed}",
        f"verify: 2 of 9 checks failed. First: numpy is 2.1.0, the lock says 1.26.4. Remedy: {remedy}",
    ]


@pytest.mark.parametrize("version", ["2.5.1", "2.5.1+cu121"])
def test_another_local_version_label_means_another_index(image: Image, version: str) -> None:
    install(image.site, "numpy", "1.26.4", {"numpy/__init__.py": ""})
    install(image.site, "torch", version, TORCH_FILES)
    remedy = "install it by steps/02-torch.cu124.txt alone, and remove it from every other requirements file"
    text = f"torch is {version}, the lock says 2.5.1+cu124: it came from another index than cu124"
    assert image.failures() == [
        f"FAIL  {text}",
        f"      remedy: {remedy}",
        f"verify: 1 of 9 checks failed. First: {text}. Remedy: {remedy}",
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
    assert failures[-1] == f"verify: 3 of 9 checks failed. First: {text}. Remedy: {remedy}"


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
        f"verify: 1 of 7 checks failed. First: {text}. Remedy: {remedy}",
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
        f"verify: 2 of 9 checks failed. First: python is {MINOR}, the lock is for 3.9. Remedy: {remedy}",
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
