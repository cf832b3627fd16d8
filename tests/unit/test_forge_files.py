"""The files for forges and hooks: of the published schemas, and saying what they are documented to say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import validators  # type: ignore[import-untyped]

from stackc.cli.app import stackc
from stackc.cli.findings import PRINTED
from stackc.formats import FORMATS
from stackc.guard.kinds import is_usual, kind_of

PROJECT = Path(__file__).parents[2]
GUIDE = (PROJECT / "docs/ci.md").read_text(encoding="utf-8")
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((PROJECT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
ACTION = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
ATTRIBUTES = (PROJECT / ".gitattributes").read_text(encoding="utf-8")

SHOWN = re.findall(r"```yaml\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL)
SCHEMAS = {".github/workflows/": "github-workflows", ".gitlab-ci.yml": "gitlab-ci"}


def faults(document: object, schema: str) -> list[str]:
    """What a published schema has against a document."""
    text = (files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{schema}.json").read_text(encoding="utf-8")
    content = json.loads(text)
    return [error.message for error in validators.validator_for(content)(content).iter_errors(document)]


def plain(text: str) -> object:
    """YAML 1.2's sense of `on`, which YAML 1.1 takes for true."""
    return yaml.safe_load(re.sub(r"^on:", '"on":', text, flags=re.MULTILINE))


def test_the_action_is_of_the_published_schema() -> None:
    assert faults(ACTION, "github-actions") == []


def test_every_example_of_the_guide_has_a_schema_to_be_held_to() -> None:
    names = [name for name, _ in SHOWN]
    assert names == [
        ".pre-commit-config.yaml",
        ".pre-commit-config.yaml",
        ".github/workflows/locks.yml",
        ".github/workflows/code-scanning.yml",
        ".github/workflows/images.yml",
        ".github/workflows/aging.yml",
        ".gitlab-ci.yml",
    ]
    assert GUIDE.count("```yaml") == len(SHOWN)


@pytest.mark.parametrize(("name", "text"), [shown for shown in SHOWN if not shown[0].startswith(".pre-commit")])
def test_every_workflow_of_the_guide_is_of_the_published_schema(name: str, text: str) -> None:
    (schema,) = [schema for start, schema in SCHEMAS.items() if name.startswith(start)]
    assert faults(plain(text), schema) == []


def test_the_schemas_do_object_to_what_is_wrong() -> None:
    assert faults({"name": "x", "description": "y", "runs": {"using": "composite"}}, "github-actions")
    assert faults({"on": "push", "jobs": {"a": {"steps": [{"runs": "x"}]}}}, "github-workflows")
    assert faults({"a": {"script": 1}}, "gitlab-ci")


def pre_commit(*words: str, cwd: Path) -> tuple[int, str]:
    environment = {**os.environ, "PRE_COMMIT_HOME": str(cwd / "home")}
    command = [sys.executable, "-m", "pre_commit", *words]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_hooks_are_valid_to_pre_commit_itself(tmp_path: Path) -> None:
    assert pre_commit("validate-manifest", str(PROJECT / ".pre-commit-hooks.yaml"), cwd=tmp_path) == (0, "")


def test_the_guide_s_own_hook_files_are_valid_and_name_hooks_that_exist(tmp_path: Path) -> None:
    configs = [text for name, text in SHOWN if name == ".pre-commit-config.yaml"]
    for config in configs:
        (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
        assert pre_commit("validate-config", "config.yaml", cwd=tmp_path) == (0, "")
        named = {hook["id"] for repo in yaml.safe_load(config)["repos"] for hook in repo["hooks"]}
        assert named <= set(HOOKS)
    local = yaml.safe_load(configs[1])["repos"][0]["hooks"][0]
    assert {**HOOKS["stackc-check"], "language": "system"}.items() >= {
        key: value for key, value in local.items() if key != "name"
    }.items()


def test_the_table_of_hooks_lists_them_all() -> None:
    assert re.findall(r"^\| `(stackc-[a-z]+)` \|", GUIDE, re.MULTILINE) == list(HOOKS)


def test_every_hook_runs_a_command_with_options_that_it_has() -> None:
    for hook in HOOKS.values():
        program, command, *options = hook["entry"].split(" ")
        known = {option for parameter in stackc.commands[command].params for option in parameter.opts}
        assert (program, set(options) <= known) == ("stackc", True)


def test_the_formats_of_the_guide_the_options_and_the_code_are_the_same() -> None:
    (table,) = re.findall(r"^\| `--format` .*?\n\n", GUIDE, re.MULTILINE | re.DOTALL)
    listed = re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE)
    assert sorted(listed) == sorted(PRINTED) == sorted({"text", *FORMATS})
    for command in ("check", "guard"):
        (option,) = [parameter for parameter in stackc.commands[command].params if parameter.name == "form"]
        assert list(PRINTED) == list(getattr(option.type, "choices", ()))


