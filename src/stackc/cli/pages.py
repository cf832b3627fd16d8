"""Look-ups as text for people: aligned facts, tables that fold at the terminal's edge, rules, and numbered sources."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.version import Version

from stackc.cli.columns import in_columns
from stackc.cli.report import safe
from stackc.lookup.listing import Listing, TableNote
from stackc.lookup.page import Cell, Entry, KnownFact, Page, Table, TrialSeen
from stackc.matrix.facts import Status

__all__ = ["list_text", "page_text"]

_LABELS: Mapping[str, str] = {
    "architectures": "code for",
    "belongs-to-torch": "belongs to torch",
    "cuda": "CUDA",
    "cudnn": "cuDNN",
    "distribution": "distribution",
    "packages": "package manager",
    "ptx": "PTX for",
    "pypi-cuda": "CUDA on pypi",
    "python": "Python inside",
    "pythons": "Python",
    "requires-python": "Requires-Python",
    "requires-torch": "requires torch",
    "runs": "driver from",
    "selection": "loads",
    "ships": "ships with",
    "system-python": "system Python",
}
_HEADINGS: Mapping[str, str] = {**_LABELS, "pypi-cuda": "pypi", "variants": "builds"}
_MOST_SOURCED = 12
"""A table of more rows shows no source per row: they would bury it. JSON has them."""

_MOST_PARTS = 5
"""A rule of more parts shows the last of them on a page about something else: tables go from old releases to new ones."""


def page_text(page: Page, *, width: int) -> str:
    """Return the text of a page, each line with a newline."""
    lines = _rule_lines(page, width) if page.kind == "rule" else _page_lines(page, width)
    return "".join(f"{safe(line).rstrip()}\n" for line in lines)


def list_text(listing: Listing, *, width: int) -> str:
    """Return the text of the list of rules and tables, each line with a newline."""
    lines = [*_listed_rules(listing.rules, width), *_listed_tables(listing.tables, width)]
    return "".join(f"{safe(line).rstrip()}\n" for line in lines)


class _Sources:
    """The sources that a page names, numbered as they come up."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, source: str) -> str:
        return f"[{self._numbers.setdefault(source, len(self._numbers) + 1)}]"

    def lines(self, width: int) -> Iterator[str]:
        if self._numbers:
            yield from ("", "sources")
        for source, number in self._numbers.items():
            yield from _wrapped(source, width, first=f"  [{number}] ", rest="      ")


def _page_lines(page: Page, width: int) -> Iterator[str]:
    sources = _Sources()
    yield page.name if page.release is None else f"{page.name} {page.release}"
    yield from (line for note in page.notes for line in _wrapped(note, width))
    if page.facts:
        yield from ("", *_fact_lines(page.facts, sources, width))
    for table in page.tables:
        yield from ("", table.key, *_table_lines(table, sources, width))
    if page.rules:
        yield from ("", "rules")
    for entry in page.rules:
        yield from _entry_lines(entry, width, mark=sources.mark(entry.source))
    if not (page.facts or page.tables or page.rules or page.notes):
        yield from ("", "no table and no rule says anything of it")
    yield from sources.lines(width)


def _fact_lines(facts: Sequence[KnownFact], sources: _Sources, width: int) -> Iterator[str]:
    labels = [_label(fact.key) for fact in facts]
    longest = max(map(len, labels))
    for label, fact in zip(labels, facts, strict=True):
        said = f"{_cell(fact.key, fact.value)}{_doubt(fact.status)} {sources.mark(fact.source)}"
        yield from _wrapped(said, width, first=f"  {label.ljust(longest)}  ", rest=" " * (longest + 4))


def _table_lines(table: Table, sources: _Sources, width: int) -> Iterator[str]:
    columns = list(dict.fromkeys(key for row in table.rows for key, cell in row.cells.items() if cell))
    sourced = len(table.rows) <= _MOST_SOURCED
    doubtful = any(row.status != "verified" for row in table.rows)
    headings = [_HEADINGS.get(key, key) for key in columns] + ["status"] * doubtful + ["source"] * sourced
    rows = [headings]
    for row in table.rows:
        cells = [_in_table(key, row.cells.get(key)) for key in columns]
        rows.append(cells + [row.status] * doubtful + ([sources.mark(row.source)] if sourced else []))
    folding = [_folds(key, table) for key in columns] + [False] * (doubtful + sourced)
    yield from (f"  {line}" for line in in_columns(rows, width=width - 2, folding=folding))
    if not sourced:
        yield "  (--format json gives the source of each row)"


