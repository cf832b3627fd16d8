"""The entry point: the short way first, the command line after it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Run stackc, and exit with its status.

    Everything is closed and written by then. Taking hundreds of thousands of values apart one by one, as the interpreter does
    at its end, costs a tenth of a run and serves nobody.
    """
    status = _run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = status or _NO_READER
    os._exit(status)


_NO_READER = 141
"""What a shell says of a program that SIGPIPE ended."""


def _run(arguments: list[str]) -> int:
    if _is_plain_compile(arguments):
        from stackc.layout import MANIFEST
        from stackc.uptodate import targets_current

        today = time.strftime("%Y-%m-%d", time.gmtime())
        current = targets_current(Path(MANIFEST), tuple(arguments[1:]), today=today)
        if current is not None:
            sys.stdout.write("".join(f"{target}: nothing to do, its lock is that of stack.toml\n" for target in current))
            return 0
    from stackc.cli.app import run

    return run(arguments)


def _is_plain_compile(arguments: list[str]) -> bool:
    return arguments[:1] == ["compile"] and not any(argument.startswith("-") for argument in arguments)


if __name__ == "__main__":
    main()
