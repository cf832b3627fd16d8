"""What runs in pip-tools' child process: `pip-compile`, loaded once, and forked for each question.

`pip-compile` itself ends with 1 and a traceback whatever is wrong. And it holds old pins for constraints that it lets go one
after the other, by no fixed order, until it thinks that none is left to blame: it then finds no solution where there is one.
Here its ends can be told apart by their exit status, and old pins are preferred, no more.

A question is a folder, named by one line of standard input, which is a socket. In the folder lie the `ARGUMENTS` of pip-compile
and the `PREFERENCES`; `LOG` is written, and `WORDS` where there is no solution. The exit status goes back as a line through the
socket, which is readable just when a question is answered or this process has ended. Imports nothing of stackc.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["ARGUMENTS", "GAVE_UP", "LOG", "PREFERENCES", "UNREAD", "UNSOLVABLE", "UNUSABLE", "WORDS", "serve"]

ARGUMENTS = "arguments.json"
PREFERENCES = "preferences.json"
LOG = "log"
WORDS = "words"

# Exit statuses; every other one is an end that nobody foresaw.
UNSOLVABLE = 10
UNUSABLE = 11
UNREAD = 12
GAVE_UP = 13
_UNFORESEEN = 14

_MISMATCH = (AttributeError, ImportError, TypeError)
"""What is raised where this pip-tools and this pip do not go together: it uses much of pip that has no public name."""


def serve(asker: socket.socket) -> None:
    """Answer questions one after the other, until the asker is gone."""
    answer = _loaded()
    for line in asker.makefile(encoding="utf-8"):
        child = os.fork()
        if child == 0:
            _answer_and_exit(answer, Path(line.rstrip("\n")))
        _, status = os.waitpid(child, 0)
        asker.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _loaded() -> Callable[[], int]:
    """Load pip-compile; return what answers the question in the current folder."""
    try:
        from pip._internal.index.package_finder import CandidateEvaluator
        from pip._internal.operations.prepare import RequirementPreparer
        from pip._vendor.resolvelib.resolvers import Resolution
        from piptools.scripts.compile import cli

        # Up to 25.2 pip ends a search by fetching every file that it found.
        RequirementPreparer.prepare_linked_requirements_more = _fetch_nothing  # type: ignore[method-assign]
        if hasattr(Resolution, _SATISFYING):
            setattr(Resolution, _SATISFYING, _remembering(getattr(Resolution, _SATISFYING)))
        by_pip = CandidateEvaluator._sort_key  # noqa: SLF001 (pip's order of candidates has no public name)
    except _MISMATCH as error:
        words = tuple(_last_words(error))
        return lambda: _ended(UNUSABLE, words)

    def answer() -> int:
        preferred = json.loads(Path(PREFERENCES).read_text(encoding="utf-8"))
        CandidateEvaluator._sort_key = _preferring(preferred, by_pip)  # type: ignore[method-assign]  # noqa: SLF001
        return _compile(lambda: cli.main(json.loads(Path(ARGUMENTS).read_text(encoding="utf-8")), standalone_mode=False))

    return answer


def _fetch_nothing(*_: object, **__: object) -> None:
    """Leave what was found where it is."""


_SATISFYING = "_is_current_pin_satisfying"


def _remembering(judge: Callable[[Any, Any, Any], bool]) -> Callable[[Any, Any, Any], bool]:
    """Return what says whether a project's pin satisfies its criterion, and works it out once for each pin and criterion.

    pip's resolver asks it of every project whenever it has pinned one: with many projects, that is most of what it does.
    Neither a pin nor a criterion ever changes; another one takes its place.
    """
    judged: dict[Any, tuple[Any, Any, bool]] = {}

    def satisfying(resolution: Any, name: Any, criterion: Any) -> bool:
        pin = resolution.state.mapping.get(name)
        last = judged.get(name)
        if last is None or last[0] is not pin or last[1] is not criterion:
            last = judged[name] = (pin, criterion, judge(resolution, name, criterion))
        return last[2]

    return satisfying


def _answer_and_exit(answer: Callable[[], int], folder: Path) -> None:
    """Answer the question in a folder, and end this process without what its parent would do at its end."""
    status = _UNFORESEEN
    try:
        os.chdir(folder)
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        tempfile.tempdir = str(folder)
        status = answer()
    except BaseException:  # noqa: BLE001 (the status tells, whatever it was)
        traceback.print_exc()
    finally:
        os._exit(status)


def _preferring(pins: Mapping[str, str], by_pip: Callable[[Any, Any], tuple[Any, ...]]) -> Any:
    """Return an order in which pip looks at the preferred release of a project first, then at the others."""
    from pip._vendor.packaging.utils import canonicalize_name

    def by_preference(evaluator: Any, candidate: Any) -> tuple[Any, ...]:
        preferred = pins.get(canonicalize_name(candidate.name)) == str(candidate.version)
        return (preferred, *by_pip(evaluator, candidate))

    return by_preference


def _compile(run: Callable[[], object]) -> int:
    from pip._internal.exceptions import DistributionNotFound

    try:
        run()
    except DistributionNotFound as error:
        return _ended(UNSOLVABLE, _conflict(error))
    except SystemExit:  # an option is unknown to pip or to pip-compile, and it has said so
        return UNUSABLE
    except Exception as error:  # noqa: BLE001 (whatever it is, its words are for the user)
        return _ended(_status_of(error), _last_words(error))
    return 0


def _status_of(error: Exception) -> int:
    from pip._internal.exceptions import InstallationError

    if _is_too_deep(error):
        return GAVE_UP
    if isinstance(error, _MISMATCH):
        return UNUSABLE
    return UNREAD if isinstance(error, InstallationError) else _UNFORESEEN


def _conflict(error: Exception) -> Iterator[str]:
    """Yield what pip could not bring together, a requirement to a line."""
    causes: Iterable[Any] = getattr(error.__cause__, "causes", ())
    lines = dict.fromkeys(f"{_requirer(cause.parent)} requires {cause.requirement}" for cause in causes)
    yield from lines
    if len(lines) < 2:  # with more, pip's own sentence names but a page about conflicts
        yield str(error)


def _requirer(parent: Any) -> str:
    return "stack.toml" if parent is None else f"{parent.name} {parent.version}"


def _is_too_deep(error: Exception) -> bool:
    """Say whether pip's search was too long for it; from 25.1 on it has an error of its own for that."""
    return any("ResolutionTooDeep" in type(each).__name__ for each in (error, error.__cause__))


def _last_words(error: Exception) -> Iterator[str]:
    """Yield what an error says, and where it was raised, without the whole way that led there."""
    yield from "".join(traceback.format_exception_only(type(error), error)).splitlines()
    for frame in traceback.extract_tb(error.__traceback__)[-1:]:
        yield f"raised in {'/'.join(Path(frame.filename).parts[-2:])}, line {frame.lineno}"


def _ended(status: int, words: Iterable[str]) -> int:
    Path(WORDS).write_text("".join(f"{line}\n" for line in words), encoding="utf-8")
    return status


if __name__ == "__main__":
    serve(socket.socket(fileno=0))