FILES, EXCLUDED = re.compile(HOOKS["stackc-guard"]["files"]), re.compile(HOOKS["stackc-guard"]["exclude"])


def is_guarded(path: str) -> bool:
    """Whether pre-commit would hand a path to the hook."""
    return bool(FILES.search(path)) and not EXCLUDED.search(path)


@pytest.mark.parametrize(
    "path",
    [
        "requirements.txt",
        "requirements/gpu.txt",
        "requirements_gpu.txt",
        "reqs_optional/x.txt",
        "pip/cuda_requirements.txt",
        "deep/down/in/folders/dev-requirements.in",
        "environment.yml",
        "docker/environment-gpu.yaml",
        "conda/environment.dev.yml",
        "Pipfile",
        "app/pyproject.toml",
        "setup.py",
        "setup.cfg",
        "cog.yaml",
        "Dockerfile",
        "docker/Dockerfile.gpu",
        "gpu.Dockerfile",
        "images/Containerfile",
        "Makefile",
        "scripts/install.sh",
        "constraints.txt",
    ],
)
def test_the_guard_s_hook_sees(path: str) -> None:
    assert is_guarded(path)


@pytest.mark.parametrize(
    "path",
    ["README.md", "notes.txt", "src/torch.py", "Dockerfile.dockerignore", "Pipfile.lock", "environment.py", "requirements.md"],
)
def test_the_guard_s_hook_passes_over(path: str) -> None:
    assert not is_guarded(path)


WORDS = (
    "requirement", "requirements", "requires", "reqs", "constraint", "constraints", "environment", "conda", "pip", "gpu",
    "dockerfile", "Containerfile", "Makefile", "gnumakefile", "setup", "Pipfile", "cog", "pyproject", "a", "x", ".", "-", "_",
    ".txt", ".in", ".yml", ".yaml", ".toml", ".cfg", ".py", ".sh", ".mk", ".bash", ".dockerignore", ".md",
)  # fmt: skip
PARTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map("".join)
PATHS = st.lists(PARTS.filter(lambda name: name.strip(".")), min_size=1, max_size=3).map("/".join)


@given(PATHS)
@example(".sh")
@example("..sh")
@example("pip/.txt")
@example("requirements/.in")
@example("x/dockerfile.dockerignore")
@example("gpu.dockerfile.dockerignore")
@example("dockerfile.txt")
@example("dockerfile.in")
@example("dockerfile-gpu.yml")
@example("dockerfile.environment.yml")
@example("dockerfile-requirements.txt")
def test_the_guard_s_hook_sees_just_the_files_that_a_search_of_folders_does(path: str) -> None:
    assert is_guarded(path) == is_usual(path)


@given(PATHS)
def test_whatever_the_guard_s_hook_is_given_it_has_a_reader_for(path: str) -> None:
    assert not is_guarded(path) or kind_of(path) is not None


def test_the_guide_s_attributes_are_those_of_this_repository() -> None:
    (advice,) = re.findall(r"```gitattributes\n(.*?)```", GUIDE, re.DOTALL)
    assert [line for line in ATTRIBUTES.splitlines() if not line.startswith("#")] == advice.splitlines()


def test_git_takes_the_attributes_as_they_are_meant(tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").write_text(ATTRIBUTES, encoding="utf-8")
    names = ["locks/gpu/lock.toml", "locks/gpu/steps/01-numpy.txt", "locks/docker-bake.hcl", "stack.toml"]
    git = ["git", "-c", f"core.attributesFile={os.devnull}"]
    subprocess.run([*git, "init", "--quiet", "."], cwd=tmp_path, check=True)
    asked = ["check-attr", "text", "eol", "merge", "diff", "linguist-generated", "--", *names]
    told = subprocess.run([*git, *asked], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    values: dict[str, list[str]] = {}
    for line in told.splitlines():
        name, attribute, value = line.split(": ")
        values.setdefault(name, []).append(f"{attribute}={value}")
    generated = ["text=set", "eol=lf", "merge=unset", "diff=unspecified", "linguist-generated=set"]
    others = [f"{attribute}=unspecified" for attribute in ("text", "eol", "merge", "diff", "linguist-generated")]
    assert values == {**dict.fromkeys(names[:3], generated), "stack.toml": others}
