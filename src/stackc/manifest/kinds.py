"""The kinds of value that a manifest's fields hold: each reads plain TOML data, and says the same as JSON Schema.

Terminology: a *field* is a key of a table with the kind of its value. A *row* is one table as it was read. Reading never
stops at the first problem: what is wrong is reported to the cursor, and the value is left out of its row.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeAlias, TypeVar, cast

from msgspec import Struct, field

from stackc.manifest.cursor import Cursor, Refusal, nearest
from stackc.manifest.locate import Path
from stackc.manifest.shown import CONTROL, shown

__all__ = [
    "Choice",
    "Entries",
    "Field",
    "Flag",
    "Items",
    "Kind",
    "Named",
    "OneOrMore",
    "Row",
    "Schema",
    "Table",
    "Text",
    "TextOrTime",
    "Whole",
]

Schema: TypeAlias = dict[str, object]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_HIDDEN = re.compile(f"[{CONTROL}\ud800-\udfff]")


class Kind(Protocol[T_co]):
    """How a value is read, and how JSON Schema describes it."""

    def read(self, raw: object, at: Cursor) -> T_co | None:
        """Return the value, or None after a report."""

    def schema(self) -> Schema:
        """Return the JSON Schema that accepts the values that `read` accepts, as far as a schema can say it."""


class Field(Struct, Generic[T_co], frozen=True, kw_only=True):
    """A key of a table. `doc` is one sentence for people; `example` is what a hint shows where the key is missing.

    `absent` is the code of that finding. `default` is a plain value as TOML would hold it, and is read like one.
    """

    key: str
    kind: Kind[T_co]
    doc: str
    required: bool = False
    absent: str = "S107"
    default: object = None
    example: str | None = None

    def schema(self) -> Schema:
        """Return the property's schema, with its description and default."""
        described: Schema = {"description": self.doc, **self.kind.schema()}
        return described if self.default is None else {**described, "default": self.default}


class Row(Struct, frozen=True):
    """One table as it was read, by field; `path` is where it stands, `given` the keys that it has, refused ones too."""

    path: Path
    values: Mapping[str, object]
    given: frozenset[str] = frozenset()

    def get(self, entry: Field[T]) -> T | None:
        """Return the field's value, or None where it is absent or was refused."""
        return cast("T | None", self.values.get(entry.key))

    def __getitem__(self, entry: Field[T]) -> T:
        """Return the value of a field that is required or has a default, in a document where nothing was refused."""
        return cast("T", self.values[entry.key])


class Text(Struct, Generic[T_co], frozen=True, kw_only=True):
    """A string that fits `pattern`, a regular expression that Python and ECMAScript read alike, and that `parse` accepts.

    `noun` says what it is ("a CPython version"). `code` is the finding's where pattern or parser refuse it. `secret` texts
    are URLs, whose credentials no message may hold.
    """

    noun: str
    code: str
    parse: Callable[[str], T_co | Refusal]
    pattern: str | None = None
    longest: int = 1024
    hint: str | Callable[[str], str | None] | None = None
    secret: bool = False

    def read(self, raw: object, at: Cursor) -> T_co | None:
        """Return the parsed text."""
        if not isinstance(raw, str):
            quoted = isinstance(raw, int | float) and not isinstance(raw, bool)
            _wrong_type(raw, at, wanted="a string", hint="put it in quotes" if quoted else None)
            return None
        if _HIDDEN.search(raw):
            at.report(
                "S108",
                f"`{shown(raw, secret=self.secret)}` holds a control character",
                hint="write it on one line, in plain text",
            )
            return None
        if len(raw) > self.longest or (self.pattern is not None and re.fullmatch(self.pattern, raw) is None):
            at.report(self.code, f"`{shown(raw, secret=self.secret)}` is not {self.noun}", hint=self._hint(raw))
            return None
        value = self.parse(raw)
        if isinstance(value, Refusal):
            at.report(self.code, value.message, hint=value.hint)
            return None
        return value

    def schema(self) -> Schema:
        """Return the string's schema; `text` keeps control characters out."""
        described: Schema = {"$ref": "#/$defs/text", "maxLength": self.longest}
        return described if self.pattern is None else {**described, "pattern": f"^(?:{self.pattern})$"}

    def _hint(self, raw: str) -> str | None:
        return self.hint(raw) if callable(self.hint) else self.hint


