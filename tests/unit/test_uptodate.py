"""Is there anything to do? Told from digests alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from stackc import __version__
from stackc.layout import BAKE, JOURNAL, outputs_digest
from stackc.lock.codec import encode
from stackc.lock.model import Inputs
from stackc.render.bake import bake_file
from stackc.uptodate import InputDigests, digests, is_current, targets_current
from unit.lock.lock_samples import LOCK

TODAY = "2026-11-20"
MANIFEST = """
[stack]
name = "demo"
[targets.gpu]
python = "3.10"
platform = "linux/amd64"
[targets.cpu]
python = "3.10"
platform = "linux/amd64"
[matrix]
packs = ["builtin", "rules/*.toml"]
waive = [{ rule = "some-rule", because = "we patch it", until = 2026-11-25 }]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder of a project whose two locks are current."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.toml").write_text("# no rule yet\n", encoding="utf-8")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "Dockerfile.j2").write_text("own", encoding="utf-8")
    (tmp_path / "stack.toml").write_text(MANIFEST, encoding="utf-8")
    for name in ("gpu", "cpu"):
        write_lock(tmp_path, name)
    (tmp_path / BAKE).write_bytes(bake_file("demo", {"gpu": "linux/amd64", "cpu": "linux/amd64"}))
    return tmp_path


def inputs(folder: Path, *, today: str = TODAY) -> InputDigests:
    return digests((folder / "stack.toml").read_text(encoding="utf-8"), file="stack.toml", folder=folder, today=today)


def write_lock(folder: Path, name: str, *, stackc: str = __version__) -> None:
    locks = folder / "locks" / name
    (locks / "steps").mkdir(parents=True, exist_ok=True)
    outputs = {"requirements.txt": b"numpy==1.26.4\n", "steps/01-numpy.txt": b"numpy==1.26.4\n"}
    for file, content in outputs.items():
        (locks / file).write_bytes(content)
    found = inputs(folder)
    known = Inputs(manifest=found.manifest, matrix=found.matrix, templates=found.templates, outputs=outputs_digest(outputs))
    (locks / "lock.toml").write_text(encode(replace(LOCK, stackc=stackc, inputs=known)), encoding="utf-8")


def current(folder: Path, *wanted: str, today: str = TODAY) -> tuple[str, ...] | None:
    return targets_current(folder / "stack.toml", wanted, today=today)


def test_nothing_is_to_do_where_nothing_changed(project: Path) -> None:
    assert current(project) == ("gpu", "cpu")
    assert current(project, "cpu") == ("cpu",)
    assert current(project, "cpu", "gpu", "cpu") == ("cpu", "gpu")
    assert is_current(project / "locks" / "gpu", inputs(project))


@pytest.mark.parametrize("content", [None, b"", bake_file("demo", {"gpu": "linux/arm64", "cpu": "linux/amd64"})])
def test_a_bake_file_that_is_not_the_manifests_is_to_be_written(project: Path, content: bytes | None) -> None:
    (project / BAKE).unlink()
    if content is not None:
        (project / BAKE).write_bytes(content)
    assert current(project) is None


def test_a_comment_in_the_manifest_changes_nothing(project: Path) -> None:
    (project / "stack.toml").write_text(f"# hello\n{MANIFEST}", encoding="utf-8")

    assert current(project) == ("gpu", "cpu")


def edited(file: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return change


def removed(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).unlink()


@pytest.mark.parametrize(
    "change",
    [
        edited("stack.toml", MANIFEST.replace('"demo"', '"other"')),
        edited("rules/own.toml", "# another\n"),
        edited("rules/more.toml", "# more\n"),
        edited("templates/Dockerfile.j2", "other"),
        edited("templates/more.j2", "more"),
        edited("locks/gpu/requirements.txt", "numpy==1.26.5\n"),
        edited("locks/gpu/steps/02-more.txt", "more\n"),
        edited("locks/gpu/STACK.md", "more\n"),
        removed("locks/gpu/requirements.txt"),
        removed("locks/gpu/steps/01-numpy.txt"),
        removed("locks/gpu/lock.toml"),
        edited("locks/gpu/lock.toml", ""),
        lambda folder: (folder / "locks/gpu/lock.toml").write_bytes(b"\xff") and None,
        lambda folder: write_lock(folder, "gpu", stackc="0.0.0"),
    ],
    ids=["manifest", "rule", "new-rule", "template", "new-template", "edited", "added", "added-known", "lost", "lost-step",
         "no-lock", "empty-lock", "binary-lock", "another-stackc"],
)  # fmt: skip
def test_any_change_is_noticed(project: Path, change: Callable[[Path], None]) -> None:
    change(project)

    assert current(project) is None


def test_a_run_that_was_killed_while_it_wrote_is_left_to_the_long_way(project: Path) -> None:
    (project / JOURNAL).touch()
    assert targets_current(project / "stack.toml", (), today=TODAY) is None


def test_a_lock_that_was_edited_by_hand_is_noticed(project: Path) -> None:
    path = project / "locks" / "gpu" / "lock.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("1.26.4", "1.26.5"), encoding="utf-8")

    assert (current(project, "gpu"), current(project, "cpu")) == (None, ("cpu",))


@pytest.mark.parametrize(("today", "expected"), [("2026-11-25", ("gpu", "cpu")), ("2026-11-26", None)])
def test_the_day_after_a_waiver_ends_is_a_change(project: Path, today: str, expected: tuple[str, ...] | None) -> None:
    assert current(project, today=today) == expected


@pytest.mark.parametrize(
    "text",
    ["", "[targets]", "targets = 3", "not toml", "[targets.gpu]\nx = 1\n[matrix]\npacks = 3", '[targets."../.."]', "\0"],
)
def test_an_odd_manifest_is_left_to_the_long_way(project: Path, text: str) -> None:
    (project / "stack.toml").write_text(text, encoding="utf-8")

    assert current(project) is None


def test_a_manifest_that_is_missing_or_no_text_is_left_to_the_long_way(project: Path) -> None:
    (project / "stack.toml").write_bytes(b"\xff\xfe")
    assert current(project) is None
    (project / "stack.toml").unlink()
    assert current(project) is None


def test_a_target_that_the_manifest_does_not_have_is_left_to_the_long_way(project: Path) -> None:
    assert current(project, "gpu", "tpu") is None


def test_asking_loads_none_of_the_heavy_modules(project: Path) -> None:
    heavy = "{'packaging', 'msgspec', 'click', 'jinja2', 'pycurl', 'asyncio', 'rich'}"
    code = (
        "import sys; from pathlib import Path; from stackc.uptodate import targets_current;"
        f"print(targets_current(Path('stack.toml'), (), today='{TODAY}'), sorted({heavy} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)

    assert shown.stdout == "('gpu', 'cpu') []\n"
