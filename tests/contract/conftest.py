"""The engines that the contract holds: the real ones, and the fake that stands for them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stackc.engine.model import Engine
from stackc.engine.pip_tools import PipTools
from stackc.engine.uv import Uv
from support.fake_engine import FakeEngine


@pytest.fixture(scope="module", params=[Uv, PipTools, FakeEngine], ids=["uv", "pip-tools", "fake"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made: Engine = request.param()
    yield made
    made.close()  # no process of it is left for tests that count those of this one