class Choice(Struct, Generic[T_co], frozen=True, kw_only=True):
    """One string of a closed list."""

    noun: str
    code: str
    options: tuple[T_co, ...]

    def read(self, raw: object, at: Cursor) -> T_co | None:
        """Return the option."""
        if not isinstance(raw, str):
            _wrong_type(raw, at, wanted="a string")
            return None
        found = next((option for option in self.options if option == raw), None)
        if found is None:
            options = [str(option) for option in self.options]
            wanted = f"one of {', '.join(f'`{option}`' for option in options)}"
            like = nearest(raw, options, all_else=False)
            at.report(self.code, f"`{shown(raw)}` is not {self.noun}", wanted=wanted, hint=like)
        return found

    def schema(self) -> Schema:
        """Return the enumeration."""
        return {"enum": list(self.options)}


class Whole(Struct, frozen=True, kw_only=True):
    """A whole number from `minimum` to `maximum`."""

    minimum: int
    maximum: int

    def read(self, raw: object, at: Cursor) -> int | None:
        """Return the number; TOML's booleans are none, though Python's are."""
        if not isinstance(raw, int) or isinstance(raw, bool):
            _wrong_type(raw, at, wanted="an integer")
            return None
        if self.minimum <= raw <= self.maximum:
            return raw
        wanted = f"an integer from {self.minimum} to {self.maximum}"
        at.report("S110", f"{_value_at(at)} is out of range", wanted=wanted, hint=f"count from {self.minimum}")
        return None

    def schema(self) -> Schema:
        """Return the bounded integer."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class Flag(Struct, frozen=True):
    """True or false."""

    def read(self, raw: object, at: Cursor) -> bool | None:
        """Return the truth value."""
        if isinstance(raw, bool):
            return raw
        _wrong_type(raw, at, wanted="a boolean, `true` or `false`")
        return None

    def schema(self) -> Schema:
        """Return the boolean."""
        return {"type": "boolean"}


class TextOrTime(Struct, Generic[T_co], frozen=True, kw_only=True):
    """A date or a moment of TOML, or a string that spells one: JSON Schema, like JSON, knows only the string."""

    text: Text[T_co]

    def read(self, raw: object, at: Cursor) -> T_co | None:
        """Return what the spelling gives; a date of TOML is read as the string that spells it."""
        return self.text.read(raw.isoformat() if isinstance(raw, dt.date) else raw, at)

    def schema(self) -> Schema:
        """Return the string's schema."""
        return self.text.schema()


class Items(Struct, Generic[T_co], frozen=True, kw_only=True):
    """A list of values of one kind. `once` says that none may stand twice, which is checked elsewhere."""

    of: Kind[T_co]
    once: bool = False

    def read(self, raw: object, at: Cursor) -> tuple[T_co, ...] | None:
        """Return the items that could be read; each refused one has its own report."""
        if not isinstance(raw, list):
            _wrong_type(raw, at, wanted="an array")
            return None
        items = [self.of.read(item, at.at(position)) for position, item in enumerate(raw)]
        return tuple(item for item in items if item is not None)

    def schema(self) -> Schema:
        """Return the array."""
        described: Schema = {"type": "array", "items": self.of.schema()}
        return {**described, "uniqueItems": True} if self.once else described


class OneOrMore(Struct, Generic[T_co], frozen=True, kw_only=True):
    """A string, or a list of strings."""

    of: Text[T_co]

    def read(self, raw: object, at: Cursor) -> tuple[T_co, ...] | None:
        """Return the items; a string alone is a list of one."""
        if isinstance(raw, list):
            return Items(of=self.of).read(raw, at)
        if not isinstance(raw, str):
            _wrong_type(raw, at, wanted="a string or an array of strings")
            return None
        one = self.of.read(raw, at)
        return None if one is None else (one,)

    def schema(self) -> Schema:
        """Return the choice between the two."""
        return {"oneOf": [self.of.schema(), Items(of=self.of).schema()]}


class Table(Struct, frozen=True, kw_only=True):
    """A table with these fields and no others, and with one of `any_of` at least; the first of them is what a report asks for.

    `also` is what JSON Schema says beside of the fields together, for checks that are made elsewhere.
    """

    fields: tuple[Field[object], ...]
    any_of: tuple[Field[object], ...] = ()
    also: Schema = field(default_factory=dict)

    def read(self, raw: object, at: Cursor) -> Row | None:
        """Return the row of all values that could be read, defaults included."""
        if not isinstance(raw, dict):
            _wrong_type(raw, at, wanted="a table")
            return None
        fields = {each.key: each for each in self.fields}
        for key in [key for key in raw if key not in fields]:
            at.at(key).report("S105", f"unknown key `{shown(key)}`", hint=nearest(key, fields))
        values = {key: self._value(each, raw, at) for key, each in fields.items()}
        if self.any_of and not any(each.key in raw for each in self.any_of):
            _absent(self.any_of[0], at)
        return Row(at.path, {key: value for key, value in values.items() if value is not None}, frozenset(raw))

    def schema(self) -> Schema:
        """Return the closed object."""
        required = [each.key for each in self.fields if each.required]
        described: Schema = {"type": "object", "properties": {each.key: each.schema() for each in self.fields}}
        if required:
            described["required"] = required
        if self.any_of:
            described["anyOf"] = [{"required": [each.key]} for each in self.any_of]
        described |= self.also
        return {**described, "additionalProperties": False}

    @staticmethod
    def _value(entry: Field[object], raw: Mapping[str, object], at: Cursor) -> object:
        if entry.key in raw:
            return entry.kind.read(raw[entry.key], at.at(entry.key))
        if entry.required:
            _absent(entry, at)
        return None if entry.default is None else entry.kind.read(entry.default, at.at(entry.key))


