"""`stackc check` as a user and a forge meet it: whole output and exit status, with nothing but a folder to look at."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stackc.lock.head import seal
from support.cli import UNIVERSE, Desk, Outcome, index_of, manifest, tree
from support.index_server import serving

TWO = '[components.base]\nversion = "<2"\norder = 1\n\n[components.app]\nversion = ">=0"\n'
RULE = """
[[rule]]
id = "app-base"
when = "app>=0"
requires = ["base>=2"]
because = "it is only tried with base 2"
source = "https://example.org/app"
date = 2026-01-01
severity = "warning"
case = [
    { pins = { app = "0.1", base = "1.1" }, broken = true },
    { pins = { app = "0.1", base = "2.0" }, broken = false },
]
"""
LAUNCHER = (sys.executable, "-m", "stackc")
FINE = Outcome(0, "gpu: proved, nothing drifted\n", "")
LOCK = "locks/gpu/lock.toml"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was compiled once, for all tests of this file."""
    desk = Desk(tmp_path_factory.mktemp("compiled"))
    with serving(index_of(UNIVERSE)) as server:
        desk.write(manifest(server, TWO, rest='\n[matrix]\npacks = ["builtin", "own.toml"]\n'))
        desk.write(RULE.replace("app>=0", "app>=9").replace("0.1", "9.1"), "own.toml")
        assert desk.run("compile").status == 0
    return desk.project


@pytest.fixture
def desk(tmp_path: Path, compiled: Path) -> Desk:
    desk = Desk(tmp_path)
    shutil.copytree(compiled, desk.project)
    return desk


def edit(desk: Desk, name: str, change: Callable[[str], str]) -> None:
    path = desk.project / name
    path.write_bytes(change(path.read_bytes().decode()).encode())


def newer(lock: str) -> str:
    return seal(re.sub(r"^digest = .*\n", "", lock, flags=re.MULTILINE).replace('stackc = "', 'stackc = "9'))


def document(outcome: Outcome) -> dict[str, object]:
    value = json.loads(outcome.stdout)
    assert isinstance(value, dict)
    return value


def codes(outcome: Outcome) -> list[str]:
    return re.findall(r"^(?:error|warning)\[(S\d+)\]", outcome.stderr, re.MULTILINE)


def test_what_was_compiled_and_left_alone_passes_and_nothing_is_written(desk: Desk) -> None:
    before = tree(desk.project)
    assert desk.run("check") == FINE
    assert (tree(desk.project), desk.leftovers(), list((desk.root / "home").iterdir())) == (before, [], [])


def test_an_edited_file_is_told_with_its_place_and_the_difference(desk: Desk) -> None:
    edit(desk, "locks/gpu/constraints.txt", lambda text: text.replace("base==1.1", "base==1.0"))
    assert desk.run("check") == Outcome(
        1,
        "gpu: 1 error\n",
        """\
error[S523]: `locks/gpu/constraints.txt` is not what the lock renders to
 --> locks/gpu/constraints.txt:6
@@ -6 +6 @@
-base==1.1
+base==1.0

hint: change stack.toml or a template instead, and run `stackc compile`; generated files are written over

""",
    )


@pytest.mark.parametrize(
    "name",
    [
        "locks/docker-bake.hcl",
        "locks/gpu/Dockerfile",
        "locks/gpu/STACK.md",
        "locks/gpu/constraints.txt",
        "locks/gpu/requirements.txt",
        "locks/gpu/steps/00-tools.txt",
        "locks/gpu/steps/01-base.txt",
        "locks/gpu/verify.py",
    ],
)
def test_no_generated_file_can_be_changed_emptied_converted_or_lost(desk: Desk, name: str) -> None:
    path = desk.project / name
    content = path.read_bytes()
    found = []
    for changed in (content + b"# more\n", content.replace(b"\n", b"\r\n"), b""):
        path.write_bytes(changed)
        found.append(codes(desk.run("check")))
    path.unlink()
    assert (*found, codes(desk.run("check"))) == (["S523"], ["S523"], ["S523"], ["S522"])


def test_that_only_line_ends_differ_is_said(desk: Desk) -> None:
    edit(desk, "locks/gpu/STACK.md", lambda text: text.replace("\n", "\r\n"))
    told = desk.run("check").stderr
    assert "only the ends of its lines differ: git may have converted them, which .gitattributes can forbid" in told


def test_a_lock_that_was_edited_by_hand_is_not_believed(desk: Desk) -> None:
    edit(desk, LOCK, lambda text: text.replace("base==1.1", "base==1.0").replace('version = "1.1"', 'version = "1.0"'))
    outcome = desk.run("check")
    assert (outcome.status, outcome.stdout, codes(outcome)) == (1, "gpu: 1 error\n", ["S408"])


def test_a_file_that_no_step_has_is_told(desk: Desk) -> None:
    desk.write("torch\n", "locks/gpu/steps/99-torch.txt")
    outcome = desk.run("check")
    assert (outcome.status, codes(outcome)) == (1, ["S524"])


