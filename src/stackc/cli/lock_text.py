"""What git runs to show a lock in a diff: `python -m stackc.cli.lock_text FILE`.

It is no command of stackc's own: git waits for it twice per file, so nothing stands between it and the interpreter.
"""

from __future__ import annotations

import sys

from stackc.history.lock_text import shown

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Print a file as git is to show it: its bytes as they are where they are no lock."""
    with open(arguments[0], "rb") as file:  # noqa: PTH123 (pathlib takes longer to import than a lock to read)
        content = file.read()
    try:
        told = shown(content.decode("utf-8")).encode()
    except UnicodeDecodeError:
        told = content
    sys.stdout.buffer.write(told)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
