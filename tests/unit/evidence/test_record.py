from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from msgspec.structs import replace

from stackc.errors import Finding, LockError, Place
from stackc.evidence.proof import Proof, Trial, digest_of
from stackc.evidence.record import PROOFS, decode, encode, load_proofs, store_proofs
from stackc.matrix.load import load_builtin

RULES = {packed.rule.id: packed.rule for packed in load_builtin()}
STORED = load_proofs()

BROKEN = Trial(
    python="3.12.1",
    versions={"numpy": "2.0.0", "scipy": "1.12.0"},
    beside=("attrs==1.0",),
    status=1,
    last_line='ValueError: "dtype" \\ size',
    declared=True,
)
WORKING = Trial(python="3.12.1", versions={"numpy": "1.26.4", "scipy": "1.12.0"}, status=0)
PROOF = Proof(
    rule="scipy-numpy1",
    digest="sha256:" + 64 * "0",
    date=dt.date(2026, 11, 23),
    platform="linux/amd64",
    broken=BROKEN,
    working=WORKING,
)
TEXT = """\
# Written by `stackc matrix prove`, not by hand: what happened when each rule was tried.

[[proof]]
rule = "scipy-numpy1"
digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
date = 2026-11-23
platform = "linux/amd64"
verdict = "proved"

[proof.broken]
python = "3.12.1"
versions = { numpy = "2.0.0", scipy = "1.12.0" }
beside = ["attrs==1.0"]
status = 1
last-line = "ValueError: \\"dtype\\" \\\\ size"
declared = true

[proof.working]
python = "3.12.1"
versions = { numpy = "1.26.4", scipy = "1.12.0" }
status = 0
"""


@pytest.mark.parametrize("proof", STORED.values(), ids=STORED.keys())
def test_a_stored_proof_is_of_a_builtin_rule_as_it_is_now_and_bears_it_out(proof: Proof) -> None:
    assert proof.rule in RULES
    assert (proof.is_of(RULES[proof.rule]), proof.verdict, list(proof.objections())) == (True, "proved", [])


def test_the_stored_files_are_written_as_they_stand() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in PROOFS.glob("*.toml")}
    assert {name: encode(decode(text, file=name)) for name, text in texts.items()} == texts
    packs = {proof.rule: path for path, text in texts.items() for proof in decode(text, file=path)}
    assert packs == {name: Path(RULES[name].place.file).name for name in packs}


def test_a_proof_reads_as_it_was_written() -> None:
    released = replace(BROKEN, status=0, declared=False, last_line="")
    proofs = (PROOF, replace(PROOF, rule="zarr-numpy1", released=released))
    assert encode([PROOF]) == TEXT
    assert decode(encode(proofs), file="numpy.toml") == proofs


def test_proofs_are_written_in_one_order() -> None:
    other = replace(PROOF, rule="a-rule")
    assert encode([PROOF, other]) == encode([other, PROOF])


def test_storing_a_proof_takes_the_place_of_the_older_one_alone(tmp_path: Path) -> None:
    other = replace(PROOF, rule="a-rule")
    store_proofs([PROOF, other], folder=tmp_path, pack="numpy")
    newer = replace(PROOF, date=dt.date(2027, 1, 1))
    assert store_proofs([newer], folder=tmp_path, pack="numpy") == tmp_path / "numpy.toml"
    assert load_proofs(tmp_path) == {"a-rule": other, "scipy-numpy1": newer}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TEXT.replace('"proved"', '"refuted"'), "the trials of `scipy-numpy1` make it `proved`"),
        (TEXT.replace('verdict = "proved"\n', ""), "the trials of `scipy-numpy1` make it `proved`"),
        (TEXT.replace("status = 1", 'status = "1"'), "Expected `int`, got `str` - at `$[0].broken.status`"),
        (TEXT.replace("declared", "said"), "Object contains unknown field `said` - at `$[0].broken`"),
        ("[[proof", "Expected ']]' at the end of an array declaration (at end of document)"),
    ],
)
def test_an_edited_record_is_refused(text: str, reason: str) -> None:
    with pytest.raises(LockError) as caught:
        decode(text, file="numpy.toml")
    assert caught.value.findings == (
        Finding(
            code="S244",
            message=f"the stored proofs cannot be read: {reason}",
            places=(Place(file="numpy.toml"),),
            hint="they are written by `stackc matrix prove`: remove the row, and prove its rule again",
        ),
    )


def test_a_proof_is_stale_once_the_rule_s_bounds_or_probe_change() -> None:
    rule = RULES["scipy-numpy1"]
    proof = replace(PROOF, digest=digest_of(rule))
    assert proof.is_of(rule)
    assert proof.is_of(replace(rule, because="in other words"))
    assert not proof.is_of(replace(rule, probe="import scipy"))
    assert not proof.is_of(replace(rule, arms=RULES["h5py-numpy1"].arms))
    assert not proof.is_of(replace(rule, id="scipy-numpy2"))


def test_what_speaks_against_a_rule_refutes_it() -> None:
    fine, fails = replace(BROKEN, status=0), replace(WORKING, status=-11)
    assert [*replace(PROOF, broken=fine).objections(), *replace(PROOF, working=fails).objections()] == [
        "the combination that the rule forbids works: the rule is wrong, or its probe does not touch what breaks",
        "the combination that the rule admits fails too: `requires` is too wide, or something else is wrong",
    ]
    assert replace(PROOF, released=replace(BROKEN, declared=False)).verdict == "refuted"
    assert replace(PROOF, released=BROKEN).verdict == "proved"
    assert replace(PROOF, released=fine).verdict == "proved"
