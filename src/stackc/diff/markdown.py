"""A comparison as a comment of a pull request, or a job's summary, in GitHub's markdown.

What a lock or a manifest says stands in code spans, where nothing is a link, a mention or a command. The first line is a marker
by which a later run finds the comment and writes it anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from stackc.diff.model import Change, Diff, Edit, Note, Point
from stackc.diff.words import change_words, details, edit_key, kind_words, reason_words, state_words, tally
from stackc.errors import Finding
from stackc.manifest.shown import escaped

__all__ = ["LONGEST", "as_markdown", "marker"]

LONGEST = 65_000
"""The most bytes of a comment: GitHub takes 65,536 characters, and 1 MiB of a summary."""

_ROWS = 60
_MOST = 25
_LONGEST_REASON, _LONGEST_DETAIL = 200, 300
_PLAIN = re.compile(r"[A-Za-z0-9 .,;/+=<>!~_:()\[\]-]*")
_LINKED = re.compile(r"www\.|://|\bgh-\d|\b[0-9a-f]{7,}\b", re.IGNORECASE)
_SIZE = re.compile(r"-?[0-9.]+ [kMGT]?B")
_SPECIAL = re.compile(r"[<>!~_\[\]()]")
_UNMARKED = re.compile(r"[^A-Za-z0-9._/-]|(?<=-)-")


def as_markdown(diff: Diff, *, manifest: str) -> str:
    """Return a comparison as markdown; `manifest` is its path, and makes the marker that of this project.

    Of many changes the first are shown, the others folded, and of very many the last left out and counted.
    """
    start = f"{marker(manifest)}\n{_joined(_start(diff))}\n"
    room = LONGEST - len(start.encode())
    return f"{start}{_changes(diff.changes, diff, room)}"


def marker(manifest: str) -> str:
    """Return the comment of HTML that tells this project's comment from others."""
    return f"<!-- stackc diff: {_UNMARKED.sub('_', manifest)} -->"


def _start(diff: Diff) -> Iterator[str]:
    """Yield what stands above the table of changes: it is never left out."""
    ends = f"{_code(diff.base)} → {_code(diff.head)}"
    if diff.empty:
        yield f"**stackc diff**: nothing differs between {_code(diff.base)} and {_code(diff.head)}"
        return
    yield f"### stackc diff: {ends}"
    yield _bullets([f"{_code(target.name)}: {state_words(target)}" for target in diff.targets])
    errors = [risk for risk in diff.risks if risk.severity == "error"]
    warnings = [risk for risk in diff.risks if risk.severity == "warning"]
    yield from (_alert("CAUTION", errors),) if errors else ()
    yield from (_notes(diff.notes),) if diff.notes else ()
    yield from (_headline(diff),) if diff.headline else ()
    yield from (_words(sentence) for sentence in diff.couplings[:_MOST])
    yield from (_alert("WARNING", warnings),) if warnings else ()
    yield from ("**Edited**", _edits(diff.edits)) if diff.edits else ()
    yield from (f"**{_sentence(tally(diff))}**",) if diff.changes else ()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _joined(blocks: Iterable[str]) -> str:
    return "\n\n".join(block for block in blocks if block)


def _alert(kind: str, findings: Sequence[Finding]) -> str:
    lines = [f"> [!{kind}]"]
    for finding in findings[:_MOST]:
        place = finding.places[0] if finding.places else None
        where = f" ({_code(f'{place.file}:{place.line}' if place.line else place.file)})" if place else ""
        lines.append(f"> - **{finding.code}** {_words(finding.message)}{where}")
        said = [f"{label} {_code(value)}" for label, value in (("was", finding.wanted), ("is", finding.found)) if value]
        lines += [f">   - {line}" for line in (*said, *map(_words, finding.notes))]
    if len(findings) > _MOST:
        lines.append(f"> - and {len(findings) - _MOST} more")
    return "\n".join(lines)


def _notes(notes: Sequence[Note]) -> str:
    return "\n".join(["> [!IMPORTANT]", *(f"> - {_words(note.text)}" for note in notes[:_MOST])])


def _headline(diff: Diff) -> str:
    rows = [_point(point, diff) for point in diff.headline[: 2 * _MOST]]
    return "\n".join(["| | was | is |", "|---|---|---|", *rows])


def _point(point: Point, diff: Diff) -> str:
    which = "" if _holds_for_all(point.targets, diff) else f" ({', '.join(map(_code, point.targets[:_MOST]))})"
    subject, note = _unbroken(point.subject), _words(point.note) if point.note else ""
    if point.before is None and point.after is None:
        return f"| {subject}{which} | | {note} |"
    before, after = map(_end, (point.before, point.after))
    return f"| {subject}{which} | {before} | {after}{f' ({note})' if note else ''} |"


