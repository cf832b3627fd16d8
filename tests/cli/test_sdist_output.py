"""All that compile prints about an sdist that has to be built for its metadata."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support.cli import UNIVERSE, Desk, Outcome, manifest
from support.direct import sha256
from support.index_server import IndexServer, Site, serving
from support.sdists import BACKEND, HELPER, list_sdist, sdist
from support.universe import publish, publish_wheels

HERE = "{}.{}".format(*sys.version_info[:2])
PLATFORM = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
LEGACY = '[components.legacy]\nversion = ">=1"\norder = 1\n\n[policy]\nsdists = ["legacy"]\n'
TOOLS = '\n[image]\nbuild-tools = ["helper-mod"]\n'
BUILT = f"gpu: what `legacy-1.0.tar.gz` requires was told by a build of its metadata on this machine, by Python {HERE}\n"
COMPILED = """\
gpu: resolved by uv VERSION, and proved (2 packages, 0.0 s)

component  version  index  step  change
legacy     1.0      pypi   1

and 1 package that these need; see locks/gpu/STACK.md
wrote locks/gpu/
"""


@pytest.fixture
def site() -> Site:
    site = Site()
    publish(site, publish_wheels(site, {**UNIVERSE, **HELPER}, root="/simple"))
    return site


@pytest.fixture
def server(site: Site) -> Iterator[IndexServer]:
    list_sdist(site, sdist())
    with serving(site) as server:
        yield server


def written(server: IndexServer, components: str = LEGACY, rest: str = "") -> str:
    """Return a manifest whose target is this machine."""
    text = manifest(server, components, rest=rest)
    return text.replace('python = "3.11"', f'python = "{HERE}"').replace("linux/amd64", PLATFORM)


def requires(folder: Path) -> Mapping[str, list[str]]:
    """Return what each package of a lock requires, by its name."""
    import tomli

    packages = tomli.loads((folder / "locks/gpu/lock.toml").read_text())["package"]
    return {package["name"]: package.get("requires", []) for package in packages}


def test_what_a_build_tells_is_locked_and_needs_no_second_build(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(written(server, rest=TOOLS))
    assert desk.run("compile") == Outcome(0, COMPILED, BUILT)
    assert requires(desk.project) == {"base": [], "legacy": ["base>=1.1"]}
    again = desk.run("compile", "--offline", "--upgrade")
    assert (again.status, again.stderr) == (0, "")
    assert desk.run("check") == Outcome(0, "gpu: proved, nothing drifted\n", "")


def test_a_project_that_the_policy_does_not_name_is_never_built(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(written(server, LEGACY.replace('"legacy"]', "]"), rest=TOOLS))
    outcome = desk.fail("compile")
    assert outcome.status == 3
    assert "legacy 1.0: it has no wheel, and `[policy] sdists` does not name the project\n" in outcome.stderr
    assert not [request for request in server.requests if request.path.endswith(".tar.gz")]


def test_an_sdist_whose_build_the_image_cannot_do_is_refused(tmp_path: Path, server: IndexServer) -> None:
    desk = Desk(tmp_path)
    desk.write(written(server))
    assert desk.fail("compile") == Outcome(
        3,
        "",
        BUILT
        + """\
error[S434]: `legacy` is an sdist whose build requires `helper-mod>=1`, which the image does not have before it
 --> stack.toml: image.build-tools

hint: add `"helper-mod>=1"` to `build-tools` of `[image]`: it is locked there, and a build then downloads nothing unlocked
""",
    )


def test_a_build_that_fails_is_told(tmp_path: Path, site: Site) -> None:
    list_sdist(site, sdist(backend=BACKEND.replace("import helper_mod", "import torch")))
    with serving(site) as server:
        desk = Desk(tmp_path)
        desk.write(written(server, rest=TOOLS))
        outcome = desk.fail("compile")
    assert outcome.status == 3
    assert "error[S366]: the metadata of `legacy-1.0.tar.gz` cannot be built\n" in outcome.stderr
    assert "ModuleNotFoundError: No module named 'torch'\n" in outcome.stderr


@pytest.mark.parametrize("kind", ["url", "path"])
def test_an_sdist_that_a_component_names_follows_the_same_policy(tmp_path: Path, server: IndexServer, kind: str) -> None:
    desk, body = Desk(tmp_path), sdist()
    lines = {
        "url": f'url = "{server.url}/simple/files/legacy-1.0.tar.gz"\nsha256 = "{sha256(body)}"\n',
        "path": 'path = "dist/legacy-1.0.tar.gz"\n',
    }[kind]
    desk.write(body, "dist/legacy-1.0.tar.gz")
    components = LEGACY.replace('version = ">=1"\n', lines)
    desk.write(written(server, components.replace('"legacy"]', "]"), rest=TOOLS))
    assert "error[S149]" in desk.fail("compile").stderr
    (desk.project / "locks/gpu/requirements.txt").unlink()
    desk.write(written(server, components, rest=TOOLS))
    assert desk.run("compile") == Outcome(0, COMPILED.replace("pypi ", f"{kind:<5}"), BUILT)
    assert requires(desk.project) == {"base": [], "legacy": ["base>=1.1"]}
    dockerfile = (desk.project / "locks/gpu/Dockerfile").read_text()
    options = "--no-deps --require-hashes --no-cache-dir --no-index --no-build-isolation --check-build-dependencies"
    assert f"RUN pip install {options} -r /opt/stack/steps/01-legacy-direct.txt" in dockerfile
