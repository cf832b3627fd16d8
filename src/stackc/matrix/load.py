"""The matrix of one project: the rule packs that its manifest chooses, less the rules that it waives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path

from stackc.errors import Finding, ManifestError, Place
from stackc.manifest.model import MatrixChoice, Places, Waiver
from stackc.matrix.derive import derived_rules, known_builds
from stackc.matrix.digest import digest
from stackc.matrix.facts import Facts
from stackc.matrix.files import BUILTIN, PackFile, builtin_rules, matched_rules, outside
from stackc.matrix.model import Matrix, Rule
from stackc.matrix.packs import PackedRule, decode_pack, did_you_mean

__all__ = ["expired_waivers", "load_builtin", "load_matrix", "load_packs"]


def load_matrix(choice: MatrixChoice, *, folder: Path, facts: Facts, today: dt.date, places: Places) -> Matrix:
    """Return the rules in force on the day `today`, from the packs that `choice` names beside the manifest in `folder`.

    The rules that `facts` imply belong to the built-in pack. Raises ManifestError with everything that is wrong with packs and
    waivers.
    """
    files, findings = _files(choice, folder=folder, places=places)
    packed, malformed = _read(files, with_cases=False)
    rules = [entry.rule for entry in packed]
    if BUILTIN in choice.packs:
        rules += derived_rules(facts)
    findings += malformed
    findings += _duplicates(rules)
    if not findings:
        findings += _unknown_waivers(choice.waivers, rules, places=places)
    if findings:
        raise ManifestError(findings)
    waived = {waiver.rule for waiver in choice.waivers if waiver.until >= today}
    return Matrix(
        rules={rule.id: rule for rule in rules if rule.id not in waived},
        waived=tuple(sorted(waived)),
        digest=digest(choice.packs, folder=folder),
        builds=known_builds(facts),
    )


def load_builtin() -> tuple[PackedRule, ...]:
    """Return the built-in rules with their cases, in the order of files and rules. Raises ManifestError."""
    packed, findings = _read(builtin_rules())
    if findings:
        raise ManifestError(findings)
    return tuple(packed)


def load_packs(choice: MatrixChoice, *, folder: Path, places: Places) -> tuple[PackedRule, ...]:
    """Return the rules of the packs that `choice` names, with their cases, waived ones too. Raises ManifestError."""
    files, findings = _files(choice, folder=folder, places=places)
    packed, malformed = _read(files)
    if findings or malformed:
        raise ManifestError([*findings, *malformed])
    return tuple(packed)


def expired_waivers(choice: MatrixChoice, today: dt.date, *, places: Places | None = None) -> tuple[Finding, ...]:
    """Return a warning for each waiver whose last day is past: its rule acts again."""
    return tuple(
        Finding(
            code="S161",
            message=f"the waiver of rule `{waiver.rule}` ended on {waiver.until.isoformat()}: the rule acts again",
            places=() if places is None else (places.at("matrix", "waive", at, "until"),),
            notes=(f"it was waived because: {waiver.because}",),
            hint="remove the waiver, or give it a new date if its reason still stands",
            severity="warning",
        )
        for at, waiver in enumerate(choice.waivers)
        if waiver.until < today
    )


def _files(choice: MatrixChoice, *, folder: Path, places: Places) -> tuple[list[PackFile], list[Finding]]:
    """Return the files of all packs, each once, in the order of the packs."""
    files: dict[PackFile, None] = {}
    findings: list[Finding] = []
    for at, pack in enumerate(choice.packs):
        found = builtin_rules() if pack == BUILTIN else matched_rules(pack, folder=folder)
        place = places.at("matrix", "packs", at)
        if pack != BUILTIN and outside(pack, folder=folder):
            findings.append(_outside(pack, place))
        elif not found:
            findings.append(_nothing(pack, place))
        files.update(dict.fromkeys(found))
    return list(files), findings


def _outside(pack: str, place: Place) -> Finding:
    return Finding(
        code="S151",
        message=f"the rule pack `{pack}` leads outside the manifest's folder",
        places=(place,),
        hint="keep rule packs beside the manifest, so that they are reviewed with it",
    )


def _nothing(pack: str, place: Place) -> Finding:
    return Finding(
        code="S150",
        message=f"no file matches the rule pack `{pack}`",
        places=(place,),
        hint=did_you_mean(pack, [BUILTIN]) or f"a pack is `{BUILTIN}`, or a pattern of files beside the manifest",
    )


def _read(files: Sequence[PackFile], *, with_cases: bool = True) -> tuple[list[PackedRule], list[Finding]]:
    rules: list[PackedRule] = []
    findings: list[Finding] = []
    for file in files:
        try:
            text = file.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            findings.append(_unreadable(file, error))
            continue
        pack = decode_pack(text, file=file.name, with_cases=with_cases)
        rules += pack.rules
        findings += pack.findings
    return rules, findings


def _unreadable(file: PackFile, error: OSError | UnicodeDecodeError) -> Finding:
    reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else (error.strerror or "it cannot be opened").lower()
    return Finding(
        code="S152",
        message=f"the rule pack cannot be read: {reason}",
        places=(Place(file=file.name),),
        hint="rule packs are TOML files in UTF-8",
    )


def _duplicates(rules: Iterable[Rule]) -> list[Finding]:
    first: dict[str, Rule] = {}
    return [
        Finding(
            code="S159",
            message=f"two rules have the id `{rule.id}`",
            places=(first[rule.id].place, rule.place),
            hint="waivers and locks name rules by their id: give one of them another",
        )
        for rule in rules
        if first.setdefault(rule.id, rule) is not rule
    ]


def _unknown_waivers(waivers: Sequence[Waiver], rules: Sequence[Rule], *, places: Places) -> list[Finding]:
    known = [rule.id for rule in rules]
    return [
        Finding(
            code="S160",
            message=f"the waiver names no rule: `{waiver.rule}`",
            places=(places.at("matrix", "waive", at, "rule"),),
            hint=did_you_mean(waiver.rule, known) or "remove the waiver, or add the pack that has the rule",
        )
        for at, waiver in enumerate(waivers)
        if waiver.rule not in known
    ]
