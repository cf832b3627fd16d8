"""Why a pin moved, where a rule has to do with it; the stories tell of requirements, edits and windows."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from stackc.diff.compare import compare
from stackc.diff.model import End, Reading
from stackc.diff.words import reason_words
from stackc.lock.model import Lock, Package
from stackc.matrix.facts import Facts
from unit.lock.lock_samples import CLICK, LOCK, NUMPY, SCIPY

FACTS = Facts.load()
RULES = {"scipy-numpy1": frozenset({"scipy", "numpy"}), "gpu-click": frozenset({"cuda", "click"})}


def moved(pin: Package, version: str, *why: str) -> Package:
    return replace(pin, version=Version(version), why=why)


def having(*pins: Package, **more: object) -> Lock:
    """The sample with some pins changed."""
    changed = {pin.name: pin for pin in pins}
    lock = replace(LOCK, packages=tuple(changed.get(each.name, each) for each in LOCK.packages))
    return replace(lock, **more)


def why(after: Lock, *, before: str = "", manifest: str = "") -> Mapping[str, str]:
    """The reasons of all that moved from the sample, between two texts of a manifest."""
    base = End(label="base", locks={"gpu": Reading(lock=LOCK)}, manifest=before)
    head = End(label="head", locks={"gpu": Reading(lock=after)}, manifest=manifest)
    found = compare(base, head, facts=FACTS, rules=RULES)
    return {change.move.name: reason_words(change) for change in found.changes}


def test_a_rule_that_was_waived_lets_a_release_in_by_the_edit() -> None:
    after = having(moved(NUMPY, "2.0.0", "scipy <1.29.0,>=1.22.4", "stack.toml >=1.26.0"))
    waived = '[[matrix.waive]]\nrule = "scipy-numpy1"\n'
    assert why(after, manifest=waived) == {"numpy": "[1] rule scipy-numpy1 no longer requires <2"}


def test_a_rule_that_another_move_set_off_is_told_behind_it() -> None:
    scipy = moved(SCIPY, "1.13.0", "stack.toml >=1.13")
    numpy = moved(NUMPY, "2.0.0", "rule scipy-numpy1 not <2", "stack.toml >=1.26.0")
    manifest = ['[components.scipy]\nversion = "<1.13"\n', '[components.scipy]\nversion = ">=1.13"\n']
    assert why(having(scipy, numpy), before=manifest[0], manifest=manifest[1]) == {
        "scipy": "[1]",
        "numpy": "[1] rule scipy-numpy1 requires numpy>=2",
    }


def test_a_rule_that_the_target_set_off_is_told_by_the_edit_of_the_target() -> None:
    target = replace(LOCK.target, base="nvidia/cuda:12.6.3-devel-ubuntu22.04", cuda="12.6")
    after = having(moved(CLICK, "8.1.8", "rule gpu-click <8.2", "uvicorn >=7.0"), target=target)
    bases = [f'[targets.gpu]\nbase = "{base}"\n' for base in (LOCK.target.base, target.base)]
    assert why(after, before=bases[0], manifest=bases[1]) == {"click": "[1] rule gpu-click requires click<8.2"}


def test_a_rule_that_nothing_set_off_is_new_or_changed_where_the_matrix_is() -> None:
    click = moved(CLICK, "8.1.8", "rule later-click <8.2", "uvicorn >=7.0")
    assert why(having(click)) == {"click": "rule later-click requires click<8.2"}
    inputs = replace(LOCK.inputs, matrix=f"sha256:{'9' * 64}")
    assert why(having(click, inputs=inputs)) == {"click": "rule later-click requires click<8.2, new or changed"}


def test_a_rule_of_a_form_that_cannot_be_read_bounds_nothing() -> None:
    assert why(having(moved(CLICK, "8.3.0", "rule odd <8 or >9", "uvicorn >=7.0"))) == {"click": "unforced"}


def test_projects_that_end_with_what_required_them_are_told_in_one_part() -> None:
    ended = ("nvidia-cublas-cu12", "nvidia-cudnn-cu12", "nvidia-nccl-cu12", "triton")
    exact = tuple(f"{name}==1.0" for name in ended)
    torch = next(each for each in LOCK.packages if each.name == "torch")
    gone = tuple(
        replace(CLICK, name=NormalizedName(name), version=Version("1.0"), why=("torch ==1.0",), step=torch.step)
        for name in ended
    )
    base = replace(LOCK, packages=(*LOCK.packages, *gone))
    base = replace(
        base, packages=tuple(replace(each, requires=exact) if each.name == "torch" else each for each in base.packages)
    )
    head = having(replace(moved(torch, "2.5.1+cpu", *torch.why), requires=()))
    ends = [
        End(label=label, locks={"gpu": Reading(lock=lock)}, manifest="") for label, lock in (("base", base), ("head", head))
    ]
    found = compare(ends[0], ends[1], facts=FACTS, rules=RULES)
    assert found.couplings == (f"torch {torch.version} → 2.5.1+cpu brings the end of 3 projects of nvidia and triton",)
