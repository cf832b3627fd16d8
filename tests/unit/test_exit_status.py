from __future__ import annotations

import re
from pathlib import Path

from stackc import errors

TABLE = Path(__file__).parents[2] / "docs" / "exit-status.md"
ROW = re.compile(r"\| (?P<status>\d+) \| (?P<meaning>[^|]+) \| (?P<classes>[^|]*)\|")


def rows() -> dict[int, set[str]]:
    """The documented exit statuses, and the error classes documented for each."""
    found = ROW.finditer(TABLE.read_text(encoding="utf-8"))
    return {int(row["status"]): set(re.findall(r"`(\w+)`", row["classes"])) for row in found}


def test_the_table_of_exit_statuses_names_every_error_class_once() -> None:
    classes: dict[int, set[str]] = {0: set(), errors.EXIT_INTERRUPTED: set(), errors.EXIT_NO_READER: set()}
    for error in errors.StackcError.__subclasses__():
        if error.__module__ == errors.__name__:
            classes.setdefault(error.exit_status, set()).add(error.__name__)
    assert rows() == classes
    assert errors.BugError.exit_status == errors.EXIT_BUG


def test_every_subclass_of_the_error_tree_is_documented() -> None:
    documented = set().union(*rows().values())
    exported = {name for name in errors.__all__ if name.endswith("Error")} - {"StackcError"}
    assert documented == exported
