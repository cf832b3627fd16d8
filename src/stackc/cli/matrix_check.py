"""`stackc matrix check`: prints what is wrong with the rules themselves."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click
from packaging.utils import NormalizedName

from stackc.cli.matrix_show import print_json
from stackc.cli.report import format_finding, safe
from stackc.cli.terminal import colored
from stackc.cli.workshop import cache_folder
from stackc.errors import Finding
from stackc.lock.routing import index_of
from stackc.lookup.document import checked
from stackc.lookup.knowledge import load_knowledge
from stackc.manifest.model import BUILTIN_INDEX, Manifest
from stackc.matrix.model import ProjectName
from stackc.matrix.selfcheck import Rules, absent, check_rules, projects_of
from stackc.plan import routes_of
from stackc.upstream.cache import Cache
from stackc.upstream.existence import Answers, Asked, ask_for
from stackc.upstream.pip_config import default_index_url
from stackc.upstream.settings import NetworkSettings

__all__ = ["check_matrix"]

_UNREACHABLE = 4


def check_matrix(*, manifest: Path | None, online: bool, as_json: bool, environment: Mapping[str, str]) -> int:
    """Check the rules, print what was found, and return the exit status: 4 where all is well but an index did not answer."""
    today = dt.datetime.now(dt.timezone.utc).date()
    known = load_knowledge(manifest, today=today)
    rules = Rules(
        packed=known.packed,
        derived=known.derived,
        waived=known.waived,
        distributions=tuple(sorted({row.id for row in known.facts.distributions.values()})),
        builds=known.builds,
    )
    findings = [*known.findings, *check_rules(rules, today=today)]
    confirmed = known.known_projects()
    unconfirmed = [name for name in projects_of(rules) if name not in confirmed]
    failures: tuple[Finding, ...] = ()
    if online:
        asked = _asked(projects_of(rules), known.manifest, environment)
        answers = _answers(asked, environment)
        missing = {ProjectName(name): asked[name].index for name in sorted(answers.absent)}
        findings += absent(rules, missing, known=confirmed)
        failures, unconfirmed = answers.failures, []
    told = [*findings, *failures]
    if as_json:
        counts = {"rules": len(rules.packed), "derived": len(rules.derived)}
        print_json(checked(told, **counts, waived=rules.waived, not_checked=unconfirmed))
    else:
        _print(told, environment)
        click.echo("".join(f"{line}\n" for line in _summary(rules, findings, unconfirmed)), nl=False)
    if any(finding.severity == "error" for finding in findings):
        return 1
    return _UNREACHABLE if failures else 0


def _asked(
    projects: Sequence[ProjectName], manifest: Manifest | None, environment: Mapping[str, str]
) -> Mapping[NormalizedName, Asked]:
    """Return where each project is asked for: on the index that the manifest routes it to, else on the default index."""
    names = [NormalizedName(name) for name in projects]
    routed = {name: BUILTIN_INDEX if manifest is None else _index(name, manifest) for name in names}
    address = {index: _address(index, manifest, environment) for index in set(routed.values())}
    return {name: Asked(index, address[index]) for name, index in routed.items()}


def _index(project: NormalizedName, manifest: Manifest) -> str:
    own = {name: component.index for name, component in manifest.components.items() if component.index is not None}
    return index_of(project, own=own, routes=routes_of(manifest)) or manifest.default_index.name


def _address(index: str, manifest: Manifest | None, environment: Mapping[str, str]) -> str:
    stated = manifest.indexes[index].url if manifest is not None else None
    if stated is not None:
        return stated
    cache = Cache(cache_folder(environment) / "cache.sqlite")
    try:
        return default_index_url(cache, environment)
    finally:
        cache.close()


def _answers(asked: Mapping[NormalizedName, Asked], environment: Mapping[str, str]) -> Answers:
    cache = Cache(cache_folder(environment) / "cache.sqlite")
    try:
        return ask_for(asked, cache=cache, settings=NetworkSettings.from_environment(environment))
    finally:
        cache.close()


def _print(findings: Iterable[Finding], environment: Mapping[str, str]) -> None:
    for finding in findings:
        click.echo(f"{format_finding(finding, color=colored(sys.stderr, environment))}\n", err=True, color=True)


def _summary(rules: Rules, findings: Sequence[Finding], unconfirmed: Sequence[str]) -> Iterator[str]:
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    counts = [_counted(errors, "error")] * bool(errors) + [_counted(warnings, "warning")] * bool(warnings)
    cases = sum(len(entry.cases) for entry in rules.packed)
    of_facts = f", beside {_counted(len(rules.derived), 'rule')} derived from facts" if rules.derived else ""
    yield f"{_counted(len(rules.packed), 'rule')} with {_counted(cases, 'case')}{of_facts}: {' and '.join(counts) or 'sound'}"
    if rules.waived:
        yield f"waived, and not held against the others: {', '.join(sorted(rules.waived))}"
    if unconfirmed:
        yield f"not checked whether these projects exist (--online asks their index): {safe(', '.join(unconfirmed))}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
