"""The events of a build's log. Each has the number of the line that told it, counted from 1."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = [
    "Asked",
    "Checked",
    "Clipped",
    "Complained",
    "Concluded",
    "Dialect",
    "Event",
    "Failed",
    "Fetched",
    "Finished",
    "Installed",
    "LogStep",
    "OfStep",
    "Removed",
    "Satisfied",
    "StepBegun",
    "StepEnded",
    "StepState",
]

Dialect = Literal["buildkit", "docker", "buildah"]
StepState = Literal["done", "cached", "failed", "canceled"]


class LogStep(Struct, frozen=True, kw_only=True):
    """One step of a Dockerfile as a log names it.

    `id` counts the steps of the log, in the order in which they begin. `scope` is what stands before the number: a stage, a
    platform, a target of bake. `total` is None where the log does not say how many there are.
    """

    id: int
    dialect: Dialect
    scope: str
    number: int
    total: int | None
    command: str
    line: int


class StepBegun(Struct, frozen=True):
    """A step begins."""

    line: int
    step: LogStep


class StepEnded(Struct, frozen=True):
    """A step ends; `seconds` is None where the log does not tell it."""

    line: int
    step: LogStep
    state: StepState
    seconds: float | None


class Asked(Struct, frozen=True):
    """An installer says which indexes it looks in, credentials hidden."""

    line: int
    step: LogStep
    indexes: tuple[str, ...]


class Fetched(Struct, frozen=True):
    """A distribution file is downloaded, or taken from the installer's own cache.

    `file` is its name, or the project's alone where the installer says no more. `size` is in bytes, as exact as it was told.
    """

    line: int
    step: LogStep
    file: str
    size: int | None
    kept: bool


class Installed(Struct, frozen=True):
    """A release was installed, by the name that the installer gives it."""

    line: int
    step: LogStep
    name: str
    version: str


class Removed(Struct, frozen=True):
    """A release was uninstalled."""

    line: int
    step: LogStep
    name: str
    version: str


class Satisfied(Struct, frozen=True):
    """An installer found something there already, and left it."""

    line: int
    step: LogStep


class Checked(Struct, frozen=True):
    """One line of verify.py."""

    line: int
    step: LogStep
    holds: bool
    text: str


class Concluded(Struct, frozen=True):
    """The last line of verify.py: `checks` is how many hold, None where not all do."""

    line: int
    step: LogStep
    text: str
    checks: int | None


class Complained(Struct, frozen=True):
    """An installer says what keeps it from its work."""

    line: int
    step: LogStep
    text: str


class Clipped(Struct, frozen=True):
    """The builder left out what a step printed from here on."""

    line: int
    step: LogStep
    text: str


class Failed(Struct, frozen=True):
    """The builder says that the build failed."""

    line: int
    text: str


class Finished(Struct, frozen=True):
    """The builder says that the image is there."""

    line: int


OfStep = StepEnded | Asked | Fetched | Installed | Removed | Satisfied | Checked | Concluded | Complained | Clipped
"""What happens in a step that has begun."""

Event = StepBegun | OfStep | Failed | Finished