def test_the_lock_of_a_target_that_was_renamed_is_told_and_changes_no_exit_status(desk: Desk) -> None:
    shutil.copytree(desk.project / "locks/gpu", desk.project / "locks/old")
    told = """\
warning[S449]: `locks/old` is the lock of no target that the manifest has
 --> locks/old/lock.toml

hint: remove the folder, as by `git rm -r locks/old`, or name the target again

"""
    assert desk.run("check") == Outcome(0, f"{FINE.stdout}all targets: no error, 1 warning\n", told)


def test_a_manifest_newer_than_its_lock_is_told_once(desk: Desk) -> None:
    edit(desk, "stack.toml", lambda text: text.replace('"<2"', '"<1.1"'))
    assert desk.run("check") == Outcome(
        1,
        "gpu: 1 error\n",
        """\
error[S521]: the manifest changed after the lock of target `gpu` was compiled
 --> locks/gpu/lock.toml

hint: run `stackc compile`, and commit what it writes

""",
    )


def test_an_edit_of_a_generated_file_does_not_hide_behind_one_of_the_manifest(desk: Desk) -> None:
    edit(desk, "stack.toml", lambda text: text.replace('"<2"', '"<1.1"'))
    edit(desk, "locks/gpu/Dockerfile", lambda text: f"{text}RUN pip install x\n")
    assert codes(desk.run("check")) == ["S521", "S526"]


def test_a_lock_of_a_newer_stackc_is_refused_by_check_and_compile_and_left_as_it_is(desk: Desk) -> None:
    edit(desk, LOCK, newer)
    edit(desk, "stack.toml", lambda text: text.replace('"<2"', '"<1.1"'))
    before = tree(desk.project)
    told = """\
error[S525]: the lock of target `gpu` was written by a newer stackc, and this one leaves it as it is
 --> locks/gpu/lock.toml: stackc
wanted: stackc 0.1.0 or older
 found: stackc 90.1.0

hint: upgrade stackc; or remove the lock, and run `stackc compile` to lock anew
"""
    assert desk.run("check") == Outcome(1, "gpu: 1 error\n", f"{told}\n")
    assert desk.run("compile", "--offline") == Outcome(1, "", told)
    assert desk.run("compile", "--offline", "--upgrade") == Outcome(1, "", told)
    assert tree(desk.project) == before


def test_the_guard_is_part_of_it_by_the_manifest_of_the_project(desk: Desk) -> None:
    desk.write("base\n", "requirements/dev.txt")
    desk.write("app\n", "requirements/app.txt")
    outcome = desk.run("check")
    assert (outcome.status, outcome.stdout, codes(outcome)) == (
        1,
        "gpu: proved, nothing drifted\nguard: 1 error in 5 files\n",
        ["S701"],
    )
    assert " --> requirements/dev.txt:1:1: base\n --> stack.toml:14: components.base.order = 1\n" in outcome.stderr


def test_a_template_that_brings_in_what_is_kept_out_is_told_though_nothing_drifted(desk: Desk) -> None:
    block = '{% extends "builtin/Dockerfile.j2" %}\n{% block app %}\nRUN pip install base==2.0\n{% endblock %}\n'
    desk.write(block, "templates/Dockerfile.j2")
    assert desk.run("compile", "--offline").status == 0
    outcome = desk.run("check")
    assert (outcome.status, codes(outcome)) == (1, ["S701", "S701"])
    places = re.findall(r"^ --> (\S+?):\d+:\d+: base==2.0$", outcome.stderr, re.MULTILINE)
    assert places == ["locks/gpu/Dockerfile", "templates/Dockerfile.j2"]


def test_a_rule_that_only_warns_is_told_and_changes_no_exit_status(desk: Desk) -> None:
    desk.write(RULE, "own.toml")
    outcome = desk.run("check")
    assert (outcome.status, codes(outcome)) == (1, ["S521", "S203"])
    assert "warning[S203]: the pins `app 0.1` and `base 1.1` break rule `app-base`" in outcome.stderr
    assert desk.run("compile", "--offline").status == 0
    outcome = desk.run("check")
    assert (outcome.status, outcome.stdout, codes(outcome)) == (0, "gpu: proved, nothing drifted, 1 warning\n", ["S203"])


def test_a_waiver_that_has_ended_is_told(desk: Desk) -> None:
    waiver = 'waive = [{ rule = "app-base", because = "tried", until = 2020-01-01 }]\n'
    edit(desk, "stack.toml", lambda text: f"{text}{waiver}")
    assert codes(desk.run("check")) == ["S161", "S521"]