def _end(text: str | None) -> str:
    if text is None:
        return "none"
    return _unbroken(text) if _SIZE.fullmatch(text) else _code(text)


def _unbroken(text: str) -> str:
    return text.replace(" ", "&nbsp;")


def _holds_for_all(targets: Sequence[str], diff: Diff) -> bool:
    return len(diff.targets) == 1 or tuple(targets) == diff.telling


def _changes(changes: Sequence[Change], diff: Diff, room: int) -> str:
    """Return the table of changes within so many bytes: the first rows open, the others folded, the last left out."""
    if not changes:
        return ""
    rows = [_row(change, diff) for change in changes]
    left = len(rows)
    text = _table(rows, left)
    while left and len(text.encode()) > room:
        left = min(left - 1, left * room // max(len(text.encode()), 1))
        text = _table(rows, left)
    return text


def _table(rows: Sequence[str], count: int) -> str:
    """Return the first `count` rows, and how many others there are."""
    shown = rows[:count]
    blocks = [_rows(shown[:_ROWS])] if shown else []
    if len(shown) > _ROWS:
        folded = f"<summary>{len(shown) - _ROWS} more</summary>\n\n{_rows(shown[_ROWS:])}\n"
        blocks.append(f"<details>{folded}\n</details>")
    if count < len(rows):
        blocks.append(f"{len(rows) - count} of the {len(rows)} changes are left out, since the comment would be too long.")
    return f"\n{_joined(blocks)}\n"


def _rows(rows: Sequence[str]) -> str:
    return "\n".join(["| project | was → is | | why |", "|---|---|---|---|", *rows])


def _row(change: Change, diff: Diff) -> str:
    move = change.move
    name = f"**{_code(move.name)}**" if change.component else _code(move.name)
    tool = " (tool)" if move.part == "tool" else ""
    which = "" if _holds_for_all(change.targets, diff) else f" in {', '.join(map(_code, change.targets[:_MOST]))}"
    what = "<br>".join(_code(words, most=_LONGEST_DETAIL) for words in (change_words(move), *details(move)))
    why = _words(reason_words(change), most=_LONGEST_REASON)
    return f"| {name}{tool}{which} | {what} | {_unbroken(kind_words(change))} | {why} |"


def _edits(edits: Sequence[Edit]) -> str:
    lines = [f"{number}. {_edit(edit)}" for number, edit in enumerate(edits[:_MOST], start=1)]
    if len(edits) > _MOST:
        lines.append(f"\nand {len(edits) - _MOST} more")
    return "\n".join(lines)


def _edit(edit: Edit) -> str:
    if edit.before is None or edit.after is None:
        what = "added" if edit.before is None else "removed"
        return f"{_code(edit_key(edit))}: {_code(edit.after or edit.before or '')} {what}"
    return f"{_code(edit_key(edit))}: {_code(edit.before)} → {_code(edit.after)}"


def _bullets(lines: Sequence[str]) -> str:
    shown = [f"- {line}" for line in lines[:_MOST]]
    return "\n".join([*shown, *((f"- and {len(lines) - _MOST} more",) if len(lines) > _MOST else ())])


def _words(text: str, *, most: int = 400) -> str:
    """Return a sentence that may hold foreign words: as it is where it is harmless, else as code."""
    shown = escaped(text)
    shown = shown if len(shown) <= most else f"{shown[:most]}…"
    bare = shown.replace("→", "").replace("…", "").replace("≥", "").replace("≤", "").replace("`", "").replace("'", "")
    if _PLAIN.fullmatch(bare) and not _LINKED.search(bare) and shown.count("`") % 2 == 0:
        return "".join(part if odd else _SPECIAL.sub(r"\\\g<0>", part) for odd, part in _parted(shown))
    return _code(shown, most=most)


def _parted(text: str) -> Iterator[tuple[bool, str]]:
    """Yield a text in parts, each with whether it is a code span."""
    for number, part in enumerate(text.split("`")):
        yield bool(number % 2), f"`{part}`" if number % 2 else part


def _code(text: str, *, most: int = 100) -> str:
    """Return foreign text as a code span that nothing in it can end, not even within a table."""
    shown = escaped(text)
    shown = shown if len(shown) <= most else f"{shown[:most]}…"
    for character, instead in (("\\", "%5C"), ("|", "%7C"), ("`", "%60")):
        shown = shown.replace(character, instead)
    return f"`{shown}`" if shown.strip() else "` `"