def _entry_lines(entry: Entry, width: int, *, mark: str) -> Iterator[str]:
    yield f"  {entry.id} ({_standing(entry)}) {mark}"
    if len(entry.says) > _MOST_PARTS:
        yield f"    {len(entry.says) - _MOST_PARTS} before these: `stackc matrix show {entry.id}`"
    for says in entry.says[-_MOST_PARTS:]:
        yield from _wrapped(says, width, first="    ", rest="      ")
    yield from _wrapped(entry.because, width, first="    ", rest="    ")


def _rule_lines(page: Page, width: int) -> Iterator[str]:
    (entry,) = page.rules
    yield f"rule {entry.id} ({_standing(entry)})"
    yield ""
    for says in entry.says:
        yield from _wrapped(says, width, first="  ", rest="    ")
    yield from ("", *_wrapped(f"because {entry.because}", width, first="  ", rest="  "))
    yield from _wrapped(f"source  {entry.source}", width, first="  ", rest="          ")
    yield f"  date    {entry.date.isoformat()}"
    yield f"  from    {entry.origin}"
    if page.probe is not None:
        first, *rest = page.probe.splitlines()
        yield from ("", f"  probe   {first}", *(f"          {line}" for line in rest))
    if page.cases:
        yield from ("", "cases")
    for case in page.cases:
        pins = ", ".join(f"{name} {version}" for name, version in case.pins.items())
        yield from _wrapped(pins, width, first="  breaks  " if case.broken else "  keeps   ", rest="          ")
    if page.tried_on is not None:
        yield from ("", f"tried on {page.tried_on.isoformat()}, {page.platform}")
    for trial in page.trials:
        yield from _trial_lines(trial, width)


def _trial_lines(trial: TrialSeen, width: int) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in trial.versions.items())
    ended = f"exit {trial.status}" if trial.status >= 0 else f"signal {-trial.status}"
    combination = f"{versions} with Python {trial.python}: {ended}"
    yield from _wrapped(combination, width, first=f"  {trial.combination.ljust(8)}  ", rest=" " * 12)
    if trial.last_line:
        yield from _wrapped(trial.last_line, width, first=" " * 12, rest=" " * 12)


def _listed_rules(entries: Sequence[Entry], width: int) -> Iterator[str]:
    origins = dict.fromkeys(entry.origin for entry in entries)
    for origin in origins:
        yield origin
        for entry in (entry for entry in entries if entry.origin == origin):
            yield f"  {entry.id} ({_standing(entry)})"
            says = entry.says[0] if len(entry.says) == 1 else f"{len(entry.says)} rows: {entry.because}"
            yield from _wrapped(says, width, first="    ", rest="    ")
        yield ""
    waived = sum(entry.waived for entry in entries)
    tried = sum(entry.proved == "proved" for entry in entries)
    derived = sum(entry.proved == "from facts" for entry in entries)
    yield f"{len(entries)} rules: {tried} proved by running, {derived} from facts, {waived} waived"


def _listed_tables(tables: Sequence[TableNote], width: int) -> Iterator[str]:
    rows = [("table of facts", "rows", "newest", "read")]
    rows += [
        (table.name, str(table.rows), table.newest or "", table.date.isoformat() if table.date else "") for table in tables
    ]
    yield ""
    yield from in_columns(rows, width=width, folding=[False] * 4)


def _standing(entry: Entry) -> str:
    """Return how a rule stands: a warning, what trials say, and whether it is waived."""
    return ", ".join((*(["warning"] * (entry.severity == "warning")), entry.proved, *(["waived"] * entry.waived)))


def _label(key: str) -> str:
    if key.startswith("needs-"):
        return f"needs {key.removeprefix('needs-')}"
    return _LABELS.get(key, key)


def _doubt(status: Status) -> str:
    return "" if status == "verified" else f" ({status})"


def _cell(key: str, value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return _span(value) if key == "pythons" else ", ".join(value)


def _in_table(key: str, value: Cell) -> str:
    """Return a cell of a table, shorter than a fact: `2.5.1` for `==2.5.1`."""
    text = _cell(key, value)
    return text.removeprefix("==") if "," not in text else text


def _folds(key: str, table: Table) -> bool:
    return key != "pythons" and any(isinstance(row.cells.get(key), tuple) for row in table.rows)


def _span(minors: Sequence[str]) -> str:
    """Return `3.9-3.13` for versions that follow each other, else all of them."""
    numbers = [Version(minor).minor for minor in minors]
    consecutive = len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{minors[0]}-{minors[-1]}" if consecutive else ", ".join(minors)


def _wrapped(text: str, width: int, *, first: str = "", rest: str = "") -> Iterable[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
