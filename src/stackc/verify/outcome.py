"""The outcome of one `stackc verify`, and the JSON document that says it; `data/verify.schema.json` describes that document."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from stackc.errors import Finding
from stackc.verify.checklist import Answer
from stackc.verify.log_events import Dialect, StepState
from stackc.verify.log_story import StepStory, Story
from stackc.verify.receipt import Receipt
from stackc.verify.told import Check, Gpu

__all__ = ["VERSION", "Document", "Outcome", "StepRow", "document", "rows", "schema"]

VERSION: Literal[1] = 1
"""The version of the document; a key is added without a new one, and none is ever removed or changed within one."""


class StepRow(Struct, frozen=True, kw_only=True):
    """One step of a log: `seconds` is None where the log does not tell, `downloaded` is in bytes."""

    scope: str
    number: int
    command: str
    state: StepState | None
    seconds: float | None
    downloaded: int
    line: int


class Outcome(Struct, frozen=True, kw_only=True):
    """What was asked, of which target, and what came of it. `subject` is the interpreter, or the receipt's or log's file."""

    mode: Literal["environment", "receipt", "build-log"]
    target: str
    subject: str
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...] = ()
    receipt: Receipt | None = None
    gpu: Gpu | None = None
    answers: tuple[Answer, ...] = ()
    builder: Dialect | None = None
    steps: tuple[StepRow, ...] = ()

    @property
    def holds(self) -> bool:
        """Say whether the answer is yes: a warning alone does not make it a no."""
        return all(finding.severity == "warning" for finding in self.findings)


def rows(story: Story) -> tuple[StepRow, ...]:
    """Return the steps of a log as they are told."""
    return tuple(_row(step) for step in story.steps)


def _row(story: StepStory) -> StepRow:
    step = story.step
    return StepRow(
        scope=step.scope,
        number=step.number,
        command=step.command,
        state=story.state,
        seconds=story.seconds,
        downloaded=story.size,
        line=step.line,
    )


class Document(Struct, frozen=True, kw_only=True):
    """What `stackc verify --json` prints: an outcome with the version of the document and the answer in one word."""

    version: Literal[1]
    holds: bool
    mode: Literal["environment", "receipt", "build-log"]
    target: str
    subject: str
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    receipt: Receipt | None
    gpu: Gpu | None
    answers: tuple[Answer, ...]
    builder: Dialect | None
    steps: tuple[StepRow, ...]


def document(outcome: Outcome) -> str:
    """Return the outcome as JSON, with a newline at the end; the same outcome gives the same bytes."""
    fields = {name: getattr(outcome, name) for name in outcome.__struct_fields__}
    told = msgspec.json.encode(Document(version=VERSION, holds=outcome.holds, **fields))
    return msgspec.json.format(told, indent=2).decode() + "\n"


def schema() -> str:
    """Return the JSON Schema of the document, as `data/verify.schema.json` has it."""
    found = msgspec.json.schema(Document)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "stackc verify --json"}
    return msgspec.json.format(msgspec.json.encode({**head, **found}), indent=2).decode() + "\n"
