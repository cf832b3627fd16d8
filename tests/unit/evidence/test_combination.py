from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from packaging.version import Version

from stackc.evidence.combination import Combination, Experiment, beyond_this_machine, experiments
from stackc.matrix.model import ProjectName, Rule
from stackc.matrix.packs import decode_pack


@dataclass(frozen=True)
class Listed:
    """Releases by project and Python, as an index might have them."""

    releases: Mapping[str, Mapping[str, str]]

    @property
    def pythons(self) -> tuple[Version, ...]:
        return tuple(sorted({Version(python) for by_python in self.releases.values() for python in by_python}))

    def versions(self, project: ProjectName, python: Version) -> tuple[Version, ...]:
        words = self.releases.get(project, {}).get(str(python), "").split()
        return tuple(Version(word) for word in reversed(words))


def rule(when: str, requires: str) -> Rule:
    text = f"""
    [[rule]]
    id = "r"
    when = {when}
    requires = ["{requires}"]
    because = "b"
    source = "s"
    date = 2026-11-23
    probe = "import a"
    """
    pack = decode_pack(text, file="rules.toml")
    assert pack.findings == ()
    return pack.rules[0].rule


def combination(python: str, **pins: str) -> Combination:
    return Combination(python=Version(python), pins={ProjectName(name): Version(pins[name]) for name in sorted(pins)})


NUMPY = {"3.11": "1.26.4 2.0.0 2.1.0", "3.12": "1.26.4 2.0.0 2.1.0"}


def test_an_experiment_stands_at_both_bounds_and_just_beyond_when() -> None:
    shelf = Listed({"numpy": NUMPY, "scipy": {"3.12": "1.11.4 1.12.0 1.13.0 1.14.0"}})
    assert experiments(rule('"scipy<1.13"', "numpy<2"), shelf) == (
        Experiment(
            broken=combination("3.12", numpy="2.0.0", scipy="1.12.0"),
            working=combination("3.12", numpy="1.26.4", scipy="1.12.0"),
            released=combination("3.12", numpy="2.0.0", scipy="1.13.0"),
        ),
    )


def test_the_newest_python_comes_first_unless_it_misses_the_bounds() -> None:
    releases = {"3.11": "1.11.4 1.12.0 1.13.0", "3.12": "1.12.0 1.13.0", "3.13": "1.14.0"}
    shelf = Listed({"numpy": {**NUMPY, "3.13": "2.1.0"}, "scipy": releases})
    found = experiments(rule('"scipy<1.13"', "numpy<2"), shelf)
    assert [str(experiment.broken.python) for experiment in found] == ["3.12", "3.11"]
    missing = Listed({"numpy": NUMPY, "scipy": {"3.11": "1.12.0 1.13.0", "3.12": "1.11.4 1.14.0"}})
    found = experiments(rule('"scipy<1.13"', "numpy<2"), missing)
    assert [str(experiment.broken.python) for experiment in found] == ["3.11", "3.12"]


def test_a_lower_bound_is_tried_at_its_own_edge() -> None:
    shelf = Listed({"peft": {"3.12": "0.13.2 0.14.0 0.18.0"}, "transformers": {"3.12": "4.38.0 4.39.3 4.40.0 5.0.0"}})
    assert experiments(rule('"peft>=0.14.0"', "transformers>4.39.3"), shelf) == (
        Experiment(
            broken=combination("3.12", peft="0.14.0", transformers="4.39.3"),
            working=combination("3.12", peft="0.14.0", transformers="4.40.0"),
            released=combination("3.12", peft="0.13.2", transformers="4.39.3"),
        ),
    )


def test_nothing_lies_beyond_a_when_that_covers_every_release() -> None:
    shelf = Listed({"torch": {"3.12": "2.3.1 2.4.0"}, "torchtext": {"3.12": "0.18.0"}})
    (experiment,) = experiments(rule('"torchtext<=0.18.0"', "torch<2.4"), shelf)
    assert experiment.released is None


def test_a_rule_that_requires_a_python_is_tried_with_two() -> None:
    shelf = Listed({"torch": {"3.10": "2.3.1 2.4.0", "3.11": "2.3.1 2.4.0", "3.12": "2.3.1 2.4.0", "3.13": "2.5.0"}})
    assert experiments(rule('"torch<2.4"', "python<3.12"), shelf) == (
        Experiment(
            broken=combination("3.12", torch="2.3.1"),
            working=combination("3.11", torch="2.3.1"),
            released=combination("3.12", torch="2.4.0"),
        ),
    )


def test_a_condition_on_python_chooses_the_interpreter() -> None:
    shelf = Listed({"numpy": NUMPY, "scipy": {"3.11": "1.12.0 1.13.0", "3.12": "1.12.0 1.13.0"}})
    found = experiments(rule('["scipy<1.13", "python<3.12"]', "numpy<2"), shelf)
    assert [str(experiment.broken.python) for experiment in found] == ["3.11"]


@pytest.mark.parametrize(
    "releases",
    [
        {"numpy": NUMPY, "scipy": {"3.12": "1.13.0"}},
        {"numpy": {"3.12": "1.26.4"}, "scipy": {"3.12": "1.12.0"}},
        {"numpy": {"3.12": "2.0.0"}, "scipy": {"3.12": "1.12.0"}},
        {"numpy": {"3.11": "1.26.4 2.0.0"}, "scipy": {"3.12": "1.12.0"}},
        {"numpy": NUMPY},
    ],
)
def test_without_releases_on_both_sides_for_one_python_there_is_no_experiment(releases: dict[str, dict[str, str]]) -> None:
    assert experiments(rule('"scipy<1.13"', "numpy<2"), Listed(releases)) == ()


def test_what_no_environment_can_choose_is_named() -> None:
    about = rule('["torch<2.4", "python<3.12"]', "driver>=550")
    assert beyond_this_machine(about) == ("driver",)
    assert beyond_this_machine(rule('"torch<2.4"', "python<3.12")) == ()
