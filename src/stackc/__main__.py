"""The entry point: the short way first, the command line after it."""

from __future__ import annotations

import os
import sys

from stackc.cli.streams import open_streams

__all__ = ["main"]


def main() -> None:
    """Run stackc, and exit with its status.

    Everything is closed and written by then. Taking hundreds of thousands of values apart one by one, as the interpreter does
    at its end, costs a tenth of a run and serves nobody.
    """
    status = 0
    try:
        open_streams()
        status = _run(sys.argv[1:])
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (the command line has the words for it)
        status = status or _ended_by(error)
    os._exit(status)


def _ended_by(error: BaseException) -> int:
    """Return the exit status of a run that ended before the command line took over, or after it was done."""
    from stackc.cli.ending import tell

    return tell(error)


def _run(arguments: list[str]) -> int:
    command, *words = arguments or [""]
    if command == "compile":
        words = [word for word in words if word != "--exit-code"]  # with nothing to do it changes nothing
    plain = not any(word.startswith("-") for word in words)
    quick = {"compile": _nothing_to_compile, "guard": _nothing_to_guard}.get(command) if plain else None
    told = quick(words) if quick is not None else None
    if told is not None:
        sys.stdout.write(told)
        return 0
    from stackc.cli.app import run

    return run(arguments)


def _nothing_to_compile(targets: list[str]) -> str | None:
    """Return what to say if the locks of all targets are current, else None."""
    import time
    from pathlib import Path

    from stackc.layout import MANIFEST
    from stackc.uptodate import targets_current

    today = time.strftime("%Y-%m-%d", time.gmtime())
    current = targets_current(Path(MANIFEST), tuple(targets), today=today)
    return (
        None if current is None else "".join(f"{target}: nothing to do, its lock is that of stack.toml\n" for target in current)
    )


def _nothing_to_guard(paths: list[str]) -> str | None:
    """Return what to say if nothing is wrong with some files, else None."""
    if not paths:
        return None
    from stackc.guard.quick import nothing_found, summary

    return f"{summary(len(paths))}\n" if nothing_found(paths, folder=os.curdir) else None


if __name__ == "__main__":
    main()
