"""The stand-in image that the tests of verify.py share."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.render.stand_in_image import Image, make_image, make_python


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a virtual environment that holds pip alone."""
    return make_python(tmp_path_factory.mktemp("venv"))


@pytest.fixture
def image(python: Path, tmp_path: Path) -> Image:
    """Return an image in which nothing is installed yet."""
    return make_image(python, tmp_path)
