"""Rule packs: the text of one TOML file as rules, and all that is wrong with it.

A pack holds `[[rule]]` tables and nothing else:

    id        what waivers, locks and findings call the rule
    when      a condition, or a list of conditions that must all hold
    requires  a list of conditions, each of which must hold for its project where that is installed at all
    because   one line for people: what goes wrong
    source    where that is known from: a URL, `owner/repository#issue`, or a named document
    date      when the source was read
    probe     Python that fails when the rule is broken (optional)
    severity  `error`, or `warning` for what breaks only some uses (optional)
    case      `[[rule.case]]` tables: `pins`, and whether they break the rule (optional; built-in rules have one of each)

A condition is a project's name, real or virtual, and a version specifier (the dependency specifiers specification, without
extras, markers and URLs).
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import tomli
from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from stackc.errors import Finding, Place
from stackc.manifest.locate import located
from stackc.manifest.model import Places
from stackc.matrix.model import Arm, Condition, ProjectName, Rule
from stackc.matrix.wording import spelled

__all__ = ["Case", "Pack", "PackedRule", "decode_pack", "did_you_mean"]

_ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_HEADER = re.compile(r"[ \t]*\[\[[ \t]*rule[ \t]*\]\]")
_RULE_KEYS = ("id", "when", "requires", "because", "source", "date", "probe", "severity", "case")
_CASE_KEYS = ("pins", "broken")
_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class Case(Struct, frozen=True, kw_only=True):
    """One example of a rule: these pins, and whether they break it."""

    pins: Mapping[ProjectName, Version]
    broken: bool


class PackedRule(Struct, frozen=True, kw_only=True):
    """A rule as its pack has it: with its cases."""

    rule: Rule
    cases: tuple[Case, ...]


class Pack(Struct, frozen=True, kw_only=True):
    """The sound rules of one file, in its order, and what is wrong with the others."""

    rules: tuple[PackedRule, ...]
    findings: tuple[Finding, ...]


def decode_pack(text: str, *, file: str, with_cases: bool = True) -> Pack:
    """Decode the text of one rule pack; `file` names it in findings. Cases are for those who check rules: they take time."""
    try:
        document: dict[str, object] = tomli.loads(text)
    except ValueError as error:  # also an integer of more digits than Python reads
        return Pack(rules=(), findings=(_not_toml(str(error), file=file),))
    except RecursionError:
        return Pack(rules=(), findings=(_not_toml("arrays or tables are nested too deep", file=file),))
    pack = _Table(document, (), located(text, file=file), [])
    pack.only(("rule",))
    tables = pack.tables("rule")
    rules = [
        _rule(table, place, with_cases=with_cases)
        for table, place in zip(tables, _places(text, tables, file=file), strict=True)
    ]
    return Pack(rules=tuple(rule for rule in rules if rule is not None), findings=tuple(pack.findings))


def _places(text: str, tables: Sequence[_Table], *, file: str) -> list[Place]:
    """Return where each rule begins: by its header where each has one, since locating all keys takes ten times as long."""
    headers = [number for number, line in enumerate(text.split("\n"), start=1) if _HEADER.match(line)]
    if len(headers) != len(tables):
        return [table.place() for table in tables]
    return [Place(file=file, line=line, path=table.path) for line, table in zip(headers, tables, strict=True)]


def did_you_mean(word: str, words: Iterable[str]) -> str | None:
    """Return the hint that names what `word` most resembles, None where nothing does."""
    close = difflib.get_close_matches(word, list(words), n=1)
    return f"did you mean `{close[0]}`?" if close else None


def _not_toml(reason: str, *, file: str) -> Finding:
    position = _POSITION.search(reason)
    line = int(position[1]) if position and position[1] else None
    said = _POSITION.sub("", reason)
    return Finding(
        code="S153",
        message=f"the rule pack cannot be read as TOML: {said[:1].lower()}{said[1:]}",
        places=(Place(file=file, line=line),),
        hint="a rule pack holds `[[rule]]` tables; `stackc explain S153` shows one",
    )


def _rule(table: _Table, place: Place, *, with_cases: bool) -> PackedRule | None:
    """Decode one `[[rule]]`, None where anything is wrong with it."""
    before = len(table.findings)
    table.only(_RULE_KEYS)
    name = table.text("id", pattern=_ID)
    when = table.conditions("when")
    requires = table.conditions("requires")
    because, source, date = table.text("because"), table.text("source"), table.date("date")
    probe = table.text("probe", required=False, lines=True)
    severity = table.severity()
    found = map(_case, table.tables("case")) if with_cases else ()
    cases = tuple(case for case in found if case is not None)
    _check_projects(table, when, requires)
    if len(table.findings) > before or name is None or because is None or source is None or date is None:
        return None
    rule = Rule(
        id=name,
        arms=(Arm(when=when, requires=requires),),
        because=because,
        source=source,
        date=date,
        place=place,
        probe=probe,
        severity=severity,
    )
    return PackedRule(rule=rule, cases=cases)


def _check_projects(table: _Table, when: Sequence[Condition], requires: Sequence[Condition]) -> None:
    """Note every project that a rule names twice: on one side the ranges belong together, on both they bound themselves."""
    for key, conditions in (("when", when), ("requires", requires)):
        names = [condition.name for condition in conditions]
        for name in sorted({name for name in names if names.count(name) > 1}):
            hint = f"write its ranges as one condition, such as `{name}>=1,<2`"
            table.note("S158", f"`{key}` names `{name}` twice", key, hint=hint)
    for name in sorted({condition.name for condition in when} & {condition.name for condition in requires}):
        hint = "a rule bounds one project by the version of another"
        table.note("S158", f"`{name}` stands in both `when` and `requires`", "requires", hint=hint)
    for condition in when:
        if condition.range.is_empty:
            table.note("S157", f"no version can be `{condition.name}{condition.text}`", "when", hint="correct the range")


def _case(table: _Table) -> Case | None:
    before = len(table.findings)
    table.only(_CASE_KEYS)
    pins, broken = table.pins("pins"), table.flag("broken")
    return None if len(table.findings) > before or broken is None else Case(pins=pins, broken=broken)


class _Table:
    """A table under decoding: typed getters that note what is wrong, and where, and go on."""

    def __init__(
        self, content: dict[str, object], path: tuple[str | int, ...], places: Places, findings: list[Finding]
    ) -> None:
        self.content = content
        self.path = path
        self.places = places
        self.findings = findings

    def place(self, *path: str | int) -> Place:
        return self.places.at(*self.path, *path)

    def note(self, code: str, message: str, *path: str | int, hint: str | None = None) -> None:
        self.findings.append(Finding(code=code, message=message, places=(self.place(*path),), hint=hint))

    def only(self, known: Sequence[str]) -> None:
        for key in self.content:
            if key not in known:
                hint = did_you_mean(key, known) or f"the keys are {_listed(known)}"
                self.note("S154", f"unknown key `{_escaped(key)}`", key, hint=hint)

    def tables(self, key: str) -> list[_Table]:
        value = self.content.get(key, [])
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            return [_Table(entry, (*self.path, key, at), self.places, self.findings) for at, entry in enumerate(value)]
        header = ".".join(part for part in (*self.path, key) if isinstance(part, str))
        self._wrong(key, f"tables that each begin with `[[{header}]]`")
        return []

    def text(
        self, key: str, *, required: bool = True, lines: bool = False, pattern: re.Pattern[str] | None = None
    ) -> str | None:
        value = self._value(key, required=required)
        if value is None:
            return None
        if not isinstance(value, str):
            self._wrong(key, "a string")
            return None
        if not value.strip() or not all(part.isprintable() for part in (value.split("\n") if lines else [value])):
            self._wrong(key, "a string of printable characters" + ("" if lines else " on one line"))
            return None
        if pattern is not None and not pattern.fullmatch(value):
            self._wrong(key, "lower-case words joined by hyphens, such as `scipy-numpy1`")
            return None
        return value

    def date(self, key: str) -> dt.date | None:
        value = self._value(key)
        if value is None or (isinstance(value, dt.date) and not isinstance(value, dt.datetime)):
            return value
        self._wrong(key, "a date, such as `2026-11-23`, without quotes")
        return None

    def flag(self, key: str) -> bool | None:
        value = self._value(key)
        if value is None or isinstance(value, bool):
            return value
        self._wrong(key, "`true` or `false`")
        return None

    def severity(self) -> Literal["error", "warning"]:
        value = self.content.get("severity", "error")
        if value == "warning":
            return "warning"
        if value != "error":
            self._wrong("severity", '`"error"` or `"warning"`')
        return "error"

    def conditions(self, key: str) -> tuple[Condition, ...]:
        """Return the conditions of a string or a list of strings that could be read."""
        value = self._value(key)
        if value is None:
            return ()
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            self._wrong(key, "a requirement such as `numpy<2`, or a list of them")
            return ()
        read = [self._condition(text, key) for text in texts]
        return tuple(condition for condition in read if condition is not None)

    def pins(self, key: str) -> dict[ProjectName, Version]:
        value = self._value(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not value:
            self._wrong(key, 'a table of versions, such as `{ numpy = "2.0.0" }`')
            return {}
        pins: dict[ProjectName, Version] = {}
        for name, text in value.items():
            version = _version(text)
            if version is None:
                hint = 'write it as a string, such as `"2.0.0"`'
                self.note("S156", f"`{_escaped(name)}` has no version", key, name, hint=hint)
            else:
                pins[ProjectName(canonicalize_name(name))] = version
        return pins

    def _condition(self, text: str, key: str) -> Condition | None:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            hint = "a condition is a project's name and a version specifier, such as `numpy>=1.26,<2`"
            self.note("S157", f"`{_escaped(text)}` is not a condition", key, hint=hint)
            return None
        unfit = {"an extra": requirement.extras, "a marker": requirement.marker, "a URL": requirement.url}
        exact = {"`===`": any(specifier.operator == "===" for specifier in requirement.specifier)}
        for what, found in (unfit | exact).items():
            if found:
                self.note("S157", f"`{_escaped(text)}` holds {what}", key, hint="leave it out: rules are about versions alone")
                return None
        name = ProjectName(canonicalize_name(requirement.name))
        return Condition.of(name, requirement.specifier, text=spelled(requirement.specifier))

    def _value(self, key: str, *, required: bool = True) -> object | None:
        value = self.content.get(key)
        if value is None and required:
            self.note("S155", f"`{key}` is missing", hint=f"`{key}` belongs to every `[[{self._header()}]]`")
        return value

    def _wrong(self, key: str, wanted: str) -> None:
        finding = Finding(code="S156", message=f"`{key}` is not what it should be", places=(self.place(key),), wanted=wanted)
        self.findings.append(finding)

    def _header(self) -> str:
        return ".".join(part for part in self.path if isinstance(part, str))


def _version(text: object) -> Version | None:
    try:
        return Version(text) if isinstance(text, str) else None
    except InvalidVersion:
        return None


def _escaped(text: str) -> str:
    """Return a pack's own words as a finding may print them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
