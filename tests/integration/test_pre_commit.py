"""The hooks under the real pre-commit, from the real hooks file, in a repository made here.

pre-commit installs a hook of `language: python` by pip, which needs an index. So the repository that the hooks come from is one
of this test's, with the hooks file as it is but for the language: everything else (loading, choosing files, running, stashing
what is not staged, judging the result) is pre-commit's own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import UNIVERSE, index_of, manifest
from support.index_server import IndexServer, serving
from support.repository import Repository, Said, stackc_on_path

HOOKS = (Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
TWO = '[components.base]\nversion = "<2"\norder = 1\n\n[components.app]\nversion = ">=0"\n'


@pytest.fixture(scope="module")
def server() -> Iterator[IndexServer]:
    with serving(index_of(UNIVERSE)) as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> str:
    return stackc_on_path(tmp_path / "bin")


@pytest.fixture
def hooks(tmp_path: Path, path: str) -> Repository:
    """The repository that the hooks come from."""
    hooks = Repository(tmp_path / "hooks", path).start()
    assert HOOKS.count("language: python") == HOOKS.count("- id: ")
    hooks.write({".pre-commit-hooks.yaml": HOOKS.replace("language: python", "language: system")})
    assert hooks.commit() == Said(0, "")
    return hooks


def project(tmp_path: Path, path: str, hooks: Repository, *ids: str) -> Repository:
    """A repository with some of the hooks installed, and nothing else in it."""
    revision = hooks.git("rev-parse", "HEAD").text.strip()
    listed = "".join(f"      - id: {name}\n" for name in ids)
    repository = Repository(tmp_path / "project", path).start()
    config = f"repos:\n  - repo: {hooks.root}\n    rev: {revision}\n    hooks:\n{listed}"
    repository.write({".pre-commit-config.yaml": config})
    assert repository.run(sys.executable, "-m", "pre_commit", "install").status == 0
    said = repository.commit()
    assert said.status == 0, said.text
    return repository


def test_a_commit_that_adds_torch_is_refused_with_the_reason_and_a_clean_one_passes(
    tmp_path: Path, path: str, hooks: Repository
) -> None:
    repository = project(tmp_path, path, hooks, "stackc-guard")
    repository.write({"requirements/gpu.txt": "numpy\ntorch>=2  # for the GPU\n", "notes.txt": "torch\n"})
    said = repository.commit()
    assert (said.status, said.text) == (
        1,
        """\
no torch in requirements (stackc guard)..................................Failed
- hook id: stackc-guard
- exit code: 1

error[S701]: `torch>=2` requires `torch`, which is kept out
 --> requirements/gpu.txt:2:1: torch>=2
what would happen: the newest `torch` that this admits would be installed from the default index, over whatever build of \
`torch` the image has

hint: delete the line, or run `stackc guard --fix`
      if it has to be here, say why on its line: `# stackc: allow torch — REASON`

1 file: 1 error

""",
    )
    assert repository.git("log", "--format=%s").text == "change\n"
    repository.write({"requirements/gpu.txt": "numpy\ntorchmetrics\n"})
    assert repository.commit() == Said(0, "no torch in requirements (stackc guard)..................................Passed\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements_gpu.txt", "torch\n"),
        ("reqs_optional/x.txt", "torch\n"),
        ("pip/cuda_requirements.txt", "torch\n"),
        ("deep/down/environment-gpu.yml", "dependencies:\n  - pip:\n      - torch\n"),
        ("Pipfile", '[packages]\ntorch = "*"\n'),
        ("sub/pyproject.toml", '[project]\nname = "x"\nversion = "1"\ndependencies = ["torch"]\n'),
        ("docker/Dockerfile.gpu", "FROM scratch\nRUN pip install torch\n"),
    ],
)
def test_torch_is_seen_in(tmp_path: Path, path: str, hooks: Repository, name: str, text: str) -> None:
    repository = project(tmp_path, path, hooks, "stackc-guard")
    repository.write({name: text})
    said = repository.commit()
    assert (said.status, f" --> {name}:" in said.text, "S701" in said.text) == (1, True, True)


def test_what_is_not_staged_does_not_count(tmp_path: Path, path: str, hooks: Repository) -> None:
    repository = project(tmp_path, path, hooks, "stackc-guard")
    repository.write({"requirements.txt": "numpy\n"})
    repository.git("add", ".")
    repository.write({"requirements.txt": "numpy\ntorch\n"})
    assert repository.git("commit", "--quiet", "-m", "numpy").status == 0


def test_a_compile_writes_tells_what_and_stops_the_commit_until_it_is_staged_then_check_passes(
    tmp_path: Path, path: str, hooks: Repository, server: IndexServer
) -> None:
    repository = project(tmp_path, path, hooks, "stackc-compile")
    repository.write({"stack.toml": manifest(server, TWO)})
    said = repository.commit("stack.toml")
    assert said.status == 1
    assert said.text.endswith(
        """\
written, and not part of the commit yet:
  locks/docker-bake.hcl
  locks/gpu/Dockerfile
  locks/gpu/STACK.md
  locks/gpu/constraints.txt
  locks/gpu/lock.toml
  locks/gpu/requirements.txt
  locks/gpu/steps/00-tools.txt
  locks/gpu/steps/01-base.txt
  locks/gpu/verify.py
next: git add locks

"""
    )
    assert repository.commit("locks").status == 0


def test_a_stale_lock_is_refused_and_a_current_one_passes(
    tmp_path: Path, path: str, hooks: Repository, server: IndexServer
) -> None:
    repository = project(tmp_path, path, hooks, "stackc-guard")
    repository.write({"stack.toml": manifest(server, TWO)})
    assert repository.run("stackc", "compile").status == 0
    assert repository.git("add", ".").status == 0
    revision = hooks.git("rev-parse", "HEAD").text.strip()
    config = f"repos:\n  - repo: {hooks.root}\n    rev: {revision}\n    hooks:\n      - id: stackc-check\n"
    repository.write({".pre-commit-config.yaml": config})
    assert repository.commit().status == 0
    repository.write({"stack.toml": manifest(server, TWO.replace("<2", "<3"))})
    said = repository.commit("stack.toml")
    assert said.status == 1
    assert "error[S521]: the manifest changed after the lock of target `gpu` was compiled" in said.text
    assert repository.run("stackc", "compile").status == 0
    assert repository.commit().status == 0