class Named(Struct, frozen=True, kw_only=True):
    """A table of tables, each under a name that the user chooses.

    `special` are names whose table differs from `of`. `empty` is the code of the finding where there is no
    table at all, None where that is fine.
    """

    noun: str
    code: str
    pattern: str
    of: Table
    hint: str
    special: Mapping[str, Table] = field(default_factory=dict)
    empty: str | None = None

    def read(self, raw: object, at: Cursor) -> Mapping[str, Row] | None:
        """Return the rows by name, those of the refused tables too: other tables may refer to them."""
        if not isinstance(raw, dict):
            _wrong_type(raw, at, wanted="a table of tables")
            return None
        if self.empty is not None and not raw:
            at.report(self.empty, f"{_value_at(at)} is empty", hint="add at least one table to it")
        return {name: self._row(name, table, at.at(name)) for name, table in raw.items()}

    def schema(self) -> Schema:
        """Return the object whose property names fit the pattern."""
        described: Schema = {"type": "object", "propertyNames": {"pattern": f"^(?:{self.pattern})$", "$ref": "#/$defs/text"}}
        if self.empty is not None:
            described["minProperties"] = 1
        if self.special:
            described["properties"] = {name: table.schema() for name, table in self.special.items()}
        return {**described, "additionalProperties": self.of.schema()}

    def _row(self, name: str, raw: object, at: Cursor) -> Row:
        if re.fullmatch(self.pattern, name) is None:
            at.report(self.code, f"`{shown(name)}` is not {self.noun}", hint=self.hint)
        row = self.special.get(name, self.of).read(raw, at)
        return Row(at.path, {}) if row is None else row


class Entries(Struct, Generic[T_co], frozen=True, kw_only=True):
    """A table of values of one kind, each under a name that the user chooses."""

    noun: str
    code: str
    pattern: str
    of: Kind[T_co]
    hint: str

    def read(self, raw: object, at: Cursor) -> Mapping[str, T_co] | None:
        """Return the values that could be read by name; each refused one has its own report."""
        if not isinstance(raw, dict):
            _wrong_type(raw, at, wanted="a table")
            return None
        for name in raw:
            if re.fullmatch(self.pattern, name) is None:
                at.at(name).report(self.code, f"`{shown(name)}` is not {self.noun}", hint=self.hint)
        values = {name: self.of.read(value, at.at(name)) for name, value in raw.items()}
        return {name: value for name, value in values.items() if value is not None}

    def schema(self) -> Schema:
        """Return the object whose property names fit the pattern."""
        names: Schema = {"pattern": f"^(?:{self.pattern})$", "$ref": "#/$defs/text"}
        return {"type": "object", "propertyNames": names, "additionalProperties": self.of.schema()}


_TYPES = {
    bool: "a boolean",
    dict: "a table",
    dt.date: "a date",
    dt.datetime: "a date and time",
    dt.time: "a time",
    float: "a float",
    int: "an integer",
    list: "an array",
    str: "a string",
}


def _absent(entry: Field[object], at: Cursor) -> None:
    hint = None if entry.example is None else f"add {entry.example}"
    at.report(entry.absent, f"{_table_at(at)} has no `{entry.key}`", hint=hint)


def _wrong_type(raw: object, at: Cursor, *, wanted: str, hint: str | None = None) -> None:
    at.report("S106", f"{_value_at(at)} has the wrong type", wanted=wanted, found=_TYPES[type(raw)], hint=hint)


def _value_at(at: Cursor) -> str:
    """Return what a message calls the value here: by its key, or by that of the array that it is in."""
    key = next((shown(key) for key in reversed(at.path) if isinstance(key, str)), "")
    return f"an item of `{key}`" if isinstance(at.path[-1], int) else f"`{key}`"


def _table_at(at: Cursor) -> str:
    """Return what a message calls the table here: by its header, if it has one."""
    if not at.path:
        return "the manifest"
    name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in at.path).removeprefix(".")
    return f"`{shown(name)}`" if isinstance(at.path[-1], int) else f"`[{shown(name)}]`"
