"""Metadata by a build in isolation: real uv and real backends, against a loopback index."""

from __future__ import annotations

import datetime as dt
import io
import platform
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from stackc.errors import Finding
from stackc.upstream.isolation import Isolation
from stackc.upstream.sdist_build import BuildError, build_metadata
from support.index_server import IndexServer, Site, serving
from support.sdists import BACKEND, HELPER, sdist
from support.universe import publish, publish_wheels
from support.workbench import make_target, settings

FILE = "legacy-1.0.tar.gz"
HERE = "{}.{}".format(*sys.version_info[:2])
PLATFORM = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
METADATA = b"Metadata-Version: 2.1\nName: legacy\nVersion: 1.0\nRequires-Dist: base>=1.1\n"
WHEEL_HINT = "choose a version that has a wheel, or name one by `url`; a build has what the sdist says it requires, no more"


@pytest.fixture
def server() -> Iterator[IndexServer]:
    site = Site()
    publish(site, publish_wheels(site, HELPER, root="/simple"))
    with serving(site) as server:
        yield server


@pytest.fixture
def isolation(server: IndexServer, tmp_path: Path) -> Isolation:
    return Isolation(
        target=make_target(HERE, platform=PLATFORM),
        address=f"{server.url}/simple",
        exclude_newer=None,
        settings=settings(),
        scratch=tmp_path,
        surroundings={"PATH": "/usr/bin:/bin"},
        patience=60.0,
    )


def refused(body: bytes, isolation: Isolation, *, lasting: bool) -> Finding:
    with pytest.raises(BuildError) as raised:
        build_metadata(FILE, body, isolation)
    assert raised.value.lasting is lasting
    assert list(isolation.scratch.iterdir()) == []
    return raised.value.finding


def test_a_backend_tells_what_no_static_metadata_says(isolation: Isolation) -> None:
    assert build_metadata(FILE, sdist(), isolation) == (METADATA, ("helper-mod>=1",))
    assert list(isolation.scratch.iterdir()) == []


def test_what_the_backend_asks_for_besides_is_installed_and_told(isolation: Isolation) -> None:
    backend = BACKEND.replace("return []", 'return ["helper-mod>=1.5"]')
    pyproject = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    assert build_metadata(FILE, sdist(backend=backend, pyproject=pyproject), isolation) == (METADATA, ("helper-mod>=1.5",))


def test_nothing_of_the_users_environment_reaches_the_build(isolation: Isolation) -> None:
    """Nor does a proxy that leads anywhere."""
    names = "sorted(name for name in os.environ if not name.startswith(('_PYPROJECT', 'PEP517')))"
    backend = BACKEND.replace("return METADATA % helper_mod.REQUIRES", f"return METADATA % '; '.join({names})")
    there = {
        **isolation.surroundings,
        "SECRET": "1",
        "PIP_INDEX_URL": "https://example.org",
        "https_proxy": "http://proxy.example.org",
    }
    told = build_metadata(FILE, sdist(backend=backend), replace(isolation, surroundings={**there, "no_proxy": "127.0.0.1"}))[0]
    assert told.decode().splitlines()[3].removeprefix("Requires-Dist: ").split("; ") == [
        "ALL_PROXY",
        "HOME",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LC_ALL",
        "PATH",
        "PIP_NO_INDEX",
        "PYTHONDONTWRITEBYTECODE",
        "TMPDIR",
        "all_proxy",
        "http_proxy",
        "https_proxy",
    ]


def test_a_build_reaches_no_network(isolation: Isolation, server: IndexServer) -> None:
    asks = "import urllib.request\n    urllib.request.urlopen('http://example.org/', timeout=5)\n    import helper_mod"
    found = refused(sdist(backend=BACKEND.replace("import helper_mod", asks)), isolation, lasting=True)
    assert found.code == "S366"
    assert "Connection refused" in found.notes[-1]


def test_a_backend_that_fails_is_told_by_its_last_lines(isolation: Isolation) -> None:
    found = refused(sdist(backend=BACKEND.replace("import helper_mod", "import torch")), isolation, lasting=True)
    assert (found.code, found.message, found.hint) == ("S366", f"the metadata of `{FILE}` cannot be built", WHEEL_HINT)
    assert found.notes[-1] == "ModuleNotFoundError: No module named 'torch'"
    assert str(isolation.scratch) not in repr(found)


def test_a_backend_without_the_hook_is_not_made_to_build_a_wheel(isolation: Isolation) -> None:
    backend = BACKEND.replace("def prepare_metadata_for_build_wheel", "def other")
    assert refused(sdist(backend=backend), isolation, lasting=True) == Finding(
        code="S366",
        message=f"the metadata of `{FILE}` cannot be built",
        notes=("its backend prepares no metadata without building the whole wheel",),
        hint=WHEEL_HINT,
    )


def test_a_build_is_ended_when_its_time_is_up(isolation: Isolation) -> None:
    backend = BACKEND.replace("import helper_mod", "import time; time.sleep(600)")
    assert refused(sdist(backend=backend), replace(isolation, patience=3.0), lasting=False) == Finding(
        code="S369",
        message=f"the build of the metadata of `{FILE}` did not end within 3 seconds",
        hint="choose a version that has a wheel, or name one by `url`",
    )


def test_the_cut_off_holds_for_what_a_build_requires(isolation: Isolation) -> None:
    early = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    found = refused(sdist(), replace(isolation, exclude_newer=early), lasting=False)
    assert (found.code, found.message) == ("S367", f"what the build of `{FILE}` requires cannot be installed")


def test_what_a_build_requires_and_no_index_has_is_told(isolation: Isolation) -> None:
    found = refused(sdist(), replace(isolation, address="http://127.0.0.1:9/simple"), lasting=False)
    assert (found.code, found.message) == ("S367", f"what the build of `{FILE}` requires cannot be installed")


def test_nothing_is_built_offline(isolation: Isolation) -> None:
    assert refused(sdist(), replace(isolation, settings=settings(offline=True)), lasting=False) == Finding(
        code="S367",
        message=f"the metadata of `{FILE}` were never built, and --offline was given",
        hint="compile once without --offline; from then on they are in the cache",
    )


@pytest.mark.parametrize("target", [make_target("3.99", platform=PLATFORM), make_target(HERE, platform="linux/arm64")])
def test_nothing_is_built_by_another_python_or_on_another_platform(isolation: Isolation, target: object) -> None:
    other = replace(isolation, target=target)
    if other.is_alike and "3.99" not in other.key:  # this machine is the other platform
        other = replace(isolation, target=make_target(HERE, platform="linux/amd64"))
    found = refused(sdist(), other, lasting=False)
    assert (found.code, found.message) == (
        "S368",
        f"the metadata of `{FILE}` have to be built, and not for target `gpu` on this machine",
    )


def test_an_archive_that_leads_elsewhere_is_refused(isolation: Isolation) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../evil"), io.BytesIO())
    found = refused(buffer.getvalue(), isolation, lasting=True)
    assert found.code == "S366"
    assert "it cannot be unpacked" in found.notes[0]


def test_what_is_no_archive_is_refused(isolation: Isolation) -> None:
    found = refused(b"<html>", isolation, lasting=True)
    assert (found.code, found.notes) == ("S366", ("it cannot be unpacked: not a gzip file",))
