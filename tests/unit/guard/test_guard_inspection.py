"""Includes, constraints, cycles, stackc's own files, and files that cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stackc.errors import ManifestError
from stackc.guard.inspection import Inspector
from stackc.guard.kinds import is_usual, kind_of
from stackc.guard.occurrence import Trouble
from stackc.lock.head import seal
from support.guard import MANIFEST, found, verdicts, write

PROJECT = Path(__file__).parents[3]


def test_includes_are_followed_from_file_to_file(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "numpy\n-r reqs/base.txt\n",
        "reqs/base.txt": "scipy\n--requirement=gpu.txt\n",
        "reqs/gpu.txt": "torch==2.6.0\n",
    }
    assert found(tmp_path, files) == ["reqs/gpu.txt:1:1 S701 torch==2.6.0"]
    (verdict,) = verdicts(tmp_path, "requirements.txt")
    assert [(link.source.name, link.text) for link in verdict.read.chain] == [
        ("requirements.txt", "-r reqs/base.txt"),
        ("reqs/base.txt", "--requirement=gpu.txt"),
    ]


def test_a_constraint_on_torch_is_allowed_and_a_requirement_is_not(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-c limits.txt\nnumpy\n",
        "limits.txt": "torch==2.5.1\n-r more.txt\n",
        "more.txt": "torchaudio\n",
    }
    assert found(tmp_path, files) == ["more.txt:1:1 S701 torchaudio"]


def test_a_constraints_file_is_known_by_its_name_and_by_how_it_is_included(tmp_path: Path) -> None:
    files = {"constraints.txt": "torch==2.5.1\n", "requirements.txt": "-r constraints.txt\n"}
    assert found(tmp_path, files) == []
    assert found(tmp_path, {}, "requirements.txt") == ["constraints.txt:1:1 S701 torch==2.5.1"]


def test_a_file_that_is_included_twice_is_told_once(tmp_path: Path) -> None:
    files = {"requirements.txt": "-r a.txt\n-r b.txt\n", "a.txt": "-r c.txt\n", "b.txt": "-r c.txt\n", "c.txt": "torch\n"}
    assert found(tmp_path, files) == ["c.txt:1:1 S701 torch"]


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_an_include_cycle_ends_and_is_told(tmp_path: Path, depth: int) -> None:
    names = ["requirements.txt", *(f"{number}.txt" for number in range(1, depth))]
    files = {name: f"-r {after}\n" for name, after in zip(names, [*names[1:], names[0]], strict=True)}
    assert found(tmp_path, files) == [f"{names[-1]}:1:1 S723 -r requirements.txt"]


def test_a_hundred_files_that_each_include_two_take_no_time(tmp_path: Path) -> None:
    files = {f"{number}.txt": f"-r {number + 1}.txt\n-r {number + 1}.txt\n" for number in range(100)}
    assert found(tmp_path, files | {"100.txt": "torch\n"}, "0.txt") == ["100.txt:1:1 S701 torch"]


def test_an_include_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert found(tmp_path, {"requirements.txt": "-r gone.txt\n"}) == ["requirements.txt:1:1 S723 -r gone.txt"]


@pytest.mark.parametrize("path", ["https://example.org/requirements.txt", "${WHERE}/requirements.txt"])
def test_an_include_that_cannot_be_looked_into_is_told(tmp_path: Path, path: str) -> None:
    assert found(tmp_path, {"requirements.txt": f"-r {path}\n"}) == [f"requirements.txt:1:1 S724 -r {path}"]


def test_an_absolute_include_is_followed(tmp_path: Path) -> None:
    files = {"requirements.txt": f"-r {tmp_path}/x/other.txt\n", "x/other.txt": "torch\n"}
    assert found(tmp_path, files) == ["x/other.txt:1:1 S701 torch"]


def told(folder: Path, path: str) -> Trouble:
    (read,) = Inspector(str(folder)).file(path)
    assert isinstance(read.item, Trouble)
    return read.item


def test_a_file_that_is_not_there_a_folder_and_a_binary_file_are_told(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"binary.txt": b"\x00\x01torch\n", "lying.txt": b"# coding: utf-16\n\xff\n", "odd.txt": b"# coding: nonsense\n"},
    )
    (tmp_path / "folder.txt").mkdir()
    assert [
        (told(tmp_path, name).code, told(tmp_path, name).message) for name in ("no.txt", "folder.txt", "binary.txt", "odd.txt")
    ] == [
        ("S720", "`no.txt` cannot be read: there is no such file"),
        ("S721", "`folder.txt` cannot be read: is a directory"),
        ("S721", "`binary.txt` cannot be read: it holds null bytes, and is no text"),
        ("S721", "`odd.txt` cannot be read: its first lines declare the encoding `nonsense`, which does not exist"),
    ]
    assert told(tmp_path, "lying.txt").message.startswith("`lying.txt` cannot be read: it is not in utf-16, which it declares")
    assert all(told(tmp_path, name).usage for name in ("no.txt", "folder.txt", "binary.txt", "lying.txt"))


def test_a_file_of_no_kind_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"README.md": "torch\n"})
    assert (told(tmp_path, "README.md").code, told(tmp_path, "README.md").usage) == ("S722", True)


def test_stackc_s_own_steps_are_known_by_their_lock(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "locks", tmp_path / "locks")
    shutil.copy(PROJECT / "stack.toml", tmp_path)
    steps = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("locks/gpu/steps/*.txt"))
    others = [f"locks/gpu/{name}" for name in ("requirements.txt", "constraints.txt", "Dockerfile")]
    assert len(steps) > 3
    assert found(tmp_path, {}, *steps, *others) == []


@pytest.mark.parametrize("lock", [None, "# Generated by stackc\n", "edited"])
def test_a_comment_or_an_edited_lock_makes_no_file_one_of_stackc_s(tmp_path: Path, lock: str | None) -> None:
    step = (PROJECT / "locks/gpu/steps/03-torch.cu124.txt").read_text(encoding="utf-8")
    write(tmp_path, {"locks/gpu/steps/03-torch.cu124.txt": step})
    if lock is not None:
        real = (PROJECT / "locks/gpu/lock.toml").read_text(encoding="utf-8")
        write(tmp_path, {"locks/gpu/lock.toml": lock if lock != "edited" else real.replace("torch", "other", 1)})
    codes = [line.split()[1] for line in found(tmp_path, {}, "locks/gpu/steps/03-torch.cu124.txt")]
    assert codes == ["S701", "S701", "S701"]


def lock_of(*pins: tuple[str, str, str, int]) -> str:
    """A lock of some pins, as stackc writes it, whose only ordered step is the first."""
    digests = "".join(f'{key} = "sha256:{"0" * 64}"\n' for key in ("manifest", "matrix", "templates", "outputs"))
    plan = 'indexes = [\n    { name = "own" },\n    { name = "pypi", default = true },\n]\n'
    plan += 'roots = [\n    { requirement = "numpy", order = 1 },\n    { requirement = "accelerate" },\n]\n'
    packages = "".join(
        f'\n[[package]]\nname = "{name}"\nversion = "{version}"\nindex = "{index}"\nstep = {step}\n'
        for name, version, index, step in pins
    )
    return seal(f'format = 1\nstackc = "0"\n\n[inputs]\n{digests}\n[plan]\n{plan}{packages}')


def test_what_the_lock_itself_puts_into_requirements_is_no_finding_and_every_other_line_is(tmp_path: Path) -> None:
    pins = [("numpy", "1.26.4", "pypi", 1), ("torch", "2.5.1", "pypi", 2), ("torchvision", "0.20.1+cpu", "own", 2)]
    lines = ["torch==2.5.1 \\\n    --hash=sha256:" + "0" * 64, "torch[opt]==2.5.1", "torch", "torch==2.6.0", "torch>=2.5.1"]
    text = "\n".join([*lines, "numpy==1.26.4", "torchvision==0.20.1+cpu", ""])
    files = {"locks/gpu/requirements.txt": text, "locks/gpu/lock.toml": lock_of(*pins), "stack.toml": MANIFEST}
    expected = [
        "locks/gpu/requirements.txt:4:1 S701 torch",
        "locks/gpu/requirements.txt:5:1 S701 torch==2.6.0",
        "locks/gpu/requirements.txt:6:1 S701 torch>=2.5.1",
        "locks/gpu/requirements.txt:7:1 S701 numpy==1.26.4",
        "locks/gpu/requirements.txt:8:1 S701 torchvision==0.20.1+cpu",
    ]
    assert found(tmp_path, files, "locks/gpu/requirements.txt") == expected
    include = {"requirements.txt": "-r locks/gpu/requirements.txt\n"}
    assert found(tmp_path, include, "requirements.txt") == expected
    elsewhere = {"requirements.txt": "torch==2.5.1\n", "lock.toml": files["locks/gpu/lock.toml"]}
    assert found(tmp_path, elsewhere, "requirements.txt") == ["requirements.txt:1:1 S701 torch==2.5.1"]
    edited = {"locks/gpu/lock.toml": files["locks/gpu/lock.toml"].replace("2.5.1", "2.6.0")}
    assert len(found(tmp_path, edited, "locks/gpu/requirements.txt")) == len(expected) + 2


def test_each_file_has_the_policy_of_the_nearest_manifest(tmp_path: Path) -> None:
    files = {"a/stack.toml": MANIFEST, "a/x/requirements.txt": "numpy\n", "b/requirements.txt": "numpy\n"}
    assert found(tmp_path, files, "a/x/requirements.txt", "b/requirements.txt") == ["a/x/requirements.txt:1:1 S701 numpy"]


def test_a_manifest_above_the_repository_is_none_of_its_business(tmp_path: Path) -> None:
    write(tmp_path, {"stack.toml": MANIFEST, "repository/requirements.txt": "numpy\n"})
    assert len(found(tmp_path, {}, "repository/requirements.txt")) == 1
    (tmp_path / "repository/.git").mkdir()
    assert found(tmp_path, {}, "repository/requirements.txt") == []


def test_a_manifest_that_is_named_and_not_there_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "numpy\n"})
    with pytest.raises(ManifestError):
        Inspector(str(tmp_path), manifest=str(tmp_path / "no.toml")).policy("requirements.txt")


USUAL = {
    "requirements.txt": "requirements",
    "requirements/gpu.txt": "requirements",
    "requirements_gpu.txt": "requirements",
    "reqs_optional/x.txt": "requirements",
    "pip/cuda_requirements.txt": "requirements",
    "deep/er/requirements-dev.in": "requirements",
    "constraints.txt": "constraints",
    "requirements/constraints-gpu.txt": "constraints",
    "environment.yml": "environment.yml",
    "environment-gpu.yaml": "environment.yml",
    "conda/gpu_environment.yml": "environment.yml",
    "Pipfile": "Pipfile",
    "pyproject.toml": "pyproject.toml",
    "setup.cfg": "setup.cfg",
    "setup.py": "setup.py",
    "cog.yaml": "cog.yaml",
    "Dockerfile": "Dockerfile",
    "Dockerfile.gpu": "Dockerfile",
    "docker/gpu.Dockerfile": "Dockerfile",
    "Containerfile": "Dockerfile",
    "scripts/install.sh": "script",
    "Makefile": "Makefile",
}
GIVEN = {
    "list.txt": "requirements",
    "list": "requirements",
    "gpu.yml": "environment.yml",
    "other.toml": "pyproject.toml",
    "tool.py": "setup.py",
}
OTHERS = ["README.md", "Dockerfile.dockerignore", "Pipfile.lock", "notebook.ipynb", "data.json"]


@pytest.mark.parametrize(("path", "kind"), USUAL.items())
def test_a_usual_name_has_its_kind(path: str, kind: str) -> None:
    assert (kind_of(path), is_usual(path)) == (kind, True)


@pytest.mark.parametrize(("path", "kind"), GIVEN.items())
def test_another_name_has_a_kind_only_when_it_is_given(path: str, kind: str) -> None:
    assert (kind_of(path), is_usual(path)) == (kind, False)


@pytest.mark.parametrize("path", OTHERS)
def test_other_files_have_none(path: str) -> None:
    assert (kind_of(path), is_usual(path)) == (None, False)
