"""TOML text as plain data: the one place where a manifest's syntax is read."""

from __future__ import annotations

import tomli

TYPE_CHECKING = False  # `typing` takes as long to import as a manifest to read
if TYPE_CHECKING:  # `stackc.errors` is loaded only once there is an error: every run reads a manifest
    from stackc.errors import ManifestError

__all__ = ["not_toml", "parse"]


def parse(text: str, *, file: str) -> dict[str, object]:
    """Return the content of a TOML document; `file` names it in errors. A leading byte order mark is ignored.

    Raises ManifestError with the line, the column and the offending line.
    """
    try:
        return tomli.loads(text.removeprefix("\ufeff"))
    except ValueError as error:  # also an integer of more digits than Python reads
        reason = str(error)
    except RecursionError:
        reason = "arrays or tables are nested too deep"
    raise not_toml(text.removeprefix("\ufeff"), reason, file=file)


def not_toml(text: str, reason: str, *, file: str) -> ManifestError:
    """Return the error for a text that `reason`, in tomli's words, says cannot be read."""
    from stackc.errors import Finding, ManifestError, Place
    from stackc.manifest.shown import escaped, shown_line

    said, line, column = _position(text, reason)
    offending = None if line is None else shown_line(text.split("\n")[line - 1])
    return ManifestError(
        Finding(
            code="S104",
            message=f"cannot be read as TOML: {escaped(said)}" + (f", at column {column}" if column is not None else ""),
            places=(Place(file=escaped(file), line=line, source=offending),),
            hint="strings stand in quotes, tables in `[brackets]`; see https://toml.io",
        )
    )


def _position(text: str, reason: str) -> tuple[str, int | None, int | None]:
    """Split tomli's message into what it says, its line and its column; both count from 1.

    The words are stable over all tomli 2 releases; the attributes `lineno` and `colno` came with 2.2.
    """
    said, at, position = reason.rpartition(" (at ")
    if not at:
        return _lowered(reason), None, None
    if position == "end of document)":
        return _lowered(said) + " at the end of the file", text.rstrip("\n").count("\n") + 1, None
    line, _, column = position.removeprefix("line ").removesuffix(")").partition(", column ")
    return _lowered(said), int(line), int(column)


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
