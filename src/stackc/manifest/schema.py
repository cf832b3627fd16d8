"""The manifest's JSON Schema, for editors: written from the fields that the decoder reads by.

The committed copy, `stackc/data/stack.schema.json`, is what `schema_text` returns; a test compares the two.
"""

from __future__ import annotations

import json

from stackc.manifest.fields import DOCUMENT
from stackc.manifest.kinds import Schema
from stackc.manifest.shown import CONTROL

__all__ = ["json_schema", "schema_text"]


def json_schema() -> Schema:
    """Return the schema, of JSON Schema 2020-12. TOML's dates and times count as the strings that spell them."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stack.toml",
        "description": "The manifest of stackc: a GPU image's dependencies, for one or more targets.",
        **DOCUMENT.schema(),
        "$defs": {"text": {"type": "string", "not": {"pattern": f"[{CONTROL}]"}}},
    }


def schema_text() -> str:
    """Return the schema as the committed file holds it."""
    return json.dumps(json_schema(), indent=2) + "\n"
