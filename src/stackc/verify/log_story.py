"""A build's log gathered by step: what each step's command installs from, and what happened in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from stackc.verify.log_events import (
    Asked,
    Checked,
    Clipped,
    Complained,
    Concluded,
    Dialect,
    Event,
    Failed,
    Fetched,
    Finished,
    Installed,
    LogStep,
    OfStep,
    Removed,
    Satisfied,
    StepBegun,
    StepEnded,
    StepState,
)

__all__ = ["StepStory", "Story", "gather", "project_of"]

_INSTALLS = re.compile(r"RUN\b.*\b(?:pip[0-9.]*|uv|conda|mamba|poetry|pdm|pipenv)\b[^;&|]*\s(?:install|sync|add|update)\b")
_QUIET = re.compile(r"(?<!\S)(?:-q+|--quiet)\b|/dev/null|\b(?:PIP|UV)_QUIET\b")
_REQUIREMENT_FILE = re.compile(r"(?:steps/[A-Za-z0-9._-]+|requirements)\.txt")


class StepStory(Struct, kw_only=True):
    """One step of a log. `state` is None where the log ends before the step does."""

    step: LogStep
    state: StepState | None = None
    seconds: float | None = None
    asked: list[Asked] = field(default_factory=list)
    fetched: dict[str, Fetched] = field(default_factory=dict)
    installed: dict[tuple[str, str], Installed] = field(default_factory=dict)
    removed: dict[tuple[str, str], Removed] = field(default_factory=dict)
    satisfied: bool = False
    holding: int = 0
    failing: list[Checked] = field(default_factory=list)
    concluded: Concluded | None = None
    complaints: list[Complained] = field(default_factory=list)
    clipped: Clipped | None = None

    @property
    def installs_from(self) -> frozenset[str]:
        """Return the requirement files of a lock that the step's command installs from."""
        installs = re.search(r"\binstall\b|\bsync\b", self.step.command)
        return frozenset(_REQUIREMENT_FILE.findall(self.step.command)) if installs else frozenset()

    @property
    def installs(self) -> bool:
        """Say whether the step's command runs an installer."""
        return _INSTALLS.match(self.step.command) is not None

    @property
    def silent(self) -> bool:
        """Say whether an installer in the step was told to be quiet, or says nothing of what it did."""
        return _QUIET.search(self.step.command) is not None or not (self.installed or self.removed or self.satisfied)

    @property
    def verifies(self) -> bool:
        """Say whether the step's command runs verify.py."""
        return re.match(r"RUN\b.*\bverify\.py\b", self.step.command) is not None

    @property
    def size(self) -> int:
        """Return how many bytes were downloaded, as far as the installer says so."""
        return sum(fetched.size or 0 for fetched in self.fetched.values() if not fetched.kept)


class Story(Struct, kw_only=True):
    """A whole log. `finished` is whether its last word is that the image is there."""

    steps: list[StepStory] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    finished: bool = False

    @property
    def dialect(self) -> Dialect | None:
        """Return which builder wrote the log, None where nothing in it is a step."""
        return self.steps[0].step.dialect if self.steps else None


def gather(events: Iterable[Event], *, others: Sequence[str] = ()) -> Story:
    """Return the story of a log. Steps whose scope begins with one of `others` are left out: other targets of a bake."""
    story = Story()
    known: dict[int, StepStory] = {}
    for event in events:
        match event:
            case StepBegun(_, step):
                story.finished = False
                if step.scope.partition(" ")[0] not in others:
                    known[step.id] = StepStory(step=step)
                    story.steps.append(known[step.id])
            case Failed():
                story.failed.append(event)
            case Finished():
                story.finished = True
            case _ if event.step.id in known:
                _tell(known[event.step.id], event)
            case _:
                continue
    return story


def _tell(story: StepStory, event: OfStep) -> None:
    """Add an event to its step; of what is said twice the first time counts."""
    match event:
        case StepEnded(_, _, state, seconds):
            story.state, story.seconds = state, seconds
        case Asked():
            story.asked.append(event)
        case Fetched():
            story.fetched.setdefault(event.file, event)
        case Installed(_, _, name, version):
            story.installed.setdefault((name, version), event)
        case Removed(_, _, name, version):
            story.removed.setdefault((name, version), event)
        case Satisfied():
            story.satisfied = True
        case Checked() | Concluded():
            _tell_verification(story, event)
        case Complained():
            story.complaints.append(event)
        case Clipped():
            story.clipped = event


def _tell_verification(story: StepStory, event: Checked | Concluded) -> None:
    if isinstance(event, Concluded):
        story.concluded = event
    elif event.holds:
        story.holding += 1
    else:
        story.failing.append(event)


def project_of(file: str) -> NormalizedName:
    """Return the project of a distribution file; uv names the project itself."""
    try:
        return parse_wheel_filename(file)[0] if file.endswith(".whl") else parse_sdist_filename(file)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return canonicalize_name(file)
