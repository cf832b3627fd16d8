"""What all tests of real images share: one bench, one site of stand-ins, and one project that is compiled and built once.

They take root, buildah, debootstrap and the network, so `make test` leaves them alone: `make test-image` runs them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.image import Build, ImpossibleError, opened
from support.image_workshop import BASE, Good, Workshop
from support.index_server import serving
from support.stand_ins import stand_in_site

ASKED = "STACKC_TEST_IMAGE"
"""The environment variable that lets these tests be collected."""

LOGS = "STACKC_TEST_IMAGE_LOGS"
"""The environment variable that names a folder for the logs of all builds."""

BUILDS = pytest.StashKey[list[Build]]()

collect_ignore_glob = [] if os.environ.get(ASKED) else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell the time of each build, and the size of its image with the base, which is in all of them."""
    builds = config.stash.get(BUILDS, [])
    if builds:
        terminalreporter.section("builds")
    for build in builds:
        terminalreporter.line(f"{build.name:36} exit {build.status:<4} {build.seconds:6.1f} s  {build.size}".rstrip())


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Workshop]:
    site, listed = stand_in_site()
    logs = os.environ.get(LOGS)
    try:
        with opened(logs=Path(logs) if logs else None) as bench, serving(site) as server:
            pytestconfig.stash[BUILDS] = bench.builds
            bench.base(BASE, "ENV CUDA_VERSION=12.4.1")
            yield Workshop(bench, server, listed, tmp_path_factory.mktemp("image"))
    except ImpossibleError as reason:
        pytest.exit(f"images cannot be built here: {reason}", returncode=1)


@pytest.fixture(scope="session")
def good(workshop: Workshop) -> Good:
    desk = workshop.project("good")
    return Good(desk, "good", workshop.bench.build("good", desk.project, cached=False))
