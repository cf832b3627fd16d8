"""Proofs as they are kept: one TOML file per rule pack, `[[proof]]` rows sorted by rule, same bytes from same proofs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import tomli

from stackc.errors import Finding, LockError, Place
from stackc.evidence.proof import Proof, Trial
from stackc.files import write_file

__all__ = ["PROOFS", "decode", "encode", "load_proofs", "store_proofs"]

PROOFS = Path(__file__).parents[1] / "data" / "proofs"
"""The folder of the proofs that ship with stackc."""

_HEADER = "# Written by `stackc matrix prove`, not by hand: what happened when each rule was tried.\n"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class _Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file. Each row has its verdict in words as well, which the trials must bear out."""

    proof: list[dict[str, object]] = []


def load_proofs(folder: Path = PROOFS) -> Mapping[str, Proof]:
    """Return the stored proofs by the id of their rule. Raises LockError (S244) for a file that does not read."""
    files = sorted(folder.glob("*.toml"))
    proofs = (proof for file in files for proof in decode(file.read_text(encoding="utf-8"), file=file.name))
    return {proof.rule: proof for proof in proofs}


def store_proofs(proofs: Iterable[Proof], *, folder: Path, pack: str) -> Path:
    """Put proofs into the file of one rule pack, each in the place of the older one of its rule, and return the file."""
    path = folder / f"{pack}.toml"
    kept = decode(path.read_text(encoding="utf-8"), file=path.name) if path.is_file() else ()
    merged = {proof.rule: proof for proof in (*kept, *proofs)}
    write_file(path, encode(merged.values()).encode())
    return path


def decode(text: str, *, file: str) -> tuple[Proof, ...]:
    """Return the proofs of one file in its order; `file` names it in findings. Raises LockError (S244)."""
    try:
        rows = msgspec.convert(tomli.loads(text), _Pack).proof
        said = [row.pop("verdict", None) for row in rows]
        proofs = msgspec.convert(rows, tuple[Proof, ...])
    except (ValueError, msgspec.ValidationError) as error:
        raise LockError(_unreadable(file, str(error))) from error
    for proof, verdict in zip(proofs, said, strict=True):
        if proof.verdict != verdict:
            raise LockError(_unreadable(file, f"the trials of `{proof.rule}` make it `{proof.verdict}`"))
    return proofs


def encode(proofs: Iterable[Proof]) -> str:
    """Return the text of one file."""
    lines = [line for proof in sorted(proofs, key=lambda proof: proof.rule) for line in _row(proof)]
    return _HEADER + "".join(f"{line}\n" for line in lines)


def _row(proof: Proof) -> Iterator[str]:
    yield from ("", "[[proof]]")
    yield f"rule = {_string(proof.rule)}"
    yield f"digest = {_string(proof.digest)}"
    yield f"date = {proof.date.isoformat()}"
    yield f"platform = {_string(proof.platform)}"
    yield f"verdict = {_string(proof.verdict)}"
    for name, trial in proof.trials.items():
        yield from ("", f"[proof.{name}]", *_trial(trial))


def _trial(trial: Trial) -> Iterator[str]:
    versions = ", ".join(f"{_key(name)} = {_string(version)}" for name, version in sorted(trial.versions.items()))
    yield f"python = {_string(trial.python)}"
    yield f"versions = {{ {versions} }}"
    if trial.beside:
        yield f"beside = [{', '.join(map(_string, sorted(trial.beside)))}]"
    yield f"status = {trial.status}"
    if trial.last_line:
        yield f"last-line = {_string(trial.last_line)}"
    if trial.declared:
        yield "declared = true"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    """Return a basic string. JSON escapes the same characters in the same ways, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _unreadable(file: str, reason: str) -> Finding:
    return Finding(
        code="S244",
        message=f"the stored proofs cannot be read: {reason}",
        places=(Place(file=file),),
        hint="they are written by `stackc matrix prove`: remove the row, and prove its rule again",
    )