NAMES = (
        "STACKC_CACHE", "STACKC_FORMAT", "STACKC_FILE", "STACKC_MANIFEST", "STACKC_OFFLINE", "STACKC_SKIP", "STACKC_CHECK_FILE",
        "PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_CONSTRAINT", "PIP_FIND_LINKS",
        "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_OFFLINE", "UV_CACHE_DIR", "UV_CONSTRAINT", "UV_NO_CONFIG", "UV_TORCH_BACKEND",
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_GLOBAL", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HOME",
        "TMPDIR", "SOURCE_DATE_EPOCH", "NO_COLOR", "CI", "SKIP",
)  # fmt: skip
NONSENSE = dict.fromkeys(NAMES, "/nowhere/nonsense")


def test_no_variable_of_the_environment_changes_a_word_of_it(desk: Desk) -> None:
    assert desk.run("check", launcher=LAUNCHER, **NONSENSE) == FINE
    edit(desk, "locks/gpu/Dockerfile", lambda text: f"{text}RUN pip install torch\n")
    desk.write("torch\n", "requirements.txt")
    outcome = desk.run("check")
    assert (outcome.status, codes(outcome)) == (1, ["S523", "S701"])
    assert desk.run("check", launcher=LAUNCHER, **NONSENSE) == outcome


def test_no_index_and_no_engine_is_needed(desk: Desk) -> None:
    assert desk.run("check", PATH="/nowhere", HTTP_PROXY="http://127.0.0.1:1", HTTPS_PROXY="http://127.0.0.1:1") == FINE


def test_annotations_of_a_project_in_a_folder_are_seen_from_the_root_of_the_repository(desk: Desk) -> None:
    (desk.root / ".git").mkdir()
    edit(desk, "locks/gpu/constraints.txt", lambda text: text.replace("base==1.1", "base==1.0"))
    desk.write("torch\n", "requirements.txt")
    assert desk.run("check", "--format", "github") == Outcome(
        1,
        "::error file=project/locks/gpu/constraints.txt,line=6,title=S523%3A a generated file was edited::"
        "`locks/gpu/constraints.txt` is not what the lock renders to%0A@@ -6 +6 @@%0A-base==1.1%0A+base==1.0%0A"
        "hint: change stack.toml or a template instead, and run `stackc compile`; generated files are written over\n"
        "::error file=project/requirements.txt,line=1,col=1,title=S701%3A a project that is kept out is required::"
        + told_of_torch(desk)
        + "gpu: 1 error\nguard: 1 error in 4 files\n::notice title=stackc check::2 errors\n",
        "",
    )


def told_of_torch(desk: Desk) -> str:
    """Return the guard's own words, as an annotation has them."""
    findings = document(desk.run("guard", "--format", "json", "requirements.txt"))["findings"]
    assert isinstance(findings, list)
    said = [findings[0]["message"], *findings[0]["notes"], f"hint: {findings[0]['hint']}"]
    return "%0A".join(said).replace("\n", "%0A") + "\n"


def test_a_manifest_in_another_folder_gives_paths_from_here(desk: Desk) -> None:
    edit(desk, "locks/gpu/STACK.md", lambda text: f"{text}more\n")
    here = desk.root / "elsewhere"
    here.mkdir()
    shutil.copytree(desk.project, here / "project" / "images")
    outcome = Desk(here).run("check", "--format", "json", "--file", "images/stack.toml")
    found = document(outcome)
    assert (outcome.status, found["errors"], found["summary"]) == (1, 1, ["gpu: 1 error"])
    assert '"file": "images/locks/gpu/STACK.md"' in outcome.stdout


@pytest.mark.parametrize("form", ["json", "github", "sarif", "rdjsonl"])
def test_a_mistake_in_the_manifest_is_told_in_the_format_that_was_asked_for(desk: Desk, form: str) -> None:
    edit(desk, "stack.toml", lambda text: text.replace("[stack]", "[stak]"))
    outcome = desk.run("check", "--format", form)
    assert (outcome.status, outcome.stderr) == (2, "")
    assert "S1" in outcome.stdout
    assert "stack.toml" in outcome.stdout


def test_an_unknown_target_is_told_in_the_format_too(desk: Desk) -> None:
    outcome = desk.run("check", "--format", "json", "cpu")
    assert (outcome.status, document(outcome)["errors"]) == (2, 1)


@pytest.mark.parametrize("form", ["json", "github", "sarif", "rdjsonl"])
def test_the_guard_speaks_every_format_with_the_same_exit_status(desk: Desk, form: str) -> None:
    desk.write("torch\n", "requirements.txt")
    outcome = desk.run("guard", "--format", form, "requirements.txt")
    assert (outcome.status, outcome.stderr) == (1, "")
    assert "S701" in outcome.stdout


def test_what_the_guard_deletes_is_told_in_the_document(desk: Desk) -> None:
    desk.write("torch\napp\n", "requirements.txt")
    outcome = desk.run("guard", "--fix", "--format", "json", "requirements.txt")
    found = document(outcome)
    assert (outcome.status, found["summary"], found["findings"]) == (
        0,
        ["removed requirements.txt:1: torch", "1 file: nothing that is kept out"],
        [],
    )
