"""Rules proved for real: uv installs small wheels from a loopback index, and the probes run."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackc.cli.matrix_prove import prove_rules
from stackc.errors import Finding, UsageError
from stackc.evidence.record import load_proofs
from stackc.matrix.derive import derived_rules
from stackc.matrix.facts import Facts
from support.index_server import IndexServer, Site, serving
from support.universe import Release, publish, publish_wheels

UNIVERSE = {
    "base": (Release(version="1.0"), Release(version="1.9"), Release(version="2.0"), Release(version="2.1")),
    "app": (
        Release(version="0.9", requires=("base<2",)),
        Release(version="1.0"),
        Release(version="1.1", requires=("base", "extra")),
    ),
    "extra": (Release(version="3.0"), Release(version="4.0", uploaded="2025-06-01T00:00:00Z")),
}
MANIFEST = """\
[stack]
name = "tried"
default-target = "cpu"

[targets.cpu]
python = "3.11"
platform = "linux/amd64"
base = "ubuntu:24.04"

[components.app]
version = ">=0"

[matrix]
packs = ["rules.toml"]
"""
VERSIONS = "from importlib.metadata import version as v"
RULES = f'''
[[rule]]
id = "app-base1"
when = "app<1.1"
requires = ["base<2"]
because = "app before 1.1 is built for base 1"
source = "a test"
date = 2026-11-23
probe = "{VERSIONS}; assert v('app') == '1.1' or v('base') < '2', 'built \\\\u202e for ' + __import__('sys').prefix"

[[rule]]
id = "app-believed"
when = "app<1.1"
requires = ["base<2"]
because = "somebody said so"
source = "a test"
date = 2026-11-23
probe = "import app, base"

[[rule]]
id = "app-edge"
when = "app<1"
requires = ["base<2"]
because = "app is built for base 1, but the range ends too early"
source = "a test"
date = 2026-11-23
probe = "{VERSIONS}; assert v('app') == '1.1' or v('base') < '2', 'built for base 1'"

[[rule]]
id = "app-driver"
when = "app<1"
requires = ["driver>=550"]
because = "app wants a driver"
source = "a test"
date = 2026-11-23
probe = "import app"

[[rule]]
id = "app-silent"
when = "app<1"
requires = ["base<2"]
because = "nobody wrote a probe"
source = "a test"
date = 2026-11-23

[[rule]]
id = "app-nothing"
when = "app<0.1"
requires = ["base<2"]
because = "no such release"
source = "a test"
date = 2026-11-23
probe = "import app"
'''


@pytest.fixture
def index() -> Iterator[IndexServer]:
    site = Site()
    publish(site, publish_wheels(site, UNIVERSE, root="/simple"))
    with serving(site) as server:
        yield server


@pytest.fixture
def environment(index: IndexServer, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
        "HOME": str(tmp_path / "home"),
        "STACKC_CACHE": str(tmp_path / "cache"),
        "PIP_INDEX_URL": f"{index.url}/simple/",
        "PIP_CONFIG_FILE": os.devnull,
        "NETRC": os.devnull,
        "UV_EXTRA_INDEX_URL": "http://127.0.0.1:9/never-asked",
        "PYTHONPATH": str(tmp_path / "never-read"),
    }


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    (tmp_path / "stack.toml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path / "stack.toml"


def prove(*rules: str, manifest: Path, environment: dict[str, str], store: Path | None = None) -> int:
    return prove_rules(rules, manifest=manifest, environment=environment, store=store)


def without_python(text: str) -> str:
    """Leave out which Python of this machine was chosen."""
    return re.sub(r"Python \d+\.\d+\.\d+", "Python X", text)


def test_a_rule_is_proved_and_its_proof_is_stored(
    manifest: Path, environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove("app-base1", manifest=manifest, environment=environment, store=tmp_path / "proofs") == 0
    said = capsys.readouterr()
    assert without_python(said.out) == (
        "app-base1: proved\n"
        "  broken    app 1.0, base 2.0  Python X  exit 1  AssertionError: built \\u202e for <environment>\n"
        "  working   app 1.0, base 1.9  Python X  exit 0\n"
        "  released  app 1.1, base 2.0  Python X  exit 0\n"
    )
    assert without_python(said.err) == (
        "app-base1: working: app 1.0 and base 1.9 with Python X\n"
        "app-base1: broken: app 1.0 and base 2.0 with Python X\n"
        "app-base1: released: app 1.1 and base 2.0 with Python X\n"
    )
    proof = load_proofs(tmp_path / "proofs")["app-base1"]
    assert proof.released is not None
    assert (proof.verdict, proof.released.beside, proof.broken.declared) == ("proved", ("extra==3.0",), False)
    assert list((tmp_path / "cache" / "trials").iterdir()) == []


def test_a_rule_whose_forbidden_combination_works_is_refuted(
    manifest: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove("app-believed", manifest=manifest, environment=environment) == 1
    assert without_python(capsys.readouterr().out) == (
        "app-believed: refuted\n"
        "  broken    app 1.0, base 2.0  Python X  exit 0\n"
        "  working   app 1.0, base 1.9  Python X  exit 0\n"
        "  released  app 1.1, base 2.0  Python X  exit 0\n"
        "  the combination that the rule forbids works: the rule is wrong, or its probe does not touch what breaks\n"
    )


def test_a_range_that_ends_too_early_is_refuted_by_the_release_beyond_it(
    manifest: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove("app-edge", manifest=manifest, environment=environment) == 1
    assert without_python(capsys.readouterr().out) == (
        "app-edge: refuted\n"
        "  broken    app 0.9, base 2.0  Python X  exit 1  AssertionError: built for base 1 (as its metadata says)\n"
        "  working   app 0.9, base 1.9  Python X  exit 0\n"
        "  released  app 1.0, base 2.0  Python X  exit 1  AssertionError: built for base 1\n"
        "  the first release beyond `when` fails as well, and does not say so: the range of `when` ends too early\n"
    )


def test_a_rule_about_a_driver_cannot_run_here_and_that_is_no_failure(
    manifest: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove("app-driver", manifest=manifest, environment=environment) == 0
    assert capsys.readouterr().out == ("app-driver: cannot run here: `driver` cannot be chosen in a throw-away environment\n")


def test_rules_that_cannot_be_tried_are_told_and_the_others_go_on(
    manifest: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove("app-silent", "app-nothing", "app-driver", manifest=manifest, environment=environment) == 1
    said = capsys.readouterr()
    assert said.out.startswith("app-driver: cannot run here")
    assert said.err == (
        "error[S241]: rule `app-silent` has no probe, so there is nothing to run\n"
        " --> rules.toml:38: rule[4]\n"
        "\n"
        "hint: give it a `probe`: Python that ends with an error where the rule is broken\n"
        "\n"
        "error[S242]: no combination of releases can show whether rule `app-nothing` holds\n"
        " --> rules.toml:46: rule[5]\n"
        "one Python of this machine must have a wheel of each project, both within the rule's bounds and beyond them\n"
        "\n"
        "hint: put another CPython on the search path, or correct the rule's bounds\n"
        "\n"
    )


def test_an_unknown_rule_is_refused_before_anything_runs(manifest: Path, environment: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        prove("app-base1", "app-bas", "zzz", manifest=manifest, environment=environment)
    assert caught.value.findings == (
        Finding(code="S240", message="there is no rule `app-bas`", hint="did you mean `app-base1`?"),
        Finding(code="S240", message="there is no rule `zzz`", hint="`stackc matrix list` shows the rules"),
    )


def test_without_a_manifest_the_builtin_rules_are_meant_those_of_tables_too(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    derived = next(rule for rule in derived_rules(Facts.load()) if rule.probe is None)
    assert prove_rules((derived.id,), manifest=None, environment=environment, store=None) == 1
    assert f"error[S241]: rule `{derived.id}` has no probe" in capsys.readouterr().err
