"""`stackc matrix prove`: tries rules in throw-away environments, and tells what was seen."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

import click

from stackc.cli.report import format_error, safe
from stackc.cli.terminal import colored
from stackc.cli.workshop import cache_folder
from stackc.engine.uv import Uv
from stackc.errors import CheckError, EngineError, Finding, UsageError
from stackc.evidence.combination import Combination
from stackc.evidence.interpreter import find_interpreters
from stackc.evidence.listing import open_listing
from stackc.evidence.proof import Proof, Trial
from stackc.evidence.prover import CannotRun, Prover
from stackc.evidence.record import store_proofs
from stackc.evidence.trial import Bench
from stackc.matrix.derive import derived_rules
from stackc.matrix.facts import Facts
from stackc.matrix.load import load_builtin
from stackc.matrix.model import Rule
from stackc.matrix.wording import joined
from stackc.project import load_project
from stackc.upstream.cache import Cache
from stackc.upstream.pip_config import default_index_url
from stackc.upstream.settings import NetworkSettings

__all__ = ["prove_rules"]


def prove_rules(rules: tuple[str, ...], *, manifest: Path | None, environment: Mapping[str, str], store: Path | None) -> int:
    """Try each rule, print what was seen, and return the exit status: 0 unless a rule is refuted or cannot be tried.

    The rules are those of the manifest's packs, without one the built-in ones; none named means each that has a probe. With
    `store`, the proofs are put into the file of the rule's pack in that folder. A rule about a GPU's driver and the like
    counts as neither proved nor refuted.
    """
    today = dt.datetime.now(dt.timezone.utc).date()
    chosen = _chosen(rules, _known(manifest, today))
    statuses = [0]
    with _prover(environment, today) as prover:
        for rule in chosen:
            try:
                seen = prover.prove(rule)
            except (CheckError, EngineError) as error:
                click.echo(f"{format_error(error, color=colored(sys.stderr, environment))}\n", err=True, color=True)
                statuses.append(error.exit_status)
                continue
            click.echo("".join(f"{line}\n" for line in _told(rule, seen)), nl=False)
            if isinstance(seen, Proof):
                statuses.append(0 if seen.verdict == "proved" else 1)
                if store is not None:
                    store_proofs([seen], folder=store, pack=PurePosixPath(rule.place.file).stem)
    return max(statuses)


def _known(manifest: Path | None, today: dt.date) -> Mapping[str, Rule]:
    if manifest is not None:
        return load_project(manifest, today=today).matrix.rules
    return {rule.id: rule for rule in (*(packed.rule for packed in load_builtin()), *derived_rules(Facts.load()))}


def _chosen(names: Sequence[str], known: Mapping[str, Rule]) -> list[Rule]:
    if not names:
        return [rule for rule in known.values() if rule.probe is not None]
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        raise UsageError(_no_rule(name, known) for name in unknown)
    return [known[name] for name in dict.fromkeys(names)]


def _no_rule(name: str, known: Mapping[str, Rule]) -> Finding:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "`stackc matrix list` shows the rules"
    return Finding(code="S240", message=f"there is no rule `{name}`", hint=hint)


@contextmanager
def _prover(environment: Mapping[str, str], today: dt.date) -> Iterator[Prover]:
    """Open what trials need; their environments lie beside uv's cache, on one disk with it."""
    folder = cache_folder(environment)
    scratch = folder / "trials"
    scratch.mkdir(parents=True, exist_ok=True)
    settings = NetworkSettings.from_environment(environment)
    uv = Uv(environment.get("PATH")).binary()
    interpreters = find_interpreters(uv, environment)
    cache = Cache(folder / "cache.sqlite")
    try:
        address = default_index_url(cache, environment)
        with open_listing(tuple(interpreters), address=address, cache=cache, settings=settings) as listing:
            bench = Bench(
                uv=uv,
                interpreters=interpreters,
                index_url=address,
                cache=folder / "wheels",
                scratch=scratch,
                environment=environment,
                ca_file=settings.ca_file,
            )
            yield Prover(listing=listing, bench=bench, narrator=_Narration(), today=today)
    finally:
        cache.close()


class _Narration:
    """One line on stderr per trial."""

    def trying(self, rule: Rule, kind: str, combination: Combination) -> None:
        pins = joined(f"{name} {version}" for name, version in combination.pins.items())
        click.echo(f"{rule.id}: {kind}: {pins} with Python {combination.python}", err=True)


def _told(rule: Rule, seen: Proof | CannotRun) -> Iterator[str]:
    if isinstance(seen, CannotRun):
        yield f"{rule.id}: cannot run here: {seen.reason}"
        return
    yield f"{rule.id}: {seen.verdict}"
    rows = [(kind, *_cells(trial)) for kind, trial in seen.trials.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        yield f"  {'  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))}  {row[4]}".rstrip()
    yield from (f"  {objection}" for objection in seen.objections())


def _cells(trial: Trial) -> tuple[str, str, str, str]:
    versions = ", ".join(f"{name} {version}" for name, version in trial.versions.items())
    ended = f"exit {trial.status}" if trial.status >= 0 else f"signal {-trial.status}"
    declared = " (as its metadata says)" if trial.declared else ""
    return versions, f"Python {trial.python}", ended, safe(trial.last_line) + declared
