"""What each key of `[image]` makes of the Dockerfile."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.version import Version

from stackc.errors import Finding, Place, RenderError
from stackc.lock.model import Package
from stackc.manifest.model import BaseImage, Image
from stackc.manifest.reference import base_image
from stackc.render.labels import inputs_digest, labels, qualified
from stackc.render.outputs import render
from stackc.target import Target
from unit.render.gpu_stack import IMAGE, gpu_lock, gpu_manifest, gpu_target, package, without_refusals

RUNTIME = "nvidia/cuda:12.4.1-runtime-ubuntu22.04"
UNSET = "env -u UV_CONFIG_FILE -u UV_EXCLUDE_NEWER -u UV_TORCH_BACKEND -u UV_WORKING_DIR -u UV_WORKING_DIRECTORY \\"
PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=30)


def image_of(reference: str) -> BaseImage:
    found = base_image(reference)
    assert isinstance(found, BaseImage)
    return found


def tools(image: Image) -> tuple[Package, ...]:
    own = (package("pip", "26.3", step=0), package("setuptools", "80.9.0", step=0))
    return (*own, package("uv", "0.13.9", step=0)) if "uv" in {image.installer, image.python_from} else own


def files(image: Image, *, target: Target | None = None) -> dict[str, str]:
    rendered = render(
        gpu_lock(tools=tools(image), target=target),
        manifest=gpu_manifest(image=image),
        target=target or gpu_target(),
        folder="locks/gpu",
        project_templates=None,
    )
    return {name: content.decode() for name, content in rendered.items()}


def dockerfile(*, target: Target | None = None, **keys: object) -> str:
    image = Image(**{"apt": IMAGE.apt, "copy": IMAGE.copy, "cmd": IMAGE.cmd, **keys})  # type: ignore[arg-type]
    return files(image, target=target)["Dockerfile"]


def refused(*, target: Target | None = None, **keys: object) -> tuple[Finding, ...]:
    with pytest.raises(RenderError) as caught:
        dockerfile(target=target, **keys)
    return caught.value.findings


def section(text: str, comment: str) -> list[str]:
    """Return the lines of the paragraph that begins with a comment."""
    return next(part for part in text.split("\n\n") if part.startswith(comment)).splitlines()


def instructions(text: str) -> list[str]:
    """Return the instructions without comments, continued lines joined."""
    joined = re.sub(r" *\\\n *", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [line for line in joined.splitlines() if line]


def test_uv_is_installed_by_pip_and_installs_the_rest() -> None:
    text = without_refusals(dockerfile(installer="uv"))
    assert section(text, "# uv") == [
        "# uv: uv==0.13.9",
        "COPY locks/gpu/steps/00-uv.txt /opt/stack/steps/00-uv.txt",
        "RUN pip install --no-deps --require-hashes --no-cache-dir -r /opt/stack/steps/00-uv.txt",
    ]
    assert section(text, "# Step 3")[-4:] == [
        "COPY locks/gpu/steps/03-torch.cu124.txt /opt/stack/steps/03-torch.cu124.txt",
        f"RUN {UNSET}",
        (
            "    uv pip install --python /opt/venv/bin/python --no-config --no-deps --require-hashes --compile-bytecode "
            "--link-mode copy \\"
        ),
        "    --no-cache --default-index https://download.pytorch.org/whl/cu124 -r /opt/stack/steps/03-torch.cu124.txt",
    ]
    assert "    UV_CONSTRAINT=/opt/stack/constraints.txt\n" in text


def test_uv_has_a_file_of_its_own_beside_the_tools() -> None:
    found = files(Image(installer="uv"))
    assert [name for name in found if name.startswith("steps/00")] == ["steps/00-tools.txt", "steps/00-uv.txt"]
    assert "uv==" not in found["steps/00-tools.txt"]
    assert [line for line in found["steps/00-uv.txt"].splitlines() if "==" in line] == ["uv==0.13.9 \\"]


def test_an_sdist_is_built_with_the_pinned_build_tools_and_uv_is_none() -> None:
    image = Image(installer="uv")
    sdist = (package("numpy", "1.26.4", step=1, sdist=True),)
    numpy = gpu_manifest(image=image)
    components = tuple(component for component in numpy.components.values() if component.order == 1)
    for own, option in ((tools(image), "--no-build-isolation "), ((tools(image)[0], tools(image)[2]), "")):
        lock = gpu_lock(packages=sdist, components=components, tools=own)
        manifest = gpu_manifest(image=image, components=components)
        made = render(lock, manifest=manifest, target=gpu_target(), folder="locks/gpu", project_templates=None)
        assert f"    --no-cache {option}-r /opt/stack/steps/01-numpy.txt\n" in without_refusals(made["Dockerfile"].decode())


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_every_cache_mount_is_locked_and_no_cache_is_left_in_a_layer(installer: str) -> None:
    text = dockerfile(installer=installer, cache_mounts=True, python_from="uv", runtime_base=image_of(RUNTIME))
    mounts = re.findall(r"--mount=\S+", text)
    caches = {"/var/cache/apt", "/root/.cache/pip", *(["/root/.cache/uv"] if installer == "uv" else [])}
    assert [line for line in instructions(text) if line.count("--mount=") > 1] == []
    assert set(mounts) == {f"--mount=type=cache,target={cache},sharing=locked" for cache in caches}
    installs = [line for line in instructions(text) if " pip install " in line and not line.startswith("RUN python3 -m venv")]
    assert [line for line in installs if "--mount=type=cache,target=/root/.cache/" not in line] == []
    assert [line for line in installs if "--cache-dir /root/.cache/" not in line or "--no-cache" in line] == []
    assert [line for line in instructions(text) if "apt-get install" in line and "--mount" not in line] == []


def test_without_cache_mounts_nothing_is_mounted_and_no_cache_is_kept() -> None:
    text = dockerfile(installer="uv", python_from="uv", runtime_base=image_of(RUNTIME), runtime_apt=("libgomp1",))
    assert "--mount" not in text
    assert [line for line in instructions(text) if " pip install " in line and "--no-cache" not in line] == []
    apt = [line for line in instructions(text) if "apt-get install" in line]
    assert [line for line in apt if not line.endswith(" && rm -rf /var/lib/apt/lists/*")] == []
    assert [line for line in apt if "--no-install-recommends" not in line] == []


def test_the_user_owns_the_working_directory_and_what_is_copied_there_and_nothing_else() -> None:
    text = dockerfile(user="app", workdir="/srv/my app")
    assert section(text, "# The user")[1:] == [
        "# hadolint ignore=DL3059",
        "RUN useradd --no-log-init --uid 10001 --user-group --create-home --shell /usr/sbin/nologin app \\",
        " && install -d -o 10001 -g 10001 '/srv/my app'",
    ]
    assert section(text, "# Application code") == [
        "# Application code",
        'WORKDIR "/srv/my app"',
        "COPY --chown=10001:10001 app/ ./app/",
        "USER 10001:10001",
        'CMD ["python", "-m", "app"]',
    ]
    assert [line for line in instructions(text) if "chown" in line] == ["COPY --chown=10001:10001 app/ ./app/"]


def test_without_a_user_there_is_none() -> None:
    assert [
        line for line in instructions(dockerfile()) if line.startswith("USER") or "useradd" in line or "chown" in line
    ] == []


@pytest.mark.parametrize(
    ("asked", "known", "line"),
    [
        (None, {}, "# Python 3.10, from the distribution, in an environment of its own"),
        (None, {"image_python": "3.10.14"}, "# Python 3.10, which the base image brings, in an environment of its own"),
        ("distribution", {"image_python": "3.10.14"}, "# Python 3.10, from the distribution, in an environment of its own"),
        ("base", {"image_python": "3.10"}, "# Python 3.10, which the base image brings, in an environment of its own"),
        (
            "base",
            {"distribution": None, "system_python": None},
            "# Python 3.10, which the base image brings, in an environment of its own",
        ),
        (
            "distribution",
            {"distribution": None, "system_python": None},
            "# Python 3.10, from the distribution, in an environment of its own",
        ),
        ("uv", {"python": Version("3.13")}, "# Python 3.13, as uv builds it, in an environment of its own"),
        (
            "uv",
            {"distribution": "ubi9", "system_python": None, "image_python": "3.9"},
            "# Python 3.10, as uv builds it, in an environment of its own",
        ),
    ],
)
def test_python_comes_from_where_the_manifest_says_or_the_base_has_it(
    asked: str | None, known: dict[str, object], line: str
) -> None:
    text = dockerfile(target=gpu_target(**known), python_from=asked, apt=())
    assert section(text, "# Python 3.1" if asked != "uv" else line)[0] == line


@pytest.mark.parametrize(
    ("asked", "known", "message", "found"),
    [
        ("base", {}, "cannot serve Python 3.10 of its own", "3.10 (from its distribution)"),
        (
            "base",
            {"image_python": "3.11"},
            "cannot serve Python 3.10 of its own",
            "3.11 (in the image), 3.10 (from its distribution)",
        ),
        (
            "distribution",
            {"system_python": "3.12"},
            "cannot serve Python 3.10 from its distribution",
            "3.12 (from its distribution)",
        ),
        (
            "distribution",
            {"distribution": "ubi9", "system_python": None},
            "cannot serve Python 3.10 from its distribution",
            "no Python that stackc knows of",
        ),
        (
            "uv",
            {"distribution": "ubi9", "system_python": None},
            "cannot serve Python 3.10 by uv, which itself needs one",
            "no Python that stackc knows of",
        ),
    ],
)
def test_a_source_of_python_that_the_base_lacks_is_refused(
    asked: str, known: dict[str, object], message: str, found: str
) -> None:
    (finding,) = refused(target=gpu_target(**known), python_from=asked, apt=())
    assert (finding.code, finding.message, finding.found) == ("S505", f"the base image of target `gpu` {message}", found)
    assert [place.path for place in finding.places] == [("image", "python-from"), ("targets", "gpu", "python")]


def test_uv_fetches_the_very_python_in_a_stage_of_its_own() -> None:
    text = dockerfile(python_from="uv", target=gpu_target(python=Version("3.12.4")))
    stage = text.partition("# Base image")[0]
    assert instructions(stage)[3:] == [
        "COPY locks/gpu/steps/00-uv.txt /opt/stack/steps/00-uv.txt",
        (
            "RUN python3 -m venv /opt/uv "
            "&& /opt/uv/bin/pip install --no-deps --require-hashes --no-cache-dir -r /opt/stack/steps/00-uv.txt "
            f"&& {UNSET[:-2]} -u UV_PYTHON_CPYTHON_BUILD -u UV_PYTHON_DOWNLOADS -u UV_PYTHON_DOWNLOADS_JSON_URL "
            "UV_PYTHON_INSTALL_DIR=/opt/python UV_PYTHON_BIN_DIR=/opt/python/bin UV_PYTHON_INSTALL_BIN=1 "
            "/opt/uv/bin/uv python install --no-config --no-cache 3.12.4"
        ),
    ]
    assert section(text, "# Python 3.12,") == [
        "# Python 3.12, as uv builds it, in an environment of its own",
        "COPY --from=interpreter /opt/python /opt/python",
        "ENV VIRTUAL_ENV=/opt/venv \\",
        "    PATH=/opt/venv/bin:$PATH",
        'RUN "$(readlink -f /opt/python/bin/python3.12)" -m venv /opt/venv',
    ]
    assert "steps/00-uv.txt" not in text.partition("# Base image")[2]


def test_the_environment_is_copied_to_the_runtime_base_and_verified_again() -> None:
    text = dockerfile(runtime_base=image_of(RUNTIME), runtime_apt=("libgomp1", "curl"), user="app")
    stages = [line for line in instructions(text) if line.startswith("FROM")]
    assert stages == ["FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build", f"FROM {RUNTIME}"]
    runs = text.partition(f"FROM {RUNTIME}")[2]
    assert [line for line in instructions(runs) if not line.startswith("ENV PIP_NO_INPUT")] == [
        (
            "RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "
            "curl libgomp1 python3.10 && rm -rf /var/lib/apt/lists/*"
        ),
        (
            "RUN useradd --no-log-init --uid 10001 --user-group --create-home --shell /usr/sbin/nologin app "
            "&& install -d -o 10001 -g 10001 /app"
        ),
        "COPY --from=build /opt/venv /opt/venv",
        "COPY --from=build /opt/stack /opt/stack",
        "ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH PIP_CONSTRAINT=/opt/stack/constraints.txt",
        "RUN python /opt/stack/verify.py",
        "WORKDIR /app",
        "COPY --chown=10001:10001 app/ ./app/",
        "USER 10001:10001",
        'CMD ["python", "-m", "app"]',
        "RUN python /opt/stack/verify.py --installed",
        "COPY locks/gpu/lock.toml /opt/stack/lock.toml",
        instructions(text)[-1],
    ]
    assert "useradd" not in text.partition(f"FROM {RUNTIME}")[0]


def test_the_runtime_base_gets_the_python_that_uv_built() -> None:
    runs = dockerfile(runtime_base=image_of(RUNTIME), python_from="uv").partition(f"FROM {RUNTIME}")[2]
    assert [line for line in instructions(runs) if line.startswith(("COPY --from", "RUN"))] == [
        "COPY --from=build /opt/python /opt/python",
        "COPY --from=build /opt/venv /opt/venv",
        "COPY --from=build /opt/stack /opt/stack",
        "RUN python /opt/stack/verify.py",
        "RUN python /opt/stack/verify.py --installed",
    ]


@pytest.mark.parametrize(
    ("runtime", "known", "differences"),
    [
        ("nvidia/cuda:12.4.0-base-ubuntu22.04", {}, []),
        ("registry.example.org/own/image:1", {}, []),
        ("nvidia/cuda:12.4.1-runtime-ubuntu20.04", {}, [("the distribution ubuntu22.04", "ubuntu20.04")]),
        ("nvidia/cuda:12.6.1-runtime-ubuntu22.04", {}, [("CUDA 12.4", "CUDA 12.6")]),
        ("ubuntu:22.04", {}, [("CUDA 12.4", "no CUDA")]),
        ("ubuntu:22.04", {"cuda": None}, []),
        ("ubuntu:22.04", {"cuda": None, "distribution": None, "glibc": (2, 36)}, [("glibc 2.36 or newer", "glibc 2.35")]),
        (
            "debian:12",
            {"cuda": None, "distribution": "debian12", "image_python": "3.10", "system_python": "3.11"},
            [("Python 3.10 of its own", "no Python of its own")],
        ),
        (
            "python:3.11-slim-bookworm",
            {"cuda": None, "distribution": "debian12", "image_python": "3.10", "system_python": "3.11"},
            [("Python 3.10 of its own", "Python 3.11")],
        ),
        ("python:3.10-slim-bookworm", {"cuda": None, "distribution": "debian12", "image_python": "3.10"}, []),
    ],
)
def test_a_runtime_base_that_does_not_fit_is_refused(
    runtime: str, known: dict[str, object], differences: list[tuple[str, str]]
) -> None:
    target, base = gpu_target(**known), image_of(runtime)
    if not differences:
        assert f"\nFROM {runtime}\n" in dockerfile(target=target, runtime_base=base, apt=())
        return
    assert refused(target=target, runtime_base=base, apt=()) == tuple(
        Finding(
            code="S514",
            message="what is built for target `gpu` does not fit its runtime base",
            places=(
                Place(file="stack.toml", path=("image", "runtime-base")),
                Place(file="stack.toml", path=("targets", "gpu", "base")),
            ),
            wanted=wanted,
            found=f"{found} in `{runtime}`",
            hint="choose a runtime base of the same distribution and CUDA as `base`, such as its `-runtime` sibling",
        )
        for wanted, found in differences
    )


def test_packages_for_a_runtime_base_without_apt_are_refused() -> None:
    known = {"distribution": "ubi9", "system_python": None, "image_python": "3.10", "cuda": None}
    (finding,) = refused(target=gpu_target(**known), apt=(), runtime_base=image_of("own/image:1"), runtime_apt=("libgomp1",))
    message = "the base image of target `gpu` has no apt to install `image.runtime-apt` with"
    assert (finding.code, finding.message) == ("S506", message)


def test_what_the_image_is_made_of_comes_last() -> None:
    text = dockerfile(labels={"team": 'a "b" $C', "org.opencontainers.image.title": "mine"})
    lines = text.splitlines()
    assert lines[-7:] == [
        "# The lock, and what the image is made of: last, since nothing above depends on them",
        "COPY locks/gpu/lock.toml /opt/stack/lock.toml",
        "LABEL org.opencontainers.image.base.name=docker.io/nvidia/cuda:12.4.1-devel-ubuntu22.04 \\",
        "      org.opencontainers.image.title=mine \\",
        f"      stackc.inputs={inputs_digest(gpu_lock())} \\",
        "      stackc.target=gpu \\",
        r'      team="a \"b\" \$C"',
    ]


def test_the_digest_of_the_inputs_moves_with_each_of_them_and_with_nothing_else() -> None:
    lock = gpu_lock()
    moved = [replace(lock.inputs, **{key: f"sha256:{'1' * 64}"}) for key in ("manifest", "matrix", "templates")]
    digests = {inputs_digest(replace(lock, inputs=inputs)) for inputs in (lock.inputs, *moved)}
    assert len(digests) == 4
    assert inputs_digest(replace(lock, inputs=replace(lock.inputs, outputs="sha256:1"))) == inputs_digest(lock)


def test_the_labels_name_the_base_that_the_image_runs_on() -> None:
    digest = f"sha256:{'a' * 64}"
    given = labels(gpu_lock(), manifest=gpu_manifest(), base=image_of(f"{RUNTIME}@{digest}"))
    assert {name: text for name, text in given.items() if ".base." in name} == {
        "org.opencontainers.image.base.digest": digest,
        "org.opencontainers.image.base.name": f"docker.io/{RUNTIME}",
    }


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("ubuntu", "docker.io/library/ubuntu"),
        ("ubuntu:22.04", "docker.io/library/ubuntu:22.04"),
        ("nvidia/cuda:1", "docker.io/nvidia/cuda:1"),
        ("registry.example.org:5000/ubuntu:1", "registry.example.org:5000/ubuntu:1"),
        (f"localhost/a/b@sha256:{'a' * 64}", "localhost/a/b"),
    ],
)
def test_a_base_is_named_with_its_registry(reference: str, name: str) -> None:
    assert qualified(image_of(reference)) == name


@settings(max_examples=10, deadline=None)
@given(PLAIN, PLAIN)
def test_whatever_a_label_and_a_folder_hold_stays_in_its_word(label: str, folder: str) -> None:
    text = dockerfile(labels={"x": label}, workdir=f"/{folder}", user="app")
    plain = dockerfile(labels={"x": "y"}, workdir="/z", user="app")
    assert len(instructions(text)) == len(instructions(plain))
    assert [line.split(" ")[0] for line in text.splitlines()] == [line.split(" ")[0] for line in plain.splitlines()]


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"labels": {"a": "b\nRUN reboot"}}, ("image", "labels", "a")),
        ({"user": "a\nRUN reboot"}, ("image", "user")),
        ({"runtime_apt": ("a\nRUN reboot",)}, ("image", "runtime-apt", 0)),
    ],
)
def test_a_newline_in_a_new_value_is_refused_at_its_place(keys: dict[str, object], path: tuple[str | int, ...]) -> None:
    with pytest.raises(RenderError) as caught:
        files(Image(**keys))  # type: ignore[arg-type]
    assert [(finding.code, finding.places[0].path) for finding in caught.value.findings] == [("S504", path)]


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_an_edit_of_requirements_txt_changes_no_instruction_before_the_constraints(installer: str) -> None:
    """What precedes the constraints copies only the files of its own steps."""
    before = dockerfile(installer=installer).partition("# Constraints")[0]
    copied = [line.split(" ")[1] for line in instructions(before) if line.startswith("COPY")]
    assert [name for name in copied if not name.startswith("locks/gpu/steps/")] == []
