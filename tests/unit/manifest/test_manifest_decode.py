"""A good manifest decodes to one value; defaults, spellings and choices between forms included."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from stackc.errors import Finding, ManifestError, Place
from stackc.manifest.decode import decode, load
from stackc.manifest.model import (
    MATRIX,
    BaseImage,
    Component,
    Image,
    Index,
    Manifest,
    MatrixChoice,
    Override,
    Policy,
    TargetTable,
    Waiver,
)

PROJECT = Path(__file__).parents[3]
FULL = """\
[stack]
name = "zopilot-gpu"
default-target = "gpu"

[indexes.cu124]
url = "https://someone:secret@download.pytorch.org/whl/cu124"
serves = ["Torch", "nvidia_*"]

[indexes.internal]
url = "http://127.0.0.1:8080/simple/"
default = true

[targets.gpu]
python = "3.10.14"
platform = "linux/arm64"
base = "registry.example.org:5000/nvidia/cuda:12.4.1-devel@sha256:0123456789abcdef0123456789abcdef"
cuda = "12.4"
glibc = "2.35"
driver = "550.54"
gpus = ["sm_80", "sm_90a"]
components.Torch = { version = "==2.5.0", index = "pypi", order = 4, extras = [], import = [], verify = [] }
components.opencv_python = {}

[targets.cpu]
python = "3.8"
platform = "linux/amd64"
base = "ubuntu"
without = ["OpenCV-Python"]

[components.torch]
version = "matrix"
index = "cu124"
order = 3
extras = ["Opt_Einsum", "opt-einsum"]
verify = ["torch.version.cuda == '12.4'"]

[components."OpenCV.Python"]
version = ">=4, <5"
import = "cv2"

[components.protobuf]
version = "==5.*"
import = ["google.protobuf", "google"]

[image]
apt = ["build-essential", "libstdc++6=12.3.0-1ubuntu1~22.04"]
workdir = "/srv/my app"
copy = [".", "app/", "a b/*.py"]
cmd = ["python", "-c", "print('$HOME')"]
pip = ">=25,<26"
build-tools = ["setuptools>=70", "wheel"]

[policy]
exclude-newer = 2026-11-01T02:00:00+02:00
unknown = "error"
fall-back = "allow"
fall-back-minors = 0
sdists = ["Foo.Bar"]

