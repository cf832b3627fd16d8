"""A conflict in the engine's own words, with the names that only the view has put into people's."""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.utils import NormalizedName

from stackc.conflict.absent import absent_lines, left_out_lines
from stackc.errors import Finding
from stackc.manifest.model import Places
from stackc.matrix.model import Matrix
from stackc.matrix.places import place_of_version
from stackc.matrix.wording import rule_note
from stackc.resolve import Conflict, Resolver
from stackc.view.rules import GUARD_PREFIX, Guard
from stackc.view.session import ViewSession

__all__ = ["engine_lines", "named_in", "takes_part", "told_by_engine"]


def told_by_engine(conflict: Conflict, *, resolver: Resolver, matrix: Matrix, places: Places) -> Finding:
    """Return the whole conflict as the engine tells it, where no smaller reason could be worked out."""
    session, plan = conflict.session, conflict.session.plan
    words = named_in(conflict.text)
    named = [project for name, project in sorted(session.projects.items()) if name in words]
    rules = [guard for guard in plan.rules.by_name.values() if takes_part(guard, words, session)]
    components = [component for component in plan.components if component.name in words]
    return Finding(
        code="S301",
        message=f"no versions satisfy target `{plan.target.name}`",
        places=tuple(place_of_version(component, places=places, target=plan.target.name) for component in components),
        notes=(
            *_rule_lines(rules, matrix),
            *engine_lines(conflict),
            *absent_lines(named, resolver),
            *left_out_lines(named, session),
        ),
        hint="widen one of these, or set a rule aside with `[matrix] waive`" if rules else "widen one of these",
    )


def named_in(text: str) -> set[str]:
    """Return all words of an engine's text that could be projects."""
    return set(re.findall(r"[a-z0-9][a-z0-9._-]*", text.lower()))


def takes_part(guard: Guard, words: set[str], session: ViewSession) -> bool:
    """Say whether the engine's text speaks of a guard, or of two projects one of which the guard's rule narrowed."""
    if guard.name in words:
        return True
    names = {str(condition.name) for condition in guard.conditions}
    return words.issuperset(names) and any(
        condition.holds(version) and release.neutral is not None and need.name in names
        for condition in guard.conditions
        for version, release in session.projects[NormalizedName(condition.name)].releases.items()
        for need in (release.neutral.needs if release.neutral else ())
    )


def _rule_lines(guards: Iterable[Guard], matrix: Matrix) -> Iterable[str]:
    yield from sorted({rule_note(matrix.rules[guard.rule], guard.clause) for guard in guards})


# uv tells which releases a guard has, and what follows from that: true, and of no use to anybody.
_GUARD_RELEASES = re.compile(
    r" and only the following versions of (rule `[^`]+`) are available:(?:\s+\1)+\s+we can conclude that .*?depends on \1",
    re.DOTALL,
)


def engine_lines(conflict: Conflict) -> Iterable[str]:
    """Yield the engine's explanation, the names that only the view has put into words."""
    text = conflict.text
    for name, guard in conflict.session.plan.rules.by_name.items():
        text = re.sub(rf"\b{re.escape(name)}(?![\w-])[^\s,]*", f"rule `{guard.rule}`", text)
    text = re.sub(rf"\b{re.escape(GUARD_PREFIX)}unusable(?![\w-])[^\s,]*", "a usable file", text)
    text = re.sub(rf"\b{re.escape(GUARD_PREFIX)}[\w-]+", "a rule", text)
    text = _GUARD_RELEASES.sub("", text)
    yield "the engine says:"
    yield from (line.strip() for line in text.splitlines() if line.strip())
