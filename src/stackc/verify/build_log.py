"""What a build's log tells: its steps, what installers downloaded, installed and removed in each, and the verification's lines.

Read are the plain logs of BuildKit (`--progress=plain`), of docker's classic builder, and of buildah. The first line that
begins a step decides which it is; from there on only that one's marks count, since a step may print anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Protocol

from msgspec import Struct

from stackc.verify.installer_lines import read_output
from stackc.verify.log_events import Dialect, Event, Failed, Finished, LogStep, StepBegun, StepEnded, StepState
from stackc.verify.log_lines import LogLine

__all__ = ["read_events"]

_BUILDKIT = re.compile(r"#(\d+) (?:\[(?:([^\]]*) )?(\d+)/(\d+)\] (.*)|(.*))")
_OUTPUT = re.compile(r"\d+\.\d+ ?(.*)")
_DONE = re.compile(r"DONE (\d+(?:\.\d+)?)s")
_CLASSIC = re.compile(r"Step (\d+)/(\d+) : (.*)")
_BUILDAH = re.compile(r"(?:\[(\d+/\d+)\] )?STEP (\d+)(?:/(\d+))?: (.*)")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_BUILDAH_FAILED = re.compile(r"(?:Error: |error )(?:building|committing|.*STEP)")
_COMMIT = re.compile(r"(?:\[\d+/\d+\] )?COMMIT(?: |$)")
_CLASSIC_BUILT = re.compile(r"Successfully built [0-9a-f]{12,64}")
_CLASSIC_FAILED = re.compile(r"The command '.*' returned a non-zero code: \d+|(?:COPY|ADD) failed: ")


class _Reader(Protocol):
    """One dialect: what its lines mean, given the lines before."""

    dialect: Dialect

    def read(self, line: LogLine) -> Iterator[Event]: ...


def read_events(lines: Iterable[LogLine]) -> Iterator[Event]:
    """Yield the events of a log, in its order; nothing where no line begins a step of any known builder."""
    reader: _Reader | None = None
    for line in lines:
        if reader is None:
            reader = _recognized(line.text)
        if reader is not None:
            yield from reader.read(line)


def _recognized(text: str) -> _Reader | None:
    found = _BUILDKIT.match(text)
    if found is not None and (found[3] or found[6].startswith("[internal]")):
        return _BuildKit()
    if _CLASSIC.match(text):
        return _Sequential("docker")
    return _Sequential("buildah") if _BUILDAH.match(text) else None


class _Vertex(Struct):
    """One numbered vertex of BuildKit: a step of the Dockerfile, the export of the image, or something else."""

    step: LogStep | None = None
    exports: bool = False
    ended: bool = False


class _BuildKit:
    dialect: Dialect = "buildkit"

    def __init__(self) -> None:
        self._vertices: dict[str, _Vertex] = {}
        self._steps = 0

    def read(self, line: LogLine) -> Iterator[Event]:
        found = _BUILDKIT.match(line.text)
        if found is None:
            if line.text.startswith("ERROR: "):
                yield Failed(line.number, line.text)
            return
        vertex = self._vertices.setdefault(found[1], _Vertex())
        if found[3] is None:
            yield from self._say(vertex, found[6], line)
        elif vertex.step is None:
            yield StepBegun(line.number, self._begin(vertex, found, line))

    def _begin(self, vertex: _Vertex, found: re.Match[str], line: LogLine) -> LogStep:
        self._steps += 1
        vertex.step = LogStep(
            id=self._steps,
            dialect=self.dialect,
            scope=(found[2] or "").strip(),
            number=int(found[3]),
            total=int(found[4]),
            command=found[5],
            line=line.number,
        )
        return vertex.step

    def _say(self, vertex: _Vertex, text: str, line: LogLine) -> Iterator[Event]:
        output = _OUTPUT.match(text)
        if output is not None:
            if vertex.step is not None:
                yield from read_output(vertex.step, output[1], line.number)
        elif text.startswith("exporting to "):
            vertex.exports = True
        elif not vertex.ended:
            yield from self._end(vertex, text, line)

    def _end(self, vertex: _Vertex, text: str, line: LogLine) -> Iterator[Event]:
        done = _DONE.match(text)
        state = "done" if done else _STATES.get(text.partition(" ")[0].rstrip(":"))
        if state is None:
            return
        vertex.ended = True
        if vertex.step is not None:
            yield StepEnded(line.number, vertex.step, state, float(done[1]) if done else None)
        if state == "failed":
            yield Failed(line.number, text)
        elif vertex.exports:
            yield Finished(line.number)


_STATES: Mapping[str, StepState] = {"CACHED": "cached", "ERROR": "failed", "CANCELED": "canceled"}


class _Sequential:
    """Docker's classic builder, and buildah: one step after the other."""

    def __init__(self, dialect: Literal["docker", "buildah"]) -> None:
        self.dialect: Dialect = dialect
        self._step: LogStep | None = None
        self._steps = 0
        self._state: StepState = "done"
        self._began: float | None = None
        self._committing = False

    def read(self, line: LogLine) -> Iterator[Event]:
        begun = self._header(line)
        if begun is not None:
            yield from self._close(line)
            self._step, self._state, self._began, self._committing = begun, "done", line.moment, False
            yield StepBegun(line.number, begun)
        elif self._failed(line.text):
            self._state = "failed"
            yield from self._close(line)
            yield Failed(line.number, line.text.strip())
        elif self._committing or self._step is not None:
            yield from self._mark(line)

    def _header(self, line: LogLine) -> LogStep | None:
        if self.dialect == "docker":
            found = _CLASSIC.match(line.text)
            scope, number, total, command = ("", *found.groups()) if found else ("", "", "", "")
        else:
            found = _BUILDAH.match(line.text)
            scope, number, total, command = found.groups("") if found else ("", "", "", "")
        if found is None:
            return None
        self._steps += 1
        return LogStep(
            id=self._steps,
            dialect=self.dialect,
            scope=scope,
            number=int(number),
            total=int(total) if total else None,
            command=command,
            line=line.number,
        )

    def _mark(self, line: LogLine) -> Iterator[Event]:
        text = line.text.strip()
        if self._finished(text):
            yield from self._close(line)
            self._committing = False
            yield Finished(line.number)
        elif self.dialect == "buildah" and _COMMIT.match(text):
            yield from self._close(line)
            self._committing = True
        elif text in {"---> Using cache", "--> Using cache"} or text.startswith("--> Using cache "):
            self._state = "cached"
        elif self._step is not None:
            yield from read_output(self._step, line.text, line.number)

    def _failed(self, text: str) -> bool:
        return (_CLASSIC_FAILED if self.dialect == "docker" else _BUILDAH_FAILED).match(text) is not None

    def _finished(self, text: str) -> bool:
        if self.dialect == "docker":
            return _CLASSIC_BUILT.fullmatch(text) is not None
        return self._committing and (_IMAGE_ID.fullmatch(text) is not None or text.startswith("Successfully tagged "))

    def _close(self, line: LogLine) -> Iterator[Event]:
        """Yield the end of the step that was being read; CI's moments give its time, since these builders print none."""
        if self._step is not None:
            seconds = None if self._began is None or line.moment is None else max(0.0, line.moment - self._began)
            yield StepEnded(line.number, self._step, self._state, seconds)
            self._step = None
