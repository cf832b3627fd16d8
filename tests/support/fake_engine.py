"""An engine in memory: plain backtracking over what the view serves, through real HTTP, in a thread of its own."""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from stackc.engine.model import Answer, Failed, Question, Running, Solved, Unsolvable

__all__ = ["FakeEngine"]

Pins = Mapping[NormalizedName, Version]
Extras = Mapping[NormalizedName, frozenset[str]]


@dataclass(frozen=True)
class FakeEngine:
    """Resolves as simply as one can: the newest first, what was preferred before that, and back where it fails."""

    @property
    def name(self) -> str:
        return "fake"

    def version(self) -> str:
        return "1.0"

    def start(self, question: Question) -> Running:
        return _FakeRun(question)

    def close(self) -> None:
        pass


class _StoppedError(Exception):
    """The engine is to end."""


class _ViewError(Exception):
    """The view answered with something else than a page or its absence."""


class _FakeRun:
    def __init__(self, question: Question) -> None:
        self._question = question
        self._answer: Answer | None = None
        self._stopped = threading.Event()
        self._ended, self._held = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        return self._ended

    def poll(self) -> Answer | None:
        return self._answer

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)
        if self._ended >= 0:
            os.close(self._ended)
            self._ended = -1

    def _run(self) -> None:
        try:
            self._answer = _Search(self._question, self._stopped).answer()
        except _StoppedError:
            self._answer = Failed(-9, "stopped")
        except (_ViewError, OSError) as error:
            self._answer = Unsolvable(str(error))
        finally:
            os.close(self._held)


class _Search:
    def __init__(self, question: Question, stopped: threading.Event) -> None:
        self._question = question
        self._stopped = stopped
        self._pages: dict[NormalizedName, dict[Version, str]] = {}
        self._metadata: dict[tuple[NormalizedName, Version], Metadata] = {}
        self._failed: dict[str, None] = {}

    def answer(self) -> Answer:
        pins = self._solve({}, {}, tuple(map(Requirement, self._question.requirements)))
        return Solved(pins) if pins is not None else Unsolvable(f"these do not fit together: {'; '.join(self._failed)}")

    def _solve(self, pins: Pins, extras: Extras, todo: tuple[Requirement, ...]) -> Pins | None:
        if not todo:
            return pins
        first, rest = todo[0], todo[1:]
        name = canonicalize_name(first.name)
        active = extras.get(name, frozenset()) | {canonicalize_name(extra) for extra in first.extras}
        if name in pins:
            if not first.specifier.contains(pins[name], prereleases=True):
                self._failed[str(first)] = None
                return None
            more = () if active == extras[name] else self._needs(name, pins[name], active)
            return self._solve(pins, {**extras, name: active}, (*rest, *more))
        for version in self._candidates(name, first):
            needs = self._needs(name, version, active)
            found = self._solve({**pins, name: version}, {**extras, name: active}, (*rest, *needs))
            if found is not None:
                return found
        self._failed[str(first)] = None
        return None

    def _candidates(self, name: NormalizedName, requirement: Requirement) -> Iterator[Version]:
        fitting = [version for version in self._page(name) if requirement.specifier.contains(version, prereleases=True)]
        preferred = self._question.preferences.get(name)
        yield from sorted(fitting, key=lambda version: (version == preferred, version), reverse=True)

    def _needs(self, name: NormalizedName, version: Version, extras: frozenset[str]) -> tuple[Requirement, ...]:
        if (name, version) not in self._metadata:
            url = f"{self._page(name)[version]}.metadata"
            self._metadata[name, version] = Metadata.from_email(self._get(url, missing=b""), validate=True)
        listed = self._metadata[name, version].requires_dist or []
        return tuple(line for line in listed if line.marker is None or any(line.marker.evaluate({"extra": e}) for e in extras))

    def _page(self, name: NormalizedName) -> dict[Version, str]:
        if name not in self._pages:
            url = urljoin(self._question.index_url, f"{name}/")
            files = json.loads(self._get(url, missing=b'{"files": []}'))["files"]
            self._pages[name] = {parse_wheel_filename(file["filename"])[1]: urljoin(url, file["url"]) for file in files}
        return self._pages[name]

    def _get(self, url: str, *, missing: bytes) -> bytes:
        if self._stopped.is_set():
            raise _StoppedError
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=0.2)
        try:
            while True:
                try:
                    connection.request("GET", parts.path)
                    response = connection.getresponse()
                    body = response.read()
                    break
                except TimeoutError:
                    connection.close()
                    if self._stopped.is_set():
                        raise _StoppedError from None
        finally:
            connection.close()
        if response.status not in {200, 404}:
            raise _ViewError(f"the view answered {response.status} for {parts.path}")
        return body if response.status == 200 else missing