[matrix]
packs = ["builtin", "rules/*.toml"]
waive = [{ rule = "numpy2-abi-pandas", because = "we patch it", until = 2027-01-01 }]
"""


def test_every_key_reaches_its_field() -> None:
    manifest = decode(FULL, file="stack.toml")
    assert manifest == Manifest(
        name="zopilot-gpu",
        default_target="gpu",
        indexes={
            "pypi": Index(name="pypi", url=None),
            "cu124": Index(
                name="cu124", url="https://someone:secret@download.pytorch.org/whl/cu124", serves=("torch", "nvidia-*")
            ),
            "internal": Index(name="internal", url="http://127.0.0.1:8080/simple/", default=True),
        },
        targets={
            "gpu": TargetTable(
                name="gpu",
                python="3.10.14",
                platform="linux/arm64",
                base=BaseImage(
                    reference="registry.example.org:5000/nvidia/cuda:12.4.1-devel@sha256:0123456789abcdef0123456789abcdef",
                    repository="nvidia/cuda",
                    tag="12.4.1-devel",
                    digest="sha256:0123456789abcdef0123456789abcdef",
                ),
                cuda="12.4",
                glibc="2.35",
                driver="550.54",
                gpus=("sm_80", "sm_90a"),
                overrides=(
                    Override(
                        name=named("torch"),
                        spelled="Torch",
                        version=SpecifierSet("==2.5.0"),
                        index="pypi",
                        order=4,
                        extras=(),
                        imports=(),
                        verify=(),
                    ),
                    Override(name=named("opencv-python"), spelled="opencv_python"),
                ),
            ),
            "cpu": TargetTable(
                name="cpu",
                python="3.8",
                platform="linux/amd64",
                base=BaseImage(reference="ubuntu", repository="ubuntu", tag=None, digest=None),
                without=(named("opencv-python"),),
            ),
        },
        components={
            named("torch"): Component(
                name=named("torch"),
                spelled="torch",
                version=MATRIX,
                index="cu124",
                order=3,
                extras=(named("opt-einsum"),),
                verify=("torch.version.cuda == '12.4'",),
            ),
            named("opencv-python"): Component(
                name=named("opencv-python"), spelled="OpenCV.Python", version=SpecifierSet(">=4,<5"), imports=("cv2",)
            ),
            named("protobuf"): Component(
                name=named("protobuf"), spelled="protobuf", version=SpecifierSet("==5.*"), imports=("google.protobuf", "google")
            ),
        },
        image=Image(
            apt=("build-essential", "libstdc++6=12.3.0-1ubuntu1~22.04"),
            workdir="/srv/my app",
            copy=(".", "app/", "a b/*.py"),
            cmd=("python", "-c", "print('$HOME')"),
            pip="<26,>=25",
            build_tools=("setuptools>=70", "wheel"),
        ),
        policy=Policy(
            exclude_newer=dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc),
            unknown="error",
            fall_back="allow",
            fall_back_minors=0,
            sdists=(named("foo-bar"),),
        ),
        matrix=MatrixChoice(
            packs=("builtin", "rules/*.toml"),
            waivers=(Waiver(rule="numpy2-abi-pandas", because="we patch it", until=dt.date(2027, 1, 1)),),
        ),
        places=manifest.places,
    )
    assert list(manifest.indexes) == ["pypi", "cu124", "internal"]


def test_what_is_not_said_has_its_default() -> None:
    minimal = """
    [stack]
    name = "small"
    [targets.cpu]
    python = "3.12"
    platform = "linux/amd64"
    base = "ubuntu:24.04"
    """
    manifest = decode(minimal, file="stack.toml")
    assert manifest == Manifest(
        name="small",
        default_target="cpu",
        indexes={"pypi": Index(name="pypi", url=None, default=True)},
        targets={
            "cpu": TargetTable(
                name="cpu",
                python="3.12",
                platform="linux/amd64",
                base=BaseImage(reference="ubuntu:24.04", repository="ubuntu", tag="24.04", digest=None),
            )
        },
        components={},
        image=Image(workdir="/app", build_tools=("setuptools",)),
        policy=Policy(),
        matrix=MatrixChoice(),
        places=manifest.places,
    )


def test_the_image_is_made_as_the_manifest_says() -> None:
    image = """
    [image]
    installer = "uv"
    python-from = "uv"
    cache-mounts = true
    user = "app"
    runtime-base = "ubuntu:24.04@sha256:0123456789abcdef0123456789abcdef"
    runtime-apt = ["libgomp1"]
    labels = { "org.opencontainers.image.source" = "https://example.org/a b", team = "$x" }
    """
    digest = "sha256:0123456789abcdef0123456789abcdef"
    assert decode(f"{head()}{image}", file="stack.toml").image == Image(
        build_tools=("setuptools", "uv"),
        installer="uv",
        python_from="uv",
        cache_mounts=True,
        user="app",
        runtime_base=BaseImage(reference=f"ubuntu:24.04@{digest}", repository="ubuntu", tag="24.04", digest=digest),
        runtime_apt=("libgomp1",),
        labels={"org.opencontainers.image.source": "https://example.org/a b", "team": "$x"},
    )


@pytest.mark.parametrize(
    ("lines", "tools"),
    [
        ('installer = "uv"', ("setuptools", "uv")),
        ('python-from = "uv"\nbuild-tools = []', ("uv",)),
        ('installer = "uv"\nbuild-tools = ["UV>=0.9", "wheel"]', ("UV>=0.9", "wheel")),
        ('installer = "pip"\npython-from = "base"', ("setuptools",)),
    ],
)
def test_uv_is_among_the_build_tools_where_the_image_needs_it(lines: str, tools: tuple[str, ...]) -> None:
    assert decode(f"{head()}[image]\n{lines}", file="stack.toml").image.build_tools == tools


def test_the_projects_own_manifest_decodes() -> None:
    manifest = load(PROJECT / "stack.toml")
    assert [component.spelled for component in manifest.components_for("gpu")] == [
        "numpy",
        "scipy",
        "torch",
        "torchvision",
        "torchaudio",
        "bitsandbytes",
        "transformers",
        "accelerate",
        "docstrange",
        "fastapi",
    ]


@pytest.mark.parametrize(
    ("tables", "indexes"),
    [
        (
            '[indexes.pypi]\nurl = "https://mirror.example.org/simple"',
            {"pypi": Index(name="pypi", url="https://mirror.example.org/simple", default=True)},
        ),
        (
            '[indexes.own]\nurl = "https://example.org/a"\ndefault = true\n[indexes.pypi]\nserves = ["numpy"]',
            {
                "own": Index(name="own", url="https://example.org/a", default=True),
                "pypi": Index(name="pypi", url=None, serves=("numpy",)),
            },
        ),
    ],
)
def test_the_built_in_index_can_be_moved_or_give_up_its_default_role(tables: str, indexes: dict[str, Index]) -> None:
    assert decode(f"{head()}{tables}", file="stack.toml").indexes == indexes


@pytest.mark.parametrize("moment", ["2026-11-01T00:00:00Z", '"2026-11-01T00:00:00Z"', '"2026-10-31t19:00:00.000-05:00"'])
def test_a_moment_may_be_a_date_of_toml_or_a_string(moment: str) -> None:
    manifest = decode(f"{head()}[policy]\nexclude-newer = {moment}", file="stack.toml")
    assert manifest.policy == Policy(exclude_newer=dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc))


def test_places_name_line_path_and_source_without_credentials() -> None:
    places = decode(FULL, file="stack.toml").places
    assert (
        places.at("indexes", "cu124", "url"),
        places.at("targets", "gpu", "components", "Torch", "order"),
        places.at("matrix", "waive", 0, "rule"),
        places.at("components", "torch", "import"),
    ) == (
        Place(
            file="stack.toml",
            line=6,
            path=("indexes", "cu124", "url"),
            source='"https://***@download.pytorch.org/whl/cu124"',
        ),
        Place(file="stack.toml", line=21, path=("targets", "gpu", "components", "Torch", "order"), source="4"),
        Place(file="stack.toml", line=62, path=("matrix", "waive", 0, "rule"), source='"numpy2-abi-pandas"'),
        Place(file="stack.toml", line=30, path=("components", "torch", "import")),
    )


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    plain, windows = decode(FULL, file="stack.toml"), decode("\ufeff" + FULL.replace("\n", "\r\n"), file="stack.toml")
    assert windows == plain


def test_a_missing_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "stack.toml"
    assert refused(path) == (
        Finding(
            code="S101",
            message="there is no manifest",
            places=(Place(file=str(path)),),
            hint="run stackc in the folder that holds `stack.toml`, or name the file",
        ),
    )


def test_a_folder_in_the_manifests_place_is_an_error_of_its_own(tmp_path: Path) -> None:
    assert [finding.code for finding in refused(tmp_path)] == ["S102"]


def test_a_file_that_is_not_utf_8_is_an_error_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "stack.toml"
    path.write_bytes(b'[stack]\nname = "caf\xe9"\n')
    assert refused(path) == (
        Finding(
            code="S103",
            message="not UTF-8: byte 0xe9 at position 19",
            places=(Place(file=str(path), line=2),),
            hint="save the file as UTF-8; TOML has no other encoding",
        ),
    )


def refused(path: Path) -> tuple[Finding, ...]:
    with pytest.raises(ManifestError) as raised:
        load(path)
    return raised.value.findings


def head() -> str:
    return '[stack]\nname = "a"\n[targets.cpu]\npython = "3.12"\nplatform = "linux/amd64"\nbase = "ubuntu:24.04"\n'


def named(name: str) -> NormalizedName:
    return canonicalize_name(name)
