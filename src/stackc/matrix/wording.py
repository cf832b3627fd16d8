"""How the matrix speaks: specifiers, enumerations and rules as people read them."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.specifiers import SpecifierSet

from stackc.matrix.model import Clause, Condition, Rule

__all__ = ["joined", "named", "rule_note", "spelled"]

_ORDER = ("===", "==", "~=", ">=", ">", "!=", "<=", "<")


def spelled(specifiers: SpecifierSet) -> str:
    """Return specifiers with the lower bound first, as people write them: `str` of a SpecifierSet sorts `<2` before `>=1`."""
    parts = sorted(specifiers, key=lambda specifier: (_ORDER.index(specifier.operator), specifier.version))
    return ",".join(map(str, parts))


def joined(words: Iterable[str], *, conjunction: str = "and") -> str:
    """Return `a, b and c`."""
    *most, last = list(words)
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def rule_note(rule: Rule, clause: Clause) -> str:
    """Return the line that says what a rule asks in one of its clauses, why, and where that is known from."""
    *when, last = clause.conditions
    needed = clause.required or last.negated()
    return f"rule {rule.id}: {named(when)} needs {named([needed])} ({rule.because}) {clause.source or rule.source}"


def named(conditions: Iterable[Condition]) -> str:
    """Return conditions as people write them: `scipy<1.13 and python>=3.12`."""
    return joined(f"{condition.name}{condition.text}" for condition in conditions)
